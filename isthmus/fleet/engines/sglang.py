"""SGLang's server. Source of options and measures: docs.sglang.ai, "Server Arguments" and "Production Metrics"."""

from __future__ import annotations

import os

from isthmus.fleet.engine import Engine, Launch
from isthmus.routing.probe import Names


def command(launch: Launch) -> list[str]:
    """`program` is a Python that has SGLang.

    SGLang takes its key on the command line alone, so it is started without one: let it listen on loopback or on a
    network of its own.
    """
    options = {
        "--model-path": launch.model,
        "--served-model-name": launch.name,
        "--host": launch.host,
        "--port": launch.port,
        "--max-running-requests": launch.slots,
        "--context-length": launch.context,
        "--log-level": "warning",
    }
    words = [str(word) for pair in options.items() for word in pair]
    return [launch.program, "-m", "sglang.launch_server", *words, "--enable-metrics", *launch.extra]


def environ(launch: Launch, key: str) -> dict[str, str]:
    """The parent's environment."""
    return dict(os.environ)


ENGINE = Engine(
    name="sglang",
    command=command,
    environ=environ,
    names=Names(
        running="sglang:num_running_reqs",
        waiting="sglang:num_queue_reqs",
        kv="sglang:token_usage",
        prompt="sglang:prompt_tokens_total",
        cached="sglang:cached_tokens_total",
        made="sglang:generation_tokens_total",
    ),
)
