from __future__ import annotations

import json
import sys

import msgspec
import pytest

from isthmus import control
from isthmus.control import Settings
from isthmus.core.clock import SystemClock
from isthmus.core.operator import REHEARSAL_TOML
from isthmus.gateway.orders import Inbox
from isthmus.regions import active
from isthmus.regions.load import DATA
from isthmus.web.admin.law import PACKAGED


@pytest.fixture
def made(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "operator.toml").write_text(REHEARSAL_TOML)
    settings = Settings(home=str(tmp_path), host="127.0.0.1", port=0, url="http://127.0.0.1:8080", workers=2)
    office = control.open_office(settings, SystemClock())
    yield office, settings
    office.ledger.close()
    office.accounts.close()


def test_the_first_owner_is_made_once_and_their_token_is_private(made):
    office, _ = made
    kept = office.home / control.OWNER
    token = kept.read_text()
    assert kept.stat().st_mode & 0o777 == 0o600
    assert office.store.by_token(token).role == "owner"
    control.bootstrap(office.home, office.store)
    assert kept.read_text() == token
    assert len(office.store.people()) == 1


def test_a_token_file_that_opens_nothing_is_made_anew(made):
    office, _ = made
    kept = office.home / control.OWNER
    kept.write_text("isa_00000000_lost")
    control.bootstrap(office.home, office.store)
    assert office.store.by_token(kept.read_text()).role == "owner"


def test_a_file_that_cannot_be_used_is_named_and_ends_the_process(made, tmp_path, monkeypatch, capsys):
    office, settings = made
    office.ledger.close()
    (office.home / "oidc.toml").write_text("issuer = 7")
    (tmp_path / "control.json").write_bytes(msgspec.json.encode(settings))
    monkeypatch.setattr(sys, "argv", ["control", str(tmp_path / "control.json")])
    with pytest.raises(SystemExit) as ended:
        control.main()
    assert ended.value.code == 2
    said = json.loads(capsys.readouterr().err)
    assert said["event"] == "control_not_started"
    assert said["reason"].startswith("oidc.toml cannot be used:")


def test_one_node_alone_votes_and_puts_a_version_in_force(made):
    office, settings = made
    control.keep_law(office, settings)
    assert office.law.nodes()[0].alive
    text = (DATA / "sg.toml").read_text("utf-8") + "\n# changed\n"
    version = office.law.stage({"SG": text}, "", "p1")
    office.law.activate(version)
    control.keep_law(office, settings)
    assert office.law.state().active == version
    assert active.version(office.home) == version
    assert Inbox(office.home / "run").orders.law == version
    office.law.activate(office.law.state().previous)
    control.keep_law(office, settings)
    assert active.version(office.home) == PACKAGED


def test_a_version_that_a_node_cannot_compile_changes_nothing_and_says_who_and_why(made):
    office, settings = made
    control.keep_law(office, settings)
    version = office.law.stage({"SG": 'id = "SG"'}, "", "p1")
    office.law.activate(version)
    control.keep_law(office, settings)
    state = office.law.state()
    assert (state.active, state.pending) == (PACKAGED, "")
    assert state.said.startswith(office.node)
    assert active.version(office.home) == PACKAGED


def test_a_silent_node_holds_an_activation_back_until_patience_is_over(tmp_path):
    from datetime import UTC, datetime

    from isthmus.core.clock import FakeClock
    from isthmus.web.admin.law import ALIVE_MS, PATIENCE_MS

    (tmp_path / "run").mkdir()
    (tmp_path / "operator.toml").write_text(REHEARSAL_TOML)
    clock = FakeClock(datetime(2026, 11, 22, tzinfo=UTC))
    settings = Settings(home=str(tmp_path), host="127.0.0.1", port=0, url="u", workers=1)
    office = control.open_office(settings, clock)
    try:
        control.keep_law(office, settings)
        office.law.beat("isthmus/other", "u2", 1, PACKAGED)
        text = (DATA / "sg.toml").read_text("utf-8") + "\n# changed\n"
        office.law.activate(office.law.stage({"SG": text}, "", "p1"))
        control.keep_law(office, settings)
        assert office.law.state().pending
        while clock.epoch_ms() - office.law.state().round <= PATIENCE_MS:
            clock.advance(ALIVE_MS / 2000)
            office.law.beat("isthmus/other", "u2", 1, PACKAGED)
            office.law.beat(office.node, "u", 1, PACKAGED)
        office.law.settle()
        state = office.law.state()
        assert (state.active, state.pending) == (PACKAGED, "")
        assert "isthmus/other" in state.said
    finally:
        office.ledger.close()
        office.accounts.close()


def test_a_node_that_was_away_takes_the_law_in_force_when_it_is_back(made):
    office, settings = made
    control.keep_law(office, settings)
    text = (DATA / "sg.toml").read_text("utf-8") + "\n# changed\n"
    version = office.law.stage({"SG": text}, "", "p1")
    office.law.activate(version)
    control.keep_law(office, settings)
    active.activate(office.home, PACKAGED)
    control.keep_law(office, settings)
    assert active.version(office.home) == version


def test_a_drained_partner_is_in_the_workers_orders(made):
    office, settings = made
    office.store.drain("doubao", "p1")
    control.keep_law(office, settings)
    assert Inbox(office.home / "run").orders.drained == ("doubao",)
