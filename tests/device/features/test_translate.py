"""Translate: from the language that is stated or found, into the one that is asked for."""

from __future__ import annotations

import pytest

from isthmus.core.errors import Refusal
from isthmus.device.features.translate import FEATURE


def test_the_languages_are_named_and_examples_shown_where_there_are_some(task) -> None:
    asked = task("translate", "会议改到周一。", targetLanguage="en")
    messages = FEATURE.render(asked).messages
    assert "from Chinese into English" in messages[0]["content"]
    assert len(messages) > 2
    other = FEATURE.render(task("translate", "bonjour", sourceLanguage="fr-FR", targetLanguage="xx")).messages
    assert "from French into xx" in other[0]["content"]
    assert len(other) == 2
    unknown = FEATURE.render(task("translate", "zzz", targetLanguage="en")).messages
    assert "message into English" in unknown[0]["content"]


def test_a_target_is_needed(task) -> None:
    with pytest.raises(Refusal) as refused:
        task("translate", "bonjour")
    assert refused.value.fields["field"] == "target_language"
