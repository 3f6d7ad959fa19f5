"""Which language a text is in."""

from __future__ import annotations

import pytest

from isthmus.device.language import detect, primary


@pytest.mark.parametrize(("text", "language"), [
    ("The meeting was moved to Monday.", "en"), ("会议改到周一。", "zh"), ("會議改到週一，請準時來。", "zh-Hant"),
    ("明日の会議は九時です。", "ja"), ("내일 봐요", "ko"), ("Завтра не приду", "ru"), ("Ми прийдемо її забрати", "uk"),
    ("لا أستطيع الحضور", "ar"), ("چرا نمی‌آیی؟", "fa"), ("שלום לכולם", "he"), ("Καλημέρα", "el"), ("สวัสดี", "th"),
    ("नमस्ते दोस्त", "hi"), ("Wir kommen morgen nicht.", "de"), ("Nous ne sommes pas là.", "fr"),
])  # fmt: skip
def test_a_script_or_small_words_tell_the_language(text: str, language: str) -> None:
    assert detect(text)[0].language == language


@pytest.mark.parametrize("text", ["", "123 !?", "Hi", "我明天去 Paris 开会。", "The 会议 was moved"])
def test_shares_add_up_to_one_and_the_unknown_is_last(text: str) -> None:
    found = detect(text)
    assert found[-1].language == "und"
    assert sum(guess.confidence for guess in found) == pytest.approx(1, abs=0.01)


def test_the_primary_subtag_is_given_only_when_likely() -> None:
    assert primary("請明天打電話給我。") == "zh"
    assert primary("zzz") == "und"
    assert primary("Blue wide sky") == "en"
    assert primary("42") == "und"
