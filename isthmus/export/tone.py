"""The label that is heard: the rhythm short-long-short-short of GB 45438-2025, which is "AI" in Morse code.

A short tone lasts 0.1 s, a long one 0.3 s, 0.1 s of silence between them, 0.4 s after; 1,000 Hz at a quarter of full
loudness, with soft edges.
"""

from __future__ import annotations

import math
import struct
from functools import lru_cache

RHYTHM = (0.1, 0.3, 0.1, 0.1)  # seconds of each tone
PAUSE = 0.1
AFTER = 0.4
HERTZ = 1000
_LOUD = 0.25
_EDGE = 0.01  # seconds of fading in and out, so that nothing clicks
_RATES = range(4_000, 192_001)


@lru_cache(maxsize=4)
def samples(rate: int) -> tuple[float, ...]:
    """The rhythm as samples from -1 to 1, at `rate` a second."""
    said: list[float] = []
    for number, seconds in enumerate(RHYTHM):
        length = int(seconds * rate)
        edge = max(1, int(_EDGE * rate))
        said += [
            _LOUD * min(1.0, at / edge, (length - at) / edge) * math.sin(2 * math.pi * HERTZ * at / rate)
            for at in range(length)
        ]
        said += [0.0] * int((PAUSE if number + 1 < len(RHYTHM) else AFTER) * rate)
    return tuple(said)


def pcm(rate: int, channels: int, bits: int, *, floating: bool) -> bytes:
    """The rhythm in the samples of a WAV file; empty when there is no such kind of sample."""
    if rate not in _RATES or not 1 <= channels <= 8:
        return b""
    said = samples(rate)
    if floating:
        if bits not in (32, 64):
            return b""
        letter = "f" if bits == 32 else "d"
        return b"".join(struct.pack(f"<{letter}", each) * channels for each in said)
    if bits not in (8, 16, 24, 32):
        return b""
    top, size = (1 << bits - 1) - 1, bits // 8
    if bits == 8:  # eight bits are unsigned
        return b"".join(bytes([round(each * top) + 128]) * channels for each in said)
    return b"".join(round(each * top).to_bytes(size, "little", signed=True) * channels for each in said)
