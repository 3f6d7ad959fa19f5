"""What every operation of the admin API works with, joined once by the control process."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from isthmus.core import measures, operator
from isthmus.core.clock import Clock, today
from isthmus.core.operator import Operator
from isthmus.ledger.accounts import Accounts
from isthmus.ledger.segments import Ledger
from isthmus.partners import load as partner_files
from isthmus.partners.schema import Partner
from isthmus.policy import supposed
from isthmus.policy.compile import Table
from isthmus.regions import active
from isthmus.regions import load as region_files
from isthmus.regions.schema import Region
from isthmus.web.admin.access import Person
from isthmus.web.admin.history import History, Rows
from isthmus.web.admin.law import LawStore
from isthmus.web.admin.store import Store
from isthmus.web.admin.tail import Tail

FRESH_MS = 5_000  # a worker that was heard within this time counts


class Call(NamedTuple):
    """One request that was let in: who asks, the path's words, the query, the body."""

    person: Person
    path: Mapping[str, str]
    query: Any
    body: Any


class Worker(msgspec.Struct, frozen=True):
    """One gateway worker as its sheet says it."""

    name: str
    alive: bool
    beat_at: int
    waiting: int
    behind: bool
    failed: bool


class Office:
    """State and stores. `look` is called every few seconds by the control process."""

    def __init__(
        self, home: Path, clock: Clock, accounts: Accounts, store: Store, law: LawStore, ledger: Ledger, node: str
    ) -> None:
        self.home = home
        self.clock = clock
        self.accounts = accounts
        self.store = store
        self.law = law
        self.ledger = ledger
        self.node = node
        self.tail = Tail(home / "ledger")
        self.history = History()
        self.sheets: dict[str, Rows] = {}
        self.rows: Rows = {}
        self._partners = partner_files.load(own=home / "partners")
        self._regions: tuple[str, dict[str, Region]] = ("", {})
        self._tables: dict[tuple[str, date], Table] = {}

    @property
    def measures(self) -> Path:
        return self.home / "run"

    @property
    def counted(self) -> bool:
        """Whether workers count in sheets; else the end of the ledger is counted."""
        return any(labels[0] == "worker" for rows in self.sheets.values() for labels in rows)

    def look(self) -> None:
        """Take in what workers counted and wrote. Raises OSError."""
        self.sheets = {path.stem: measures.read(path) for path in sorted(self.measures.glob("*.cells"))}
        self.tail.look()
        self.rows = measures.add_up(self.sheets.values()) if self.counted else self.tail.totals()
        answers = {labels: cells for labels, cells in self.rows.items() if labels[0] == "answers"}
        self.history.add(self.clock.epoch_ms() // 1000, answers)

    def workers(self) -> list[Worker]:
        """Every worker with a sheet, but for those that were ended in order: the node takes back their word that they
        are ready, and their sheets stay, because what they counted was counted.
        """
        now = self.clock.epoch_ms()
        found = [
            Worker(name, now - cells[0] < FRESH_MS, cells[0], cells[1], bool(cells[2]), bool(cells[3]))
            for name, rows in self.sheets.items()
            for labels, cells in rows.items()
            if labels[0] == "worker"
        ]
        return [each for each in found if each.alive or (self.measures / f"{each.name}.ready").exists()]

    def breakers(self) -> dict[str, int]:
        """How many workers let a route rest, by route; routes that never rested are absent."""
        found: dict[str, int] = {}
        for rows in self.sheets.values():
            for labels, cells in rows.items():
                if labels[0] == "breaker":
                    found[labels[1]] = found.get(labels[1], 0) + cells[0]
        return found

    def regions(self) -> dict[str, Region]:
        """The law in force on this node; read once per version."""
        version = active.version(self.home)
        if self._regions[0] != version:
            self._regions = (version, region_files.load(instead=active.files(self.home)))
        return self._regions[1]

    def partners(self) -> dict[str, Partner]:
        """Partner files are part of the package: read once."""
        return self._partners

    def operator(self) -> Operator:
        return operator.load_or_rehearsal(self.home / "operator.toml")

    def table(self, day: date | None = None) -> Table:
        """The table of a day (default: today) under the law in force; kept while that law stays."""
        day = day or today(self.clock)
        known = (active.version(self.home), day)
        table = self._tables.get(known)
        if table is None:
            if len(self._tables) > 8:
                self._tables.clear()
            table = self._tables[known] = self.supposed(self.regions(), day)
        return table

    def supposed(self, regions: Mapping[str, Region], day: date) -> Table:
        """A table of other files or another day. Raises Refusal bad_law."""
        partners = self.partners()
        keys = supposed.secrets(partners, os.environ)
        return supposed.table(regions, partners, self.operator(), keys, day)

    def tenants_of(self, person: Person) -> frozenset[str] | None:
        """The tenants that this person may see; None for all."""
        if not person.organisation:
            return None
        return frozenset(id for id, owner in self.accounts.list_tenants().items() if owner == person.organisation)
