"""Scenario files and what they may say."""

import msgspec
import pytest

from isthmus.core.errors import Refusal
from isthmus.planner.scenario import Scenario, checked, load, with_changes


def test_a_scenario_file_says_what_the_options_say(tmp_path):
    path = tmp_path / "a.toml"
    path.write_text(
        'queries = 3e9\nhardware = "h20"\nregions = {CN=60, EU=40}\nhardware_in = {EU="gb200"}\ncache = 0.4\n'
    )
    found = load(path)
    assert found.queries == 3e9
    assert found.share("CN") == pytest.approx(0.6)
    assert found.figure("serving", "cache", found.cache).value == 0.4


def test_a_number_of_ones_own_has_no_range_and_ours_has_its_source():
    own = Scenario(cache=0.4)
    assert own.figure("serving", "cache", own.cache).low is None
    ours = Scenario().figure("serving", "cache", None)
    assert ours.low is not None
    assert "open-infra-index" in ours.source


@pytest.mark.parametrize(
    "text",
    [
        "querys = 1",
        "queries = ",
        'queries = "many"',
        "[regions]\nATLANTIS = 1",
        "queries = 0",
        "cache = 1.0",
        "spare = 'all'",
    ],
)
def test_a_word_too_many_or_a_number_out_of_range_is_refused_with_the_file(tmp_path, text):
    path = tmp_path / "a.toml"
    path.write_text(text)
    with pytest.raises(Refusal) as refused:
        load(path)
    assert str(path) in refused.value.sentence()


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(Refusal):
        load(tmp_path / "none.toml")


@pytest.mark.parametrize(
    "changes",
    [
        {"regions": {}},
        {"regions": {"CN": 0.0}},
        {"regions": {"XX": 1.0}},
        {"hardware_in": {"XX": "h20"}},
        {"growth": 0},
        {"device": 1.5},
        {"utilisation": 0},
        {"token_ms": 0},
        {"peak": 0.5},
        {"home": 2},
        {"tokens_in": 0},
        {"tokens_out": 0},
        {"curve": (1.0,) * 23},
        {"curve": (0.0,) * 24},
        {"curve": (-1.0,) * 24},
    ],
)
def test_what_cannot_be_planned_is_refused(changes):
    with pytest.raises(Refusal, match="usage"):
        with_changes(Scenario(), changes)


def test_the_default_scenario_stands():
    assert checked(Scenario(), "here") == Scenario()
    assert msgspec.convert(msgspec.to_builtins(Scenario()), Scenario) == Scenario()
