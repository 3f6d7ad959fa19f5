import datetime as dt

import pytest

from isthmus.core.decision import Citation, Obligation
from isthmus.policy.strictest import cite, conflict, least_days, merge


def owed(region, verb, **values):
    law = (Citation("act", f"{region} Act", "7", "law", dt.date(2026, 1, 1)),)
    return Obligation(verb, values, region, "r", "d", law, dt.date(2026, 1, 1))


def figures(found):
    return [dict(one.values) for one in found]


def test_the_largest_minimum_and_the_smallest_maximum_bind():
    found = merge([owed("A", "log.keep", min_days=10, max_days=90), owed("B", "log.keep", min_days=30, max_days=60)])
    assert figures(found) == [{"min_days": 30, "max_days": 60}] * 2


def test_each_obligation_keeps_its_own_citation():
    found = merge([owed("A", "user.strike", per_day=5), owed("B", "user.strike", per_day=3)])
    assert [one.region for one in found] == ["A", "B"]
    assert figures(found) == [{"per_day": 3}] * 2


def test_figures_of_different_taxonomies_do_not_meet():
    one, two = owed("A", "scan", taxonomy="x", terms_min=10), owed("B", "scan", taxonomy="y", terms_min=99)
    assert figures(merge([one, two])) == [dict(one.values), dict(two.values)]


def test_lists_and_flags_are_left_alone():
    one = owed("A", "channel.offer", kind=("access", "erasure"), reply_days=30)
    two = owed("B", "channel.offer", kind=("access", "erasure"), reply_days=10)
    assert figures(merge([one, two]))[0] == {"kind": ("access", "erasure"), "reply_days": 10}


def test_a_minimum_above_a_maximum_is_a_conflict_that_shows_both_laws():
    clash = conflict([owed("A", "log.keep", min_months=6), owed("B", "log.keep", max_days=30)])
    assert clash is not None
    assert clash.sentence() == ("A.r (A Act 7) asks for at least 186 days, B.r (B Act 7) allows at most 30 days.")


@pytest.mark.parametrize(
    "pair",
    [
        [owed("A", "log.keep", min_days=30), owed("B", "log.keep", max_days=30)],
        [owed("A", "log.keep", min_days=30, what="network"), owed("B", "log.keep", max_days=1, what="content")],
        [owed("A", "log.keep", min_days=30), owed("B", "scan", max_days=1)],
        [owed("A", "log.keep", min_days=30)],
    ],
)
def test_what_can_be_met_together_is_no_conflict(pair):
    assert conflict(pair) is None


def test_an_unnamed_kind_means_every_kind():
    pair = [owed("A", "log.keep", min_days=30, what="network"), owed("B", "log.keep", max_days=1)]
    assert conflict(pair) is not None


def test_months_are_counted_long_so_that_a_minimum_is_never_cut_short():
    assert least_days(owed("A", "log.keep", min_months=6)) == 186
    assert least_days(owed("A", "log.keep")) == 0


def test_a_citation_without_article_is_only_the_title():
    bare = owed("A", "scan")
    assert cite(bare) == "A Act 7"
