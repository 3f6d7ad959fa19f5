"""The audit finds what the loop must never do."""

from isthmus.planner.audit import Audit
from isthmus.planner.events import LAW, Arrivals, Outcome


def served(world, ask, site, count):
    blank = [0.0] * count
    return Arrivals(blank, [ask] * count, blank, blank, blank, blank), Outcome(
        [site] * count, blank, blank, [1] * count, [], []
    )


def test_a_request_outside_its_decision_is_counted(house, world):
    china = next(n for n, ask in enumerate(world.asks) if ask.region == "CN" and ask.decision is not None)
    abroad = next(n for n, site in enumerate(world.sites) if site.region == "US")
    audit = Audit(house, world)
    audit.add(*served(world, china, abroad, 3))
    assert (audit.served, audit.broken()) == (3, 3)


def test_a_request_that_law_refuses_may_be_served_nowhere(house, world):
    refused = next(n for n, ask in enumerate(world.asks) if ask.decision is None)
    home = world.asks[refused].gateway
    audit = Audit(house, world)
    audit.add(*served(world, refused, home, 2))
    assert audit.broken() == 2


def test_what_was_refused_breaks_nothing(house, world):
    audit = Audit(house, world)
    audit.add(*served(world, 0, LAW, 5))
    assert (audit.served, audit.broken()) == (0, 0)
