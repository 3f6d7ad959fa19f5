"""operator.toml: what only the operator can know. In rehearsal every value says "rehearsal".

Nothing here is a secret: partner keys stay in the environment.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import msgspec

from isthmus.core.errors import Refusal

REHEARSAL = "rehearsal"
_LONGEST_S = 60.0
_CACHE_S = 86_400
_CACHE_BYTES = 1 << 30
_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(?::[0-9]{1,5})?\Z")

REHEARSAL_TOML = """\
# operator.toml: what only you, the operator, can know. Nothing here is a secret; partner keys stay in the environment.
#
# While mode = "rehearsal", the word "rehearsal" stands for a value you do not have yet: checks accept it, every answer
# says so, and nothing here may serve the public. `isthmus doctor` lists what must become real, region by region.
mode = "rehearsal"                # "production" accepts no rehearsal value and no stand-in for a partner
accept_drafts = false             # production: true accepts region files that no lawyer has signed
name = "rehearsal"                # who runs this service, as people should read it
owner = "rehearsal"               # who owns the operator ...
owner_country = "rehearsal"       # ... and where (ISO 3166-1, e.g. "SG"): some partners bar owners from some places
minors = []                       # tenants whose service is directed to minors: there an unknown age is asked for
location = "rehearsal"            # country of your private tier; "rehearsal" counts as wherever the question is asked

[ledger]
ack = "queued"                    # "durable": an answer's last byte waits until its receipt is on disk

[hedge]
streams = false                   # true: a stream that is slow to begin is asked of the next lawful route as well

[cache]
tenants = []                      # whose questions, asked again word for word, are answered from memory

[browser]
origins = []                      # other sites whose pages may ask this service, e.g. ["https://app.example.com"]

[region.CN]
registration = "rehearsal"        # number of the API registration or service filing (Interim Measures Art 17)
producer_code = "rehearsal"       # provider code of GB 45438
complaints = "rehearsal"          # where people complain (Interim Measures Art 15)
entrusted = []                    # partners bound as entrusted processors (PIPL Art 21), e.g. ["doubao"]

[region.CN.filing]                # filing number of each model's maker; "local" and "device" are your own models
doubao = "rehearsal"
qwen = "rehearsal"
deepseek = "rehearsal"
local = "rehearsal"
device = "rehearsal"

[region.EU]
market_date = "rehearsal"         # the day this service came to the Union market (AI Act Art 111(4))
complaints = "rehearsal"          # where people use their rights (GDPR Arts 15-22)
log_max_days = "rehearsal"        # how long logs are kept at most
editor = ""                       # who answers editorially for published text (AI Act Art 50(4)), if anyone does

[region.EU.transfer]              # basis of sending personal data abroad: adequacy, dpf, scc_tia
openai = "rehearsal"
qwen = "rehearsal"

[region.US]
complaints = "rehearsal"
log_max_days = "rehearsal"

[region.KR]
representative = "rehearsal"      # representative in the country, above the law's thresholds (AI Basic Act Art 36)
complaints = "rehearsal"
transfer = {openai="rehearsal", qwen="rehearsal"}

[region.VN]
market_date = "rehearsal"
complaints = "rehearsal"
transfer = {openai="rehearsal", qwen="rehearsal"}

[region.UK]
complaints = "rehearsal"
transfer = {openai="rehearsal", qwen="rehearsal"}

[region.CH]
transfer = {openai="rehearsal", qwen="rehearsal"}

[region.JP]
transfer = {openai="rehearsal", qwen="rehearsal"}

[region.BR]
transfer = {openai="rehearsal", qwen="rehearsal"}

[region.SG]
transfer = {openai="rehearsal"}

[region.MO]
transfer = {qwen="rehearsal"}

[region.IN]
complaints = "rehearsal"
"""


class Facts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the operator holds in one region. A value "rehearsal" counts only while `mode` is rehearsal.

    `registration`: number of the API registration or service filing. `producer_code`: GB 45438 provider code.
    `market_date`: the day this service was placed on that market (AI Act Art 111(4)). `complaints`: where a person
    complains. `log_max_days`: how long logs are kept at most. `filing`: model filing number by partner id.
    `transfer`: basis for sending personal data abroad by partner id (adequacy, dpf, scc_tia). `entrusted`: partner
    ids bound by a processing contract (PIPL Art 21, GDPR Art 28). `editor`: who answers editorially for published
    text (AI Act Art 50(4)). `market_date` is "", "rehearsal" or an ISO date; the file writes it as a TOML date.
    """

    registration: str = ""
    producer_code: str = ""
    market_date: str = ""
    complaints: str = ""
    representative: str = ""
    log_max_days: int | str = ""
    filing: Mapping[str, str] = {}
    transfer: Mapping[str, str] = {}
    entrusted: tuple[str, ...] = ()
    editor: str = ""


