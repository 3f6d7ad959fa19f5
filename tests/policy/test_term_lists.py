"""Term lists: starter lists for every taxonomy a region names, the operator's own on top."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

import isthmus.regions
from isthmus.core.errors import Refusal
from isthmus.policy import term_lists
from isthmus.policy.term_index import signs
from isthmus.policy.terms import TermScanner


def test_every_taxonomy_that_a_region_names_has_a_starter_list():
    named = set()
    for path in (Path(isthmus.regions.__file__).parent / "data").glob("*.toml"):
        for rule in tomllib.loads(path.read_text("utf-8")).get("rule", {}).values():
            if rule.get("check") == "scan":
                named.add(rule["with"]["taxonomy"])
    for taxonomy in named:
        assert term_lists.starter(taxonomy), taxonomy
    assert named <= set(term_lists.titles())


def test_every_starter_list_states_its_origin():
    for path in term_lists.STARTER.glob("*.toml"):
        assert term_lists.read(path).origin == "written for Isthmus"


def test_starter_lists_let_ordinary_sentences_pass():
    terms = {term: "x" for own in term_lists.load().values() for term in own}
    scanner = TermScanner(terms)
    for text in (
        "请帮我写一封请假信。",
        "How do I hang a picture?",
        "The class assessed the document.",
        "如何办理护照？",
    ):
        assert scanner.find(text.encode()) is None


def test_the_operators_lists_are_added(tmp_path):
    folder = tmp_path / "terms"
    folder.mkdir()
    (folder / "house.imported.toml").write_text('origin = "us"\n[category.own]\nterms = ["某个词"]\n', "utf-8")
    lists = term_lists.load(tmp_path)
    assert lists["house"]["某个词"] == "own"
    assert lists["house"]["child porn"] == "csam"


@pytest.mark.parametrize(
    "text",
    ["not toml", "title = 1", 'origin = "x"\n[category.a]\nterms = [" "]', 'origin = "x"\nwrong = 1',
     'origin = "x"\n[category.a]\nterms = ["' + "x" * 65 + '"]'],
)  # fmt: skip
def test_a_damaged_list_is_refused_with_its_place(text, tmp_path):
    path = tmp_path / "x.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(Refusal) as refused:
        term_lists.read(path)
    assert "x.toml" in refused.value.sentence()


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(Refusal):
        term_lists.read(tmp_path / "none.toml")


def lists_in(home, text='origin = "us"\n[category.own]\nterms = ["某个词"]\n'):
    (home / "terms").mkdir(exist_ok=True)
    (home / "terms" / "house.imported.toml").write_text(text, "utf-8")
    return term_lists.load(home)


def test_what_was_compiled_is_read_from_disk_and_no_list_with_it(tmp_path, monkeypatch):
    first = lists_in(tmp_path)
    first.compile()
    monkeypatch.setattr(term_lists.term_index, "build", None)
    monkeypatch.setattr(term_lists, "_parse", None)
    again = lists_in(tmp_path)
    assert again.count("house") == first.count("house") > again.count("none") == 0
    assert again.index.letters == first.index.letters
    assert len(again) == len(set(again))


def test_nothing_of_the_compiling_is_left(tmp_path):
    lists = term_lists.load(tmp_path)
    assert lists.index.letters
    assert lists._lists is None
    assert signs.cache_info().currsize == 0


def test_old_compilations_make_room_and_a_full_disk_is_no_end(tmp_path, monkeypatch):
    monkeypatch.setattr(term_lists, "_KEPT", 1)
    for word in ("一二三", "四五六"):
        lists_in(tmp_path, f'origin = "us"\n[category.own]\nterms = ["{word}"]\n').compile()
    assert len(list((tmp_path / "cache").iterdir())) == 1

    def full(*_):
        raise OSError("no space")

    monkeypatch.setattr(term_lists.term_index, "save", full)
    assert lists_in(tmp_path).count("house") > 1


def test_a_category_may_ask_for_less_than_blocking(tmp_path):
    lists = lists_in(tmp_path, 'origin = "us"\n[category.own]\naction = "flag"\nterms = ["某个词"]\n')
    assert ("own", "flag") in {owner[1:] for held in lists.index.owners for owner in held}
    with pytest.raises(Refusal):
        lists_in(tmp_path, 'origin = "us"\n[category.own]\naction = "shout"\nterms = ["某"]\n')
