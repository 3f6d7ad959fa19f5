import pytest

from isthmus.core.decision import AGES, FEATURE_ALIASES, FEATURES, Question, RouteSkipped, age_band
from isthmus.core.errors import Refusal


@pytest.mark.parametrize(
    ("age", "band"),
    [
        (0, "under13"),
        (12, "under13"),
        (13, "13"),
        (14, "14-15"),
        (15, "14-15"),
        (16, "16-17"),
        (17, "16-17"),
        (18, "adult"),
        (120, "adult"),
        ("13", "13"),
        ("18+", "adult"),
        ("<13", "under13"),
        ("13-15", "13-15"),
        ("unknown", "unknown"),
        ("", "unknown"),
        (None, "unknown"),
    ],
)
def test_an_age_falls_into_its_band(age, band):
    assert age_band(age) == band


@pytest.mark.parametrize("age", ["-1", "old", "1.5", "٣", "1000", -1])
def test_what_is_no_age_is_refused(age):
    with pytest.raises(ValueError, match="age"):
        age_band(age)


def test_every_band_is_its_own_name():
    assert [age_band(band) for band in AGES] == list(AGES)


def test_every_alias_leads_to_a_feature():
    assert set(FEATURE_ALIASES.values()) <= set(FEATURES)


def test_questions_that_say_the_same_are_the_same():
    assert Question(("CN",)) == Question(("CN",), feature="assistant")
    assert hash(Question(("CN",))) == hash(Question(("CN",)))


def test_a_skipped_route_carries_what_the_caller_hears():
    refusal = Refusal("consent_required")
    assert RouteSkipped(refusal).refusal is refusal
