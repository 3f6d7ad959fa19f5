"""All that one question gave."""

from datetime import date

import msgspec
import pytest

from isthmus.planner.document import Document, Wishes, budget, make
from isthmus.planner.scenario import Scenario

DAY = date(2026, 11, 22)


def test_growth_is_shown_month_by_month():
    found = make(Scenario(growth=2.0), DAY, Wishes(months=4)).months
    assert [m.month for m in found] == [0, 1, 2, 3, 4]
    assert found[0].queries == pytest.approx(1e9)
    assert found[-1].queries == pytest.approx(2e9)
    assert found[-1].gpus == pytest.approx(2 * found[0].gpus, rel=0.02)


def test_money_buys_in_proportion():
    plan = make(Scenario(), DAY, Wishes()).plan
    bought = budget(plan, 2 * plan.headline.capex_usd.value)
    assert bought.queries == pytest.approx(2e9)
    assert bought.gpus == pytest.approx(2 * plan.headline.gpus.value)
    assert bought.tokens_day == pytest.approx(2e9 * (plan.tokens_in + plan.tokens_out))


def test_two_scenarios_stand_beside_each_other():
    found = make(Scenario(name="one"), DAY, Wishes(other=Scenario(name="two", hardware="h20")))
    assert found.other is not None
    assert (found.plan.name, found.other.name) == ("one", "two")
    assert found.other.headline.gpus.value > found.plan.headline.gpus.value


def test_a_simulation_is_part_of_the_document_and_of_its_json():
    pytest.importorskip("numpy", reason="NumPy is not installed (extra planner)")
    told = []
    wishes = Wishes(simulate=True, lose=("KR",), requests=8000)
    found = make(Scenario(), DAY, wishes, lambda what, share: told.append((what, share)))
    data = msgspec.json.decode(msgspec.json.encode(found))
    assert data["day"]["decisions_broken"] == 0
    assert data["loss"]["results"][0]["lost"] == "KR"
    assert data["loss_cold"]["warm"] is False
    assert {what for what, _ in told} == {"a day", "losses", "losses, spare not running"}


def test_nothing_is_simulated_that_nobody_asked_for():
    assert make(Scenario(), DAY, Wishes()) == Document(make(Scenario(), DAY, Wishes()).plan)
