"""`isthmus models`, as a person and as a script call it."""

from __future__ import annotations

import hashlib
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from isthmus import cli
from isthmus.device import catalogue
from isthmus.device.catalogue import Entry, Hub, Mirror

BODY = b"GGUF" + bytes(2_000_000)


class Files(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        found = self.path == "/m.gguf"
        self.send_response(200 if found else 404)
        self.send_header("Content-Length", str(len(BODY) if found else 0))
        self.end_headers()
        if found:
            self.wfile.write(BODY)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty ISTHMUS_HOME, and a catalogue of one small model and one that nobody serves."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        digest = hashlib.sha256(BODY).hexdigest()
        fields = ("Apache-2.0", ("en", "zh"), "m.gguf", len(BODY))
        here = Entry("Small", "Someone", *fields, digest, "chatml", 512, 100, "Short note.", (Hub(f"{url}/m.gguf"),))
        gone = Entry(
            "Gone", "No one", *fields, "0" * 64, "chatml", 512, 100, "-", (Hub(f"{url}/x"), Mirror(f"{url}/y"))
        )
        monkeypatch.setattr(catalogue, "load", lambda: {catalogue.DEFAULT: here, "gone": gone})
        monkeypatch.setenv("ISTHMUS_HOME", str(tmp_path))
        monkeypatch.setenv("COLUMNS", "200")
        yield tmp_path
        server.shutdown()
        thread.join()


def call(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        cli.main(["models", *words])
    out, err = capsys.readouterr()
    return int(end.value.code or 0), out, err


def test_pull_prints_the_file_and_shows_its_progress_aside(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = call(capsys, "pull")
    assert code == 0
    assert Path(out.strip()).read_bytes() == BODY
    assert "Fetching Small from the publisher's hub" in err
    assert "MB" in err


def test_the_life_of_a_model_in_json(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "pull", catalogue.DEFAULT, "--json")
    pulled = json.loads(out)
    assert code == 0
    assert pulled["sha256"] == hashlib.sha256(BODY).hexdigest()
    rows = {row["id"]: row for row in json.loads(call(capsys, "list", "--json")[1])}
    assert (rows[catalogue.DEFAULT]["here"], rows[catalogue.DEFAULT]["path"]) == (True, pulled["path"])
    assert rows[catalogue.DEFAULT]["source"] == "the publisher's hub"
    assert (rows["gone"]["here"], rows["gone"]["path"], rows["gone"]["source"]) == (False, None, None)
    assert json.loads(call(capsys, "path", "--json")[1])["path"] == pulled["path"]
    assert json.loads(call(capsys, "rm", catalogue.DEFAULT, "--json")[1])["freed_bytes"] == len(BODY)
    assert not Path(pulled["path"]).exists()


def test_the_list_for_a_person_says_what_is_here(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call(capsys, "pull")
    code, out, _ = call(capsys, "list")
    assert code == 0
    lines = {line.split()[0]: line for line in out.splitlines() if line.strip()}
    assert "yes" in lines[catalogue.DEFAULT]
    assert "Short note." in out
    assert " no " in lines["gone"]


def test_path_and_rm_for_a_person(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call(capsys, "pull")
    assert Path(call(capsys, "path")[1].strip()).read_bytes() == BODY
    assert call(capsys, "rm", catalogue.DEFAULT)[1] == "Freed 2 MB.\n"


def test_a_model_that_is_not_here_says_how_to_get_it(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = call(capsys, "path")
    assert (code, out) == (5, "")
    assert f"isthmus models pull {catalogue.DEFAULT}" in err


def test_a_model_that_nobody_serves_names_every_source(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "pull", "gone", "--json")
    assert code == 5
    message = json.loads(out)["error"]["message"]
    assert "the publisher's hub: it answered 404; the mirror hub: it answered 404" in message


def test_an_unknown_model_is_wrong_usage(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = call(capsys, "pull", "gpt-9")
    assert code == 2
    assert catalogue.DEFAULT in err
