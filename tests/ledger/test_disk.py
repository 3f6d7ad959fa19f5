import os

import pytest

from isthmus.ledger import disk


@pytest.fixture(params=[disk._DURABLY, 0], ids=["in one call", "where there is no such call"])
def file(tmp_path, request, monkeypatch):
    monkeypatch.setattr(disk, "_DURABLY", request.param)
    descriptor = os.open(tmp_path / "file", os.O_WRONLY | os.O_CREAT)
    yield descriptor
    os.close(descriptor)


def test_what_is_written_durably_follows_what_stood(file, tmp_path):
    disk.write(file, b"one ")
    disk.write_durably(file, b"two ")
    disk.write_durably(file, b"")
    disk.write(file, b"three")
    assert (tmp_path / "file").read_bytes() == b"one two three"


def test_short_writes_go_on(file, tmp_path, monkeypatch):
    write, pwritev = os.write, os.pwritev
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:3]))
    monkeypatch.setattr(os, "pwritev", lambda descriptor, views, *rest: pwritev(descriptor, [views[0][:3]], *rest))
    disk.write_durably(file, b"ten letters")
    assert (tmp_path / "file").read_bytes() == b"ten letters"


def test_a_disk_that_is_full_is_heard():
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        with pytest.raises(OSError, match="No space left"):
            disk.write_durably(full, b"x")
    finally:
        os.close(full)
