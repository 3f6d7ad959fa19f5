"""The words of a task: options in two spellings, and a signal that stops work."""

from __future__ import annotations

import pytest

from isthmus.core.errors import Refusal
from isthmus.device.features.summarize import Summary
from isthmus.device.features.translate import Translation
from isthmus.device.task import Abort, Aborted, read_options


def test_options_are_read_in_the_webs_spelling_and_in_pythons() -> None:
    assert read_options(Translation, {"targetLanguage": "en"}) == read_options(Translation, {"target_language": "en"})
    assert read_options(Summary, {}) == Summary(type="key-points", format="markdown", length="short")


def test_an_unknown_option_is_refused_with_those_that_exist() -> None:
    with pytest.raises(Refusal) as refused:
        read_options(Summary, {"lenght": "short"})
    assert "outputLanguage" in refused.value.sentence()


def test_a_wrong_word_is_refused_with_the_words_that_are_known() -> None:
    with pytest.raises(Refusal) as refused:
        read_options(Summary, {"type": "poem"})
    assert refused.value.fields["field"] == "type"
    assert "headline" in refused.value.sentence()


def test_a_wrong_type_is_refused_by_name() -> None:
    with pytest.raises(Refusal) as refused:
        read_options(Translation, {"target_language": 5})
    assert refused.value.fields["field"] == "targetLanguage"


def test_an_abort_calls_its_listeners_once_and_those_that_come_later_at_once() -> None:
    heard: list[int] = []
    signal = Abort()
    signal.check()

    def forgotten() -> None:
        heard.append(0)

    signal.listen(lambda: heard.append(1))
    signal.listen(forgotten)
    signal.forget(forgotten)
    signal.abort()
    signal.abort()
    signal.listen(lambda: heard.append(2))
    signal.forget(forgotten)
    assert heard == [1, 2]
    with pytest.raises(Aborted):
        signal.check()
