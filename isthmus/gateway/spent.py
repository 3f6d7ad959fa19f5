"""What an answer that broke off has used: the partner's last count, or one made here from what it said.

Rules of this room:
1. What left the partner whole is what counts: its question from the head of its answer (200) on, a token from the event
   that carries it. docs/money.md says so, and the stand-in's meter does the same.
2. The partner's own last count stands. Without one, tokens are counted as the family's models do (partners.tokenizers)
   and the receipt says `estimated`; without a vocabulary, by rates (policy.estimate). A count that came before any word
   was said is the question's: it stands for that, and the words are counted here.
3. What is short is counted at once. The rest is counted in one thread of its own, a few at a time; whoever comes when
   too many wait gets the rates. So does an answer that must end at once (a key revoked, a consent withdrawn) when its
   count takes longer than AT_ONCE_S, which the first of a worker may: a vocabulary is read.
4. Nothing here runs for an answer whose count arrived.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from isthmus.core.decision import Route
from isthmus.core.exchange import Exchange, Spent
from isthmus.core.wire import Usage
from isthmus.partners.prices import Price
from isthmus.partners.tokenizers import at_hand
from isthmus.policy import estimate, money

AT_ONCE_S = 0.3
WAITING = 32  # counts that may wait for the thread
SHORT = 1 << 12  # characters that are counted in less time than a thread takes to be woken
LONGEST = 1 << 18  # bytes of a question beyond which rates must do

_thread = ThreadPoolExecutor(1, "tokens")
_waiting = [0]


async def settle(ex: Exchange, prices: Mapping[str, Price], seconds: float | None = None) -> None:
    """Give the exchange a usage if its partner's count never came. Only what was answered at all is counted.

    With `seconds`, the rates must do when the count takes longer.
    """
    if ex.usage is None and ex.plan is not None:
        family = _family(ex.plan.route, prices)
        question, said = estimate.asked(ex), channels(ex)
        if at_hand(family) and sum(map(len, question)) + ex.out_chars <= SHORT:
            counted = estimate.count(question, said, family)
            ex.usage = estimate.usage(ex, family) if counted is None else estimate.as_told(ex, counted)
        else:
            try:
                ex.usage = await asyncio.wait_for(_counted(ex, family), seconds)
            except TimeoutError:
                ex.usage = estimate.usage(ex, family)
        ex.estimated = True


async def last(ex: Exchange, prices: Mapping[str, Price]) -> None:
    """As `settle`, where the exchange must end whatever happens: whoever is cancelled meanwhile gets the rates."""
    with suppress(asyncio.CancelledError):
        await settle(ex, prices)


async def attempt(ex: Exchange, prices: Mapping[str, Price], *, billed: bool = False) -> Spent | None:
    """What the attempt under way has used at its partner; call it before the next one begins."""
    plan = ex.plan
    if plan is None:
        return None
    estimated = ex.usage is None
    used = ex.usage or await _counted(ex, _family(plan.route, prices))
    price = prices.get(plan.route.name)
    cost = None if price is None else (money.cost(price, used), price.currency)
    return Spent(used, money.text(cost), estimated, billed)


def _family(route: Route, prices: Mapping[str, Price]) -> str:
    price = prices.get(route.name)
    return "bytes" if price is None else price.tokenizer


async def _counted(ex: Exchange, family: str) -> Usage:
    question, said = estimate.asked(ex), channels(ex)
    if _waiting[0] >= WAITING or len(question[0]) + len(question[1]) > LONGEST:
        return estimate.usage(ex, family)
    _waiting[0] += 1
    running = asyncio.get_running_loop().run_in_executor(_thread, estimate.count, question, said, family)
    try:
        found = await asyncio.shield(running)
    finally:
        _waiting[0] -= 1
    return estimate.usage(ex, family) if found is None else estimate.as_told(ex, found)


def channels(ex: Exchange) -> list[list[str]]:
    """What the partner said so far, for each channel the texts of its events."""
    said: dict[str, list[str]] = {}
    for channel, pieces in ex.heard or ():
        if not channel.startswith("id:"):  # made by the partner, not by its model
            said.setdefault(channel, []).extend(pieces)
    return list(said.values())
