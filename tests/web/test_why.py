"""Why an answer came from where it came, and what stands beside answers in each region."""

import datetime as dt

import msgspec

from isthmus.core.decision import Question
from isthmus.core.exchange import Caller
from isthmus.core.operator import rehearsal
from isthmus.partners import load as partner_files
from isthmus.policy import supposed
from isthmus.regions import load as region_files
from isthmus.web.why import regions, why

TABLE = supposed.table(region_files.load(), partner_files.load(), rehearsal(), {}, dt.date(2026, 11, 22))


def test_the_decision_is_told_with_its_law_and_without_a_host():
    told = why(TABLE, Question(("CN",)))
    assert all("host" not in route for route in told["routes"])
    assert "127.0.0.1" not in msgspec.json.encode(told).decode()
    label = next(owed for owed in told["obligations"] if owed["rule"] == "CN.label")
    assert (label["article"], label["since"], label["draft"]) == ("4", "2025-09-01", True)
    assert any(out["route"].startswith("openai/") for out in told["ruled_out"])


def test_each_region_of_the_key_says_its_label_and_its_disclosure():
    told = {each["id"]: each for each in regions(TABLE, Caller("k", "demo", ("CN", "EU"), "EU"))}
    assert list(told) == ["CN", "EU"]
    assert told["CN"]["label"] == "内容由AI生成"
    assert told["CN"]["disclosure"] == ""
    assert told["EU"]["disclosure"] == "You are chatting with an AI assistant."
    assert (told["CN"]["own"], told["EU"]["own"]) == (False, True)
    assert told["CN"]["draft"] is True
    assert told["CN"]["partners"]


def test_a_device_learns_what_to_look_for_and_a_page_what_to_show_of_the_model():
    (told,) = regions(TABLE, Caller("k", "demo", ("CN",), "CN"))
    assert "制毒教程" in told["terms"]
    assert set(told["notices"]) == {"device", "private"}
    assert told["notices"]["device"].startswith("On-device model")


def test_a_region_that_is_gone_is_left_out():
    assert regions(TABLE, Caller("k", "demo", ("XX",), "XX")) == []
