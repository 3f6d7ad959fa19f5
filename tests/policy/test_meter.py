"""Windows, and what a meter says of itself; its life in a worker is told in test_quota.py."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from isthmus.ledger.book import Book
from isthmus.ledger.budgets import Budget
from isthmus.ledger.leases import Standing
from isthmus.policy.meter import Meter, label, window


@pytest.mark.parametrize(
    ("span", "start", "end"),
    [
        ("minute", datetime(2028, 2, 29, 23, 59, tzinfo=UTC), datetime(2028, 3, 1, tzinfo=UTC)),
        ("day", datetime(2028, 2, 29, tzinfo=UTC), datetime(2028, 3, 1, tzinfo=UTC)),
        ("month", datetime(2028, 2, 1, tzinfo=UTC), datetime(2028, 3, 1, tzinfo=UTC)),
    ],
)
def test_a_window_is_of_utc_whatever_the_clock_is_set_to(span, start, end):
    wall = datetime(2028, 2, 29, 23, 59, 59, 999_999, tzinfo=UTC)
    whole = tuple(int(each.timestamp()) for each in (start, end))
    assert window(span, wall) == whole
    assert window(span, wall.astimezone(timezone(timedelta(hours=8)))) == whole


def test_the_last_month_of_a_year_ends_with_it():
    wall = datetime(2026, 12, 31, tzinfo=UTC)
    assert window("month", wall)[1] == int(datetime(2027, 1, 1, tzinfo=UTC).timestamp())


def test_requests_at_once_have_no_window():
    assert window("", datetime(2026, 12, 31, tzinfo=UTC)) == (0, 0)


def test_a_label_names_scope_unit_and_window():
    assert label(Budget("b", "tenant", "acme", "tokens", "day", 1)) == "tenant-tokens-day"
    assert label(Budget("b", "key", "k1", "concurrency", "", 1)) == "key-concurrency"


def test_a_claim_covers_all_who_wait_and_a_slice_ahead(tmp_path):
    book, wall = Book(tmp_path, "w0", "n"), datetime(2026, 11, 22, tzinfo=UTC)
    meter = Meter("b", Budget("b", "tenant", "acme", "tokens", "day", 10_000))
    assert meter.idle
    for amount in (70, 30, 50):
        meter.ask(amount)
    ((lease, claim),) = meter.claims(book, wall, 5.0, tick=False)
    assert (claim.least, claim.needed, claim.target, claim.used, claim.limit) == (30, 150, 250, 0, 10_000)
    assert not meter.fits(book.cells, 1, 5.0)
    meter.heard(book, lease, claim, Standing(250, 9750), 5.0)
    assert meter.fits(book.cells, 250, 5.0)
    assert not meter.fits(book.cells, 251, 5.0)
    assert not meter.fits(book.cells, 1, 5.0 + 86_400)
    assert (meter.remaining(book.cells, 5.0), meter.resets_in(5.0)) == (10_000, 86_400)
    assert meter.hopeless(book.cells, 10_001, 5.1)
    assert not meter.hopeless(book.cells, 10_001, 6.0)
    assert meter.claims(book, wall, 5.0, tick=False) == []
    book.close(settled=True)
