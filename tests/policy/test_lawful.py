import datetime as dt

import msgspec
import pytest

from isthmus.core.decision import Citation
from isthmus.core.operator import Facts, Operator
from isthmus.partners.schema import Endpoint, Model, Partner
from isthmus.policy import lawful
from isthmus.regions.schema import Region, Reviewed, Rule

DAY = dt.date(2026, 1, 1)
REHEARSING = Operator()
PUBLIC = Operator(mode="production", location="DE", owner_country="SG")
ENDPOINT = Endpoint(host="api.p", path="/v1", region="US", inference=("US",), storage=("US",), end_users=("EU", "US"))


def partner(**changes):
    given = {"id": "p", "title": "P", "key_env": "P_KEY", "endpoint": {"main": ENDPOINT}, "model": {"m": Model()}}
    return Partner(**{**given, **changes})


def site(made=None, operator=REHEARSING, keys=(), engines=None):
    engines = {"local": ("127.0.0.1", 9)} if engines is None else engines
    made = made or partner()
    (found,) = lawful.sites({made.id: made}, operator, engines, dict.fromkeys(keys, "secret"))
    return found


def region(*countries):
    return Region("XX", "X", countries, ("XX",), (), (), Reviewed("", DAY, "draft"), (), (), "")


def rule(check, **values):
    return Rule("XX", "r", "Duty.", (Citation("a", "Act", "1", "law", DAY),), check, DAY, values)


HERE = msgspec.structs.replace(ENDPOINT, port=0)  # as the private tier's own file has it: the port is known at start
PRIVATE = partner(id="local", title="Private tier", tier="private", key_env="", endpoint={"here": HERE})
DEVICE = partner(id="device", title="On device", tier="device", key_env="")


def test_a_partner_without_a_key_becomes_a_local_stand_in_and_says_so():
    route = site().route
    assert route.rehearsal
    assert (route.host, route.port, route.tls, route.key_env) == ("127.0.0.1", 9, False, "")
    assert route.badge == "rehearsal: local stand-in for P"


def test_a_partner_with_a_key_keeps_its_own_address():
    route = site(keys=["P_KEY"]).route
    assert not route.rehearsal
    assert (route.host, route.port, route.tls, route.key_env, route.badge) == ("api.p", 443, True, "P_KEY", "P")


def test_an_endpoint_may_have_a_key_of_its_own():
    made = partner(endpoint={"main": msgspec.structs.replace(ENDPOINT, key_env="OTHER_KEY")})
    assert site(made, keys=["P_KEY"]).route.rehearsal
    assert not site(made, keys=["OTHER_KEY"]).route.rehearsal


def test_the_partners_name_alone_means_its_default_model():
    made = partner(model={"a": Model(), "b": Model(default=True, aliases=("bee",))})
    first, second = lawful.sites({"p": made}, REHEARSING, {}, {})
    assert first.route.name == "p/b"
    assert "p" in first.route.aliases
    assert "bee" in first.route.aliases
    assert "p" not in second.route.aliases


def test_routes_of_several_doors_are_told_apart():
    made = partner(endpoint={"eu": ENDPOINT, "us": ENDPOINT})
    assert [s.route.name for s in lawful.sites({"p": made}, REHEARSING, {}, {})] == ["p/m@eu", "p/m@us"]


def test_device_comes_first_then_the_private_tier_then_partners_by_their_order():
    partners = {p.id: p for p in (partner(id="z", order=1), partner(id="a", order=2), PRIVATE, DEVICE)}
    assert [s.partner.id for s in lawful.sites(partners, REHEARSING, {}, {})] == ["device", "local", "z", "a"]


def test_a_partner_whose_key_is_set_comes_before_a_stand_in():
    partners = {
        p.id: p for p in (partner(id="first", order=1, key_env="A"), partner(id="second", order=2, key_env="B"))
    }
    found = lawful.sites(partners, REHEARSING, {}, {"B": "secret"})
    assert [s.partner.id for s in found] == ["second", "first"]


def test_a_stand_in_never_serves_the_public():
    assert "P_KEY is not set" in lawful.reachable(site(operator=PUBLIC), PUBLIC).objection
    assert not lawful.reachable(site(operator=PUBLIC, keys=["P_KEY"]), PUBLIC).objection


