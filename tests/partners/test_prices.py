"""Prices as data: exact, dated, and refused with the place when they are not."""

from datetime import date

import pytest

from isthmus.core.errors import Refusal
from isthmus.partners import load as partner_files
from isthmus.partners import prices
from isthmus.partners.prices import Price, Tier

FILE = """
partner = "acme"
currency = "USD"
tokenizer = "qwen"
source = "its page"
percent = {EU = 10}

[[model.pro]]
since = 2026-01-01
input = "0.862500"
output = "4.31"
cached = "0.17"
output_most = 9

[[model.pro.tier]]
above = 32000
input = "1.5"
output = "5"
reasoning = "6"

[[model.pro]]
since = 2026-06-01
input = "0.5"
output = "1"
source = "its letter"

[[model."*"]]
since = 2026-01-01
input = "0"
output = "0"
"""


def read(text=FILE, file="acme.toml"):
    return prices.read(file, text.encode())


@pytest.fixture
def book(tmp_path):
    (tmp_path / "acme.toml").write_text(FILE)
    return prices.load(tmp_path)


def test_a_price_is_whole_micro_units_and_has_its_day(book):
    old = book.find("acme", "pro", date(2026, 5, 31))
    assert old == Price(
        date(2026, 1, 1),
        "USD",
        (Tier(0, 862_500, 4_310_000, 170_000, 4_310_000), Tier(32_000, 1_500_000, 5_000_000, 1_500_000, 6_000_000)),
        9,
        "qwen",
        "its page",
        {"EU": 10},
    )
    new = book.find("acme", "pro", date(2026, 6, 1))
    assert (new.since, new.source, new.tiers[0].input) == (date(2026, 6, 1), "its letter", 500_000)
    assert book.find("acme", "pro", date(2025, 12, 31)) is None


def test_a_model_without_a_price_of_its_own_has_the_partners(book):
    assert book.find("acme", "other", date(2026, 6, 1)).tiers == (Tier(0, 0, 0, 0, 0),)
    assert book.find("other", "pro", date(2026, 6, 1)) is None


def test_a_place_may_cost_more_rounded_up(book):
    dear = book.find("acme", "pro", date(2026, 2, 1), "EU")
    assert dear.tiers[0] == Tier(0, 948_750, 4_741_000, 187_000, 4_741_000)
    assert book.find("acme", "pro", date(2026, 2, 1), "US").tiers[0].input == 862_500


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"0.862500"', "0.86", "input"),
        ('"0.862500"', '"0.8625001"', "not an amount"),
        ('"0.862500"', '"-1"', "not an amount"),
        ('"USD"', '"usd"', "currency"),
        ('"qwen"', '"magic"', "tokenizer"),
        ('partner = "acme"', 'partner = "beta"', "beta.toml"),
        ('partner = "acme"', 'partner = "acme"\nschema = "isthmus.prices/9"', "isthmus.prices/1"),
        ("2026-06-01", "2026-01-01", "in order"),
        ("above = 32000", "above = 0", "tiers rise"),
        ("output_most = 9", "output_mots = 9", "output_mots"),
        ("{EU = 10}", "{EU = -1}", "percent"),
        ("{EU = 10}", "{Europe = 1}", "percent"),
        ("[[model.pro]]", "[[model.pro", "acme.toml"),
    ],
)
def test_what_is_not_a_price_is_refused_with_its_place(old, new, says):
    with pytest.raises(Refusal) as refusal:
        read(FILE.replace(old, new, 1))
    assert refusal.value.code == "bad_law"
    assert "acme.toml" in refusal.value.sentence()
    assert says in refusal.value.sentence()


def test_every_price_of_the_house_is_of_a_partner_and_a_model_that_exist():
    partners = partner_files.load()
    found = prices.load().items()
    assert len(found) > 20
    for (partner, model), dated in found.items():
        assert model in partners[partner].model or model == prices.ANY
        assert all(price.source for price in dated)
    for partner in partners:
        assert not (prices.DATA / f"{partner}.toml").exists() or any(name == partner for name, _ in found)
