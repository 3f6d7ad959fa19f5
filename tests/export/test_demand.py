"""What a region asks of a file, out of the real law."""

from __future__ import annotations

from datetime import date

import pytest

from isthmus.core import operator
from isthmus.core.decision import Question
from isthmus.core.errors import Refusal
from isthmus.export import demand
from isthmus.export.mark import KEYS
from isthmus.partners import load as partners
from isthmus.policy import supposed
from isthmus.regions import load as regions


@pytest.fixture
def ask():
    """A function that asks what a region wants: regions, then fields of the question."""
    table = supposed.table(regions.load(), partners.load(), operator.rehearsal(), {}, date(2026, 11, 22))

    def asked(*where, route="", **words):
        words = {"event": "export", "age": "adult", "data": "none", **words}
        return demand.of(table.decide(Question(where, **words)), route)

    return asked


def test_china_asks_for_the_seven_keys_and_the_widest_words(ask):
    found = ask("CN", modality="image")
    assert tuple(found.marks["AIGC"]) == KEYS
    assert (found.label, found.consent) == ("内容由AI生成", False)
    assert "GB 45438" in found.law["mark"]


def test_an_export_without_the_label_needs_an_agreement_and_keeps_the_mark(ask):
    found = ask("CN", event="export_plain")
    assert (found.label, found.consent, found.keep_min) == ("", True, 186)
    assert tuple(found.marks["AIGC"]) == KEYS


def test_california_asks_for_its_own_fields_on_pictures_only(ask):
    found = ask("US-CA", modality="image", route="openai")
    assert set(found.marks["Provenance"]) == {"provider", "system", "time", "id"}
    assert (found.means, found.system) == (("latent",), "GPT-5 mini")
    assert ask("US-CA").marks == {}


def test_the_union_asks_for_signed_metadata_and_a_watermark(ask):
    assert ask("EU", modality="image").means == ("signed_metadata", "watermark")
    assert ask("EU").means == ("watermark",)


def test_two_regions_ask_for_both(ask):
    found = ask("CN", "IN", modality="image", route="device")
    assert set(found.marks) == {"AIGC", "Provenance"}
    assert found.label == "内容由AI生成 · AI-generated"


def test_a_route_that_may_not_answer_is_refused(ask):
    with pytest.raises(Refusal, match="unknown_model"):
        ask("CN", route="openai")


def test_where_nothing_may_answer_nothing_may_leave(ask):
    with pytest.raises(Refusal):
        ask("CN", feature="companion", age="under13")
