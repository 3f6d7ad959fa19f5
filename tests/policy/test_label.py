"""Label: always in the metadata, after prose where the law wants it near the content."""

from __future__ import annotations

import msgspec
import pytest

from isthmus.core.errors import Refusal
from isthmus.core.operator import Facts, Operator
from isthmus.policy import label


@pytest.fixture
def near(house, route, owed):
    return label.compile([owed("label.show", text="内容由AI生成", at=["near_content"])], route(), house)


def test_the_label_follows_the_last_piece_of_a_stream(near, asked):
    ex = asked()
    near.on_request(ex)
    assert (ex.label, ex.label_at, ex.met) == ("内容由AI生成", "near_content", ["label"])
    assert near.on_event(ex, "content", "你", False) == "你"
    assert near.on_event(ex, "reasoning_content", "想", True) == "想"
    assert near.on_event(ex, "content", "", True) == "\n\n内容由AI生成"
    assert near.on_event(ex, "content", "", True) == ""


def test_the_label_follows_a_whole_answer(near, asked):
    ex = asked()
    near.on_request(ex)
    near.on_request(ex)
    assert near.on_event(ex, "content", "你好", True) == "你好\n\n内容由AI生成"


def test_an_answer_of_tool_calls_only_stays_as_it_is(near, asked):
    ex = asked()
    near.on_request(ex)
    assert near.on_event(ex, "tool:0", "{}", True) == "{}"
    assert near.on_event(ex, "content", "", False) == ""
    assert near.on_event(ex, "content", "", True) == ""


def test_structured_answers_stay_parseable(near, asked):
    ex = asked(response_format={"type": "json_object"})
    near.on_request(ex)
    assert ex.label_at == "metadata"
    assert near.on_event(ex, "content", "{}", True) == "{}"
    plain = asked(response_format={"type": "text"})
    near.on_request(plain)
    assert plain.label_at == "near_content"


def test_a_caller_that_shows_the_label_itself_keeps_clean_text(near, asked):
    ex = asked()
    ex.label_at = "metadata"
    near.on_request(ex)
    assert (ex.label, near.on_event(ex, "content", "hi", True)) == ("内容由AI生成", "hi")


def test_a_label_at_the_top_comes_first_and_once(house, route, owed, asked):
    stage = label.compile([owed("label.show", text="AI", at=["top"])], route(), house)
    ex = asked()
    stage.on_request(ex)
    assert stage.on_event(ex, "content", "", False) == ""
    assert stage.on_event(ex, "content", "a", False) == "AI\n\na"
    assert stage.on_event(ex, "content", "b", True) == "b"


def test_several_labels_are_joined(house, route, owed, asked):
    rules = [owed("label.show", text="AI", at=["in_content"]), owed("label.show", text="合成", at=["end"])]
    ex = asked()
    label.compile([*rules, rules[0]], route(), house).on_request(ex)
    assert ex.label == "AI · 合成"


def test_a_machine_readable_mark_is_metadata_only(house, route, owed, asked):
    stage = label.compile([owed("label.embed", region="EU", text=["watermark"])], route(), house)
    ex = asked()
    stage.on_request(ex)
    assert stage.on_event is None
    assert (ex.label, ex.label_at) == ("AI-generated", "metadata")


def test_an_export_without_the_operators_code_is_refused(house, route, owed, asked):
    rule = owed("label.embed", key="AIGC", fields={"Label": "1", "ContentProducer": "{cn_code}"})
    with pytest.raises(Refusal) as refused:
        label.compile([rule], route(), house).on_request(asked())
    assert refused.value.code == "export_incomplete"
    known = msgspec.structs.replace(house, operator=Operator(region={"CN": Facts(producer_code="0011")}))
    label.compile([rule], route(), known).on_request(asked())
