"""The event loop."""

import pytest

from isthmus.planner.audit import Audit
from isthmus.planner.events import LAW, NOWHERE, SHED, Arrivals, Habits, Loop, Loss

HABITS = Habits(cache=0.5, detect_s=1.0, retry_s=2.0, warm_s=300.0)


def one(world, region, at=0.0, into=1000.0, out=100.0, number=1):
    """`number` equal requests of `region`, a second apart, of the first class there that law serves."""
    ask = next(n for n, a in enumerate(world.asks) if a.region == region and a.decision is not None)
    times = [at + n for n in range(number)]
    return Arrivals(times, [ask] * number, [into] * number, [out] * number, [0.0] * number, [0.99] * number)


def test_a_request_is_read_and_written_at_its_replicas_speed(world):
    outcome = Loop(world, HABITS).run(one(world, "CN"))
    site = outcome.site[0]
    speed = world.speed[site]
    step = speed.step + speed.slope
    assert outcome.ttft[0] == pytest.approx(500 / speed.alone + step + world.delay[site][site])
    assert outcome.token[0] == pytest.approx(step)
    assert outcome.tries[0] == 1


def test_a_region_is_served_at_home_while_there_is_room(world):
    outcome = Loop(world, HABITS).run(one(world, "EU", number=20))
    assert {world.sites[site].region for site in outcome.site} == {"EU"}


def test_what_law_refuses_reaches_no_site(world):
    refused = [n for n, ask in enumerate(world.asks) if ask.decision is None]
    arrivals = one(world, "CN", number=3)._replace(asks=[refused[0]] * 3)
    assert Loop(world, HABITS).run(arrivals).site == [LAW] * 3


def test_a_lost_site_is_tried_until_the_breaker_opens_and_its_people_are_served_elsewhere(world):
    lost = world.number["cn-north/model-cn-north"]
    arrivals = one(world, "CN", at=10.0, number=20)
    assert world.asks[arrivals.asks[0]].gateway == lost
    outcome = Loop(world, HABITS, Loss(frozenset({lost}), 10.0)).run(arrivals)
    assert {world.sites[site].name for site in outcome.site} == {"cn-east"}
    slow = [k for k, ttft in enumerate(outcome.ttft) if ttft > HABITS.detect_s]
    assert slow == [0, 1, 2, 3, 4]  # Breakers.FAILURES; then the breaker knows, and nobody waits
    assert world.gateways[lost].breakers.any_open


def test_when_all_lawful_sites_are_gone_nobody_is_sent_elsewhere(world):
    china = frozenset(n for n, site in enumerate(world.sites) if site.place == "CN")
    outcome = Loop(world, HABITS, Loss(china, 0.0)).run(one(world, "CN", at=5.0, number=30))
    assert outcome.site == [NOWHERE] * 30


def test_broken_streams_are_asked_again_and_served(world):
    lost = world.number["cn-north/model-cn-north"]
    arrivals = one(world, "CN", at=9.9, out=5000.0, number=4)
    outcome = Loop(world, HABITS, Loss(frozenset({lost}), 10.0)).run(arrivals)
    assert outcome.broken == [0]
    assert outcome.again == [0]
    assert world.sites[outcome.site[0]].name == "cn-east"


def test_a_cache_is_cold_after_a_loss_and_grows_back(world):
    lost = world.number["cn-north/model-cn-north"]
    arrivals = one(world, "CN", at=100.0, into=2000.0, number=2)
    arrivals = arrivals._replace(times=[100.0, 4000.0])
    outcome = Loop(world, HABITS, Loss(frozenset({lost}), 0.0)).run(arrivals)
    early, late = (ttft - tries + 1 for ttft, tries in zip(outcome.ttft, outcome.tries, strict=True))
    assert early > late * 1.3


def test_far_too_much_is_shed_and_never_sent_where_it_may_not_go(house, world, arrivals):
    drawn = arrivals(20_000, more=40.0)
    audit = Audit(house, world)
    outcome = Loop(world, HABITS).run(drawn)
    audit.add(drawn, outcome)
    assert outcome.site.count(SHED) > 1000
    assert audit.broken() == 0


def test_replicas_that_scaling_took_away_take_nothing_new(world):
    loop = Loop(world, HABITS)
    loop.counts = [1 if count else 0 for count in loop.counts]
    loop.run(one(world, "CN", number=50))
    used = {r for _, _, r in loop.waiting}
    assert used <= set(loop.first)


def test_a_tick_comes_as_often_as_it_is_asked_for(world):
    ticks = []
    Loop(world, HABITS).run(one(world, "CN", number=50), lambda now, _: ticks.append(now), 10.0)
    assert ticks == [10.0, 20.0, 30.0, 40.0]


def test_the_clock_may_jump_and_what_is_in_flight_stays(world):
    loop = Loop(world, HABITS)
    loop.run(one(world, "CN", out=5000.0, number=3))
    before = sum(loop.inside)
    loop.skip(900.0)
    loop.run(one(world, "CN", at=902.0, number=1))
    assert sum(loop.inside) == before + 1


def test_no_requests_give_no_outcome(world):
    assert Loop(world, HABITS).run(Arrivals([], [], [], [], [], [])).site == []
