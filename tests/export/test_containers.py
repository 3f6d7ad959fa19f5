"""Which container a file is, and what happens to one that is cut, bent or made to harm."""

from __future__ import annotations

import io
import os
import random
import zipfile

import pytest

from isthmus.core.errors import Refusal
from isthmus.export import containers

EVERY = ("png", "jpeg", "webp", "wav", "mp3", "mp4", "pdf", "docx", "markdown", "html")
MARK = {"AIGC": '{"Label":"1"}', "Provenance": '{"id":"x"}'}
TURNS = 1500 if os.environ.get("ISTHMUS_LONG") else 60


@pytest.mark.parametrize("name", EVERY)
def test_a_file_is_known_by_its_bytes(sample, name):
    found = containers.of(sample(name))
    assert name == found.NAME


def test_every_container_is_in_the_registry_once():
    assert sorted(container.NAME for container in containers.known()) == sorted(EVERY)


@pytest.mark.parametrize("data", [b"", b"\0\1\2\3", b"GIF89a\0\0"])
def test_what_is_none_of_them_is_refused(data):
    with pytest.raises(Refusal, match="bad_file"):
        containers.of(data)


def test_a_file_beyond_the_limit_is_refused(monkeypatch):
    monkeypatch.setattr(containers, "LIMIT", 3)
    with pytest.raises(Refusal, match="bad_file"):
        containers.of(b"text")


def meet(data):
    """Everything that reads a file, on one that may be anything: the code of the refusal, or "" without one."""
    try:
        container = containers.of(data)
        container.read(data)
        container.essence(data)
        container.read(container.write(data, MARK))
        shown = getattr(container, "shown", None)
        if shown is not None:
            shown(data, "AI")
    except Refusal as refusal:
        return refusal.code
    return ""


@pytest.mark.parametrize("name", EVERY)
def test_a_file_cut_anywhere_is_read_or_refused(sample, name):
    data = sample(name)
    step = max(1, len(data) // 150)
    for end in range(0, len(data), step):
        assert meet(data[:end]) in ("", "bad_file")


@pytest.mark.parametrize("name", EVERY)
def test_a_file_with_bytes_bent_is_read_or_refused(sample, name):
    draw = random.Random(name)
    data = sample(name)
    for _ in range(TURNS):
        bent = bytearray(data)
        for _ in range(draw.choice((1, 4, 32))):
            bent[draw.randrange(len(bent))] = draw.randrange(256)
        assert meet(bytes(bent)) in ("", "bad_file")


@pytest.mark.parametrize("name", EVERY)
def test_a_marked_file_with_lengths_bent_is_read_or_refused(sample, name):
    draw = random.Random(name)
    data = containers.of(sample(name)).write(sample(name), MARK)
    for _ in range(TURNS):
        bent = bytearray(data)
        at = draw.randrange(len(bent) - 4)
        bent[at : at + 4] = draw.choice((b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\0\0\0\1"))
        assert meet(bytes(bent)) in ("", "bad_file")


def test_a_package_that_inflates_beyond_all_measure_is_refused():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("word/document.xml", b"")
        package.writestr("bomb", bytes(65 << 20))
    with pytest.raises(Refusal, match="bad_file"):
        containers.of(out.getvalue()).read(out.getvalue())
