"""The answer for a person."""

from datetime import date
from io import StringIO

import pytest
from rich.console import Console

from isthmus.planner.answer import Range
from isthmus.planner.document import Wishes, make
from isthmus.planner.scenario import Scenario
from isthmus.planner.show import money, ranged, show

DAY = date(2026, 11, 22)


def said(document):
    out = StringIO()
    show(document, Console(file=out, width=200))
    return out.getvalue()


def test_the_closed_form_is_said_with_its_error_bar_and_what_it_rests_on():
    text = said(make(Scenario(growth=2.0), DAY, Wishes(months=2, usd=22e9, other=Scenario(name="other"))))
    for words in (
        "GPUs",
        "What the law adds",
        "What devices save",
        "What moves the answer",
        "pinned",
        " to ",
        "$22.00 bn",
    ):
        assert words in text
    assert "Beside each other" in text
    assert "On the way there" in text


def test_a_simulation_is_said_with_its_sample_and_seed():
    pytest.importorskip("numpy", reason="NumPy is not installed (extra planner)")
    text = said(make(Scenario(), DAY, Wishes(simulate=True, lose=("KR",), requests=8000)))
    for words in ("A simulated day", "seed 1", "0 decisions broken", "Full picker", "all spare running", "must start"):
        assert words in text


@pytest.mark.parametrize(("usd", "text"), [(22e9, "$22.00 bn"), (1.5e6, "$1.50 M"), (2500, "$2.50 k"), (3.14, "$3.14")])
def test_money_is_said_in_a_unit_that_can_be_read(usd, text):
    assert money(usd) == text


def test_a_range_is_said_as_one():
    assert ranged(Range(10, 5, 20)) == "10 (5 to 20)"
