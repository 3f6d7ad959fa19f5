import datetime as dt

import msgspec

from isthmus.core.clock import FakeClock
from isthmus.core.decision import Citation, Question, Stage
from isthmus.core.operator import Facts, Operator, rehearsal
from isthmus.partners import load as partner_files
from isthmus.policy import lawful, supposed
from isthmus.policy.bind import Bound, index
from isthmus.policy.duties import Duty
from isthmus.policy.house import House
from isthmus.policy.outcome import Compiler, Way, owed, waits
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
    return Way(site, [REGION], index([Bound(one, REGION, Facts()) for one in rules]), operator, {})


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


def compiler(*rules, duties=()):
    operator = rehearsal()
    house = House(operator, FakeClock(dt.datetime(2026, 1, 1, tzinfo=dt.UTC)), {}, {})
    sites = lawful.sites({name: PARTNERS[name] for name in ("doubao", "local")}, operator, supposed.SUPPOSED_ENGINE, {})
    return Compiler((REGION,), index([Bound(one, REGION, Facts()) for one in rules]), sites, house, duties, {})


def test_an_outcome_is_compiled_once_per_set_of_rules():
    made = compiler(rule("scan"))
    assert made.outcome(-1) is made.outcome(1)
    assert made.outcome(0) is not made.outcome(1)


def test_warming_compiles_every_outcome_that_a_question_can_lead_to():
    made = compiler(rule("scan"), rule("mask", "b", when=When(data=("personal",))))
    assert made.warm() == 2


def test_plans_with_the_same_duties_are_shared_between_outcomes():
    made = compiler(rule("scan", when=When(route=("private",))))
    with_rule, without = made.outcome(1).plans, made.outcome(0).plans
    assert with_rule[0] is not without[0]
    assert with_rule[1] is without[1]


def test_retention_that_nobody_can_meet_rules_every_route_out():
    least, most = rule("log.keep", "a", values={"min_days": 90}), rule("log.keep", "b", values={"max_days": 30})
    found = compiler(least, most).outcome(-1)
    assert (found.verdict, found.code, found.plans) == ("conflict", "no_lawful_route", ())
    assert "contradict each other" in found.refusal
    assert {out.rule for out in found.ruled_out} == {"XX.a"}


def test_a_forbidden_feature_is_told_apart_from_a_lack_of_routes():
    forbidden = compiler(rule("feature.forbid")).outcome(-1)
    assert (forbidden.verdict, forbidden.code) == ("refuse", "feature_forbidden")
    assert forbidden.refusal == "Duty. (Act 1)"
    closed = compiler(rule("route.forbid")).outcome(-1)
    assert closed.code == "no_lawful_route"
    assert closed.refusal == "No route of this house is lawful in XX. Rules: XX.r."


def test_stages_become_the_moments_that_exist():
    stage = Stage("s", on_request=lambda ex: None, on_response=lambda ex: None)
    duty = Duty("moderation", frozenset(("scan",)), lambda obligations, route, house: stage)
    plan = compiler(rule("scan"), duties=(duty,)).outcome(-1).plans[0]
    assert plan.stages == (stage,)
    assert (len(plan.on_request), len(plan.on_response), plan.on_event, plan.awaited) == (1, 1, (), ())


def test_a_rule_that_says_the_same_twice_is_owed_once_and_one_that_differs_twice():
    same = way(rule("scan"), rule("scan"))
    differing = way(rule("scan"), rule("scan", values={"terms_min": 9}))
    assert len(same.owed(-1)) == 1
    assert len(differing.owed(-1)) == 2


def test_a_label_that_cannot_be_filled_is_an_objection():
    embed = rule("label.embed", values={"fields": {"by": "{xx_code}"}})
    assert "by needs xx_code" in way(embed).against(-1)[0].reason