class Ledger(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How receipts are kept. `ack`: "queued" (an answer ends when it ends, its receipt follows within 10 ms) or
    "durable" (an answer's last byte follows the receipt's commit).
    """

    ack: str = "queued"


class Hedge(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether a stream that is slow to begin is asked of the next lawful route as well (`streams`), and after how many
    seconds at the soonest (`least_s`). Both may have to be paid.
    """

    streams: bool = False
    least_s: float = 0.3


class Cache(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose questions (`tenants`) may be answered from memory when they are asked again, for how many `seconds` after
    the answer was given, and how many `bytes` of answers each worker keeps.
    """

    tenants: tuple[str, ...] = ()
    seconds: int = 300
    bytes: int = 8 << 20


class Browser(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which other sites' pages may read answers in a browser (`origins`: scheme, host and port, RFC 6454, 6.2)."""

    origins: tuple[str, ...] = ()


class Operator(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`mode` is "rehearsal" or "production". `location`: ISO country code of the private tier.

    `owner` and `owner_country` matter to partners that bar owners from some places. `accept_drafts`: in production,
    region files count although no lawyer has signed them. `minors`: tenants whose service is directed to minors, where
    an age that is not stated is asked for (docs/decisions/003).
    """

    mode: str = REHEARSAL
    name: str = REHEARSAL
    owner: str = REHEARSAL
    owner_country: str = REHEARSAL
    location: str = REHEARSAL
    accept_drafts: bool = False
    minors: tuple[str, ...] = ()
    region: Mapping[str, Facts] = {}
    ledger: Ledger = Ledger()
    hedge: Hedge = Hedge()
    cache: Cache = Cache()
    browser: Browser = Browser()

    def facts(self, region: str) -> Facts:
        """Facts for `region`; empty when the operator said nothing."""
        return self.region.get(region) or Facts()

    @property
    def rehearsing(self) -> bool:
        """True while "rehearsal" stands for values the operator does not have yet."""
        return self.mode == REHEARSAL

    def inherited(self, chain: Iterable[str]) -> Facts:
        """Facts along a region's `chain` (its id, then its parents'): the nearest that says something wins.

        `filing` and `transfer` join partner by partner; `entrusted` is the nearest list that is not empty.
        """
        found: dict[str, Any] = {"filing": {}, "transfer": {}}
        for region in chain:
            facts = self.facts(region)
            for field in Facts.__struct_fields__:
                value = getattr(facts, field)
                if isinstance(value, Mapping):
                    found[field] = {**value, **found[field]}
                elif value and field not in found:
                    found[field] = value
        return Facts(**found)


def load(path: Path) -> Operator:
    """Operator from a TOML file. Raises Refusal bad_law naming the place."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Refusal("bad_law", reason=f"{path}: {error}") from None
    return parse(text, str(path))


def parse(text: str, where: str, over: Operator | None = None) -> Operator:
    """Operator from TOML `text`; `where` names it in errors. With `over`, the text's facts are laid over it."""
    try:
        table = tomllib.loads(text)
        if over is not None:
            table = _laid_over(msgspec.to_builtins(over), table)
        operator = msgspec.convert(_dates_as_text(table), Operator)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise Refusal("bad_law", reason=f"{where}: {error}") from None
    if operator.mode not in (REHEARSAL, "production"):
        raise Refusal("bad_law", reason=f'{where}: mode is "rehearsal" or "production"')
    if operator.ledger.ack not in ("queued", "durable"):
        raise Refusal("bad_law", reason=f'{where}: ledger.ack is "queued" or "durable"')
    if not 0.0 < operator.hedge.least_s <= _LONGEST_S:
        raise Refusal(
            "bad_law", reason=f"{where}: hedge.least_s is a number of seconds, above 0 and at most {_LONGEST_S:g}"
        )
    if not (1 <= operator.cache.seconds <= _CACHE_S and 1 <= operator.cache.bytes <= _CACHE_BYTES):
        reason = f"{where}: cache.seconds is 1 to {_CACHE_S}, cache.bytes 1 to {_CACHE_BYTES} for each worker"
        raise Refusal("bad_law", reason=reason)
    for origin in operator.browser.origins:
        if not _ORIGIN.match(origin):
            reason = f'{where}: browser.origins holds origins such as "https://app.example.com", without a path'
            raise Refusal("bad_law", reason=reason)
    for region, facts in operator.region.items():
        _check(f"{where}: region.{region}", facts)
    return operator


def rehearsal() -> Operator:
    """The operator of a first start, before anybody wrote an operator.toml."""
    return parse(REHEARSAL_TOML, "operator.toml")


def load_or_rehearsal(path: Path) -> Operator:
    """Operator from `path`, or the rehearsal operator when there is no such file."""
    return load(path) if path.exists() else rehearsal()


def _check(where: str, facts: Facts) -> None:
    if facts.market_date not in ("", REHEARSAL):
        try:
            date.fromisoformat(facts.market_date)
        except ValueError:
            raise Refusal("bad_law", reason=f'{where}.market_date is a date (2026-01-31) or "rehearsal"') from None
    days = facts.log_max_days
    if (isinstance(days, str) and days not in ("", REHEARSAL)) or (isinstance(days, int) and days < 1):
        raise Refusal("bad_law", reason=f'{where}.log_max_days is a number of days, 1 or more, or "rehearsal"')


def _dates_as_text(value: Any) -> Any:
    """TOML dates as ISO text, at any depth."""
    if isinstance(value, dict):
        return {key: _dates_as_text(inner) for key, inner in value.items()}
    return value.isoformat() if isinstance(value, date) else value


def _laid_over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """`below` with every value of `above`; tables are joined, other values replaced."""
    joined = dict(below)
    for key, value in above.items():
        old = joined.get(key)
        joined[key] = _laid_over(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return joined
