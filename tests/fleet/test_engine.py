"""Engines as data: their command lines, their keys, their measures."""

import pytest

from isthmus.core.errors import Refusal
from isthmus.fleet.engine import BYTES_A_TOKEN, Launch, load, named, room
from isthmus.routing.prefix import BLOCK_BYTES

KEY = "a-secret-key-of-engines"
LAUNCH = Launch(program="/opt/engine", model="/models/m.gguf", name="chat", host="127.0.0.1", port=18100)
ENGINES = sorted(load())


def test_there_are_three():
    assert ENGINES == ["llama_cpp", "sglang", "vllm"]


@pytest.mark.parametrize("name", ENGINES)
def test_every_engine_listens_where_it_is_told(name):
    words = named(name).command(LAUNCH)
    assert words[0] == LAUNCH.program
    assert words[words.index("--host") + 1] == "127.0.0.1"
    assert words[words.index("--port") + 1] == "18100"


@pytest.mark.parametrize("name", ENGINES)
def test_no_key_stands_on_a_command_line(name):
    assert not any(KEY in word for word in named(name).command(LAUNCH))


@pytest.mark.parametrize("name", ["llama_cpp", "vllm"])
def test_the_key_is_in_the_environment(name):
    assert KEY in named(name).environ(LAUNCH, KEY).values()


@pytest.mark.parametrize("name", ENGINES)
def test_every_engine_says_what_runs_and_what_waits(name):
    assert named(name).names.running
    assert named(name).names.waiting


def test_an_engines_environment_does_not_inherit_settings_of_another(monkeypatch):
    monkeypatch.setenv("LLAMA_ARG_HOST", "0.0.0.0")
    assert "LLAMA_ARG_HOST" not in named("llama_cpp").environ(LAUNCH, KEY)


def test_a_cache_beyond_slots_is_kept_only_when_it_is_wanted():
    more = Launch(program="p", model="m", name="n", host="127.0.0.1", port=1, cache_mb=256)
    words = named("llama_cpp").command(more)
    assert words[words.index("--cache-ram") + 1] == "256"
    assert "--no-cache-idle-slots" not in words
    assert "--no-cache-idle-slots" in named("llama_cpp").command(LAUNCH)


def test_a_cache_is_measured_in_blocks_of_the_prefix_index():
    assert room(LAUNCH) == 4 * 2048 * BYTES_A_TOKEN // BLOCK_BYTES


def test_an_unknown_engine_is_refused_with_those_that_exist():
    with pytest.raises(Refusal) as caught:
        named("abacus")
    assert "vllm" in caught.value.sentence()
