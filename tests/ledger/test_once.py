import os
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from isthmus.ledger import once


def test_a_file_is_written_whole_with_its_mode_and_nothing_else_is_left(tmp_path):
    once.write_once(tmp_path / "key", b"secret", 0o600)
    assert (tmp_path / "key").read_bytes() == b"secret"
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_of_many_who_write_at_once_one_wins_and_all_read_the_same(tmp_path):
    def race(number):
        once.write_once(tmp_path / "key", b"%03d" % number * 1000, 0o600)
        return (tmp_path / "key").read_bytes()

    with ThreadPoolExecutor(16) as pool:
        found = set(pool.map(race, range(64)))
    assert len(found) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_a_disk_that_refuses_leaves_no_draft(tmp_path, monkeypatch):
    def refuse(descriptor):
        raise OSError("refused")

    monkeypatch.setattr(once.os, "fsync", refuse)
    with pytest.raises(OSError, match="refused"):
        once.write_once(tmp_path / "key", b"secret", 0o600)
    monkeypatch.undo()
    assert os.listdir(tmp_path) == []
