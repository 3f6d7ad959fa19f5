"""Strikes: who keeps asking for what is forbidden is suspended, as the region says.

Rules of this room:
1. A strike is a refused question of a known person (tenant and subject). Without a subject nobody can be struck.
2. `in_a_row` counts until a question passes; `per_day` counts within a day of UTC. Either limit suspends for a day from
   the last strike; the law names no length.
3. Moderation reports here; this duty only looks. Counts live in this process and are bounded.
Source: GB/T 45654-2025 and TC260-003 section 7 (three in a row or five a day).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from datetime import date, datetime, timedelta

from isthmus.core.decision import Obligation, Route, Stage
from isthmus.core.errors import Refusal
from isthmus.core.exchange import Exchange
from isthmus.policy.house import House
from isthmus.policy.wording import law_line

VERBS = ("user.strike",)
NAME = "strikes"
SUSPENDED = timedelta(days=1)
_PEOPLE = 100_000


class _Record:
    """One person's strikes."""

    __slots__ = ("day", "in_a_row", "last", "today")

    def __init__(self, now: datetime) -> None:
        self.in_a_row = 0
        self.today = 0
        self.day: date = now.date()
        self.last = now


_records: OrderedDict[tuple[str, str], _Record] = OrderedDict()


def struck(ex: Exchange, now: datetime) -> None:
    """A question of this person was refused for its content."""
    if not ex.subject:
        return
    person = (ex.caller.tenant, ex.subject)
    record = _records.get(person)
    if record is None:
        record = _records[person] = _Record(now)
        if len(_records) > _PEOPLE:
            _records.popitem(last=False)
    if record.day != now.date():
        record.day = now.date()
        record.today = 0
    record.in_a_row += 1
    record.today += 1
    record.last = now
    _records.move_to_end(person)


def passed(ex: Exchange) -> None:
    """A question of this person was let through: the row is broken."""
    if ex.subject:
        record = _records.get((ex.caller.tenant, ex.subject))
        if record is not None:
            record.in_a_row = 0


def compile(obligations: Sequence[Obligation], route: Route, house: House) -> Stage | None:
    """The strictest limits of all rules."""
    del route
    in_a_row = min((owed.values["in_a_row"] for owed in obligations if "in_a_row" in owed.values), default=0)
    per_day = min((owed.values["per_day"] for owed in obligations if "per_day" in owed.values), default=0)
    law = law_line(obligations[0].law)

    def on_request(ex: Exchange) -> None:
        if not ex.subject:
            return
        record = _records.get((ex.caller.tenant, ex.subject))
        if record is not None:
            now = house.clock.now()
            reached = (in_a_row and record.in_a_row >= in_a_row) or (per_day and record.today >= per_day)
            until = record.last + SUSPENDED
            if reached and now < until:
                raise Refusal("suspended", until=until.isoformat(timespec="minutes"), reason=law)
            if reached:
                del _records[ex.caller.tenant, ex.subject]
        if NAME not in ex.met:
            ex.met.append(NAME)

    return Stage(NAME, on_request=on_request)
