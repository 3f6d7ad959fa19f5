"""llama.cpp's own server. Source of options and measures: ggml-org/llama.cpp, tools/server/README.md."""

from __future__ import annotations

import os
from pathlib import Path

from isthmus.fleet.engine import Engine, Launch
from isthmus.routing.probe import Names

# A slot is taken over when it holds this share of a prompt. The engine's own choice (0.1) is less than a short system
# prompt, so that conversations which share no more than that push each other out of one slot while others are empty.
SIMILAR = 0.5
HTTP_THREADS = 64  # a waiting request holds one; too few would hide the health page


def command(launch: Launch) -> list[str]:
    """No page, no slot view, no log of prompts, no network use of its own; the cache ends with its slot."""
    options = {
        "--model": launch.model,
        "--alias": launch.name,
        "--host": launch.host,
        "--port": launch.port,
        "--parallel": launch.slots,
        "--ctx-size": launch.slots * launch.context,
        "--threads": launch.threads,
        "--threads-batch": launch.threads,
        "--threads-http": HTTP_THREADS,
        "--slot-prompt-similarity": SIMILAR,
        "--poll": 0,
        "--cache-ram": launch.cache_mb,
        "--log-verbosity": 1,
        "--log-colors": "off",
    }
    switches = ["--metrics", "--cont-batching", "--no-ui", "--no-slots", "--offline"]
    if not launch.cache_mb:
        switches.append("--no-cache-idle-slots")
    words = [str(word) for pair in options.items() for word in pair]
    return [launch.program, *words, *switches, *launch.extra]


def environ(launch: Launch, key: str) -> dict[str, str]:
    """The parent's environment without LLAMA_ settings, with the key and the program's own libraries."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LLAMA_")}
    libraries = (str(Path(launch.program).parent), kept.get("LD_LIBRARY_PATH", ""))
    return kept | {"LLAMA_API_KEY": key, "LD_LIBRARY_PATH": ":".join(filter(None, libraries))}


ENGINE = Engine(
    name="llama_cpp",
    command=command,
    environ=environ,
    names=Names(
        running="llamacpp:requests_processing",
        waiting="llamacpp:requests_deferred",
        prompt="llamacpp:prompt_tokens_total",
        made="llamacpp:tokens_predicted_total",
    ),
)
