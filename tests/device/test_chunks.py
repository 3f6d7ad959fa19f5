"""Long texts in pieces: nothing is lost, nothing is too long."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from isthmus.device import chunks

TEXTS = st.text(alphabet=st.sampled_from("ab 。，！.,!?\n\t你好"), max_size=400)


@given(TEXTS, st.integers(3, 60))
def test_pieces_and_gaps_are_the_text_itself(text: str, limit: int) -> None:
    pieces = chunks.split(text, limit)
    lead = len(text) - len("".join(piece.text + piece.gap for piece in pieces))
    assert text[lead:] == chunks.join([piece.text for piece in pieces], pieces)
    assert not text[:lead].strip()
    assert all(chunks.tokens(piece.text) <= limit for piece in pieces)


def test_a_text_is_cut_at_paragraphs_before_sentences_and_at_sentences_before_words() -> None:
    text = "One two three. Four five six.\n\nSeven eight nine. Ten."
    assert [piece.text for piece in chunks.split(text, 10)] == [
        "One two three. Four five six.",
        "Seven eight nine. Ten.",
    ]
    assert [piece.text for piece in chunks.split("会议改期。请带报告。", 6)] == ["会议改期。", "请带报告。"]


def test_the_end_of_a_long_text_begins_at_a_pause_and_is_not_a_crumb() -> None:
    text = "First sentence here. Second sentence there. Third one. Ok."
    assert chunks.end(text, 12).endswith("Ok.")
    assert text.endswith(chunks.end(text, 12))
    assert chunks.end("Short.", 100) == "Short."
    assert chunks.end("a" * 70 + "\n" + "bc", 21) == "a" * 70 + "\nbc"


def test_chinese_counts_by_character() -> None:
    assert chunks.tokens("会议改到周一上午九点") > chunks.tokens("abcdefghij")


def test_a_text_without_any_pause_is_cut_in_the_middle() -> None:
    pieces = chunks.split("x" * 100, 10)
    assert len(pieces) > 2
    assert "".join(piece.text for piece in pieces) == "x" * 100
