"""Where a judge reads what it is sent, and what the law of the place says of that."""

from __future__ import annotations

import pytest

from isthmus.core.operator import Facts, Operator
from isthmus.policy.judge_places import objection


class Judge:
    """A judge somewhere, that nobody asks."""

    def __init__(self, *places):
        self.places = places or None


@pytest.fixture
def why(owed):
    """why(judge, operator, **rule): the objection of a residency rule of the EU, as a person reads it; "" for none."""

    def make(judge, operator=Operator(), **rule):  # noqa: B008  # it is frozen
        wanted = owed("residency", region="EU", **{"process": ("EEA",), **rule})
        found = objection("openai", judge, [owed("scan"), wanted], ("DE",), operator)
        if found is None:
            return ""
        assert (found.code, found.extra) == ("no_lawful_route", {"rule": "CN.rule"})
        return found.sentence()

    return make


def test_a_judge_on_this_machine_asks_nobody(why):
    assert why(Judge()) == ""


def test_a_judge_in_the_place_may_read(why):
    assert why(Judge("FR")) == ""


def test_a_judge_elsewhere_may_not(why):
    assert "openai reads in US, not in EEA" in why(Judge("US"))
    assert "PIPL 23" in why(Judge("US"))


def test_a_judge_of_whom_nobody_says_where_it_reads_may_not(why):
    judge = Judge("x")
    judge.places = ()
    assert "a place nobody named" in why(judge)
    assert why(judge, process=("*",)) == ""


def test_what_is_read_here_may_be_kept_elsewhere_alone_where_the_rule_allows_it(why):
    assert why(Judge("FR"), store=("FR",)) == ""
    assert why(Judge("FR"), store=("DE",))


@pytest.mark.parametrize("region", ["EU", "DE"])
def test_a_basis_that_is_recorded_under_the_judges_name_counts_where_the_rule_knows_it(why, region):
    operator = Operator(mode="production", region={region: Facts(transfer={"openai": "scc_tia"})})
    assert why(Judge("US"), operator, or_basis=("scc_tia",)) == ""
    assert why(Judge("US"), operator, or_basis=("adequacy",))
    assert why(Judge("US"), operator)


def test_the_word_rehearsal_is_a_basis_while_rehearsing(why):
    held = {"EU": Facts(transfer={"openai": "rehearsal"})}
    assert why(Judge("US"), Operator(region=held), or_basis=("scc_tia",)) == ""
    assert why(Judge("US"), Operator(mode="production", region=held), or_basis=("scc_tia",))


def test_where_the_rule_wants_a_contract_there_must_be_one_in_production(why):
    assert why(Judge("FR"), dpa=True) == ""
    assert "processing contract" in why(Judge("FR"), Operator(mode="production"), dpa=True)
    signed = Operator(mode="production", region={"EU": Facts(entrusted=("openai",))})
    assert why(Judge("FR"), signed, dpa=True) == ""
