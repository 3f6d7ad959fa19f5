"""A canary in every request is found nowhere on disk: not in logs, ledger, accounts, temp files or command lines."""

import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

import httpx

REQUESTS = 1000


def searched(*folders):
    """Every readable file below the folders, with its bytes."""
    for folder in folders:
        for place, _, names in os.walk(folder):
            for path in (Path(place, name) for name in names):
                with suppress(FileNotFoundError):  # another program's, removed meanwhile
                    if path.is_file() and not path.is_symlink() and path.stat().st_size < 50_000_000:
                        yield path, path.read_bytes()


def send(place, requests, canary):
    """Plain, streamed, refused, masked and broken requests, each with the canary in a question and in headers' reach."""
    url = f"{place.base_url}/chat/completions"
    headers = {"Authorization": f"Bearer {place.key}"}
    done = set()
    with httpx.Client(timeout=60) as client:
        for number in range(requests):
            text = f"say:{canary} number {number} mobile 13812345678"
            body = {"model": "auto", "max_tokens": 2, "messages": [{"role": "user", "content": text}]}
            match number % 6:
                case 1:
                    body["stream"] = True
                case 2:
                    body["model"] = canary  # refused: no such model
                case 3:
                    body["temperature"] = canary  # refused: bad field
                case 4:
                    body["model"] = "doubao"  # refused: consent is missing
                case 5:
                    body["messages"].append({"role": "user", "content": f"die:2 {canary}"})
                    body["stream"] = True
            answer = client.post(url, json=body, headers=headers)
            done.add(answer.status_code)
    return done


def command_lines():
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield process.read_bytes()
        except OSError:
            continue


def test_a_canary_through_a_thousand_requests_is_found_nowhere(scripted):
    canary = "canary" + secrets.token_hex(12)
    assert send(scripted, REQUESTS, canary) >= {200, 400, 403, 404}
    needle = canary.encode()
    answered = httpx.get(
        f"{scripted.base_url}/receipts/none", headers={"Authorization": f"Bearer {scripted.key}"}
    )  # waits until every queued receipt is on disk
    assert answered.status_code == 404
    found = [path for path, raw in searched(scripted.home, tempfile.gettempdir()) if needle in raw]
    assert found == []
    assert not any(needle in line for line in command_lines())
    ledger = sum(len(raw) for path, raw in searched(scripted.home / "ledger"))
    assert ledger > REQUESTS * 100


def test_a_canary_through_a_real_engine_is_not_in_its_log(place):
    canary = "canary" + secrets.token_hex(12)
    assert 200 in send(place, 12, canary)
    logs = [place.home, *{Path(entry) for entry in _logs_of(place.answers.pid)}]
    assert not [path for path, raw in searched(*logs) if canary.encode() in raw]


def _logs_of(pid):
    """Folders of the regular files that the engine holds open for writing."""
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = Path(os.readlink(link))
        except OSError:
            continue
        if target.is_file() and os.access(target, os.W_OK) and target.suffix in {".log", ".tmp"}:
            yield target.parent
