"""The index: one automaton for all lists, the same from disk, and never read when others could have written it."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isthmus.policy import term_index
from isthmus.policy.normalise import fold, strip
from isthmus.policy.term_index import Owner, build, digest, places, read_term, restore, save, signs
from isthmus.policy.terms import TermScanner

LISTS = {
    "one": {"赌博网站": ("gambling", "block"), "bad word": ("abuse", "mask"), "shared": ("a", "flag")},
    "two": {"shared": ("b", "block"), "QQ群": ("mixed", "block"), "...": ("nothing", "block")},
}

SIGNS = [one for group in signs()[0] for one in group] + list(signs()[1])


@pytest.fixture(scope="module")
def index():
    return build(LISTS)


def test_a_term_is_its_letters_and_its_own_gaps():
    assert read_term("Bad word") == ("badword", 1 << 3)
    assert read_term("QQ 群") == ("qq群", 1 << 2)
    assert read_term("...") is None
    assert places(0b1011) == [0, 1, 3]


def test_each_scanner_sees_its_own_taxonomies_and_actions(index):
    assert TermScanner(index, ["one"]).find("去赌博网站 now".encode()).category == "one.gambling"
    assert TermScanner(index, ["two"]).find("去赌博网站 now".encode()) is None
    assert TermScanner(index, ["one", "two"]).find(b"it is shared here")[0::4] == ("two.b", "block")
    assert TermScanner(index, ["one"]).find(b"it is shared here")[0::4] == ("one.a", "flag")
    assert TermScanner(index, ["one"], ["block"]).find(b"it is shared here") is None
    assert TermScanner(index, ["none"]).is_idle
    assert not TermScanner(index, ["one"]).is_idle
    assert index.counts == {"one": 3, "two": 3}


def test_from_disk_it_finds_the_same(index, tmp_path):
    path = tmp_path / "cache" / "terms.bin"
    save(index, path)
    assert path.stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o077 == 0
    again = restore(path)
    assert (again.letters, again.owners, again.counts) == (index.letters, index.owners, index.counts)
    for text in ("赌 博 网 站", "a bad\nword", "ｓｈａｒｅｄ thing", "nothing", "QQ 群 is"):
        one, other = (TermScanner(each).find(text.encode()) for each in (index, again))
        assert one == other
    assert again.text(again.letters.index("badword")) == "bad word"
    assert Owner("one", "gambling") in {owner for held in again.owners for owner in held}


@pytest.mark.parametrize(
    "harm", ["missing", "torn", "flipped", "open to others", "folder open", "other engine", "no data"]
)
def test_what_is_not_surely_ours_and_whole_is_not_read(index, tmp_path, harm):
    path = tmp_path / "cache" / "terms.bin"
    save(index, path)
    whole = path.read_bytes()
    if harm == "missing":
        path.unlink()
    elif harm == "torn":
        path.write_bytes(whole[:-1])
    elif harm == "flipped":
        path.write_bytes(whole[:100] + bytes([whole[100] ^ 1]) + whole[101:])
    elif harm == "open to others":
        path.chmod(0o666)
    elif harm == "folder open":
        path.parent.chmod(0o777)
    elif harm == "no data":
        path.write_bytes(hashlib.sha256(b"").digest())
    else:
        changed = whole[32:].replace(index.literals.stored()[:16], b"\0" * 16)
        path.write_bytes(hashlib.sha256(changed).digest() + changed)
    assert restore(path) is None


def test_a_portable_index_is_not_kept(tmp_path):
    save(build({"t": {"word": ("a", "block")}}, portable=True), tmp_path / "x.bin")
    assert list(tmp_path.iterdir()) == []


def test_a_write_that_fails_leaves_nothing_behind(index, tmp_path):
    (tmp_path / "terms.bin").mkdir()
    with pytest.raises(OSError, match="directory"):
        save(index, tmp_path / "terms.bin")
    assert [path.name for path in tmp_path.iterdir()] == ["terms.bin"]


def test_the_digest_follows_the_lists_and_the_engine(monkeypatch):
    first = digest({"a": b"x"})
    assert first != digest({"a": b"y"}) != digest({"b": b"x"})
    monkeypatch.setattr(term_index, "engine", lambda: "another")
    assert digest({"a": b"x"}) != first


def test_no_list_finds_nothing():
    assert TermScanner(build({})).find(b"f u c k") is None


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=12))
def test_a_text_without_signs_folds_to_itself_but_for_case_and_plain_gaps(text):
    """Rule 2: without a sign the letters of a text stand as they are, and no gap is one that a reader reads over."""
    data = text.replace("\n", " ").encode()
    if b"\0" in data or any(sign in data.lower() for sign in SIGNS):
        return
    assert strip(fold(text)) == strip(text.lower())


def test_every_sign_that_folds_is_known_with_its_letters():
    index = build({"": {"赌博": ("a", "block")}})
    known = dict(index.folding(place) for place in range(index.folds.count(b"\n") + 1))
    assert {"賭".encode(): "赌".encode(), "é".encode(): b"e", "\u200b".encode(): b""}.items() <= known.items()
    assert "門".encode() not in known, "no term has a letter that it folds to"
    for sign, letters in known.items():
        assert letters.decode() == strip(fold(sign.decode()))
