"""A model hub and a package registry on this machine, with the weaknesses of real ones; a model that says what is written."""

from __future__ import annotations

import base64
import hashlib
import http.server
import io
import re
import socket
import threading
import zipfile
from collections.abc import Iterator

import pytest

from isthmus.core.config import load
from isthmus.core.errors import Refusal
from isthmus.device.device import Device, make_task
from isthmus.device.voice import Said, Voice


class Hub(http.server.ThreadingHTTPServer):
    """Serves `files` by path, with ranges. `script` says what the next requests meet, one word each; then all is well.

    Words: cut:N (N bytes, then the connection closes), stall:N (N bytes, then silence), status:N, redirect,
    no-range (the whole file whatever was asked), more (one byte too many), no-length.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.script: list[str] = []
        self.requests: list[tuple[str, str]] = []
        self.closing = threading.Event()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}{path}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is the point of some tests."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Hub

    def do_GET(self) -> None:
        self.close_connection = True
        path = self.path.partition("?")[0]
        self.server.requests.append((path, self.headers.get("Range", "")))
        word, _, number = (self.server.script.pop(0) if self.server.script else "well").partition(":")
        if word == "redirect":
            self._empty(302, Location=f"/cdn{self.path}")
            return
        if word == "status":
            self._empty(int(number))
            return
        body = self.server.files.get(path.removeprefix("/cdn"))
        if body is None:
            self._empty(404)
            return
        start = 0
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if asked and word != "no-range":
            start = int(asked[1])
            if start >= len(body):
                self._empty(416)
                return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        if path.endswith("/"):
            self.send_header("Content-Type", "text/html")
        body = body[start:] + (b"!" if word == "more" else b"")
        if word != "no-length":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: int(number)] if number else body)
        if word == "stall":
            self.wfile.flush()
            self.server.closing.wait()

    def _empty(self, status: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def hub() -> Iterator[Hub]:
    server = Hub()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.closing.set()
    server.shutdown()
    thread.join()
    server.server_close()


def wheel(name: str, version: str, member: str, data: bytes) -> bytes:
    """A wheel with one data member, and code that must never run."""
    module, info = name.replace("-", "_"), f"{name.replace('-', '_')}-{version}.dist-info"
    files = {
        f"{module}/__init__.py": b"raise SystemExit('a part was imported')\n",
        member: data,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = ""
    for path, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        record += f"{path},sha256={digest},{len(content)}\n"
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        for path, content in files.items():
            packed.writestr(path, content)
    return archive.getvalue()


class Registry:
    """A package registry (PEP 503 pages, PEP 658 metadata) on the hub's server, and the machine's pip pointed at it."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def add(self, name: str, version: str, member: str, data: bytes, *, digest: bool = True) -> str:
        """Publish a wheel; returns its path on the server."""
        content = wheel(name, version, member, data)
        path = f"/files/{name.replace('-', '_')}-{version}-py3-none-any.whl"
        self._hub.files[path] = content
        fragment = f"#sha256={hashlib.sha256(content).hexdigest()}" if digest else ""
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode()
        self._hub.files[f"{path}.metadata"] = metadata
        known = f'data-dist-info-metadata="sha256={hashlib.sha256(metadata).hexdigest()}"'
        page = (
            f'<!DOCTYPE html><html><body><a {known} href="{path}{fragment}">{path.rpartition("/")[2]}</a></body></html>'
        )
        self._hub.files[f"/simple/{name}/"] = page.encode()
        return path


@pytest.fixture
def registry(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Registry:
    for setting in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "PIP_NO_INDEX", "PIP_TRUSTED_HOST"):
        monkeypatch.delenv(setting, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", hub.url("/simple/"))
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    return Registry(hub)


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that refuses: bound, and not listening."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


class Scripted(Voice):
    """A model whose answers are written down. An answer is a text, a Said, a Refusal to raise, or a function of the
    prompt; `seen` holds the prompts, `headers` what went with them. Not `own`: no law is applied on its side.
    """

    def __init__(self, *answers, tier="private", source="on_device", badge="Scripted"):
        super().__init__("http://127.0.0.1:9", "k", tier=tier, source=source, badge=badge)
        self.own = False
        self.answers = list(answers)
        self.seen = []
        self.headers = []

    def speak(self, prompt, *, headers=None, abort=None):
        self.seen.append(prompt)
        self.headers.append(dict(headers or {}))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Refusal):
            raise answer
        answer = answer(prompt) if callable(answer) else answer
        said = answer if isinstance(answer, Said) else Said(text=answer, finish="stop", usage={"total_tokens": 3})
        for at in range(0, len(said.text), 5):
            if abort is not None:
                abort.check()
            yield said.text[at : at + 5]
        return said

    def count(self, messages):
        return 10 * len(messages)


@pytest.fixture
def scripted():
    """scripted(*answers): a voice that says them one after another, the last for ever."""
    return Scripted


@pytest.fixture
def task():
    """task(feature, given, **options): a task as the device makes it."""
    return lambda feature, given, **options: make_task(feature, given, options)


@pytest.fixture
def home(tmp_path):
    """A configuration whose state lies in a folder of the test's own."""
    return load({"ISTHMUS_HOME": str(tmp_path)})


@pytest.fixture
def device(home):
    """device(voice, **settings): a Device over that voice, closed with the test."""
    made = []

    def make(voice, **settings):
        made.append(Device(voice=voice, config=home, **settings))
        return made[-1]

    yield make
    for each in made:
        each.close()
