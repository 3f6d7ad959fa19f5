"""The closed form."""

from datetime import date

import pytest

from isthmus.core.errors import Refusal
from isthmus.planner.closed import capex, plan
from isthmus.planner.scenario import Scenario

DAY = date(2026, 11, 22)
PLAN = plan(Scenario(), DAY)


def test_the_whole_is_the_sum_of_its_sites():
    head = PLAN.headline
    assert head.gpus.value == sum(site.gpus for site in PLAN.sites)
    assert head.mw.value == pytest.approx(sum(site.mw for site in PLAN.sites))
    assert head.usd_day.value == pytest.approx(sum(site.usd_day for site in PLAN.sites))
    assert head.usd_per_1000.value == pytest.approx(head.usd_day.value / PLAN.queries * 1000)


def test_gpus_are_bought_by_the_server():
    assert all(site.gpus % 8 == 0 for site in PLAN.sites)


def test_the_error_bar_holds_the_answer_and_is_wider_than_any_single_swing():
    gpus = PLAN.headline.gpus
    assert gpus.low < gpus.value < gpus.high
    widest = PLAN.sensitivity[0]
    assert gpus.high >= max(widest.gpus_low, widest.gpus_high) * 0.98


def test_by_hand_the_peak_takes_as_many_gpus_as_the_formula_says():
    engine = PLAN.engines[0]
    each = PLAN.tokens_in * (1 - 0.563) / engine.prefill_tokens_s + PLAN.tokens_out / engine.decode_tokens_s
    assert engine.gpu_s_per_query == pytest.approx(each / 0.7)
    assert PLAN.without_spare.gpus.value == pytest.approx(PLAN.peak_qps * each / 0.7, rel=0.02)


def test_energy_lies_between_a_waiting_and_a_full_fleet():
    head = PLAN.headline
    full = head.mw.value * 24e6 / PLAN.queries
    assert 0.35 * full < head.wh_per_query < full
    assert head.usd_day_elastic < head.usd_day.value


def test_every_region_says_its_demand_its_hour_and_who_may_serve_it():
    by = {region.name: region for region in PLAN.regions}
    assert sum(region.mean_qps for region in PLAN.regions) == pytest.approx(1e9 / 86_400)
    assert set(by["CN"].sites) == {"cn-north", "cn-east"}
    assert 0 < by["CN"].refused < 0.02
    assert all(len(region.hourly_qps) == 24 for region in PLAN.regions)
    assert by["EU"].peak_qps == pytest.approx(1.6 * by["EU"].mean_qps, rel=0.01)


def test_the_waterfall_ends_at_the_price_of_the_day():
    assert sum(usd for _, usd in PLAN.waterfall) == pytest.approx(PLAN.headline.usd_day.value, rel=0.01)


def test_devices_save_more_the_more_they_answer():
    saved = [row.saved for row in PLAN.device]
    assert saved == sorted(saved)
    assert saved[0] > 0


def test_every_number_that_goes_in_is_named_with_its_source_and_line():
    names = {each.name for each in PLAN.inputs}
    assert {"peak", "cache", "h800 watts", "deepseek-v3 active_b", "site CN pue", "capex fabric", "tokens_in"} <= names
    assert {"hopper chips tensor", "failover hot", "serving idle_power", "ages adult", "day trough"} <= names
    assert all(each.source and each.where for each in PLAN.inputs)


def test_h20_takes_several_times_the_gpus_of_h800_on_equal_terms():
    other = plan(Scenario(hardware="h20"), DAY)
    assert 2 < other.headline.gpus.value / PLAN.headline.gpus.value < 4


def test_no_spare_is_no_more_than_the_plan_without_spare():
    bare = plan(Scenario(spare="none"), DAY)
    assert bare.headline.gpus == bare.without_spare.gpus
    assert [name for name, _ in bare.waterfall][-1] == "law"


def test_borrowed_efficiencies_are_said_to_be_borrowed():
    assert any("borrows" in note for note in plan(Scenario(hardware="mi300x"), DAY).notes)


def test_capital_is_servers_fabric_and_hall():
    assert capex(8, "h800", 0.01) == pytest.approx(8 * 36_000 * 1.15 + 0.01 * 10.5e6)


def test_another_day_has_another_law():
    assert plan(Scenario(), date(2020, 1, 1)).law != PLAN.law


def test_what_cannot_run_is_refused():
    with pytest.raises(Refusal, match="usage"):
        plan(Scenario(hardware="l40s"), DAY)
