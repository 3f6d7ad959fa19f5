"""Detect the language, in the web's shape."""

from __future__ import annotations

import msgspec
import pytest

from isthmus.device.features.detect_language import FEATURE


def test_candidates_come_in_the_webs_names_and_no_model_is_asked(task) -> None:
    asked = task("detect_language", "会议改到周一。")
    value = FEATURE.parse(asked, "")
    assert msgspec.to_builtins(value[0])["detectedLanguage"] == "zh"
    assert value[-1].detected_language == "und"
    assert FEATURE.show(asked, value) == "zh"
    with pytest.raises(NotImplementedError):
        FEATURE.render(asked)
