"""Models for browsers: what is whole here is listed, and read in ranges by digest and by nothing else."""

import hashlib

import pytest
from starlette.requests import Request

from isthmus.core.errors import Refusal
from isthmus.device import catalogue
from isthmus.web import models

WHOLE = bytes(range(256)) * 40_000  # ten million bytes: two pieces and a rest
DIGEST = hashlib.sha256(WHOLE).hexdigest()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    entry = catalogue.Entry(
        title="Small", publisher="p", licence="MIT", languages=("en",), file="s.gguf", size=len(WHOLE), sha256=DIGEST,
        prompt="chatml", context=2048, memory_mb=1, note="", sources=(),
    )  # fmt: skip
    monkeypatch.setattr(models, "load", lambda: {"small": entry})
    (tmp_path / "sha256").mkdir()
    (tmp_path / "sha256" / DIGEST).write_bytes(WHOLE)
    return tmp_path


def ask(folder, asked, digest=DIGEST):
    headers = [(b"range", asked.encode())] if asked else []
    scope = {"type": "http", "method": "GET", "path": "/", "headers": headers, "path_params": {"digest": digest}}
    return models.piece(folder, Request(scope))


def test_the_listing_names_each_model_that_is_whole(folder):
    (found,) = models.listing(folder)
    assert (found["id"], found["size"], found["url"]) == ("small", len(WHOLE), f"/app/models/{DIGEST}")
    (folder / "sha256" / DIGEST).write_bytes(b"half")
    assert models.listing(folder) == []


def test_pieces_in_a_row_are_the_whole_file(folder):
    got = b""
    while len(got) < len(WHOLE):
        answer = ask(folder, f"bytes={len(got)}-")
        assert answer.status_code == 206
        assert len(answer.body) <= models.PIECE
        assert answer.headers["content-range"] == f"bytes {len(got)}-{len(got) + len(answer.body) - 1}/{len(WHOLE)}"
        got += answer.body
    assert got == WHOLE


def test_a_range_in_the_middle_is_exactly_that(folder):
    assert ask(folder, "bytes=100-199").body == WHOLE[100:200]


def test_past_the_end_there_is_nothing(folder):
    answer = ask(folder, f"bytes={len(WHOLE)}-")
    assert (answer.status_code, answer.headers["content-range"]) == (416, f"bytes */{len(WHOLE)}")


@pytest.mark.parametrize("asked", ["", "bytes=-5", "bytes=9-5", "bytes=0-1,4-5", "lines=0-1", "bytes=x-y"])
def test_without_a_plain_range_nothing_is_read(folder, asked):
    with pytest.raises(Refusal) as refused:
        ask(folder, asked)
    assert refused.value.code == "bad_field"


@pytest.mark.parametrize("digest", ["../../operator.toml", "0" * 64, "", DIGEST.upper()])
def test_only_a_known_digest_is_a_file(folder, digest):
    with pytest.raises(Refusal) as refused:
        ask(folder, "bytes=0-9", digest)
    assert refused.value.code == "not_found"
