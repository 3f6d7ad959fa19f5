"""How many tokens a second one GPU reads and writes: a sum of four times, each from a data sheet.

    prefill   s per token = matrix work + expert or tensor-parallel traffic
    decode    s per step  = weights read + the greater of (cache read, attention work) + matrix work + traffic
              tokens/s    = sequences per GPU / s per step

Rules of this file. Times add up: nothing is assumed to overlap, the fitted efficiencies absorb what does. Decoding
sends each token to each of its experts (DeepEP's low-latency mode), FP8 out and BF16 back; prefill sends it once per
node (its normal mode, at most `groups` nodes). Sources: DeepSeek-V3, arXiv 2412.19437;
DeepEP; the roofline of Williams et al., CACM 2009.
"""

from __future__ import annotations

from typing import NamedTuple

from isthmus.planner.catalogue import Efficiency, Hardware, Model

REDUNDANT = 288 / 256  # experts kept twice for balance: lmsys.org 2025-05-05
USABLE = 0.9  # of memory: engines' usual mem-fraction
MOST = 1024  # sequences per GPU: DeepEP's buffers in the published runs
GB, TB, TERA = 1e9, 1e12, 1e12


class Layout(NamedTuple):
    """How a model lies on GPUs: `tp` GPUs share each matrix, `ep` GPUs share the experts (1: not spread).

    `drafted` tokens are guessed per step and checked with it, so that `kept` tokens come out of one step (1: no
    guessing).
    """

    tp: int = 1
    ep: int = 1
    weight_bytes: float = 1.0
    cache_bytes: float = 2.0
    attention_bytes: float = 2.0
    drafted: int = 0
    kept: float = 1.0


class Decode(NamedTuple):
    """Decoding at one operating point. `batch` is sequences per GPU, `step` seconds per token of one sequence."""

    tokens_s: float
    step: float
    batch: float


def matrix_tflops(hardware: Hardware, bytes_each: float) -> float:
    """Dense TFLOPS for operands of this width; the next wider format where the chip lacks one."""
    if bytes_each <= 0.6 and hardware.fp4_tflops.value:
        return hardware.fp4_tflops.value
    return hardware.fp8_tflops.value if bytes_each <= 1 else hardware.bf16_tflops.value


def prefill_tokens_s(hardware: Hardware, model: Model, eff: Efficiency, layout: Layout, prompt: float) -> float:
    """Input tokens per second and GPU that are computed (not served from a cache), for prompts of `prompt` tokens."""
    matrix = 2 * model.active_b.value * GB / (matrix_tflops(hardware, layout.weight_bytes) * TERA)
    attention = model.attention_prefill.value * prompt * model.layers.value  # 2 flops, half the prompt on average
    work = matrix + attention / (matrix_tflops(hardware, layout.attention_bytes) * TERA)
    return 1 / (
        work / eff.tensor.value + _tensor_traffic(hardware, model, layout) + _prefill_traffic(hardware, model, layout)
    )


def decode_at(
    hardware: Hardware, model: Model, eff: Efficiency, layout: Layout, batch: float, context: float
) -> Decode:
    """Decoding `batch` sequences per GPU, each with `context` tokens in the cache."""
    memory = hardware.bandwidth_tbs.value * TB * eff.memory.value
    read = _weights(hardware, model, layout, batch) / memory
    cached = batch * context * token_bytes(model, layout) / memory
    checked = batch * (1 + layout.drafted)
    flops = checked * 2 * model.attention_decode.value * context * model.layers.value
    attention = flops / (matrix_tflops(hardware, layout.attention_bytes) * TERA * eff.decoding.value)
    matrix = (
        checked
        * 2
        * model.active_b.value
        * GB
        / (matrix_tflops(hardware, layout.weight_bytes) * TERA * eff.decoding.value)
    )
    traffic = checked * (_decode_traffic(hardware, model, layout) + _tensor_traffic(hardware, model, layout))
    step = read + max(cached, attention) + matrix + traffic
    return Decode(batch * layout.kept / step, step / layout.kept, batch)


