"""What a process says of itself: one JSON object per line on standard error, from one table of events and fields.

Rules of this room:
1. An event is a row of EVENTS, a field a name of Fields. There is no free text: nobody can write a message.
2. A value is a name, a number or a place in the code, and SHAPES says how it looks. What looks different is written as
   "-", so that a person's words could not get here even by mistake.
3. Nothing on the hot path logs; a request's own record is its receipt.

    {"at":"2026-11-22T09:00:00.000Z","event":"chore_broke","says":"...","chore":"keep_law","then":"again"}
"""

from __future__ import annotations

import re
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypedDict, Unpack

import msgspec

from isthmus.core.clock import Clock, SystemClock
from isthmus.core.errors import TABLE, Refusal

Event = Literal[
    "accounts_bell_lost",
    "accounts_unread",
    "chore_broke",
    "control_not_started",
    "law_not_reloaded",
    "leases_unreachable",
    "look_failed",
    "telemetry_failed",
    "telemetry_missing",
    "unhandled",
]
EVENTS: dict[str, str] = {
    "accounts_bell_lost": "The database does not ring when accounts change; they are looked at instead.",
    "accounts_unread": "Accounts cannot be read; what is known goes on to hold.",
    "chore_broke": "A worker's chore broke.",
    "control_not_started": "The control process ends: what it was given cannot be used.",
    "law_not_reloaded": "The law was not reloaded; the running one stays in force.",
    "leases_unreachable": "The store of leases does not answer; only what is in hand is spent.",
    "look_failed": "The control process could not look at counters, ledger or law; it tries again.",
    "telemetry_failed": "OpenTelemetry's receiver does not take what is sent; requests are not touched.",
    "telemetry_missing": "OTEL_EXPORTER_OTLP_ENDPOINT is set, but isthmus[otel] is not installed: nothing is sent.",
    "unhandled": "An error that nobody handled.",
}


class Fields(TypedDict, total=False):
    """Every field that a line may have, beside `at`, `event` and `says`.

    `error` is the name of an exception's class, `place` files and lines of code, `code` one of core.errors.TABLE,
    `reason` the operator's own files as a refusal cites them (law and settings, never content).
    """

    chore: str
    code: str
    error: str
    place: str
    reason: str
    then: Literal["again", "end"]


_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,63}")
SHAPES: dict[str, re.Pattern[str]] = {
    "chore": _NAME,
    "code": re.compile("|".join(TABLE)),
    "error": _NAME,
    "place": re.compile(r"(?:[\w.<>-]{1,64}:\d{1,6}(?: < )?){0,64}"),
    "reason": re.compile(r"[^\x00-\x1f\x7f]{0,400}"),
    "then": re.compile("again|end"),
}
# Refusals whose sentence is about the operator's own files, and may be written down whole.
_OPERATORS = ("bad_law", "data_damaged", "usage")
_clock: Clock = SystemClock()


def say(event: Event, **fields: Unpack[Fields]) -> None:
    """One line on standard error."""
    print(line(event, _clock, **fields), file=sys.stderr, flush=True)


def line(event: Event, clock: Clock, **fields: Unpack[Fields]) -> str:
    """The line itself."""
    at = datetime.fromtimestamp(clock.epoch_ms() / 1000, UTC).isoformat(timespec="milliseconds")
    shown = {name: _kept(name, value) for name, value in fields.items()}
    document = {"at": at.replace("+00:00", "Z"), "event": event, "says": EVENTS[event], **shown}
    return msgspec.json.encode(document).decode()


def say_refusal(event: Event, refusal: Refusal) -> None:
    """A refusal by its code; its sentence only where it speaks of the operator's own files."""
    if refusal.code in _OPERATORS:
        say(event, code=refusal.code, reason=refusal.sentence()[:400])
    else:
        say(event, code=refusal.code)


def say_error(event: Event, error: BaseException) -> None:
    """An error by its class and place, never by its message, which may quote content."""
    frames = traceback.extract_tb(error.__traceback__)
    place = " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(frames[-32:]))
    say(event, error=type(error).__name__, place=place)


def _kept(name: str, value: object) -> str:
    shape = SHAPES.get(name)
    return value if isinstance(value, str) and shape is not None and shape.fullmatch(value) else "-"
