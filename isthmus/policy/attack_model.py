"""A small model that tells instructions to a model from text for it: logistic regression over hashed letter n-grams.

Rules of this room:
1. It judges windows of a text, so that a long document does not thin out one sentence in it; the worst window counts.
2. A window is folded first (policy/normalise): disguises of letters do not change it.
3. It is an indication and no proof: docs/guard.md publishes what it misses and what it takes for an attack.
4. Trained by `python -m benchmarks.guard.attacks train` from sentences that the repository generates; measured on
   sentences that were written apart from the generator.
Source: Joulin et al., "Bag of Tricks for Efficient Text Classification", 2016 (hashed n-grams, a linear model).
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Sequence
from functools import cache
from math import exp, sqrt
from pathlib import Path

import msgspec

from isthmus.policy.judge import Verdict
from isthmus.policy.normalise import fold

FILE = Path(__file__).parent / "data" / "attack_model.msgpack"
WINDOW = 160  # characters
STEP = 80
SIZES = (2, 3, 4)
CATEGORY = "attack"
_LEAST = 4  # characters of a window worth judging


class Weights(msgspec.Struct, frozen=True):
    """`weights`: a signed byte per slot, in units of `scale`. `slots` is a power of two, `threshold` a logit."""

    slots: int
    scale: float
    bias: float
    threshold: float
    weights: bytes


def slots_of(text: str, slots: int) -> set[int]:
    """The slots of a folded text's n-grams."""
    data = [text[place : place + size] for size in SIZES for place in range(len(text) - size + 1)]
    return {zlib.crc32(gram.encode("utf-8", "surrogatepass")) & (slots - 1) for gram in data}


def windows(text: str) -> list[str]:
    """The windows of a text, folded; blanks count once."""
    whole = " ".join(fold(text).split())
    if len(whole) <= WINDOW:
        return [whole] if len(whole) >= _LEAST else []
    return [whole[place : place + WINDOW] for place in range(0, len(whole) - WINDOW + STEP, STEP)]


class AttackModel:
    """The judge `attack_model`."""

    places = None

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self._values = memoryview(weights.weights).cast("b")

    @classmethod
    @cache
    def load(cls) -> AttackModel:
        """The model that lies beside this file."""
        return cls(msgspec.msgpack.decode(FILE.read_bytes(), type=Weights))

    def logit(self, window: str) -> float:
        """How much one window looks like an attack: above the threshold it is taken for one."""
        own = self._weights
        found = slots_of(window, own.slots)
        return own.bias + own.scale * sum(map(self._values.__getitem__, found)) / sqrt(max(1, len(found)))

    def chance(self, text: str) -> float:
        """The same for a whole text, between 0 and 1."""
        worst = max(map(self.logit, windows(text)), default=-30.0)
        return 1 / (1 + exp(-worst))

    def is_attack(self, text: str) -> bool:
        """Whether a window of `text` is above the threshold."""
        return any(self.logit(window) > self._weights.threshold for window in windows(text))

    async def judge(self, texts: Sequence[str], *, answer: bool = False) -> list[Verdict]:
        """See policy/judge: who speaks makes no difference to it. Others are served between two windows."""
        for text in texts:
            for window in windows(text):
                if self.logit(window) > self._weights.threshold:
                    return [Verdict(CATEGORY, "flag")]
                await asyncio.sleep(0)
        return []
