from __future__ import annotations

import gzip
import io
import json
import os
import tarfile

import pytest
import sqlalchemy as sa

from isthmus.cli import build, run
from isthmus.core import config
from isthmus.core.clock import SystemClock
from isthmus.core.consent import Consent
from isthmus.ledger import accounts_copy, consents, proof, verify
from isthmus.ledger.accounts import Accounts
from isthmus.ledger.budgets import Budget
from isthmus.ledger.lease_sql import SqlLeases
from isthmus.ledger.leases import Claim
from isthmus.ledger.receipt import ActReceipt
from isthmus.ledger.segments import Ledger
from isthmus.node import prepare
from isthmus.web.admin.law import LawStore
from isthmus.web.admin.store import Store

ENTRIES = 700


def isthmus(*words):
    return run(build(lambda name: name == words[0]), words)


def consent(clock):
    now = clock.now()
    return Consent("", "demo", "guardian", "", "CN", "*", "always", "pupil-7", "zh-CN", now, now.replace(year=2100))


@pytest.fixture(params=["sqlite"])
def house(tmp_path, monkeypatch, request):
    """A house with keys, a consent, receipts and proofs; its ledger still open, as while it runs."""
    monkeypatch.setenv("ISTHMUS_HOME", str(tmp_path / "old"))
    settings, clock = config.load(), SystemClock()
    if request.param == "postgresql":
        settings.home.mkdir()
        settings.accounts.with_suffix(".url").write_text(request.getfixturevalue("postgres").new())
    prepare(settings, clock)
    accounts = Accounts.open(settings.accounts, clock)
    ledger = Ledger.open(settings.ledger, "w0", clock)
    given = consents.give(accounts, ledger, consent(clock), clock)
    for number in range(ENTRIES):
        ledger.append(ActReceipt(ledger.next_id(), clock.epoch_ms(), "p1", "owner", "x", str(number), 200))
    ledger.flush()
    ledger.close()
    ledger = Ledger.open(settings.ledger, "w0", clock)
    yield settings, accounts, ledger, given.id
    ledger.close()
    accounts.close()


def dump(accounts):
    """Every row of every table, whichever database it is in."""
    with accounts.database.engine.connect() as connection:
        found = accounts_copy.known(connection)
        return {
            table.name: sorted(repr(tuple(row)) for row in connection.execute(sa.select(table)))
            for table in found.sorted_tables
        }