def test_without_an_engine_nothing_local_is_reachable_but_the_device_needs_none():
    assert "no local engine" in lawful.reachable(site(engines={}), REHEARSING).objection
    assert "no local engine" in lawful.reachable(site(PRIVATE, engines={}), REHEARSING).objection
    assert not lawful.reachable(site(DEVICE, engines={}), REHEARSING).objection


def test_an_engine_of_the_operators_own_is_asked_at_its_own_address():
    own = partner(
        id="vllm", tier="private", key_env="VLLM", endpoint={"here": msgspec.structs.replace(ENDPOINT, port=8000)}
    )
    assert (site(own).route.host, site(own).route.port, site(own).route.key_env) == ("api.p", 8000, "VLLM")


def test_a_partner_serves_only_where_its_terms_allow():
    assert not lawful.partner_terms(site(), region("DE"), REHEARSING).objection
    assert (
        "may serve people in EU, US; XX covers CN" in lawful.partner_terms(site(), region("CN"), REHEARSING).objection
    )


def test_a_region_of_many_countries_needs_all_of_them():
    made = partner(endpoint={"main": msgspec.structs.replace(ENDPOINT, end_users=("DE",))})
    assert lawful.partner_terms(site(made), region("EU"), REHEARSING).objection


def test_countries_taken_away_from_everywhere_are_not_served():
    made = partner(endpoint={"main": msgspec.structs.replace(ENDPOINT, end_users=("*",), end_users_not=("CN",))})
    assert "anywhere except CN" in lawful.partner_terms(site(made), region("CN"), REHEARSING).objection
    assert not lawful.partner_terms(site(made), region("HK"), REHEARSING).objection


@pytest.mark.parametrize(("owner", "barred"), [("CN", True), ("SG", False), ("rehearsal", True)])
def test_a_partner_may_refuse_owners_from_some_places(owner, barred):
    made = partner(endpoint={"main": msgspec.structs.replace(ENDPOINT, owners_barred=("CN",))})
    operator = msgspec.structs.replace(PUBLIC, owner_country=owner)
    assert bool(lawful.partner_terms(site(made), region("US"), operator).objection) is barred


def test_an_owner_who_is_only_rehearsed_is_noted():
    made = partner(endpoint={"main": msgspec.structs.replace(ENDPOINT, owners_barred=("CN",))})
    assert "not for the public" in lawful.partner_terms(site(made), region("US"), REHEARSING).note


FILED = rule("route.require", partner=("xx_filing_no",), operator=("xx_registration_no",))


def test_a_filing_and_a_registration_must_both_be_held():
    held = Facts(filing={"p": "F"}, registration="R")
    assert not lawful.require(site(), FILED, held, PUBLIC).objection
    assert "xx_filing_no F" in lawful.require(site(), FILED, held, PUBLIC).note
    assert "no xx_filing_no for p" in lawful.require(site(), FILED, Facts(registration="R"), PUBLIC).objection
    assert "no xx_registration_no" in lawful.require(site(), FILED, Facts(filing={"p": "F"}), PUBLIC).objection


def test_the_word_rehearsal_counts_in_rehearsal_only_and_the_reason_says_so():
    held = Facts(filing={"p": "rehearsal"}, registration="rehearsal")
    assert "not for the public" in lawful.require(site(), FILED, held, REHEARSING).note
    assert lawful.require(site(), FILED, held, PUBLIC).objection


def test_a_partners_public_filing_number_counts():
    made = partner(filings={"xx_filing_no": "PUBLIC-1"})
    assert not lawful.require(site(made), FILED, Facts(registration="R"), PUBLIC).objection


def test_a_fact_that_nobody_can_hold_is_missing():
    odd = rule("route.require", operator=("xx_filing_no",))
    assert lawful.require(site(), odd, Facts(registration="R"), PUBLIC).objection


def test_a_model_runs_where_its_door_stands_and_where_inference_may_spill():
    spilling = partner(endpoint={"main": msgspec.structs.replace(ENDPOINT, inference=("US", "*"))})
    assert not lawful.runs_in(site(), ("US",), PUBLIC).objection
    assert lawful.runs_in(site(spilling), ("US",), PUBLIC).objection == "runs in US, anywhere, not in US"
    assert lawful.require(site(), rule("route.require", runs_in=("CN",)), Facts(), PUBLIC).objection


def test_the_private_tier_runs_at_the_operators_place():
    private = site(PRIVATE)
    assert not lawful.runs_in(private, ("DE",), PUBLIC).objection
    assert lawful.runs_in(private, ("CN",), PUBLIC).objection
    assert "counts as here" in lawful.runs_in(private, ("CN",), REHEARSING).note


