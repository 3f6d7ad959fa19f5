"""guard.toml: what operators ask for single tenants and keys."""

from __future__ import annotations

import pytest

from isthmus.core.errors import Refusal
from isthmus.core.exchange import Caller
from isthmus.policy import guards


def caller(key="k", tenant="acme"):
    return Caller(key_id=key, tenant=tenant, regions=(), region="")


def test_without_a_file_nothing_is_asked(tmp_path):
    assert guards.load(tmp_path) == {}
    assert guards.of({}, caller()) is None


def test_a_keys_own_entry_counts_before_its_tenants_and_everyones(tmp_path):
    (tmp_path / "guard.toml").write_text(
        '[[guard]]\nkey = "k"\ntools = ["a"]\n[[guard]]\ntenant = "acme"\ncanary = true\n[[guard]]\nmark = "delimit"\n',
        "utf-8",
    )
    found = guards.load(tmp_path)
    assert guards.of(found, caller()).tools == ("a",)
    assert guards.of(found, caller("other")).canary
    assert guards.of(found, caller("other", "else")).mark == "delimit"


@pytest.mark.parametrize(
    "text",
    [
        "[[guard]]\nmark = 'shout'", "[[guard]]\nodd = 1", "guard = 1", "not toml",
        "[[guard]]\ntenant = 'a'\n[[guard]]\ntenant = 'a'", "[[guard]]\n[[guard.judge]]\nname = 'x'\ndeadline_ms = 0",
        "[[guard]]\n[[guard.judge]]\nname = 'x'\nof = 'all'", "[[guard]]\n[guard.pieces]\nleast = 0",
        "[[guard]]\n[[guard.judge]]\nname = 'x'\nfeatures = ['singing']", "[[guard]]\n[guard.pieces]\nleast = 401",
        "[[guard]]\n[guard.pieces]\nwhole = 399", "[[guard]]\n[guard.pieces]\noverlap = 2001",
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_meant_is_refused_with_its_place(text, tmp_path):
    (tmp_path / "guard.toml").write_text(text, "utf-8")
    with pytest.raises(Refusal) as refused:
        guards.load(tmp_path)
    assert refused.value.code == "bad_law"
    assert "guard.toml" in refused.value.sentence()


def test_a_judge_is_of_questions_everywhere_unless_the_file_says_otherwise(tmp_path):
    (tmp_path / "guard.toml").write_text(
        "[[guard]]\n[[guard.judge]]\nname = 'x'\n[[guard.judge]]\nname = 'y'\nof = 'both'\nregions = ['EU']\n"
        "features = ['translate']\n[guard.pieces]\nends = ''\nmost = 200\n",
        "utf-8",
    )
    guard = guards.load(tmp_path)["", ""]
    plain, narrow = guard.judge
    assert plain.is_for("question", ("CN",), "assistant")
    assert not plain.is_for("answer", ("CN",), "assistant")
    assert narrow.is_for("answer", ("DE", "EU"), "translate")
    assert not narrow.is_for("answer", ("DE",), "translate")
    assert not narrow.is_for("answer", ("EU",), "assistant")
    assert (guard.pieces.ends, guard.pieces.least, guard.pieces.most, guard.pieces.overlap) == ("", 40, 200, 160)
