"""From a model on an accelerator to what one GPU carries: the best published way to lay it out, and queries per second.

Among the layouts that engines really use (tensor parallel in one server, experts spread over many, one guessed token),
the one with most tokens per GPU within the time per token is taken, for reading and for writing apart: the two are
served by different GPUs (prefill and decode pools), as all the published runs do.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from isthmus.core.errors import Refusal
from isthmus.planner import roofline
from isthmus.planner.catalogue import Efficiency, Hardware, Model, efficiency, hardware, model
from isthmus.planner.roofline import Layout


class Engine(NamedTuple):
    """One GPU's share in a fleet at full load: tokens read (not from a cache) and written a second, and how."""

    hardware: str
    model: str
    prefill: float
    decode: float
    step: float
    batch: float
    prefill_layout: Layout
    decode_layout: Layout

    def seconds(self, into: float, out: float, cache: float) -> tuple[float, float]:
        """GPU-seconds that one query takes, reading and writing."""
        return into * (1 - cache) / self.prefill, out / self.decode


@lru_cache(maxsize=512)
def engine(chip: str, of: str, prompt: float, context: float, slowest: float) -> Engine:
    """The engine for `of` on `chip`. `slowest` is seconds per token. Raises Refusal usage when the model cannot run
    there.
    """
    h, m = hardware(chip), model(of)
    e = efficiency(h.family)
    reading = max(_readings(h, m, e, prompt), key=lambda pair: pair[0], default=None)
    writing = max(_writings(h, m, e, context, slowest), key=lambda pair: pair[0].tokens_s, default=None)
    if reading is None or writing is None:
        raise Refusal(
            "usage",
            reason=f"{m.title} cannot write a token each {slowest * 1000:.0f} ms on {h.title}: its weights do not fit, "
            "or reading them takes longer. Allow more with --token-ms, or take other hardware.",
        )
    decode = writing[0]
    return Engine(chip, of, reading[0], decode.tokens_s, decode.step, decode.batch, reading[1], writing[1])


def _layouts(h: Hardware, m: Model, spread: int) -> Iterator[Layout]:
    """Experts too large for one GPU are spread as published (`spread`; 1: tensor parallel in one server); all else lies
    on one GPU or on a few that share each matrix.
    """
    precise = h.attention_bytes.value
    weights = 0.5 if h.fp4_tflops.value else m.weight_bytes.value
    cache = min(m.cache_bytes.value, precise)
    alone = Layout(1, 1, weights, cache, precise)
    if m.expert_b is not None and roofline.capacity_tokens(h, m, alone) <= 0:
        if spread > 1:
            yield alone._replace(ep=spread)
        else:
            yield alone._replace(tp=int(h.domain.value))
        return
    for tp in (1, 2, 4, 8):
        if tp <= h.domain.value:
            yield alone._replace(tp=tp)


def _readings(h: Hardware, m: Model, e: Efficiency, prompt: float) -> Iterator[tuple[float, Layout]]:
    for layout in _layouts(h, m, int(h.prefill_ep.value)):
        if roofline.capacity_tokens(h, m, layout) > prompt:
            yield roofline.prefill_tokens_s(h, m, e, layout, prompt), layout


def _writings(
    h: Hardware, m: Model, e: Efficiency, context: float, slowest: float
) -> Iterator[tuple[roofline.Decode, Layout]]:
    for layout in _layouts(h, m, int(h.decode_ep.value)):
        guesses: tuple[Layout, ...] = (layout,)
        if m.drafted_kept is not None:
            guesses = (layout, layout._replace(drafted=1, kept=m.drafted_kept.value))
        for each in guesses:
            found = roofline.best_decode(h, m, e, each, context, slowest)
            if found.tokens_s > 0:
                yield found, each
