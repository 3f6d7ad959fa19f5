"""Tables of lengths keep what matters of a trace: the means, and the link between question and answer."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.core.errors import Refusal
from isthmus.planner import lengths

PAIRS = st.lists(st.tuples(st.integers(1, 100_000), st.integers(1, 10_000)), min_size=1, max_size=400)


@given(PAIRS)
def test_a_table_keeps_both_means(pairs):
    table = lengths.fit(pairs, "here", "high")
    assert sum(share for share, _, _ in table.classes) == pytest.approx(1)
    assert table.mean_in == pytest.approx(sum(a for a, _ in pairs) / len(pairs), rel=0.01, abs=0.1)
    assert table.mean_out == pytest.approx(sum(b for _, b in pairs) / len(pairs), rel=0.01, abs=0.1)


def test_a_table_keeps_the_link_between_question_and_answer():
    table = lengths.fit([(n, 10 * n) for n in range(1, 1000)], "here", "high")
    assert table.mean_context > 6 * table.mean_in


def test_the_chat_table_has_the_published_means_of_its_trace():
    chat = lengths.load("chat")
    assert chat.mean_in == pytest.approx(1155, rel=0.001)
    assert chat.mean_out == pytest.approx(211, rel=0.001)


def test_other_means_keep_the_shape():
    chat = lengths.load("chat")
    moved = chat.scaled(2000, None)
    assert moved.mean_in == pytest.approx(2000)
    assert moved.mean_out == pytest.approx(chat.mean_out)


def test_both_public_trace_formats_are_read(tmp_path):
    csv = tmp_path / "a.csv"
    csv.write_text("TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16,374,44\n2023-11-16,396,109\n")
    lines = tmp_path / "b.jsonl"
    lines.write_text(json.dumps({"timestamp": 0, "input_length": 6758, "output_length": 500, "hash_ids": [0]}) + "\n")
    assert lengths.read_trace(csv) == [(374, 44), (396, 109)]
    assert lengths.load(str(lines)).mean_in == 6758


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "TIMESTAMP,ContextTokens,GeneratedTokens\nx,many,1\n"])
def test_what_is_no_trace_is_refused(tmp_path, text):
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(Refusal) as refused:
        lengths.load(str(path))
    assert refused.value.code == "usage"


def test_an_unknown_table_is_refused_with_those_that_exist():
    with pytest.raises(Refusal, match="usage") as refused:
        lengths.load("poems")
    assert "chat" in refused.value.sentence()
