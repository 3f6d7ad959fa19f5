"""A device for the commands: its model says what is written down, its state lies in a folder of the test's own."""

from __future__ import annotations

import pytest

from isthmus import cli
from isthmus.commands import _features
from isthmus.core.config import load
from isthmus.device.device import Device
from isthmus.device.voice import Said, Voice


class Scripted(Voice):
    """Says `answers` one after another, the last for ever."""

    def __init__(self, *answers: str) -> None:
        super().__init__("http://127.0.0.1:9", "k", tier="private", badge="Scripted")
        self.answers = list(answers)
        self.seen = []

    def speak(self, prompt, *, headers=None, abort=None):
        self.seen.append(prompt)
        text = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        yield text[: len(text) // 2]
        yield text[len(text) // 2 :]
        return Said(
            text=text, finish="stop", about={"receipt": "r1", "label": "AI", "badge": "Scripted", "notices": ["n"]}
        )


@pytest.fixture
def isthmus(tmp_path, monkeypatch, capsys):
    """isthmus(command, *words, says=(...)): exit code, standard output, standard error; `.voice`, `.opened` tell more."""
    monkeypatch.setenv("ISTHMUS_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")

    def call(command, *words, says=("x",)):
        call.voice, call.opened = Scripted(*says), []

        def open_device(**given):
            call.opened.append(given)
            return Device(voice=call.voice, config=load(), mode=given["mode"], retry=False)

        monkeypatch.setattr(_features, "open_device", open_device)
        with pytest.raises(SystemExit) as end:
            cli.main([command, *words])
        out, err = capsys.readouterr()
        return int(end.value.code or 0), out, err

    return call
