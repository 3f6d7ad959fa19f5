import datetime as dt
from pathlib import Path

import pytest

from isthmus.core.errors import Refusal
from isthmus.core.operator import rehearsal
from isthmus.partners import load as partner_files
from isthmus.policy.cases import Case, Court, load
from isthmus.regions import load as region_files

FOLDER = Path(__file__).parents[1] / "regions" / "cases"
REGIONS = region_files.load()
COURT = Court(REGIONS, partner_files.load(), rehearsal())
CASES = load(FOLDER)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.rule}: {case.says}"[:100])
def test_the_law_in_words(case):
    assert COURT.try_one(case) == []


def test_every_rule_has_a_case():
    assert {rule.id for region in REGIONS.values() for rule in region.own} <= {case.rule for case in CASES}


def case(**changes):
    return Case(**{"rule": "CN.child", "says": "x", "region": "CN", "file": "f.toml", **changes})


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (case(ask={"age": "adult"}, owed={}), "the rule is not owed"),
        (case(ask={"age": 13}, owed={"kind": "separate"}), "owed with {'kind': 'guardian'"),
        (case(ask={"age": 13}, decision="serve"), "decision is serve_after"),
        (case(free=({"age": 13},)), "the rule binds although {'age': 13}"),
        (case(out=("doubao",)), "doubao is not ruled out by it"),
        (case(lawful=("openai",)), "openai may not serve"),
        (case(ruled_out=("doubao",)), "doubao may serve"),
        (case(rule="CN.route", free=({"data": "none"},)), "the rule binds"),
    ],
)
def test_a_case_that_the_table_contradicts_says_where_and_how(wrong, said):
    (line,) = COURT.try_one(wrong)
    assert line.startswith(f"f.toml: {wrong.rule}: ")
    assert said in line


def test_a_case_may_suppose_facts_days_and_several_regions():
    facts = {"EU": {"market_date": "2026-01-01"}}
    assert COURT.try_one(case(rule="EU.mark", ask={"regions": ["EU"]}, facts=facts, free=({},))) == []
    late = {"regions": ["EU"], "on": dt.date(2026, 12, 2)}
    assert COURT.try_one(case(rule="EU.mark", ask=late, facts=facts, owed={})) == []


def test_an_unknown_word_in_a_question_is_refused_with_the_allowed_ones():
    with pytest.raises(Refusal) as caught:
        COURT.try_one(case(ask={"mood": "good"}))
    assert "ask.mood is not known. Allowed: regions, feature" in caught.value.sentence()


@pytest.mark.parametrize(
    "text", ["region = ", "case = []", 'region = "CN"\n[[case]]\nrule = 1', 'region = "CN"\n[[case]]\nsays = "x"']
)
def test_a_broken_file_of_cases_is_refused_by_name(tmp_path, text):
    (tmp_path / "bad.toml").write_text(text, "utf-8")
    with pytest.raises(Refusal) as caught:
        load(tmp_path)
    assert "bad.toml" in caught.value.sentence()
