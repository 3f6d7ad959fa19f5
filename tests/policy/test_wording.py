"""Wording: each language has each sentence; the caller's language comes first."""

from __future__ import annotations

import tomllib

import pytest

from isthmus.policy import wording


@pytest.mark.parametrize(
    ("asked", "region", "language"),
    [("en", "CN", "en"), ("zh", "EU", "zh-CN"), ("zh-TW", "EU", "zh-CN"), ("", "CN", "zh-CN"), ("", "EU", "en"),
     ("fr", "CN", "zh-CN")],
)  # fmt: skip
def test_the_callers_language_comes_before_the_regions(asked, region, language):
    assert wording.language_for(asked, region) == language


def test_a_region_may_say_it_in_its_own_words():
    assert wording.words("guardian", "en", "EU")["title"] == "Under 16: a parent must agree"
    assert wording.words("guardian", "en", "JP")["title"] == "A guardian must agree"


def test_every_language_has_every_sentence_with_the_same_blanks():
    trees = {path.stem: tomllib.loads(path.read_text("utf-8")) for path in wording.FOLDER.glob("*.toml")}
    english = trees.pop("en")
    for tree in trees.values():
        for group, said in english.items():
            if group != "region":
                assert set(tree[group]) == set(said), group
