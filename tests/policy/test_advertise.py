"""What is left, as two families of headers that clients know."""

from datetime import UTC, datetime

from isthmus.ledger.book import Book
from isthmus.ledger.budgets import Budget
from isthmus.ledger.leases import Standing
from isthmus.policy import advertise
from isthmus.policy.meter import Meter

MINUTE = Budget("b1", "tenant", "acme", "requests", "minute", 60)
DAY = Budget("b2", "key", "k1", "requests", "day", 1000)
MONEY = Budget("b3", "organisation", "group", "money", "month", 50_000_000, "", "USD")
SLOTS = Budget("b4", "key", "k1", "concurrency", "", 8)


def test_every_budget_is_named_and_the_tightest_is_told_plainly(tmp_path):
    book = Book(tmp_path, "w0", "n")
    meters = []
    for budget, left in ((MINUTE, 50), (DAY, 20), (MONEY, 41_000_000), (SLOTS, 7)):
        meter = Meter(budget.id, budget)
        meter.ask(1)
        ((lease, claim),) = meter.claims(book, datetime(2026, 11, 22, tzinfo=UTC), 5.0, tick=False)
        meter.heard(book, lease, claim, Standing(1, left), 5.0)
        meters.append(meter)
    policy = advertise.policy([MINUTE, DAY, MONEY, SLOTS])
    assert policy.decode() == (
        'RateLimit-Policy: "tenant-requests-minute";q=60;qu="requests";w=60, "key-requests-day";q=1000;qu="requests";'
        'w=86400, "organisation-money-month";q=50000000;qu="micro-usd";w=2678400, '
        '"key-concurrency";q=8;qu="concurrent-requests"\r\n'
    )
    assert advertise.lines(policy, meters, book.cells, 5.0).decode() == policy.decode() + (
        'RateLimit: "tenant-requests-minute";r=51;t=60, "key-requests-day";r=21;t=86400, '
        '"organisation-money-month";r=41000001;t=777600, "key-concurrency";r=8\r\n'
        "x-ratelimit-limit-requests: 1000\r\nx-ratelimit-remaining-requests: 21\r\n"
        "x-ratelimit-reset-requests: 86400s\r\n"
    )
    book.close(settled=True)


def test_where_nothing_binds_nothing_is_said():
    assert advertise.policy([]) == b""