def best_decode(
    hardware: Hardware, model: Model, eff: Efficiency, layout: Layout, context: float, slowest: float
) -> Decode:
    """The fullest batch that keeps a token within `slowest` seconds and fits the memory; tokens_s is 0 if none does."""
    room = capacity_tokens(hardware, model, layout) / context
    low, high = 0.0, min(MOST, room)
    if high <= 0 or decode_at(hardware, model, eff, layout, 1e-6, context).step > slowest:
        return Decode(0.0, float("inf"), 0.0)
    if decode_at(hardware, model, eff, layout, high, context).step <= slowest:
        return decode_at(hardware, model, eff, layout, high, context)
    for _ in range(40):
        middle = (low + high) / 2
        if decode_at(hardware, model, eff, layout, middle, context).step <= slowest:
            low = middle
        else:
            high = middle
    return decode_at(hardware, model, eff, layout, low, context)


def token_bytes(model: Model, layout: Layout) -> float:
    """Bytes one token leaves in the cache."""
    return model.cached_elements.value * model.layers.value * layout.cache_bytes


def capacity_tokens(hardware: Hardware, model: Model, layout: Layout) -> float:
    """Tokens of cache per GPU beside the weights; 0 or less when the weights do not fit."""
    room = hardware.memory_gb.value * GB * USABLE - _weights(hardware, model, layout, 1e9)
    return room / token_bytes(model, layout)


def _weights(hardware: Hardware, model: Model, layout: Layout, batch: float) -> float:
    """Bytes of weights that one GPU reads in a step: its own share, of the experts those that some token asks for."""
    if model.expert_b is None or model.experts is None or model.top_k is None:
        return model.params_b.value * GB * layout.weight_bytes / layout.tp
    shared = (model.params_b.value - model.expert_b.value) * GB * hardware.dies.value / layout.tp
    spread = max(layout.ep, layout.tp)
    kept = REDUNDANT if layout.ep > 1 else 1.0
    asked: float = 1 - (1 - model.top_k.value / model.experts.value) ** max(1.0, batch * spread)
    return (shared + model.expert_b.value * GB * kept / spread * asked) * layout.weight_bytes


def _outside(hardware: Hardware, gpus: int) -> float:
    """Share of expert traffic that leaves the scale-up domain."""
    return max(0.0, 1 - hardware.domain.value / gpus)


def _prefill_traffic(hardware: Hardware, model: Model, layout: Layout) -> float:
    if layout.ep == 1 or model.moe_layers is None or model.top_k is None or model.groups is None:
        return 0.0
    out = _outside(hardware, layout.ep)
    nodes = layout.ep / hardware.domain.value
    once = model.moe_layers.value * model.hidden.value * 3  # FP8 out, BF16 back
    copies = min(model.groups.value, nodes) * out  # the node's own copy stays inside
    local = model.top_k.value * once / (hardware.link_gbs.value * GB)
    return copies * once / (hardware.net_gbs.value * GB) if out > 0 else local


def _decode_traffic(hardware: Hardware, model: Model, layout: Layout) -> float:
    if layout.ep == 1 or model.moe_layers is None or model.top_k is None:
        return 0.0
    out = _outside(hardware, layout.ep)
    bytes_each = model.moe_layers.value * model.top_k.value * model.hidden.value * 3
    return bytes_each * (out / hardware.net_gbs.value + (1 - out) / hardware.link_gbs.value) / GB


def _tensor_traffic(hardware: Hardware, model: Model, layout: Layout) -> float:
    """Two ring all-reduces a layer in BF16: every GPU of the group takes part in every token of the group."""
    bytes_each = model.layers.value * 2 * model.hidden.value * 2 * 2 * (layout.tp - 1) / layout.tp
    return layout.tp * bytes_each / (hardware.link_gbs.value * GB)
