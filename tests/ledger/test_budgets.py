"""Budgets as the accounts keep them, on SQLite and PostgreSQL."""

import msgspec
import pytest

from isthmus.core.errors import Refusal
from isthmus.core.exchange import Caller
from isthmus.ledger.budgets import MOST, Budget, Budgets, binds
from isthmus.ledger.database import Database

MONEY = Budget("", "tenant", "acme", "money", "month", 50_000_000, currency="USD")


@pytest.fixture(params=["sqlite", "postgresql"])
def budgets(request, tmp_path, clock):
    url = f"sqlite:///{tmp_path}/a.sqlite" if request.param == "sqlite" else request.getfixturevalue("postgres").new()
    database = Database(url)
    yield Budgets(database, clock)
    database.close()


def test_a_budget_is_set_changed_and_lifted(budgets):
    first = budgets.set(MONEY)
    assert first.id.startswith("bud_")
    assert budgets.list() == (msgspec.structs.replace(MONEY, id=first.id),)
    higher = budgets.set(msgspec.structs.replace(MONEY, most=MOST))
    assert (higher.id, [each.most for each in budgets.list()]) == (first.id, [MOST])
    budgets.set(msgspec.structs.replace(MONEY, span="day"))
    budgets.set(msgspec.structs.replace(MONEY, currency="CNY"))
    assert len(budgets.list()) == 3
    budgets.remove(first.id)
    assert len(budgets.list()) == 2
    with pytest.raises(Refusal, match="unknown_budget"):
        budgets.remove(first.id)


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("scope", {"scope": "planet"}),
        ("unit", {"unit": "words"}),
        ("span", {"span": "week"}),
        ("span", {"span": ""}),
        ("span", {"unit": "concurrency", "currency": "", "span": "day"}),
        ("most", {"most": 0}),
        ("most", {"most": MOST + 1}),
        ("currency", {"currency": ""}),
        ("currency", {"currency": "usd"}),
        ("currency", {"unit": "tokens"}),
        ("subject", {"subject": "alice"}),
        ("subject", {"scope": "user"}),
        ("target", {"target": ""}),
        ("target", {"target": "x" * 65}),
        ("subject", {"scope": "user", "subject": "a\nb"}),
    ],
)
def test_a_budget_that_makes_no_sense_is_refused(budgets, field, wrong):
    with pytest.raises(Refusal) as refusal:
        budgets.set(msgspec.structs.replace(MONEY, **wrong))
    assert (refusal.value.code, refusal.value.fields["field"]) == ("bad_field", field)
    assert budgets.list() == ()


def test_a_budget_binds_its_organisation_tenant_or_key():
    caller = Caller("k1", "acme", ("CN",), "CN", organisation="group")
    bound = {
        (scope, target)
        for scope in ("organisation", "tenant", "key", "user")
        for target in ("group", "acme", "k1", "other")
        if binds(Budget("", scope, target, "requests", "day", 1), caller)
    }
    assert bound == {("organisation", "group"), ("tenant", "acme"), ("key", "k1"), ("user", "acme")}


def test_a_limit_is_told_in_words_that_name_no_person():
    words = [
        MONEY.words(),
        Budget("", "key", "k1", "tokens", "minute", 100_000).words(),
        Budget("", "organisation", "group", "concurrency", "", 8).words(),
        Budget("", "user", "acme", "requests", "day", 20, "alice").words(),
    ]
    assert words == [
        "50.000000 USD a month of tenant acme",
        "100,000 tokens a minute of key k1",
        "8 requests at once of organisation group",
        "20 requests a day of one person",
    ]
