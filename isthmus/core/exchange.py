"""Exchange: one query's journey, from the caller's bytes to the receipt.

It is the only thing that stages, routing and the corridor share. It holds content, so it cannot be printed,
formatted or pickled.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import msgspec

from isthmus.core.secret import Withheld
from isthmus.core.wire import Usage

if TYPE_CHECKING:
    from isthmus.core.consent import Consent
    from isthmus.core.decision import Decision, Plan
    from isthmus.core.wire import Ask


class Caller(msgspec.Struct):
    """Who asks: one key, its tenant and powers. Mutable in one way only: `revoked` becomes true while streams run.

    `consents` are consent ids that stand for every request of this key. `organisation` is its tenant's; `limited` says
    that a budget binds it (policy.quota), so that whoever has none pays one test.
    """

    key_id: str
    tenant: str
    regions: tuple[str, ...]
    region: str
    revoked: bool = False
    revoked_on: str = ""
    age: str = "unknown"
    consents: tuple[str, ...] = ()
    organisation: str = ""
    limited: bool = False


class Spent(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a partner counts for an attempt that did not give the (whole) answer: tokens, and `cost` as in a receipt.

    `estimated`: counted here. `billed`: its words were shown, so it is part of the receipt's own usage and cost; what
    showed nothing is the operator's.
    """

    usage: Usage
    cost: str = ""
    estimated: bool = False
    billed: bool = False


class Attempt(msgspec.Struct, frozen=True):
    """One try at one route. `outcome`: answered | skipped | unavailable | timeout | busy | refused | broken | lost |
    continued (it broke off, and a later one went on) | outrun (a later one was faster). `spent` stands there only when
    the attempt cost something beside the answer.
    """

    route: str
    outcome: str
    code: str = ""
    us: int = 0
    spent: Spent | msgspec.UnsetType = msgspec.UNSET


class Before(msgspec.Struct):
    """The first part of an answer that another route went on with: what it used, its cost in micro-units and their
    currency, whose it was, and how many characters of it were shown. `added`: the answer's cost holds it already.
    """

    usage: Usage
    cost: tuple[int, str] | None
    estimated: bool
    route: str
    badge: str
    characters: int
    added: bool = False


class Exchange(Withheld, msgspec.Struct, eq=False):
    """One query. Times are `clock.monotonic()` seconds.

    `held` is the scratch space of stages: a stage keeps its state under (its name, channel or purpose).
    `masks` counts masked details by type; `outcome` is what the receipt says: answered, refused, interrupted,
    aborted (the caller left), failed. `relies` holds the consents it rests on, which may be withdrawn while it streams.
    `blocked` is the category of a moderation hit, never the text. `resume`: the caller wants to be able to take its
    stream up again. `reserved` is what policy.quota holds for it, `cost` micro-units and their currency; `estimated`
    says that tokens were counted here, from `heard`, what a partner said (channel, texts of its events), or from
    `out_chars` characters and `out_bytes` bytes (UTF-8) of it that were released; `asked` is what the partner counted
    before it said anything: its question. `continues`: should its stream break off, the caller wants another route to
    go on with it; `before` is then the part that was said before.
    `low_latency`: it wants each event of a stream at once.
    """

    id: str
    caller: Caller
    received_at: float
    first_at: float = 0.0
    ask: Ask = None  # type: ignore[assignment]  # set by the corridor's decode step, before any stage
    decision: Decision | None = None
    plan: Plan | None = None
    stream: bool = False
    resume: bool = False
    consent_id: str = ""
    relies: tuple[Consent, ...] = ()
    subject: str = ""
    language: str = ""
    in_text: bytes | None = None
    rewritten: bytes | None = None
    attempts: list[Attempt] = []
    held: dict[Any, Any] = {}
    masks: dict[str, int] = {}
    met: list[str] = []
    notices: list[str] = []
    label: str = ""
    label_at: str = ""
    blocked: str = ""
    finish: str = ""
    usage: Usage | None = None
    asked: Usage | None = None
    outcome: str = ""
    refusal_code: str = ""
    shown: bool = False
    reserved: Any = None
    cost: tuple[int, str] | None = None
    estimated: bool = False
    out_chars: int = 0
    out_bytes: int = 0
    heard: list[tuple[str, Iterable[str]]] | None = None
    continues: bool = False
    low_latency: bool = False
    before: Before | None = None
    dropped: tuple[str, ...] = ()
    personal: bool = True  # False where a scan has shown that no private detail can be in the question
    judged: Any = None  # who judges the answer before it is shown (policy.judged_answer); None: nobody

    def text(self) -> bytes:
        """All text that a model reads, as UTF-8, joined by newlines; made once, shared by all scanners."""
        if self.in_text is None:
            ask = self.ask
            texts = ask.alone()
            if texts is None:
                texts = [*ask.texts(), *ask.beside()]
            whole = texts[0] if len(texts) == 1 else "\n".join(texts)
            self.in_text = whole.encode("utf-8", "surrogatepass")
        return self.in_text
