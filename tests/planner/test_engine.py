"""The layout that is chosen for a model on an accelerator."""

import pytest

from isthmus.core.errors import Refusal
from isthmus.planner.engine import engine


def test_a_model_that_does_not_fit_one_gpu_spreads_its_experts_as_published():
    found = engine("h800", "deepseek-v3", 1000, 1200, 0.05)
    assert (found.prefill_layout.ep, found.decode_layout.ep) == (32, 144)


def test_h20_reads_in_one_server_as_published():
    found = engine("h20", "deepseek-v3", 1000, 1200, 0.05)
    assert (found.prefill_layout.tp, found.decode_layout.ep) == (8, 16)


def test_a_small_model_lies_on_few_gpus():
    found = engine("h200", "qwen3-8b", 1000, 1200, 0.05)
    assert found.prefill_layout.ep == found.decode_layout.ep == 1


def test_a_looser_time_per_token_never_writes_less():
    tight, loose = (engine("h20", "deepseek-v3", 1000, 1200, limit) for limit in (0.03, 0.1))
    assert loose.decode >= tight.decode


def test_cached_tokens_are_not_read():
    found = engine("h800", "deepseek-v3", 1000, 1200, 0.05)
    read, write = found.seconds(1000, 200, 0.5)
    assert read == pytest.approx(500 / found.prefill)
    assert write == pytest.approx(200 / found.decode)


def test_what_cannot_run_is_refused_and_says_what_to_change():
    with pytest.raises(Refusal) as refused:
        engine("l40s", "deepseek-v3", 1000, 1200, 0.05)
    assert "--token-ms" in refused.value.sentence()
