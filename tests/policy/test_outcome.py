import datetime as dt

import msgspec

from isthmus.core.decision import Citation, Question
from isthmus.core.operator import Facts, Operator, rehearsal
from isthmus.partners import load as partner_files
from isthmus.policy import lawful, supposed
from isthmus.policy.bind import Bound, index
from isthmus.policy.outcome import Way, owed, waits
from isthmus.regions import load as region_files
from isthmus.regions.schema import Region, Reviewed, Rule, When

DAY = dt.date(2026, 1, 1)
PARTNERS = partner_files.load()
REGION = Region("XX", "X", ("CN",), ("XX",), (), ("refuse",), Reviewed("", DAY, "draft"), (), (), "")
LAW = (Citation("act", "Act", "1", "law", DAY),)


def rule(check, name="r", **changes):
    return Rule(
        **{
            "region": "XX",
            "name": name,
            "duty": "Duty.",
            "law": LAW,
            "check": check,
            "since": DAY,
            "values": {},
            **changes,
        }
    )


def way(*rules, partner="doubao"):
    operator = rehearsal()
    site = lawful.sites({partner: PARTNERS[partner]}, operator, supposed.SUPPOSED_ENGINE, {})[0]
    return Way(site, [REGION], index([Bound(one, REGION, Facts()) for one in rules]), operator)


def decide(words):
    regions = region_files.load()
    table = supposed.table(regions, PARTNERS, rehearsal(), {}, dt.date(2026, 11, 22))
    return table.decide(Question(**words))


def test_a_rule_for_partners_does_not_bind_the_private_tier():
    only = rule("scan", when=When(route=("partner",)))
    assert way(only).owed(-1)
    assert not way(only, partner="local").owed(-1)


def test_a_tier_may_be_excepted():
    but = rule("scan", excepted={"route": ("partner",)})
    assert not way(but).owed(-1)
    assert way(but, partner="local").owed(-1)


def test_every_objection_is_told_not_only_the_first():
    found = way(rule("route.forbid", "a"), rule("residency", "b", values={"process": ("US",)})).against(-1)
    assert [out.rule for out in found] == ["XX.a", "XX.b"]


def test_while_the_age_is_asked_nothing_is_forbidden_yet():
    bound = rule("feature.forbid", when=When(age_under=18, unknown_age="ask"))
    found = way(bound)
    unknown = found._index.bits(Question(("XX",), age="unknown"))
    known = found._index.bits(Question(("XX",), age="16-17"))
    assert not found.against(unknown)
    assert found.owed(unknown)[0].values["ask_age"]
    assert found.against(known)


def test_a_reason_names_the_rule_that_was_met():
    found = way(rule("route.require", values={"runs_in": ("CN",)}))
    assert "XX.r: runs in CN" in found.reason(-1)


def test_the_same_rule_through_two_regions_is_owed_once_when_it_says_the_same():
    decision = decide({"regions": ("EU", "IT")})
    rules = [owed.rule for owed in decision.plans[0].obligations if owed.region == "EU"]
    assert rules.count("rights") == 1


def test_an_obligation_carries_the_rules_word_for_unknown_age():
    bound = Bound(rule("consent.require", when=When(age_under=14, unknown_age="minor")), REGION, Facts())
    found = owed(bound, Operator())
    assert found.values == {"unknown_age": "minor"}
    assert owed(bound._replace(asks=True), Operator()).values["ask_age"]


def test_a_consent_is_waited_for_but_not_one_that_hangs_on_an_unknown_age():
    adult = decide({"regions": ("CN",), "age": "adult"})
    unknown = decide({"regions": ("CN",), "age": "unknown"})
    child = decide({"regions": ("CN",), "age": "13"})
    assert [waits(d.plans[0]) for d in (adult, unknown, child)] == [False, False, True]
    assert adult.verdict == unknown.verdict == "serve"
    assert child.verdict == "serve_after"


def test_a_feature_whose_ban_hangs_on_an_unknown_age_is_waited_for():
    plan = decide({"regions": ("US",)}).plans[0]
    asks = owed(
        Bound(rule("feature.forbid", when=When(age_under=18, unknown_age="ask")), REGION, Facts(), asks=True),
        Operator(),
    )
    assert waits(msgspec.structs.replace(plan, obligations=(asks,)))
    assert not waits(msgspec.structs.replace(plan, obligations=()))
