import pytest

from isthmus.core.decision import Citation
from isthmus.regions import load as region_files
from isthmus.regions.schema import VERBS, WHEN, Rule


@pytest.mark.parametrize("name", sorted(VERBS))
def test_a_verb_requires_only_what_it_knows_and_says_who_does_what(name):
    verb = VERBS[name]
    assert set(verb.required) <= set(verb.fields)
    assert verb.does.endswith(".")
    assert verb.operator.endswith(".")


def test_every_verb_is_used_by_some_law_or_the_house():
    used = {rule.check for region in region_files.load().values() for rule in region.own}
    assert used == set(VERBS)


def test_every_key_of_when_is_a_word_of_a_question_or_the_route():
    assert set(WHEN) == {"feature", "modality", "event", "data", "content", "route"}


def test_a_rule_is_named_by_its_region():
    since = region_files.load()["CN"].reviewed.on
    rule = Rule("CN", "label", "d", (Citation("a", "A", "1", "law", since),), "scan", since, {})
    assert rule.id == "CN.label"
    assert rule.sure == "low"
