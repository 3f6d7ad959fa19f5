"""Exchange: one query's journey, from the caller's bytes to the receipt.

It is the only thing that stages, routing and the corridor share. It holds content, so it cannot be printed,
formatted or pickled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from isthmus.core.secret import Withheld

if TYPE_CHECKING:
    from isthmus.core.consent import Consent
    from isthmus.core.decision import Decision, Plan
    from isthmus.core.wire import Ask, Usage


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


class Attempt(msgspec.Struct, frozen=True):
    """One try at one route. `outcome`: answered | skipped | unavailable | timeout | busy | refused | broken | lost."""

    route: str
    outcome: str
    code: str = ""
    us: int = 0


class Exchange(Withheld):
    """One query. Times are `clock.monotonic()` seconds.

    `held` is the scratch space of stages: a stage keeps its state under (its name, channel or purpose).
    `masks` counts masked details by type; `outcome` is what the receipt says: answered, refused, interrupted,
    aborted (the caller left), failed. `relies` holds the consents it rests on, which may be withdrawn while it streams.
    `blocked` is the category of a moderation hit, never the text. `reserved` is what policy.quota holds for it, `cost`
    micro-units and their currency; `estimated` says that tokens were counted here, from `out_chars` characters and
    `out_bytes` bytes (UTF-8) of answer text.
    """

    __slots__ = (
        "ask",
        "attempts",
        "blocked",
        "caller",
        "consent_id",
        "cost",
        "decision",
        "estimated",
        "finish",
        "first_at",
        "held",
        "id",
        "in_text",
        "label",
        "label_at",
        "language",
        "masks",
        "met",
        "notices",
        "out_bytes",
        "out_chars",
        "outcome",
        "plan",
        "received_at",
        "refusal_code",
        "relies",
        "reserved",
        "rewritten",
        "shown",
        "stream",
        "subject",
        "usage",
    )  # fmt: skip

    def __init__(self, id: str, caller: Caller, received_at: float) -> None:
        self.id = id
        self.caller = caller
        self.received_at = received_at
        self.first_at = 0.0
        self.ask: Ask = None  # type: ignore[assignment]  # set by the corridor's decode step, before any stage
        self.decision: Decision | None = None
        self.plan: Plan | None = None
        self.stream = False
        self.consent_id = ""
        self.relies: tuple[Consent, ...] = ()
        self.subject = ""
        self.language = ""
        self.in_text: bytes | None = None
        self.rewritten: bytes | None = None
        self.attempts: list[Attempt] = []
        self.held: dict[Any, Any] = {}
        self.masks: dict[str, int] = {}
        self.met: list[str] = []
        self.notices: list[str] = []
        self.label = ""
        self.label_at = ""
        self.blocked = ""
        self.finish = ""
        self.usage: Usage | None = None
        self.outcome = ""
        self.refusal_code = ""
        self.shown = False
        self.reserved: Any = None
        self.cost: tuple[int, str] | None = None
        self.estimated = False
        self.out_chars = 0
        self.out_bytes = 0

    def text(self) -> bytes:
        """All text that a model reads, as UTF-8, joined by newlines; made once, shared by all scanners."""
        if self.in_text is None:
            self.in_text = "\n".join((*self.ask.texts(), *self.ask.beside())).encode("utf-8", "surrogatepass")
        return self.in_text
