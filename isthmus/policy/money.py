"""What an answer cost: tokens times dated prices, in whole micro-units of a currency; never a float.

A receipt's `cost` is that amount as decimal text with its currency, such as "0.000182 USD". An answer's exact cost is
rounded up to the next micro-unit, so a sum of receipts is never below the bill, and above it by less than one
micro-unit an answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date

from isthmus.core.decision import Route
from isthmus.core.exchange import Before, Exchange
from isthmus.core.wire import CompletionDetails, PromptDetails, Usage
from isthmus.partners.prices import Price, PriceBook, Tier
from isthmus.policy import estimate

_MILLION = 1_000_000
_SPENT = frozenset(("answered", "interrupted", "aborted"))


def in_force(book: PriceBook, routes: Iterable[Route], day: date) -> dict[str, Price]:
    """The price of each route on a day, by the route's name; a route without a known price is left out."""
    found = {route.name: book.find(route.partner, route.model, day, route.facts.get("region", "")) for route in routes}
    return {name: price for name, price in found.items() if price is not None}


def cost(price: Price, usage: Usage) -> int:
    """Micro-units for tokens in the partner's count. Cached and reasoning tokens are parts of the two counts."""
    details, said = usage.prompt_tokens_details, usage.completion_tokens_details
    if details is None and said is None:
        tier = tier_for(price, usage.prompt_tokens) if len(price.tiers) > 1 else price.tiers[0]
        return -(-(usage.prompt_tokens * tier.input + usage.completion_tokens * tier.output) // _MILLION)
    cached = 0 if details is None else min(details.cached_tokens or 0, usage.prompt_tokens)
    reasoning = 0 if said is None else min(said.reasoning_tokens or 0, usage.completion_tokens)
    tier = tier_for(price, usage.prompt_tokens)
    exact = (
        (usage.prompt_tokens - cached) * tier.input
        + cached * tier.cached
        + (usage.completion_tokens - reasoning) * tier.output
        + reasoning * tier.reasoning
    )
    return -(-exact // _MILLION)


def bound(price: Price, prompt: int, answer: int) -> int:
    """The most micro-units that so many tokens may cost, in whatever part they are cached or reasoning.

    A prompt that turns out shorter may fall into another tier, so the dearest tier up to `prompt` counts.
    """
    exact = 0
    for tier in price.tiers:
        if tier.above < prompt or not tier.above:
            exact = max(exact, prompt * max(tier.input, tier.cached) + answer * max(tier.output, tier.reasoning))
    return -(-exact // _MILLION)


def tier_for(price: Price, prompt: int) -> Tier:
    """The tier by which a prompt of so many tokens is priced."""
    chosen = price.tiers[0]
    for tier in price.tiers[1:]:
        if prompt > tier.above:
            chosen = tier
    return chosen


def charge(ex: Exchange, prices: Mapping[str, Price]) -> tuple[int, int]:
    """Tokens and micro-units that a finished exchange used; `cost`, `usage` and `estimated` of it are set.

    What nobody answered costs nothing. Where the partner's count did not arrive (the caller left, the partner broke
    off), tokens are estimated and the receipt says so. Of an answer in two parts (`ex.before`) the second is returned,
    and both together are set.
    """
    plan = ex.plan
    before = ex.before
    if plan is None or ex.outcome not in _SPENT or (before is not None and before.added):
        return 0, 0
    route = plan.route
    price = prices.get(route.name)
    usage = ex.usage
    if usage is None:
        usage = ex.usage = estimate.usage(ex, "bytes" if price is None else price.tokenizer)
        ex.estimated = True
    tokens = usage.total_tokens or usage.prompt_tokens + usage.completion_tokens
    micros = 0
    if price is not None:
        micros = cost(price, usage)
        ex.cost = (micros, price.currency)
    if before is not None:
        _add(ex, before)
    return tokens, micros


def _add(ex: Exchange, before: Before) -> None:
    """Both parts of an answer are one bill. They have one currency: no other route goes on with it."""
    assert ex.usage is not None
    ex.usage = both(before.usage, ex.usage)
    ex.estimated = ex.estimated or before.estimated
    if ex.cost is not None and before.cost is not None:
        ex.cost = (ex.cost[0] + before.cost[0], ex.cost[1])
    before.added = True


def both(one: Usage, two: Usage) -> Usage:
    """The tokens of two counts together."""
    cached = (one.prompt_tokens_details, two.prompt_tokens_details)
    thought = (one.completion_tokens_details, two.completion_tokens_details)
    return Usage(
        one.prompt_tokens + two.prompt_tokens,
        one.completion_tokens + two.completion_tokens,
        one.total_tokens + two.total_tokens,
        PromptDetails(sum(each.cached_tokens or 0 for each in cached if each)) if any(cached) else None,
        CompletionDetails(sum(each.reasoning_tokens or 0 for each in thought if each)) if any(thought) else None,
    )


def text(cost: tuple[int, str] | None) -> str:
    """A cost as a receipt shows it; "" where none is known."""
    if cost is None:
        return ""
    micros, currency = cost
    return "%d.%06d %s" % (*divmod(micros, _MILLION), currency)  # noqa: UP031  # a third of an f-string with a width
