import pytest

from isthmus.core.errors import Refusal
from isthmus.regions import load as region_files
from isthmus.regions.applies import applying

REGIONS = region_files.load()


def test_the_account_says_where_a_person_stands():
    assert applying(REGIONS, {"account": "EU"}) == ("EU",)


def test_an_overlay_applies_without_its_parent_because_it_inherits():
    assert applying(REGIONS, {"account": "IT"}) == ("IT",)


def test_the_account_is_heard_before_the_address():
    assert applying(REGIONS, {"account": "KR", "ip": "JP"}) == ("KR",)
    assert applying(REGIONS, {"ip": "JP"}) == ("JP",)


def test_a_device_sold_in_mainland_china_brings_its_rules_along():
    assert applying(REGIONS, {"device_sale_region": "CN", "account": "EU"}) == ("CN", "EU")


def test_where_no_region_claims_a_person_every_region_that_was_named_applies():
    assert applying(REGIONS, {"device_sale_region": "US", "account": "CN"}) == ("CN", "US")


def test_without_a_signal_nothing_is_known():
    assert applying(REGIONS, {}) == ()


@pytest.mark.parametrize("name", ["XX", "HOUSE"])
def test_a_signal_names_a_region(name):
    with pytest.raises(Refusal) as caught:
        applying(REGIONS, {"ip": name})
    assert caught.value.code == "unknown_region"


def test_a_signal_is_one_of_three():
    with pytest.raises(ValueError, match="device_sale_region"):
        applying(REGIONS, {"mood": "CN"})
