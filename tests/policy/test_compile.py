import datetime as dt

import msgspec
import pytest

from isthmus.core.clock import FakeClock
from isthmus.core.decision import Question, Stage
from isthmus.core.errors import TABLE, Refusal
from isthmus.core.operator import Operator, parse, rehearsal
from isthmus.partners import load as partner_files
from isthmus.policy.compile import Table
from isthmus.policy.duties import Duty
from isthmus.policy.house import House
from isthmus.regions import load as region_files
from isthmus.regions.schema import HOUSE_ID, When

REGIONS = region_files.load()
PARTNERS = partner_files.load()
DAY = dt.date(2026, 11, 22)
CN = Question(("CN",))


def house(operator=None):
    return House(operator or rehearsal(), FakeClock(dt.datetime(2026, 11, 22, tzinfo=dt.UTC)), {}, {})


def build(operator=None, day=DAY, keys=(), regions=None, duties=()):
    engines = {"local": ("127.0.0.1", 9)}
    return Table.build(
        regions or REGIONS, PARTNERS, house(operator), engines, dict.fromkeys(keys, "s"), day, duties=duties
    )


TABLE_TODAY = build()


def partners(decision):
    return {plan.route.partner for plan in decision.plans}


@pytest.mark.parametrize("data", ["none", "personal", "sensitive"])
def test_in_mainland_china_nothing_reaches_openai_whatever_the_data(data):
    decision = TABLE_TODAY.decide(CN._replace(data=data))
    assert "openai" not in partners(decision)
    assert {"doubao", "local"} <= partners(decision)


@pytest.mark.parametrize("data", ["none", "personal", "sensitive"])
@pytest.mark.parametrize("region", ["EU", "IT", "DE", "FR"])
def test_in_the_union_nothing_reaches_doubaos_mainland_host_whatever_the_data(region, data):
    hosts = {plan.route.name for plan in TABLE_TODAY.decide(Question((region,), data=data)).plans}
    assert not any(name.startswith("doubao") or name.endswith("@beijing") for name in hosts)


def test_no_secret_opens_a_border():
    table = build(keys=["OPENAI_API_KEY", "ARK_API_KEY"])
    assert "openai" not in partners(table.decide(CN))
    assert "doubao" not in partners(table.decide(Question(("EU",), data="none")))


def test_the_private_tier_comes_first_then_doubao_in_mainland_china():
    names = [plan.route.partner for plan in TABLE_TODAY.decide(CN).plans]
    assert names[:2] == ["local", "doubao"]


def test_the_device_is_judged_beside_the_gateways_routes_and_never_among_them():
    decision = TABLE_TODAY.decide(CN)
    assert [plan.route.tier for plan in decision.device] == ["device"]
    assert all(plan.route.tier != "device" for plan in decision.plans)
    assert all(route.tier != "device" for route in TABLE_TODAY.routes.values())


def test_several_regions_leave_only_what_all_of_them_allow():
    assert partners(TABLE_TODAY.decide(Question(("CN", "EU")))) == {"local"}


def test_the_order_and_repetition_of_regions_changes_nothing_but_the_question():
    one, two = TABLE_TODAY.decide(Question(("CN", "EU"))), TABLE_TODAY.decide(Question(("EU", "CN", "EU")))
    assert one.plans is two.plans
    assert two.question.regions == ("EU", "CN", "EU")


def test_a_thirteen_year_old_needs_a_guardian_in_mainland_china():
    decision = TABLE_TODAY.decide(CN._replace(age="13"))
    assert decision.verdict == "serve_after"
    for plan in decision.plans:
        assert "guardian" in {owed.values.get("kind") for owed in plan.obligations}


def test_a_feature_that_is_forbidden_is_refused_with_its_code_and_law():
    decision = TABLE_TODAY.decide(CN._replace(feature="companion", age="16-17"))
    assert (decision.verdict, decision.plans, decision.device) == ("refuse", (), ())
    assert decision.code == "feature_forbidden"
    assert "拟人化" in decision.refusal


def test_where_nothing_is_lawful_the_refusal_names_the_rules():
    operator = msgspec.structs.replace(rehearsal(), region={})
    decision = build(operator).decide(CN)
    assert decision.verdict == "refuse"
    assert decision.code == "no_lawful_route"
    assert decision.code in TABLE
    assert "CN.route" in decision.refusal
    assert decision.fallback == ("device", "refuse")


def test_laws_that_exclude_each_other_are_a_conflict_that_shows_both():
    operator = parse("[region.EU]\nlog_max_days = 30", "facts", over=rehearsal())
    decision = build(operator).decide(Question(("CN", "EU")))
    assert decision.verdict == "conflict"
    assert decision.plans == ()
    assert "CN.logs" in decision.refusal
    assert "EU.logs" in decision.refusal
    assert {out.rule for out in decision.ruled_out} == {"CN.logs"}


def test_a_region_that_contradicts_itself_is_refused_when_the_table_is_built():
    operator = parse("[region.CN]\nlog_max_days = 30", "facts", over=rehearsal())
    short = msgspec.structs.replace(REGIONS["EU"].rules[8], region="CN", name="short")
    assert short.check == "log.keep"
    cn = msgspec.structs.replace(REGIONS["CN"], rules=(*REGIONS["CN"].rules, short))
    with pytest.raises(Refusal) as caught:
        build(operator, regions={**REGIONS, "CN": cn})
    assert "CN contradicts itself" in caught.value.sentence()


