"""Facts in two languages are one fact."""

from __future__ import annotations

import pytest

from isthmus.device import facts


@pytest.mark.parametrize(("source", "answer"), [
    ("Meet at 9:30 on Monday in room 204.", "周一九点半在204室见面。"), ("会议改到周三下午3点。", "The meeting is on Wednesday at 3 pm."),
    ("It costs 1,200 euros.", "价格是1200欧元。"), ("In May we sold 12.50", "5月我们卖了12.5"), ("我们有十二把椅子", "We have 12 chairs"),
    ("Come at 15:00", "Come at 3 pm"), ("明天见", "See you tomorrow"), ("Write to jo@example.org.", "邮箱 jo@example.org"),
    ("二百五十元", "250 yuan"), ("三万人", "30000 people"), ("9点一刻", "9:15"),
])  # fmt: skip
def test_what_is_kept_is_not_missed(source: str, answer: str) -> None:
    assert facts.missing(source, answer) == []
    assert facts.invented(source, answer) == []


@pytest.mark.parametrize(("source", "answer", "lost"), [
    ("Meet at 9:30 on Monday.", "Meet on Tuesday at 9:30.", ["day0"]), ("Pay 120 by 4 June", "Pay 12 by 4 June", ["120"]),
    ("See you tomorrow", "See you", ["tomorrow"]), ("look at https://example.org/a", "look", ["@https://example.org/a"]),
])  # fmt: skip
def test_what_is_lost_is_named_by_kind(source: str, answer: str, lost: list[str]) -> None:
    assert facts.missing(source, answer) == lost


def test_a_number_from_nowhere_is_invented() -> None:
    assert facts.invented("We meet soon.", "We meet at 10.") == ["10"]
    assert facts.invented("三个人", "3 people") == []


def test_names_are_words_with_a_capital_inside_sentences() -> None:
    assert facts.names("Yesterday I met Anna Smith of IBM on Monday. She left.") == {"Anna", "Smith", "IBM"}
    assert facts.names("Thanks, I will come in May. OK") == set()
