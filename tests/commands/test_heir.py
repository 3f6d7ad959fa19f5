"""Handing over: the two ends of the line, and what stays as it was when the new one does not come up."""

from __future__ import annotations

import socket
import stat
import sys
from types import SimpleNamespace

import pytest

from isthmus.commands import _heir as room
from isthmus.commands._heir import DONE, FREE, READY, Heir, hand_over
from isthmus.core.errors import Refusal
from isthmus.node import Estate

# A new supervisor in miniature: it answers on the inherited socket, then ends after so many words of the line.
PLAYED = """#!{python}
import json, socket, sys
words = {words}
assert sys.argv[1:4] == ["-m", "isthmus", "up"], sys.argv
line = socket.socket(fileno=int(sys.argv[sys.argv.index("--heir") + 1]))
estate = json.loads(line.recv(4096))
assert estate["generation"] == 3
inherited = socket.socket(fileno=estate["sockets"][0])
for said in words:
    line.sendall(said)
    if said == b"ready\\n":
        assert line.recv(64) == b"free\\n"
line.recv(1)
"""


class Old:
    """A node as far as a hand-over meets it; remembers in which order."""

    def __init__(self):
        self.seen = []
        self.config = SimpleNamespace(admin_port=1)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.estate = Estate([self._socket.fileno()], -1, 3)

    def __getattr__(self, name):
        return lambda *words: self.seen.append((name, *words))

    def close(self):
        self._socket.close()


@pytest.fixture
def old():
    made = Old()
    yield made
    made.close()


@pytest.fixture
def played(monkeypatch, tmp_path):
    """A function that lets the new supervisor say these words, then wait until the line is closed."""

    def play(*words):
        program = tmp_path / "python"
        program.write_text(PLAYED.format(python=sys.executable, words=words))
        program.chmod(stat.S_IRWXU)
        monkeypatch.setattr(room.sys, "executable", str(program))

    return play


def test_the_new_one_inherits_the_sockets_and_gets_the_console_once_it_is_ready(old, played):
    played(READY, DONE)
    heir = hand_over(old, ["up"], 30)
    assert heir.wait(30) == 0
    assert old.seen == [("end_spare",), ("end_control",)]


@pytest.mark.parametrize(("words", "undone"), [((), []), ((READY,), [("end_control",), ("start_control",)])])
def test_when_it_ends_or_says_nothing_the_old_one_stays_and_says_why(old, played, words, undone):
    played(*words, b"something else\n")
    assert hand_over(old, ["up"], 30) is None
    begun, *done, announced, spare = old.seen
    assert (begun, done, spare) == (("end_spare",), undone, ("start_spare",))
    assert announced[0] == "announce"
    assert "The old one stays" in announced[1]


def test_an_heir_hears_what_it_inherits_and_waits_until_the_console_is_free():
    theirs, mine = socket.socketpair()
    mine.sendall(b'{"sockets":[7],"admin":8,"generation":2}\n' + FREE)
    heir = Heir(theirs.detach())
    assert heir.estate == Estate([7], 8, 2)
    heir.ready()
    heir.done()
    with mine.makefile("rb") as said:
        assert said.read() == READY + DONE
    mine.close()


def test_an_heir_of_one_that_is_gone_goes_on_alone():
    theirs, mine = socket.socketpair()
    mine.sendall(b'{"sockets":[]}\n')
    heir = Heir(theirs.detach())
    mine.close()
    heir.ready()
    heir.done()


@pytest.mark.parametrize("said", [b"", b"no estate\n"])
def test_nobody_else_is_an_heir(said):
    theirs, mine = socket.socketpair()
    mine.sendall(said)
    mine.close()
    with pytest.raises(Refusal) as refusal:
        Heir(theirs.detach())
    assert "upgrade" in refusal.value.sentence()


def test_who_handed_over_becomes_a_small_process_that_waits(monkeypatch, tmp_path):
    became = []
    monkeypatch.setattr(room.os, "execv", lambda *words: became.append(words))
    monkeypatch.setattr(room.signal, "pthread_sigmask", lambda how, signals: became.append(how))
    room.stay_for_it(tmp_path / "up.json")
    assert became[0] == room.signal.SIG_BLOCK
    assert became[1][1][1:] == ["-I", "-S", room.waiter.__file__, str(tmp_path / "up.json")]
