from isthmus.regions import load as region_files
from isthmus.regions.compare import compare

REGIONS = region_files.load()


def test_a_region_does_not_differ_from_itself():
    found = compare(REGIONS["CN"], REGIONS["CN"])
    assert (found.only_a, found.only_b, found.changed) == ({}, {}, [])


def test_an_overlay_differs_by_what_it_adds_and_what_it_replaces():
    found = compare(REGIONS["EU"], REGIONS["IT"])
    assert set(found.only_b) == {"deepseek", "deepfake", "plain", "work"}
    assert found.only_a == {}
    (when,) = [change for change in found.changed if change.key == "when"]
    assert (when.rule, when.before["age_under"], when.after["age_under"]) == ("child", 16, 14)


def test_separate_laws_are_matched_by_the_name_of_the_rule():
    found = compare(REGIONS["CN"], REGIONS["EU"])
    assert "companion" in found.only_a
    assert "mark" in found.only_b
    assert {change.rule for change in found.changed} >= {"logs", "child"}
    assert any(change.key == "since" and isinstance(change.before, str) for change in found.changed)