def test_rules_that_never_bind_together_do_not_contradict_each_other():
    operator = parse("[region.CN]\nlog_max_days = 30", "facts", over=rehearsal())
    short = msgspec.structs.replace(REGIONS["EU"].rules[8], region="CN", name="short", when=When(feature=("write",)))
    (kept,) = [rule for rule in REGIONS["CN"].rules if rule.name == "logs"]
    others = tuple(rule for rule in REGIONS["CN"].rules if rule is not kept)
    apart = msgspec.structs.replace(kept, when=When(feature=("rewrite",)))
    cn = msgspec.structs.replace(REGIONS["CN"], rules=(*others, apart, short))
    assert build(operator, regions={**REGIONS, "CN": cn}).decide(CN).verdict == "serve"


@pytest.mark.parametrize("regions", [(), ("XX",), ("CN", "XX"), (HOUSE_ID,)])
def test_an_unknown_region_is_refused(regions):
    with pytest.raises(Refusal) as caught:
        TABLE_TODAY.decide(Question(regions))
    assert caught.value.code == "unknown_region"


def test_a_word_outside_the_closed_lists_is_refused():
    with pytest.raises(Refusal) as caught:
        TABLE_TODAY.decide(CN._replace(feature="telepathy"))
    assert caught.value.code == "bad_field"


def test_a_question_is_decided_once_and_then_looked_up():
    assert TABLE_TODAY.decide(CN) is TABLE_TODAY.decide(Question(("CN",)))


def test_questions_with_the_same_answer_share_their_plans():
    assert TABLE_TODAY.decide(CN).plans is TABLE_TODAY.decide(CN._replace(feature="write")).plans


def test_memory_is_bounded(monkeypatch):
    monkeypatch.setattr("isthmus.policy.compile.LIMIT", 2)
    table = build()
    for feature in ("assistant", "write", "rewrite"):
        table.decide(CN._replace(feature=feature))
    assert len(table._known) == 1


def test_production_does_not_run_on_unsigned_files_unless_told_so():
    with pytest.raises(Refusal) as caught:
        build(Operator(mode="production"))
    assert "No lawyer has signed" in caught.value.sentence()
    assert partners(build(Operator(mode="production", accept_drafts=True)).decide(Question(("US",)))) == {"local"}


def test_production_serves_through_partners_whose_keys_are_set():
    operator = Operator(mode="production", accept_drafts=True, location="US", owner_country="US")
    decision = build(operator, keys=["OPENAI_API_KEY"]).decide(Question(("US",)))
    assert partners(decision) == {"local", "openai", "openai-responses"}


def test_the_house_file_cannot_be_left_out():
    with pytest.raises(Refusal) as caught:
        build(regions={"CN": REGIONS["CN"]})
    assert "house file" in caught.value.sentence()


def test_house_rules_bind_everywhere():
    for region in TABLE_TODAY.regions:
        for plan in TABLE_TODAY.decide(Question((region,))).plans:
            rules = {f"{owed.region}.{owed.rule}" for owed in plan.obligations}
            assert {"HOUSE.scan", "HOUSE.receipt"} <= rules
            assert ("HOUSE.mask" in rules) == (plan.route.tier == "partner")


def test_the_table_knows_when_the_law_changes_next():
    assert TABLE_TODAY.next_boundary == dt.date(2026, 12, 2)
    assert not TABLE_TODAY.due(dt.date(2026, 12, 1))
    assert TABLE_TODAY.due(dt.date(2026, 12, 2))
    last = build(day=dt.date(2099, 1, 1))
    assert last.next_boundary is None
    assert not last.due(dt.date(2199, 1, 1))


def test_the_digest_tells_files_facts_days_and_keys_apart_and_holds_no_secret():
    digests = {
        TABLE_TODAY.digest,
        build(day=dt.date(2026, 12, 2)).digest,
        build(parse('name = "Acme"', "o", over=rehearsal())).digest,
        build(keys=["ARK_API_KEY"]).digest,
    }
    assert len(digests) == 4
    assert build().digest == TABLE_TODAY.digest
    assert TABLE_TODAY.decide(CN).digest == TABLE_TODAY.digest


def test_every_word_for_a_model_leads_to_a_route():
    words = set(TABLE_TODAY.models())
    assert {"doubao", "doubao-pro", "local", "private", "openai/gpt-5", "qwen/qwen-plus@beijing"} <= words


def test_stages_are_compiled_into_the_moments_that_exist():
    def compiled(obligations, route, house):
        return Stage("scan", on_request=lambda ex: None, on_event=lambda ex, channel, text, last: text)

    duty = Duty("moderation", frozenset(("scan",)), compiled)
    for plan in build(duties=(duty,)).decide(CN).plans:
        assert [stage.name for stage in plan.stages] == ["scan"]
        assert (len(plan.on_request), len(plan.on_event)) == (1, 1)
        assert plan.awaited == plan.on_response == ()


def test_every_outcome_of_every_region_can_be_compiled():
    table = build()
    assert table.warm() == table.warm() > 1000


def test_the_duties_of_the_house_are_found_when_none_are_given():
    table = build(duties=None)
    names = {stage.name for plan in table.decide(CN).plans for stage in plan.stages}
    assert "label" in names
