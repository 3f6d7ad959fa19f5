"""A table for a question that is only supposed: what would the law say, with these files, these facts, on this day?

No engine runs and no stage is compiled, so a table stands in milliseconds. Explain, replay, doctor and planner ask it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time

from isthmus.core.clock import FakeClock
from isthmus.core.operator import Operator
from isthmus.partners.schema import Partner
from isthmus.policy.compile import Table
from isthmus.policy.house import House
from isthmus.policy.lawful import LOCAL
from isthmus.regions.schema import Region

# The local model's address is known only while it runs; a supposed table assumes that it does.
SUPPOSED_ENGINE = {LOCAL: ("127.0.0.1", 0)}


def table(
    regions: Mapping[str, Region],
    partners: Mapping[str, Partner],
    operator: Operator,
    keys: Mapping[str, str],
    day: date,
) -> Table:
    """The table of `day`. `keys` are the partner secrets that are set. Raises Refusal bad_law."""
    clock = FakeClock(datetime.combine(day, time(), UTC))
    house = House(operator=operator, clock=clock, consents={}, terms={})
    return Table.build(regions, partners, house, SUPPOSED_ENGINE, keys, day, duties=())


def secrets(partners: Mapping[str, Partner], environ: Mapping[str, str]) -> dict[str, str]:
    """The partner keys that are set in `environ`, by variable name."""
    names = {p.key_env for p in partners.values()} | {e.key_env for p in partners.values() for e in p.endpoint.values()}
    return {name: environ[name] for name in names if name and environ.get(name)}


class ByDay:
    """Tables for many days, made once per stretch of unchanged law. `make` builds the table of one day."""

    def __init__(self, make: Callable[[date], Table]) -> None:
        self._make = make
        self._tables: dict[date, Table] = {}
        self._stretches: list[Table] = []

    def on(self, day: date) -> Table:
        """The table whose law was in force on `day`."""
        table = self._tables.get(day)
        if table is None:
            table = next((t for t in self._stretches if t.today <= day and not t.due(day)), None)
            if table is None:
                table = self._make(day)
                self._stretches.append(table)
            self._tables[day] = table
        return table
