"""The folder is the registry: every file of it is a whole feature with a word that the law knows."""

from __future__ import annotations

import pytest

from isthmus.core.decision import FEATURES
from isthmus.core.errors import Refusal
from isthmus.device import features
from isthmus.device.task import Options

NAMES = (
    "assistant", "detect_language", "digest", "extract", "proofread", "rewrite", "smart_reply", "summarize",
    "translate", "write",
)  # fmt: skip


def test_every_feature_is_found_by_its_name() -> None:
    assert tuple(features.discover()) == NAMES
    for name, feature in features.discover().items():
        assert features.named(name) is feature
        assert feature.word in FEATURES
        assert issubclass(feature.options, Options)


def test_an_unknown_feature_is_refused_with_those_that_exist() -> None:
    with pytest.raises(Refusal) as refused:
        features.named("poem")
    assert "summarize" in refused.value.sentence()
