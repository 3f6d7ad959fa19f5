"""How long a revoked key goes on working: asked of both houses, by new questions and by streams that run."""

from __future__ import annotations

import asyncio
import time
from typing import NamedTuple

from benchmarks.nodes.ground import REGIONS, Ground, House
from benchmarks.nodes.load import PATIENCE_S, Line, question

BETWEEN_S = 0.02  # between two questions with the revoked key


class Sample(NamedTuple):
    """One revocation, in s. `commit`: until the accounts had it; `refused` and `ended` count from then, per house:
    until a new question was refused, until a stream whose partner is silent was ended. A house that was away is not
    among them.
    """

    at: float
    commit: float
    refused: dict[str, float]
    ended: dict[str, float]


class Stream:
    """A stream that waits for its partner. Its task gives when it was told to end (s), 0 when it broke off."""

    def __init__(self, house: House, secret: str) -> None:
        self.begun = asyncio.Event()
        self.task = asyncio.create_task(
            self._run(Line(house), question(secret, house.host, "SG", stream=True, text="wait"))
        )

    async def _run(self, line: Line, raw: bytes) -> float:
        said, ended = b"", 0.0
        try:
            async with asyncio.timeout(PATIENCE_S):
                status, head = await line.begin(raw)
                async for piece in line.pieces(head):
                    said += piece
                    if status == 200:
                        self.begun.set()
                    if b"stream_ended" in said and not ended:
                        ended = time.monotonic()  # what comes after waits for the receipt (ledger.ack = "durable")
        except (OSError, asyncio.IncompleteReadError):
            return 0.0
        else:
            return ended
        finally:
            self.begun.set()
            line.close()


async def revocation(ground: Ground) -> Sample:
    """Make a key, let streams run under it, revoke it, and see."""
    accounts = ground.accounts
    caller, secret = await asyncio.to_thread(accounts.create_key, "brief", REGIONS, "SG")
    streams = [Stream(house, secret) for house in ground.houses]
    await asyncio.gather(*(each.begun.wait() for each in streams))
    at = time.monotonic()
    await asyncio.to_thread(accounts.revoke_key, caller.key_id)
    committed = time.monotonic()
    refusals = await asyncio.gather(*(refused(house, secret) for house in ground.houses))
    ends = await asyncio.gather(*(each.task for each in streams))
    names = [house.name for house in ground.houses]
    return Sample(
        at,
        committed - at,
        {name: when - committed for name, when in zip(names, refusals, strict=True) if when},
        {name: when - committed for name, when in zip(names, ends, strict=True) if when},
    )


async def refused(house: House, secret: str) -> float:
    """When a new question was refused; 0 when the house was away."""
    line = Line(house)
    end = time.monotonic() + PATIENCE_S
    try:
        while time.monotonic() < end:
            status, _ = await line.ask(question(secret, house.host, "SG", stream=False))
            if status == 401:
                return time.monotonic()
            await asyncio.sleep(BETWEEN_S)
    except (OSError, asyncio.IncompleteReadError):
        return 0.0
    finally:
        line.close()
    return end
