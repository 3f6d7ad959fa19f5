"""What a person sees before anything leaves: the exact text in pieces, and a sheet that says who gets it."""

import datetime as dt

import pytest

from isthmus.core.errors import Refusal
from isthmus.core.exchange import Caller
from isthmus.core.operator import rehearsal
from isthmus.partners import load as partner_files
from isthmus.policy import supposed
from isthmus.policy.detect import details
from isthmus.regions import load as region_files
from isthmus.web.preview import Wanted, preview, question_of

TABLE = supposed.table(region_files.load(), partner_files.load(), rehearsal(), {}, dt.date(2026, 11, 22))
CALLER = Caller("k", "demo", ("CN", "EU"), "CN")
TEXT = "给王小明打电话 13812345678，或 13912345678；再拨 13812345678，邮箱 li@example.com"


def shown(*texts, **fields):
    return preview(TABLE, CALLER, Wanted(texts=list(texts), **fields))


def masks(pieces):
    return [(piece["code"], piece["n"], piece["text"]) for piece in pieces if "code" in piece]


def test_the_pieces_joined_are_the_text():
    for text in (TEXT, "nothing to hide", "", "13812345678"):
        (pieces,) = shown(text)["texts"]
        assert "".join(piece["text"] for piece in pieces) == text


def test_each_value_has_one_number_in_all_texts():
    answer = shown(TEXT, "nochmal 13912345678")
    first, second = answer["texts"]
    assert masks(first) == [
        ("TELE", 1, "13812345678"), ("TELE", 2, "13912345678"), ("TELE", 1, "13812345678"), ("MAIL", 1, "li@example.com"),
    ]  # fmt: skip
    assert masks(second) == [("TELE", 2, "13912345678")]
    assert answer["masked"] == 3
    assert answer["sheet"]["masked"].startswith("遮住 3 处")


def test_what_is_marked_is_what_the_corridor_masks():
    (pieces,) = shown(TEXT)["texts"]
    at, marked = 0, []
    for piece in pieces:
        if "code" in piece:
            marked.append((piece["kind"], at, at + len(piece["text"])))
        at += len(piece["text"])
    assert marked == [(found.kind, found.start, found.end) for found in details(TEXT)]


def test_in_mainland_china_the_sheet_is_asked_by_law():
    answer = shown("hi", language="zh-CN")
    assert answer["by_law"] is True
    assert answer["route"]["partner"] == "doubao"
    assert answer["route"]["rehearsal"] is True
    sheet = answer["sheet"]
    assert sheet["consent"] == {"kind": "separate", "recipient": "doubao", "region": "CN"}
    assert "个人信息保护法" in sheet["law"]
    assert "always" in sheet
    assert sheet["masked"] == "没有发现个人信息，请再看一眼"


def test_where_no_law_asks_the_person_is_asked_all_the_same_and_no_law_is_cited():
    answer = shown("hi", region="EU", language="en")
    assert answer["by_law"] is False
    assert answer["sheet"]["law"] == ""
    assert answer["sheet"]["draft"] is False
    assert answer["sheet"]["consent"]["recipient"] == answer["route"]["partner"] == "openai"


def test_another_partner_may_be_named():
    assert shown("hi", model="qwen")["route"]["partner"] == "qwen"


@pytest.mark.parametrize("fields", [{"age": "16-17"}, {"data": "sensitive"}])
def test_minors_and_sensitive_details_have_no_standing_consent(fields):
    assert "always" not in shown("hi", **fields)["sheet"]


@pytest.mark.parametrize("model", ["private", "openai"])
def test_who_may_not_get_it_is_a_refusal(model):
    with pytest.raises(Refusal) as refused:
        shown("hi", model=model)
    assert refused.value.code == "no_lawful_route"


@pytest.mark.parametrize(
    ("fields", "code"),
    [({"region": "US"}, "region_not_allowed"), ({"region": "XX"}, "region_not_allowed"), ({"age": "old"}, "bad_field"),
     ({"feature": "cooking"}, "bad_field"), ({"data": "all"}, "bad_field")],
)  # fmt: skip
def test_a_word_that_is_not_known_is_refused(fields, code):
    with pytest.raises(Refusal) as refused:
        shown("hi", **fields)
    assert refused.value.code == code


def test_the_keys_own_region_and_age_count_where_none_is_said():
    question = question_of(TABLE, Caller("k", "demo", ("EU",), "EU", age="16-17"), "", "chat", "", "personal")
    assert question.regions == ("EU",)
    assert question.feature == "assistant"
    assert question.age == "16-17"
