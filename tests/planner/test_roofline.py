"""The sum of four times, held against what must be true of any machine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.planner import catalogue, roofline
from isthmus.planner.catalogue import efficiency, hardware, model
from isthmus.planner.roofline import Layout, best_decode, capacity_tokens, decode_at, prefill_tokens_s

CHIPS = st.sampled_from(catalogue.names("hardware.toml"))
V3 = model("deepseek-v3")
WIDE = Layout(1, 32)


def decode(chip, batch, context, layout=WIDE, of=V3):
    h = hardware(chip)
    return decode_at(h, of, efficiency(h.family), layout, batch, context)


@given(CHIPS, st.floats(1, 900), st.floats(100, 50_000))
def test_a_fuller_batch_writes_more_in_all_and_less_for_each(chip, batch, context):
    one, two = decode(chip, batch, context), decode(chip, batch * 1.5, context)
    assert two.tokens_s >= one.tokens_s
    assert two.step >= one.step


@given(CHIPS, st.floats(1, 900), st.floats(100, 50_000))
def test_a_longer_context_never_writes_faster(chip, batch, context):
    assert decode(chip, batch, context * 2).tokens_s <= decode(chip, batch, context).tokens_s


@given(CHIPS, st.floats(100, 50_000))
def test_a_longer_prompt_never_reads_faster(chip, prompt):
    h = hardware(chip)
    one, two = (prefill_tokens_s(h, V3, efficiency(h.family), WIDE, n) for n in (prompt, prompt * 2))
    assert two <= one


@given(st.sampled_from(("h100", "h200", "gb200")), st.floats(200, 20_000), st.floats(0.02, 0.2))
def test_the_best_batch_keeps_the_time_per_token_and_fits_the_memory(chip, context, slowest):
    h = hardware(chip)
    layout = Layout(1, 72)
    found = best_decode(h, V3, efficiency(h.family), layout, context, slowest)
    if found.tokens_s:
        assert found.step <= slowest * 1.000001
        assert found.batch * context <= capacity_tokens(h, V3, layout) * 1.000001


def test_a_time_per_token_below_reading_the_weights_cannot_be_kept():
    h = hardware("h100")
    assert best_decode(h, V3, efficiency("hopper"), Layout(1, 72), 1000, 1e-4).tokens_s == 0


def test_weights_that_do_not_fit_leave_no_room():
    assert capacity_tokens(hardware("h100"), V3, Layout(1, 1)) < 0
    assert best_decode(hardware("l40s"), V3, efficiency("ada"), Layout(1, 8), 1000, 1.0).tokens_s == 0


def test_the_cache_of_one_token_is_what_its_configuration_says():
    assert roofline.token_bytes(V3, Layout()) == 576 * 61 * 2


def test_a_guessed_token_pays_where_weights_are_the_cost_and_not_where_arithmetic_is():
    plain, guessed = Layout(1, 16), Layout(1, 16, drafted=1, kept=1.85)
    assert decode("h20", 2, 1000, guessed).tokens_s > decode("h20", 2, 1000, plain).tokens_s * 1.5
    assert decode("h20", 600, 8000, guessed).tokens_s < decode("h20", 600, 8000, plain).tokens_s * 1.1


def test_a_chip_without_a_format_uses_the_next_wider_one():
    assert roofline.matrix_tflops(hardware("h100"), 0.5) == hardware("h100").fp8_tflops.value
    assert roofline.matrix_tflops(hardware("gb200"), 0.5) == hardware("gb200").fp4_tflops.value
    assert roofline.matrix_tflops(hardware("h100"), 2) == hardware("h100").bf16_tflops.value


def test_experts_inside_one_domain_cost_less_traffic_than_over_the_network():
    assert decode("gb200", 128, 1, Layout(1, 48)).step < decode("h100", 128, 1, Layout(1, 48)).step


@pytest.mark.parametrize("tp", [2, 4, 8])
def test_sharing_a_matrix_leaves_more_room_for_the_cache(tp):
    small = model("qwen3-32b")
    assert capacity_tokens(hardware("h100"), small, Layout(tp)) > capacity_tokens(hardware("h100"), small, Layout(1))