@pytest.mark.parametrize(
    ("house", "into"),
    [("sqlite", ""), ("postgresql", ""), ("postgresql", "postgresql"), ("sqlite", "postgresql")],
    indirect=["house"],
)
def test_a_restored_house_has_the_same_accounts_entries_and_proofs(house, into, request, tmp_path, monkeypatch, capsys):
    settings, accounts, _, receipt = house
    accounts.budgets.set(Budget("", "tenant", "demo", "money", "month", 7_000_000, currency="USD"))
    store = Store(accounts.database.engine, accounts.keyed, SystemClock())
    store.add_person("an auditor", "auditor")
    LawStore(accounts.database.engine, SystemClock())
    SqlLeases(accounts.database).settle("n.w0.1", [Claim("b", 60, 120, 100, 1, 3, 10, 10, 10)], 1)
    file = tmp_path / "house.tar.gz"
    assert isthmus("backup", str(file), "--json") == 0
    listed = json.loads(capsys.readouterr().out)
    assert file.stat().st_mode & 0o777 == 0o600
    monkeypatch.setenv("ISTHMUS_HOME", str(tmp_path / "new"))
    server = ["--database", request.getfixturevalue("postgres").new()] if into else []
    assert isthmus("restore", str(file), *server, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    fresh = config.load()
    again = Accounts.open(fresh.accounts, SystemClock())
    assert again.database.engine.dialect.name == (into or "sqlite")
    assert dump(again) == dump(accounts)
    assert again.list_keys() == accounts.list_keys()
    assert again.list_consents() == accounts.list_consents()
    assert again.commitment("demo", "pupil-7") == accounts.commitment("demo", "pupil-7")
    assert list(again.callers()) == list(accounts.callers())
    again.close()
    assert told["entries"] == ENTRIES + 1
    for entry in (receipt, f"w0-1-{ENTRIES // 2}", f"w0-1-{ENTRIES + 1}"):
        assert proof.prove(fresh.ledger, entry) == proof.prove(settings.ledger, entry)
    assert verify.verify(fresh.ledger).sound
    assert (fresh.home / "demo.key").stat().st_mode & 0o777 == 0o600
    assert {each["name"] for each in listed["files"]} >= {"accounts.sqlite", "accounts.pepper", "operator.toml"}
    assert fresh.accounts.exists() == (not into)


def test_accounts_never_go_into_a_database_that_is_in_use(house, tmp_path, monkeypatch, capsys, postgres):
    file, url = tmp_path / "house.tar.gz", postgres.new()
    isthmus("backup", str(file))
    used = Accounts(url, b"p" * 32, SystemClock())
    used.create_key("theirs", ("CN",), "CN")
    monkeypatch.setenv("ISTHMUS_HOME", str(tmp_path / "new"))
    assert isthmus("restore", str(file), "--database", url) == 2
    assert "in use" in capsys.readouterr().err
    assert [key.tenant for key in used.list_keys()] == ["theirs"]
    assert not (tmp_path / "new").exists()
    used.close()


def test_the_restored_house_goes_on_where_the_backup_ended(house, tmp_path, monkeypatch, capsys):
    file = tmp_path / "house.tar.gz"
    isthmus("backup", str(file))
    monkeypatch.setenv("ISTHMUS_HOME", str(tmp_path / "new"))
    isthmus("restore", str(file))
    clock = SystemClock()
    ledger = Ledger.open(config.load().ledger, "w0", clock)
    ledger.append(ActReceipt(ledger.next_id(), clock.epoch_ms(), "p1", "owner", "after", "x", 200))
    ledger.close()
    report = verify.verify(config.load().ledger)
    assert report.sound
    assert report.entries == ENTRIES + 2


def test_a_backup_under_a_writer_is_sound(house, tmp_path, monkeypatch, capsys):
    settings, _, ledger, _ = house
    clock = SystemClock()
    from isthmus.commands import _archive

    def write_on(_done, _total):
        for number in range(50):
            ledger.append(ActReceipt(ledger.next_id(), clock.epoch_ms(), "p1", "owner", "during", str(number), 200))

    write_on(0, 0)
    made = _archive.write(settings, tmp_path / "house.tar.gz", clock, write_on)
    assert made.bytes > 0
    found = _archive.restore(tmp_path / "house.tar.gz", tmp_path / "new")
    assert found.entries >= ENTRIES + 1


def test_a_home_that_is_not_empty_is_never_touched(house, tmp_path, capsys):
    file = tmp_path / "house.tar.gz"
    isthmus("backup", str(file))
    assert isthmus("restore", str(file), "--json") == 2
    assert "not empty" in capsys.readouterr().out


@pytest.mark.parametrize("cut", [0, 10, 200, -5000])
def test_a_backup_that_is_cut_is_refused_and_leaves_nothing(house, tmp_path, monkeypatch, capsys, cut):
    file = tmp_path / "house.tar.gz"
    isthmus("backup", str(file))
    whole = file.read_bytes()
    file.write_bytes(whole[:cut])
    monkeypatch.setenv("ISTHMUS_HOME", str(tmp_path / "new"))
    assert isthmus("restore", str(file)) == 6
    assert not (tmp_path / "new").exists()


def test_a_changed_byte_is_found(house, tmp_path, monkeypatch, capsys):
    file = tmp_path / "house.tar.gz"
    isthmus("backup", str(file))
    plain = bytearray(gzip.decompress(file.read_bytes()))
    plain[plain.rindex(b"operator.toml: what only")] ^= 1
    file.write_bytes(gzip.compress(bytes(plain)))
    monkeypatch.setenv("ISTHMUS_HOME", str(tmp_path / "new"))
    assert isthmus("restore", str(file)) == 6
    assert "operator.toml" in capsys.readouterr().err
    assert not os.path.exists(tmp_path / "new")


HOSTILE = {
    "a way out": ("../beside", tarfile.REGTYPE, ""),
    "a place of its own": ("{place}/beside", tarfile.REGTYPE, ""),
    "a link": ("operator", tarfile.SYMTYPE, "{place}/beside"),
    "a hard link": ("operator", tarfile.LNKTYPE, "MANIFEST.json"),
    "a pipe": ("operator", tarfile.FIFOTYPE, ""),
    "a name twice": ("MANIFEST.json", tarfile.REGTYPE, ""),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_is_no_plain_file_inside_the_folder_is_never_unpacked(house, tmp_path, monkeypatch, capsys, kind):
    file, beside = tmp_path / "house.tar.gz", tmp_path / "beside"
    isthmus("backup", str(file))
    plain = io.BytesIO(gzip.decompress(file.read_bytes()))
    with tarfile.open(fileobj=plain, mode="a") as tar:
        name, member_type, leads_to = HOSTILE[kind]
        member = tarfile.TarInfo(name.format(place=tmp_path))
        member.type, member.linkname = member_type, leads_to.format(place=tmp_path)
        tar.addfile(member)
    file.write_bytes(gzip.compress(plain.getvalue()))
    monkeypatch.setenv("ISTHMUS_HOME", str(tmp_path / "new"))
    assert isthmus("restore", str(file)) == 6
    assert "not a whole backup" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
    assert not beside.exists()


def test_without_a_house_there_is_nothing_to_back_up(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("ISTHMUS_HOME", str(tmp_path / "none"))
    assert isthmus("backup", str(tmp_path / "x.tar.gz")) == 2