def test_the_device_is_always_at_home():
    assert lawful.runs_in(site(DEVICE), ("CN",), PUBLIC).note == "runs on the person's own device"


STAY = rule("residency", process=("EU",), or_basis=("dpf",))


def test_data_stays_or_goes_on_a_recorded_basis():
    assert "no transfer basis (dpf) is recorded for p" in lawful.residency(site(), STAY, Facts(), PUBLIC).objection
    assert not lawful.residency(site(), STAY, Facts(transfer={"p": "dpf"}), PUBLIC).objection


def test_a_basis_that_the_rule_does_not_know_is_none():
    assert lawful.residency(site(), STAY, Facts(transfer={"p": "luck"}), PUBLIC).objection


def test_a_rehearsed_basis_is_noted():
    held = Facts(transfer={"p": "rehearsal"})
    assert "not for the public" in lawful.residency(site(), STAY, held, REHEARSING).note
    assert lawful.residency(site(), STAY, held, PUBLIC).objection


def test_where_no_basis_helps_the_border_is_closed():
    closed = rule("residency", process=("CN",))
    assert lawful.residency(site(), closed, Facts(transfer={"p": "dpf"}), PUBLIC).objection == "runs in US, not in CN"


def test_storage_is_a_fact_of_its_own():
    made = partner(endpoint={"main": msgspec.structs.replace(ENDPOINT, region="DE", inference=("DE",))})
    assert "stores in US, not in EU" in lawful.residency(site(made), STAY, Facts(), PUBLIC).objection


def test_a_processing_contract_is_owed_by_partners_only():
    contract = rule("residency", process=("*",), dpa=True)
    assert "no processing contract with p" in lawful.residency(site(), contract, Facts(), PUBLIC).objection
    assert "recorded" in lawful.residency(site(), contract, Facts(entrusted=("p",)), PUBLIC).note
    assert "assumed in rehearsal" in lawful.residency(site(), contract, Facts(), REHEARSING).note
    assert not lawful.residency(site(PRIVATE), contract, Facts(), PUBLIC).objection


def test_an_order_forbids_by_name_by_place_or_altogether():
    assert lawful.forbid(site(), rule("route.forbid", partner=("p",)), PUBLIC).objection == "Duty."
    assert not lawful.forbid(site(), rule("route.forbid", partner=("q",)), PUBLIC).objection
    assert lawful.forbid(site(), rule("route.forbid", runs_in=("US",)), PUBLIC).objection
    assert not lawful.forbid(site(), rule("route.forbid", runs_in=("CN",)), PUBLIC).objection
    assert lawful.forbid(site(), rule("route.forbid"), PUBLIC).objection


@pytest.mark.parametrize(
    ("unless", "facts", "lifts"),
    [
        ("partner.role=entrusted", Facts(entrusted=("p",)), True),
        ("partner.role=entrusted", Facts(entrusted=("q",)), False),
        ("editor.reviewed", Facts(editor="Desk"), True),
        ("editor.reviewed", Facts(editor="rehearsal"), False),
        ("editor.reviewed", Facts(), False),
        ("", Facts(entrusted=("p",), editor="Desk"), False),
    ],
)
def test_an_unless_lifts_only_when_it_holds(unless, facts, lifts):
    assert lawful.lifted(msgspec.structs.replace(rule("scan"), unless=unless), site(), facts) is lifts


def test_filing_numbers_travel_with_the_route_for_notices():
    operator = Operator(region={"CN": Facts(filing={"p": "F-9"})})
    assert site(operator=operator).route.facts["cn_filing_no"] == "F-9"


def test_an_export_label_is_complete_or_nothing_is_exported():
    embed = rule("label.embed", fields={"Label": "1", "ContentProducer": "{cn_code}", "ProduceID": "{ledger_id}"})
    assert not lawful.complete(embed, Facts(producer_code="001"), PUBLIC).objection
    assert "ContentProducer needs cn_code" in lawful.complete(embed, Facts(), PUBLIC).objection
    assert lawful.complete(embed, Facts(producer_code="rehearsal"), PUBLIC).objection
    assert not lawful.complete(embed, Facts(producer_code="rehearsal"), REHEARSING).objection
    assert not lawful.complete(rule("label.embed", media=("latent",)), Facts(), PUBLIC).objection
