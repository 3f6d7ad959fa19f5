"""Pictures need Matplotlib, and say so."""

import importlib

import pytest

from isthmus.core.errors import Refusal
from isthmus.planner import plots


def test_without_matplotlib_a_person_is_told_what_to_install(monkeypatch):
    def missing(name, *_):
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(Refusal) as refused:
        plots.matplotlib()
    assert "isthmus[planner]" in refused.value.sentence()


def test_every_picture_has_a_title_of_its_own():
    titles = [title for title, _ in plots.PICTURES.values()]
    assert len(set(titles)) == len(titles)
