"""What answers cost, as data: `isthmus.prices/1`, one file per partner in prices/.

partner    whose prices; the file's own name
currency   ISO 4217; all amounts of the file are in it
model      per model (or "*", every model) a list of prices, each `since` a day (UTC)
input, output, cached, reasoning   per million tokens, as decimal text: a price is never a float
above      a tier: from so many prompt tokens on, the whole request is priced by it
output_most  the longest answer, in tokens, that the partner gives
tokenizer  the family by which tokens are estimated where the partner counted none (partners.tokenizers)
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import NoReturn

import msgspec

from isthmus.core.errors import Refusal
from isthmus.core.places import is_place
from isthmus.partners.tokenizers import families

SCHEMA = "isthmus.prices/1"
DATA = Path(__file__).parent / "prices"
ANY = "*"
_AMOUNT = re.compile(r"\d{1,6}(\.\d{1,6})?")
_MICRO = 1_000_000


class Tier(msgspec.Struct, frozen=True):
    """Micro-units of the currency per million tokens, for prompts of more than `above` tokens."""

    above: int
    input: int
    output: int
    cached: int
    reasoning: int


class Price(msgspec.Struct, frozen=True):
    """A model's price since a day. `tiers` begin at 0 tokens and rise; `output_most` is 0 where nobody said."""

    since: date
    currency: str
    tiers: tuple[Tier, ...]
    output_most: int
    tokenizer: str
    source: str
    percent: Mapping[str, int] = {}


class _Amounts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    input: str
    output: str
    cached: str = ""
    reasoning: str = ""
    above: int = 0


class _Since(_Amounts, frozen=True, forbid_unknown_fields=True, kw_only=True):
    since: date
    output_most: int = 0
    source: str = ""
    tier: tuple[_Amounts, ...] = ()


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    partner: str
    currency: str
    source: str
    model: Mapping[str, tuple[_Since, ...]]
    schema: str = SCHEMA
    tokenizer: str = "bytes"
    percent: Mapping[str, int] = {}


class PriceBook:
    """Every known price. A price that begins later is not yet one."""

    def __init__(self, prices: Mapping[tuple[str, str], tuple[Price, ...]]) -> None:
        """`prices` by partner and model, oldest first."""
        self._prices = prices

    def find(self, partner: str, model: str, day: date, place: str = "") -> Price | None:
        """The price of a model on a day, at a door in `place`; None where none is known."""
        dated = self._prices.get((partner, model)) or self._prices.get((partner, ANY)) or ()
        price = next((price for price in reversed(dated) if price.since <= day), None)
        if price is None or place not in price.percent:
            return price
        part = 100 + price.percent[place]
        tiers = tuple(
            Tier(tier.above, *(-(-amount * part // 100) for amount in msgspec.structs.astuple(tier)[1:]))
            for tier in price.tiers
        )
        return msgspec.structs.replace(price, tiers=tiers, percent={})

    def items(self) -> Mapping[tuple[str, str], tuple[Price, ...]]:
        """All prices by partner and model, oldest first."""
        return self._prices


def load(folder: Path | None = None) -> PriceBook:
    """Every price of `folder` (default: the files of this package). Raises Refusal bad_law naming file and place."""
    prices: dict[tuple[str, str], tuple[Price, ...]] = {}
    for path in sorted((folder or DATA).glob("*.toml")):
        for model, dated in read(path.name, path.read_bytes()).items():
            prices[path.stem, model] = dated
    return PriceBook(prices)


def read(file: str, raw: bytes) -> dict[str, tuple[Price, ...]]:
    """One price file's bytes, checked: dated prices by model. `file` names it in errors."""
    try:
        found = msgspec.convert(tomllib.loads(raw.decode("utf-8")), _File)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        _refuse(file, str(error))
    if found.schema != SCHEMA:
        _refuse(file, f"schema {found.schema!r} is not known. Allowed: {SCHEMA}")
    if f"{found.partner}.toml" != file:
        _refuse(file, f"partner is {found.partner!r}; the file of its prices is called {found.partner}.toml")
    if re.fullmatch(r"[A-Z]{3}", found.currency) is None:
        _refuse(file, "currency is three capital letters (ISO 4217)")
    if any(part < 0 for part in found.percent.values()) or not all(map(is_place, found.percent)):
        _refuse(file, "percent: a place (two capital letters, EU, EEA) and what it adds, 0 or more")
    if found.tokenizer not in families():
        _refuse(file, f"tokenizer {found.tokenizer!r} is not known. Allowed: {', '.join(families())}")
    prices = {}
    for model, dated in found.model.items():
        days = [each.since for each in dated]
        if not days or days != sorted(set(days)):
            _refuse(file, f"model.{model}: prices are in order of `since`, one a day")
        prices[model] = tuple(_price(f"{file}: model.{model}", found, each) for each in dated)
    return prices


def _price(where: str, found: _File, each: _Since) -> Price:
    tiers = [_tier(where, amounts) for amounts in (each, *each.tier)]
    bounds = [tier.above for tier in tiers]
    if bounds[0] or bounds != sorted(set(bounds)):
        _refuse(where, "tiers rise: each `above` is more than the one before, and the first price has none")
    source = each.source or found.source
    return Price(each.since, found.currency, tuple(tiers), each.output_most, found.tokenizer, source, found.percent)


def _tier(where: str, amounts: _Amounts) -> Tier:
    asked, said = _micro(where, amounts.input), _micro(where, amounts.output)
    cached = _micro(where, amounts.cached) if amounts.cached else asked
    reasoning = _micro(where, amounts.reasoning) if amounts.reasoning else said
    return Tier(amounts.above, asked, said, cached, reasoning)


def _micro(where: str, text: str) -> int:
    if _AMOUNT.fullmatch(text) is None:
        _refuse(where, f'{text!r} is not an amount. Write it as text, such as "0.86", with at most six decimals')
    return int(Decimal(text) * _MICRO)


def _refuse(where: str, reason: str) -> NoReturn:
    raise Refusal("bad_law", reason=f"{where}: {reason}.")
