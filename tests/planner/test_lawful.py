"""Who may serve whom, by the gateway's own table."""

from datetime import date

import pytest

from isthmus.planner import lawful

DAY = date(2026, 11, 22)
REGIONS = ("CN", "EU", "US", "KR")
SITES = lawful.sites(REGIONS)
TABLE = lawful.table(SITES, REGIONS, DAY)
ASKED = lawful.ask(TABLE, REGIONS)
CHINA = {"cn-north", "cn-east"}


def of(region, **words):
    return [a for a in ASKED if a.region == region and all(getattr(a.question, k) == v for k, v in words.items())]


def test_shares_of_each_region_add_up_to_one():
    for region in REGIONS:
        assert sum(each.share for each in of(region)) == pytest.approx(1)


def test_people_in_mainland_china_are_served_in_mainland_china_only():
    assert {name for each in of("CN") for name in each.sites} == CHINA


@pytest.mark.parametrize("region", ["EU", "KR"])
def test_personal_data_goes_abroad_only_on_a_recorded_basis(region):
    for each in of(region, data="personal"):
        assert each.sites
        assert not CHINA & set(each.sites)
    assert any(set(each.sites) >= CHINA for each in of(region, data="none"))


def test_what_the_law_forbids_has_no_site():
    assert all(not each.sites for each in of("CN", feature="companion", age="under13"))
    assert all(each.sites for each in of("CN", feature="assistant", age="adult"))


def test_a_gateway_names_its_own_site_first_and_the_nearest_after_it():
    decision = lawful.table(SITES, REGIONS, DAY, "eu-west").decide(of("EU", data="none")[0].question)
    order = [plan.route.partner for plan in decision.plans]
    assert order[:2] == ["eu-west", "eu-central"]
    assert order.index("us-east") < order.index("cn-north")


def test_an_older_law_is_another_law():
    old = lawful.table(SITES, REGIONS, date(2020, 1, 1))
    assert old.digest != TABLE.digest
    assert lawful.ask(old, REGIONS) != ASKED


def test_delays_are_least_at_home_and_the_same_both_ways():
    by = {site.name: site for site in SITES}
    here, twin, far = (lawful.delay_ms(by["eu-west"], by[name]) for name in ("eu-west", "eu-central", "us-east"))
    assert here < twin < far
    assert far == lawful.delay_ms(by["us-east"], by["eu-west"])


def test_a_pair_without_a_figure_is_far():
    brazil, japan = (lawful.sites([name])[0] for name in ("BR", "JP"))
    assert lawful.delay_ms(brazil, japan) >= 150
