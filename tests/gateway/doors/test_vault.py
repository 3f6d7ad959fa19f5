import os

import pytest

from isthmus.core.errors import Refusal
from isthmus.gateway.doors.vault import Vault

WORDS = [b"one", b"", b"three" * 1000]


@pytest.fixture
def vault(tmp_path):
    return Vault(tmp_path / "v")


def test_records_come_back_in_order_also_to_another_process(vault):
    assert vault.write("f.file", WORDS) == sum(map(len, WORDS))
    assert list(Vault(vault.folder).read("f.file")) == WORDS


def test_nothing_of_it_can_be_read_on_the_disk(vault):
    vault.write("f.file", [b"a secret word"])
    assert not any(b"secret" in path.read_bytes() for path in vault.folder.iterdir())
    assert all(path.stat().st_mode & 0o077 == 0 for path in vault.folder.iterdir())


def test_an_append_goes_on_after_the_last_whole_record(vault):
    vault.write("f.batch", WORDS[:1])
    for word in WORDS[1:]:
        appender = vault.append("f.batch")
        appender.add(word)
        appender.close()
    assert list(vault.read("f.batch")) == WORDS


@pytest.mark.parametrize("lost", [1, 3, 10, 20])
def test_a_torn_record_is_never_read_and_is_cut_off_by_the_next(vault, lost):
    vault.write("f.batch", [b"first", b"torn"])
    path = vault.folder / "f.batch"
    os.truncate(path, path.stat().st_size - lost)
    assert list(vault.read("f.batch")) == [b"first"]
    appender = vault.append("f.batch")
    appender.add(b"next")
    appender.close()
    assert list(vault.read("f.batch")) == [b"first", b"next"]


def test_a_record_that_was_changed_or_moved_is_told(vault):
    vault.write("f.file", [b"aaaa", b"bbbb"])
    path = vault.folder / "f.file"
    raw = path.read_bytes()
    path.write_bytes(raw[len(raw) // 2 :] + raw[: len(raw) // 2])
    with pytest.raises(Refusal) as caught:
        list(vault.read("f.file"))
    assert caught.value.code == "data_damaged"
    path.rename(vault.folder / "g.file")
    path = vault.folder / "g.file"
    path.write_bytes(raw)
    with pytest.raises(Refusal):
        list(vault.read("g.file"))


def test_a_file_that_is_removed_is_gone(vault):
    vault.write("f.file", WORDS)
    assert vault.remove("f.file")
    assert not vault.remove("f.file")
    with pytest.raises(FileNotFoundError):
        list(vault.read("f.file"))
