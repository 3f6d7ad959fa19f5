import datetime as dt

import msgspec
import pytest

from isthmus.core.decision import Question
from isthmus.core.errors import Refusal
from isthmus.core.operator import parse, rehearsal
from isthmus.partners import load as partner_files
from isthmus.policy import supposed
from isthmus.policy.explain import explain
from isthmus.regions import load as region_files

REGIONS, PARTNERS = region_files.load(), partner_files.load()
TODAY = supposed.table(REGIONS, PARTNERS, rehearsal(), {}, dt.date(2026, 11, 22))
CN = Question(("CN",))


def table(day=dt.date(2026, 11, 22), facts=""):
    return supposed.table(REGIONS, PARTNERS, parse(facts, "facts", over=rehearsal()), {}, day)


def rules(answer):
    return {owed.rule for owed in answer.obligations}


def test_a_thirteen_year_old_in_mainland_china_must_bring_a_guardian():
    answer = explain(TODAY, CN._replace(age="13"), "partner")
    assert answer.decision == "serve_after"
    (guardian,) = [owed for owed in answer.obligations if owed.rule == "CN.child"]
    assert (guardian.article, guardian.since, guardian.draft) == ("31", "2021-11-01", True)
    assert "个人信息保护法" in guardian.law
    assert all(any(need.startswith("guardian consent") for need in way.needs) for way in answer.routes)
    assert "guardian consent" in answer.sentence


def test_a_new_system_marks_now_and_a_legacy_one_from_2026_12_02():
    new, legacy = "[region.EU]\nmarket_date = 2026-09-01", "[region.EU]\nmarket_date = 2026-08-01"
    question = Question(("EU",))
    assert "EU.mark" in rules(explain(table(facts=new), question))
    assert "EU.mark" not in rules(explain(table(facts=legacy), question))
    assert "EU.mark" in rules(explain(table(dt.date(2026, 12, 2), legacy), question))


def test_proofreading_is_exempt_from_marking_and_rewriting_is_not():
    assert "EU.mark" not in rules(explain(TODAY, Question(("EU",), "proofread")))
    assert "EU.mark" in rules(explain(TODAY, Question(("EU",), "rewrite")))


def test_a_model_without_filing_is_refused_even_on_the_device():
    answer = explain(table(facts='[region.CN.filing]\ndevice = ""'), CN, "device")
    assert answer.decision == "refuse"
    assert {out.rule for out in answer.ruled_out} == {"CN.route"}
    assert answer.ruled_out[0].article == "17"
    assert explain(TODAY, CN, "device").decision == "serve"


def test_an_export_owes_all_seven_label_fields():
    answer = explain(TODAY, CN._replace(event="export"))
    (embed,) = [owed for owed in answer.obligations if owed.rule == "CN.metadata"][:1]
    assert set(embed.values["fields"]) == {
        "Label", "ContentProducer", "ProduceID", "ReservedCode1", "ContentPropagator", "PropagateID", "ReservedCode2",
    }  # fmt: skip


def test_the_route_may_be_narrowed_to_a_tier_a_partner_or_a_model():
    assert {way.tier for way in explain(TODAY, CN, "private").routes} == {"private"}
    assert {way.partner for way in explain(TODAY, CN, "doubao").routes} == {"doubao"}
    assert [way.route for way in explain(TODAY, CN, "doubao-lite").routes] == ["doubao/doubao-seed-2-1-lite-260915"]
    assert {out.route.partition("/")[0] for out in explain(TODAY, CN, "openai").ruled_out} == {"openai"}


def test_unasked_routes_are_all_shown_the_device_first():
    answer = explain(TODAY, CN)
    assert [way.tier for way in answer.routes][:2] == ["device", "private"]
    assert answer.decision == "serve"
    assert answer.sentence == "May be answered in CN."


def test_what_was_ruled_out_says_why_and_by_which_law():
    out = explain(TODAY, CN).ruled_out
    assert any(o.rule == "CN.abroad" and o.article == "38-39" and "runs in EU" in o.reason for o in out)
    assert any(o.rule == "" and o.law == "partner's own terms" for o in out)


def test_the_chain_names_each_rule_and_what_it_took_away():
    chain = {link.rule: link for link in explain(TODAY, CN).chain}
    assert chain["CN.label"].excluded == []
    assert "openai/gpt-5@global" in chain["CN.abroad"].excluded
    assert "qwen/qwen-plus@singapore" in chain["partner's own terms"].excluded


def test_a_refusal_says_what_would_come_nearest():
    answer = explain(TODAY, CN._replace(feature="companion", age="16-17"))
    assert answer.decision == "refuse"
    assert ("feature", "assistant") in {(near.change, near.to) for near in answer.nearest}
    assert not any(near.change == "age" for near in answer.nearest)


def test_a_route_that_cannot_serve_points_to_one_that_can():
    nearest = explain(TODAY, CN, "openai").nearest
    assert nearest[0].change == "route"
    assert nearest[0].to == "device/on-device"


def test_contradicting_regions_point_to_each_alone():
    answer = explain(table(facts="[region.EU]\nlog_max_days = 30"), Question(("CN", "EU")))
    assert answer.decision == "conflict"
    assert {near.to for near in answer.nearest if near.change == "region"} == {"CN", "EU"}
    narrowed = explain(table(facts="[region.EU]\nlog_max_days = 30"), Question(("CN", "EU")), "local")
    assert narrowed.decision == "conflict"


def test_the_next_change_of_law_is_named():
    assert explain(TODAY, CN).next_change == "2026-12-02"
    assert explain(table(dt.date(2099, 1, 1)), CN).next_change == ""


def test_a_ban_that_hangs_on_an_age_is_a_need(tmp_path):
    house = REGIONS["HOUSE"]
    ban = msgspec.structs.replace(
        REGIONS["CN"].rules[-1],
        name="ban",
        check="feature.forbid",
        values={},
        when=msgspec.structs.replace(REGIONS["CN"].rules[-1].when, age_under=18, unknown_age="ask"),
    )
    regions = {**REGIONS, "HOUSE": msgspec.structs.replace(house, rules=(*house.rules, ban))}
    supposing = supposed.table(regions, PARTNERS, rehearsal(), {}, dt.date(2026, 11, 22))
    answer = explain(supposing, Question(("US",)))
    assert answer.decision == "serve_after"
    assert answer.routes[0].needs[0].startswith("age: ")


def test_the_document_can_be_json():
    document = msgspec.json.decode(msgspec.json.encode(explain(TODAY, CN)))
    assert {"decision", "routes", "ruled_out", "obligations"} <= set(document)
    assert {"verb", "values", "law", "article", "since"} <= set(document["obligations"][0])


def test_unknown_words_are_refused():
    with pytest.raises(Refusal):
        explain(TODAY, Question(("XX",)))
