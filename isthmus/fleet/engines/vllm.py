"""vLLM's OpenAI server. Source of options and measures: docs.vllm.ai, "vllm serve" and "Production Metrics"."""

from __future__ import annotations

import os

from isthmus.fleet.engine import Engine, Launch
from isthmus.routing.probe import Names


def command(launch: Launch) -> list[str]:
    """`program` is a Python that has vLLM; prompts are not logged, prefixes are cached, cache salts are honoured."""
    options = {
        "--model": launch.model,
        "--served-model-name": launch.name,
        "--host": launch.host,
        "--port": launch.port,
        "--max-num-seqs": launch.slots,
        "--max-model-len": launch.context,
    }
    words = [str(word) for pair in options.items() for word in pair]
    switches = ["--enable-prefix-caching", "--no-enable-log-requests"]
    return [launch.program, "-m", "vllm.entrypoints.openai.api_server", *words, *switches, *launch.extra]


def environ(launch: Launch, key: str) -> dict[str, str]:
    """The parent's environment with the key; nothing is sent to vLLM's usage statistics."""
    return dict(os.environ) | {"VLLM_API_KEY": key, "VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}


ENGINE = Engine(
    name="vllm",
    command=command,
    environ=environ,
    fields=frozenset(("cache_salt", "priority")),
    names=Names(
        running="vllm:num_requests_running",
        waiting="vllm:num_requests_waiting",
        kv="vllm:kv_cache_usage_perc",
        prompt="vllm:prompt_tokens_total",
        cached="vllm:prefix_cache_hits_total",
        made="vllm:generation_tokens_total",
    ),
)
