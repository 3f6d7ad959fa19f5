import msgspec

from isthmus.core.operator import Operator, parse, rehearsal
from isthmus.partners import load as partner_files
from isthmus.policy.missing import missing_facts
from isthmus.regions import load as region_files

REGIONS, PARTNERS = region_files.load(), partner_files.load()


def keys(operator, *regions):
    return {fact.key: fact for fact in missing_facts(operator, {name: REGIONS[name] for name in regions}, PARTNERS)}


def test_every_rehearsed_fact_must_become_real():
    found = keys(rehearsal(), "CN")
    assert {"mode", "name", "owner", "location"} <= set(found)
    assert found["region.CN.registration"].now == "rehearsal"
    assert found["region.CN.registration"].rule == "CN.route"
    assert "region.CN.producer_code" in found
    assert "region.CN.complaints" in found


def test_a_filing_is_asked_of_partners_that_may_serve_there_only():
    found = keys(rehearsal(), "CN")
    assert "region.CN.filing.doubao" in found
    assert "region.CN.filing.device" in found
    assert "region.CN.filing.openai" not in found


def test_what_one_partner_needs_stands_in_nobody_elses_way():
    found = keys(rehearsal(), "CN", "EU")
    assert not found["region.CN.filing.doubao"].needed
    assert not found["region.EU.transfer.openai"].needed
    assert not found["region.EU.entrusted (openai)"].needed
    assert found["region.EU.market_date"].needed


def test_facts_that_are_held_are_not_missing():
    real = parse(
        """
mode = "production"
name = "Acme"
owner = "Acme Holding"
owner_country = "SG"
location = "DE"
[region.EU]
market_date = 2026-09-01
complaints = "rights@example.org"
log_max_days = 30
entrusted = ["openai"]
transfer = {openai="dpf"}
""",
        "o",
    )
    found = keys(real, "EU")
    assert not any(fact.needed for fact in found.values())
    assert "region.EU.transfer.openai" not in found
    assert "region.EU.entrusted (openai)" not in found


def test_an_overlay_reads_its_parents_facts():
    held = parse("[region.EU]\nlog_max_days = 30", "o")
    assert "region.IT.log_max_days" not in keys(held, "IT")
    assert "region.IT.market_date" in keys(held, "IT")


def test_a_partner_that_stays_inside_needs_no_basis():
    assert "region.SG.transfer.qwen" not in keys(Operator(), "SG")
    assert "region.SG.transfer.openai" in keys(Operator(), "SG")


def test_a_representative_is_asked_where_the_law_names_one():
    assert "region.KR.representative" in keys(Operator(), "KR")


def test_partners_that_bar_owners_make_the_owners_country_a_fact():
    openai = PARTNERS["openai"]
    endpoints = {n: msgspec.structs.replace(e, owners_barred=("CN",)) for n, e in openai.endpoint.items()}
    barring = {"openai": msgspec.structs.replace(openai, endpoint=endpoints)}
    found = {fact.key for fact in missing_facts(rehearsal(), {}, barring)}
    assert "owner_country" in found
    assert "owner_country" in keys(rehearsal())  # Anthropic bars owners
    assert "owner_country" not in {fact.key for fact in missing_facts(rehearsal(), {}, {"openai": openai})}


def test_the_house_file_asks_the_operator_nothing():
    assert not any(key.startswith("region.HOUSE") for key in keys(rehearsal(), "HOUSE"))
