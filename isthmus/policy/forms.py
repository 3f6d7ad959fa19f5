"""Receipts by form: what all answers of one kind share is written once, and each receipt only fills the holes.

A form is a receipt of that kind, encoded with marks in the places that differ from answer to answer; so it says what
`policy.receipt` says, field for field, at a third of the cost.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from isthmus.core.clock import Clock
from isthmus.core.decision import Decision, Plan
from isthmus.core.exchange import Attempt, Exchange
from isthmus.core.wire import Usage
from isthmus.ledger.prints import Printed
from isthmus.ledger.receipt import Receipt, Written
from isthmus.policy import fingerprint, money, receipt

_SAID = fingerprint.SAID
_SPAN = receipt.NAME
_encode = msgspec.json.Encoder().encode
_FORMS = 1024  # kinds of answers; what callers name (consents) is part of a kind
_MARKS = {
    "id": "#id",
    "at": -1,
    "key_id": "#key",
    "tenant": "#tenant",
    "attempts": [Attempt("#", "#")],
    "masks": {"#": 1},
    "usage": Usage(-1, -2, -3),
    "cost": "#cost",
    "us_first": -4,
    "us_whole": -5,
}
_HOLES = {"id": b'"%b"', "cost": b'"%b"', "at": b"%d", "us_first": b"%d", "us_whole": b"%d"}  # others: JSON, whole


class _Form(NamedTuple):
    """`text` is a %-format with holes for the fields of _MARKS; plan and decision are what it was made of."""

    plan: Plan | None
    decision: Decision | None
    text: bytes
    keep_min: int
    keep_max: int


_forms: dict[tuple[object, ...], _Form] = {}


def written(ex: Exchange, clock: Clock) -> Written | Receipt | Printed:
    """As `receipt.compose`, written by a form where that is the same."""
    held = ex.held
    if _SAID in held or ex.refusal_code == "stream_ended":
        return receipt.compose(ex, clock)
    plan, decision, cost = ex.plan, ex.decision, ex.cost
    key = (
        id(plan), id(decision), ex.outcome, ex.refusal_code, ex.label, ex.label_at, len(ex.notices), tuple(ex.met),
        ex.blocked, ex.consent_id, ex.stream, ex.finish, ex.estimated, held.get(_SPAN),
    )  # fmt: skip
    form = _forms.get(key) or _make(key, ex, clock)
    begun = ex.received_at
    whole = int((clock.monotonic() - begun) * 1e6)
    caller, usage, masks = ex.caller, ex.usage, ex.masks
    payload = form.text % (
        ex.id.encode(),
        clock.epoch_ms() - whole // 1000,
        _encode(caller.key_id),
        _encode(caller.tenant),
        _encode(ex.attempts),
        _encode(masks) if masks else b"{}",
        b"null" if usage is None else _encode(usage),
        b"" if cost is None else money.text(cost).encode(),
        int((ex.first_at - begun) * 1e6) if ex.first_at else 0,
        whole,
    )
    return Written(payload, form.keep_min, form.keep_max)


def _make(key: tuple[object, ...], ex: Exchange, clock: Clock) -> _Form:
    made = receipt.plain(ex, clock)
    text = _encode(msgspec.structs.replace(made, **_MARKS)).replace(b"%", b"%%")
    for name, mark in _MARKS.items():
        # Quotes inside a string are escaped, so these bytes stand nowhere but in their own place.
        before = b'"%b":' % name.encode()
        text = text.replace(before + _encode(mark), before + _HOLES.get(name, b"%b"))
    if len(_forms) >= _FORMS:
        _forms.clear()
    form = _forms[key] = _Form(ex.plan, ex.decision, text, made.keep_min, made.keep_max)
    return form
