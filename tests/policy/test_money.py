"""Cost: tokens times prices, exact to the micro-unit, whoever broke off."""

from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.core.wire import CompletionDetails, PromptDetails, Usage
from isthmus.partners.prices import Price, PriceBook, Tier
from isthmus.policy import estimate, money

DAY = date(2026, 11, 22)
PRICE = Price(
    DAY, "USD", (Tier(0, 862_500, 4_312_500, 172_500, 5_000_000), Tier(1000, 2_000_000, 8_000_000, 400_000, 9_000_000)),
    0, "qwen", "",
)  # fmt: skip


def usage(prompt, said, cached=None, reasoning=None):
    details = None if cached is None else PromptDetails(cached)
    return Usage(prompt, said, prompt + said, details, None if reasoning is None else CompletionDetails(reasoning))


def test_each_kind_of_token_has_its_price():
    exact = 60 * 0.8625 + 40 * 0.1725 + 20 * 4.3125 + 30 * 5
    assert money.cost(PRICE, usage(100, 50, cached=40, reasoning=30)) == -(-int(exact * 10_000) // 10_000) == 295


def test_a_long_prompt_is_priced_whole_by_its_tier():
    assert money.cost(PRICE, usage(1000, 0)) == 863
    assert money.cost(PRICE, usage(1001, 0)) == 2002


def test_nothing_costs_nothing_and_a_trace_costs_one_micro_unit():
    assert money.cost(PRICE, usage(0, 0)) == 0
    assert money.cost(PRICE, usage(1, 0, cached=1)) == 1


@given(
    prompt=st.integers(0, 5000), said=st.integers(0, 5000), cached=st.integers(0, 9000), reasoning=st.integers(0, 9000)
)
def test_a_cost_is_the_exact_sum_rounded_up_and_within_its_bound(prompt, said, cached, reasoning):
    cached_in, thought = min(cached, prompt), min(reasoning, said)
    tier = money.tier_for(PRICE, prompt)
    exact = Fraction(
        (prompt - cached_in) * tier.input + cached_in * tier.cached + (said - thought) * tier.output
        + thought * tier.reasoning,
        1_000_000,
    )  # fmt: skip
    cost = money.cost(PRICE, usage(prompt, said, cached, reasoning))
    assert 0 <= cost - exact < 1
    assert cost <= money.bound(PRICE, prompt, said)
    assert cost <= money.bound(PRICE, prompt + 700, said + 5)


@pytest.fixture
def finished(asked, plan):
    """finished(outcome, usage, said): an exchange on doubao/pro that is over."""

    def make(outcome, usage=None, said=""):
        ex = asked("hello there")
        ex.plan = plan()
        ex.outcome = outcome
        ex.usage = usage
        ex.out_chars, ex.out_bytes = len(said), len(said.encode())
        return ex

    return make


def test_an_answer_costs_what_the_partner_counted(finished):
    ex = finished("answered", usage(100, 50))
    assert money.charge(ex, {"doubao/pro": PRICE}) == (150, 302)
    assert (ex.cost, ex.estimated) == ((302, "USD"), False)


def test_a_stream_that_broke_off_costs_its_last_count(finished):
    ex = finished("aborted", usage(100, 7))
    assert money.charge(ex, {"doubao/pro": PRICE}) == (107, 117)
    assert not ex.estimated


def test_without_a_count_tokens_are_estimated_and_marked(finished):
    ex = finished("interrupted", None, "one two three four " * 10)
    tokens, micros = money.charge(ex, {"doubao/pro": PRICE})
    assert ex.estimated
    assert ex.usage == estimate.usage(ex, "qwen")
    assert (tokens, micros) == (ex.usage.total_tokens, money.cost(PRICE, ex.usage))
    assert micros > 0


@pytest.mark.parametrize("outcome", ["refused", "failed", ""])
def test_what_nobody_answered_costs_nothing(finished, outcome):
    ex = finished(outcome, usage(100, 50))
    assert money.charge(ex, {"doubao/pro": PRICE}) == (0, 0)
    assert ex.cost is None


def test_a_route_without_a_price_has_tokens_and_no_cost(finished):
    ex = finished("answered", usage(1, 2))
    assert money.charge(ex, {}) == (3, 0)
    assert ex.cost is None
    assert money.text(ex.cost) == ""


def test_a_cost_is_written_as_decimal_text():
    assert money.text((0, "USD")) == "0.000000 USD"
    assert money.text((182, "USD")) == "0.000182 USD"
    assert money.text((12_345_678, "CNY")) == "12.345678 CNY"


def test_the_price_in_force_depends_on_the_day_and_the_routes_place(route):
    book = PriceBook(
        {("doubao", "pro"): (Price(DAY, "USD", (Tier(0, 100, 100, 100, 100),), 0, "qwen", "", {"EU": 10}),)}
    )
    here, there = route(), route(name="doubao/pro@eu", facts={"region": "EU"})
    found = money.in_force(book, [here, there, route(name="x", partner="x")], DAY)
    assert {name: price.tiers[0].input for name, price in found.items()} == {"doubao/pro": 100, "doubao/pro@eu": 110}
    assert money.in_force(book, [here], date(2026, 11, 21)) == {}
