"""isthmus upgrade: what it says when there is nothing to replace, and how it hears how it went."""

import os

import msgspec
import pytest

from isthmus.commands import upgrade
from isthmus.core.config import Config
from isthmus.core.errors import Refusal
from isthmus.node import Running

BEFORE = Running(pid=os.getpid(), url="u", model="m")


def test_without_a_node_there_is_nothing_to_replace(monkeypatch, tmp_path):
    monkeypatch.setenv("ISTHMUS_HOME", str(tmp_path))
    with pytest.raises(Refusal) as refused:
        upgrade.command()
    assert refused.value.code == "not_running"


def test_the_next_generation_is_waited_for(monkeypatch, tmp_path):
    said = [None, BEFORE, msgspec.structs.replace(BEFORE, generation=1)]
    monkeypatch.setattr(upgrade, "running", lambda config: said.pop(0))
    assert upgrade.wait(Config(home=tmp_path), BEFORE).generation == 1


def test_workers_that_did_not_start_are_named(monkeypatch, tmp_path):
    failed = msgspec.structs.replace(BEFORE, problem="A worker did not start")
    monkeypatch.setattr(upgrade, "running", lambda config: failed)
    with pytest.raises(Refusal) as refused:
        upgrade.wait(Config(home=tmp_path), BEFORE)
    assert "The old ones stay: A worker did not start" in refused.value.sentence()


def test_a_node_that_says_nothing_is_given_up(monkeypatch, tmp_path):
    monkeypatch.setattr(upgrade, "running", lambda config: BEFORE)
    with pytest.raises(Refusal) as refused:
        upgrade.wait(Config(home=tmp_path), BEFORE, patience_s=0.0)
    assert "not replaced" in refused.value.sentence()
