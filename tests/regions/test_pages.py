import re
import tomllib
from pathlib import Path

import msgspec
import pytest

from isthmus.regions import load as region_files
from isthmus.regions.load import read
from isthmus.regions.pages import binds, page, pages
from isthmus.regions.schema import VERBS, Grace, When

FOLDER = Path(__file__).parents[2] / "docs" / "regions"
REGIONS = region_files.load()
PAGES = pages(REGIONS)


@pytest.mark.parametrize("name", sorted(PAGES))
def test_the_page_is_current(name):
    assert (FOLDER / name).read_text("utf-8") == PAGES[name], "run: isthmus regions docs"


def test_no_page_outlives_its_region():
    assert {path.name for path in FOLDER.glob("*.md")} == set(PAGES)


def test_every_rule_stands_on_its_regions_page_with_law_date_and_what_people_must_do():
    for name, region in REGIONS.items():
        text = PAGES[f"{name.lower()}.md"]
        for rule in region.own:
            assert f"## {rule.name}\n" in text
            assert rule.duty in text
            assert rule.law[0].title in text
            assert rule.since.isoformat() in text
        assert text.count("- People: ") == len(region.own)


def test_an_overlays_page_links_to_what_it_inherits_and_leaves_out_what_it_replaces():
    text = PAGES["it.md"]
    assert "[EU.rights](eu.md#rights)" in text
    assert "EU.child](" not in text
    assert "- Replaces: eu.child" in text


def test_a_rule_that_binds_always_says_so_and_each_narrowing_is_worded():
    assert binds(When()) == "always"
    words = binds(When(feature=("agent", "write"), age_under=14, unknown_age="minor"))
    assert words == "feature agent or write; age under 14 (an unknown age counts as below)"


def test_exceptions_grace_and_ends_are_worded():
    region = REGIONS["EU"]
    text = PAGES["eu.md"]
    assert "except proofread, source_code, short_string, machine_only" in text
    assert "grace until 2026-12-02 for what was on the market before 2026-08-02" in text
    assert "unless editor.reviewed" in text
    rule = next(rule for rule in region.own if rule.grace is not None)
    ended = msgspec.structs.replace(
        rule, until=rule.grace.until, grace=Grace(rule.grace.until, rule.grace.placed_before)
    )
    assert "until 2026-12-02" in page(msgspec.structs.replace(region, own=(ended,)))


def test_a_signature_is_shown():
    signed = msgspec.structs.replace(REGIONS["HK"].reviewed, by="A. Lawyer", status="signed")
    assert "signed by A. Lawyer" in page(msgspec.structs.replace(REGIONS["HK"], reviewed=signed))


def test_the_page_for_lawyers_shows_a_rule_that_loads_and_a_case_that_holds():
    guide = (FOLDER.parent / "reviewing-a-region.md").read_text("utf-8")
    rule, case = re.findall(r"```toml\n(.*?)```", guide, re.DOTALL)
    head = (
        'id = "CN"\nreviewed = {by="", on=2026-11-22, status="draft"}\n[source]\npipl = ["PIPL", "law", 2021-11-01]\n'
    )
    (read_rule,) = read("cn.toml", (head + rule).encode()).rules
    assert read_rule.check == "consent.require"
    shown = tomllib.loads(case)["case"][0]
    kept = tomllib.loads((Path(__file__).parent / "cases" / "cn.toml").read_text("utf-8"))["case"]
    assert any(all(one.get(key) == value for key, value in shown.items()) for one in kept)
    assert {16: "sixteen words"}[len(VERBS)] in guide
