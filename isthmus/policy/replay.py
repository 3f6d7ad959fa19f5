"""The time machine: what would have been decided, had these answers been asked on another day or under another draft?

Recorded answers are counted by question and route (a million receipts are a few hundred distinct ones), then each
distinct one is decided twice: by the law of its own day, and by the law supposed. Receipts hold no content, so none is
needed. Only answers that were given count; refusals and consents are passed over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import NamedTuple

import msgspec

from isthmus.core.decision import Decision, Plan, Question
from isthmus.core.errors import Refusal
from isthmus.ledger import read
from isthmus.policy.compile import Table
from isthmus.policy.outcome import waits

_DAY_MS = 86_400_000


class Recorded(msgspec.Struct):
    """The few fields of a receipt that decide; others are not even decoded."""

    kind: str = ""
    at: int = 0
    regions: tuple[str, ...] = ()
    feature: str = ""
    modality: str = ""
    event: str = ""
    age: str = ""
    data: str = ""
    content: str = ""
    outcome: str = ""
    route: str = ""
    partner: str = ""


class Kind(msgspec.Struct):
    """What an entry is, whatever else it says."""

    kind: str = ""


class Asked(NamedTuple):
    """One distinct answer: the day (since 1970-01-01, UTC), the question, the route that gave it."""

    day: int
    question: Question
    route: str
    partner: str


class Shift(msgspec.Struct):
    """What changes for one feature. `lost`: answers by route that may no longer give them; `duties`: by rule."""

    answers: int = 0
    changed: int = 0
    lost: dict[str, int] = {}
    verdicts: dict[str, int] = {}
    new_duties: dict[str, int] = {}
    ended_duties: dict[str, int] = {}


class Report(msgspec.Struct):
    """`answers` were replayed, `passed_over` were not (refusals, consents, regions that are no longer known)."""

    answers: int = 0
    passed_over: int = 0
    changed: int = 0
    features: dict[str, Shift] = {}


_decoder = msgspec.json.Decoder(Recorded)
_kinds = msgspec.json.Decoder(Kind)


def count(path: Path) -> tuple[Counter[Asked], int]:
    """Recorded answers of a ledger folder, or of a file with one receipt (JSON) a line, by distinct answer.

    Returns the counts, and how many entries were passed over. Raises Refusal data_damaged for what is no receipt.
    """
    if not path.exists():
        raise Refusal("usage", reason=f"{path}: there is no ledger here.")
    lines = path.read_bytes().splitlines() if path.is_file() else _payloads(path)
    raw: Counter[tuple[object, ...]] = Counter()
    for line in lines:
        try:
            entry = _decoder.decode(line)
        except msgspec.MsgspecError as error:
            if _told(line) not in ("", "answer"):
                raw[()] += 1  # an entry of another kind, whose fields mean other things
                continue
            raise Refusal("data_damaged", reason=f"{path}: an entry is no receipt: {error}") from None
        answered = entry.kind == "answer" and entry.outcome == "answered" and entry.route
        raw[_key(entry) if answered else ()] += 1
    passed = raw.pop((), 0)
    return Counter({Asked(day, Question(*words), *route): n for (day, words, route), n in raw.items()}), passed  # type: ignore[misc, arg-type]


def _told(line: bytes) -> str:
    """The kind of an entry that is not an answer; "" where it says none."""
    try:
        return _kinds.decode(line).kind
    except msgspec.MsgspecError:
        return ""


def _key(entry: Recorded) -> tuple[object, ...]:
    words = (entry.regions, entry.feature, entry.modality, entry.event, entry.age, entry.data, entry.content)
    return entry.at // _DAY_MS, words, (entry.route, entry.partner)


def _payloads(folder: Path) -> Iterable[bytes]:
    for shard in read.shards(folder):
        for path in read.segments(folder, shard):
            for _, payload in read.payloads(path):
                yield payload


def day_of(number: int) -> date:
    """The calendar day of a day number."""
    return datetime.fromtimestamp(number * _DAY_MS / 1000, UTC).date()


def replay(counts: Counter[Asked], before: Callable[[date], Table], after: Table) -> Report:
    """What changes between the law of each answer's own day (`before`) and the law supposed (`after`)."""
    report = Report(features={})
    for asked, n in counts.items():
        try:
            was = before(day_of(asked.day)).decide(asked.question)
            would = after.decide(asked.question)
        except Refusal:
            report.passed_over += n
            continue
        report.answers += n
        shift = report.features.setdefault(asked.question.feature, Shift(lost={}, verdicts={}, new_duties={}))
        shift.answers += n
        if _weigh(shift, n, _plan(was, asked), _plan(would, asked), asked):
            shift.changed += n
            report.changed += n
    return report


def _plan(decision: Decision, asked: Asked) -> Plan | None:
    """The plan of the recorded route; a private model that has been renamed is found by its tier's partner."""
    for plan in decision.plans:
        if plan.route.name == asked.route:
            return plan
    return next((plan for plan in decision.plans if plan.route.partner == asked.partner), None)


def _weigh(shift: Shift, n: int, was: Plan | None, would: Plan | None, asked: Asked) -> bool:
    """Write one distinct answer into `shift`; True when anything changes for it."""
    if was is None:
        return False
    if would is None:
        _add(shift.lost, asked.route, n)
        return True
    old, new = _duties(was), _duties(would)
    for duty in new - old:
        _add(shift.new_duties, duty, n)
    for duty in old - new:
        _add(shift.ended_duties, duty, n)
    if waits(was) != waits(would):
        _add(shift.verdicts, "serve_after" if waits(would) else "serve", n)
    return old != new


def _duties(plan: Plan) -> set[str]:
    """Each duty with its figures, so that a changed figure is a change."""
    return {
        f"{owed.verb} {owed.region}.{owed.rule} {msgspec.json.encode(owed.values, order='sorted').decode()}"
        for owed in plan.obligations
    }


def _add(where: dict[str, int], word: str, n: int) -> None:
    where[word] = where.get(word, 0) + n
