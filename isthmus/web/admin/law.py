"""Versions of the law, and how all nodes come to the same one: two-phase activation over the accounts' database.

    stage     files are kept as a version; nothing changes
    activate  phase 1: every node that lives writes the files down, compiles them, and votes
              phase 2: when all said yes, the version is active; each node then lets its workers read it
    refused   one no, or a node that does not answer within PATIENCE_MS, and everything stays as it was

Rolling back is activating the version before. The version called "packaged" holds no files: the law of this package.
"""

from __future__ import annotations

import contextlib
from hashlib import sha256
from typing import Any

import msgspec
import sqlalchemy as sa

from isthmus.core.clock import Clock
from isthmus.core.errors import Refusal
from isthmus.web.admin.store import create, iso, metadata

PACKAGED = "packaged"
ALIVE_MS = 10_000  # a node that was heard within this time takes part
PATIENCE_MS = 30_000
_versions = sa.Table(
    "law_versions",
    metadata,
    sa.Column("id", sa.String(16), primary_key=True),
    sa.Column("files", sa.JSON, nullable=False),
    sa.Column("note", sa.String(200), nullable=False),
    sa.Column("by", sa.String(16), nullable=False),
    sa.Column("made_at", sa.BigInteger, nullable=False),
)
_state = sa.Table(
    "law_state",
    metadata,
    sa.Column("one", sa.Integer, primary_key=True),
    sa.Column("active", sa.String(16), nullable=False),
    sa.Column("previous", sa.String(16), nullable=False),
    sa.Column("pending", sa.String(16), nullable=False),
    sa.Column("round", sa.BigInteger, nullable=False),
    sa.Column("said", sa.String(500), nullable=False),
)
_votes = sa.Table(
    "law_votes",
    metadata,
    sa.Column("round", sa.BigInteger, primary_key=True),
    sa.Column("node", sa.String(64), primary_key=True),
    sa.Column("yes", sa.Boolean, nullable=False),
    sa.Column("said", sa.String(500), nullable=False),
)
_nodes = sa.Table(
    "nodes",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("url", sa.String(200), nullable=False),
    sa.Column("workers", sa.Integer, nullable=False),
    sa.Column("law", sa.String(16), nullable=False),
    sa.Column("beat_at", sa.BigInteger, nullable=False),
)


class Version(msgspec.Struct, frozen=True):
    """A version of the law: which regions' files it brings. `state`: staged, active, or pending."""

    id: str
    regions: tuple[str, ...]
    note: str
    by: str
    made_at: str
    state: str


class State(msgspec.Struct, frozen=True):
    """What is in force. `pending` is being activated ("" when nothing is); `said` is why the last one was refused."""

    active: str
    previous: str
    pending: str
    round: int
    said: str


class NodeSeen(msgspec.Struct, frozen=True):
    """One node as the others see it. `law` is the version its workers were told to read."""

    id: str
    url: str
    workers: int
    law: str
    beat_at: str
    alive: bool


class LawStore:
    """The law's versions in the shared database."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        create(engine)
        row = {"one": 1, "active": PACKAGED, "previous": PACKAGED, "pending": "", "round": 0, "said": ""}
        with contextlib.suppress(sa.exc.IntegrityError), engine.begin() as connection:  # another node was first
            if connection.execute(sa.select(_state)).first() is None:
                connection.execute(_state.insert().values(**row))

    @staticmethod
    def name(files: dict[str, str]) -> str:
        """The id of the version that these files are."""
        return sha256(msgspec.json.encode(files, order="sorted")).hexdigest()[:12]

    def stage(self, files: dict[str, str], note: str, by: str) -> str:
        """Keep files (region id -> TOML) as a version; the same files are the same version. Returns its id."""
        id = self.name(files)
        with self._engine.begin() as connection:
            if connection.execute(sa.select(_versions.c.id).where(_versions.c.id == id)).first() is None:
                row = {"id": id, "files": files, "note": note, "by": by, "made_at": self._clock.epoch_ms()}
                connection.execute(_versions.insert().values(**row))
        return id

    def files(self, version: str) -> dict[str, str]:
        """The files of a version. Raises Refusal unknown_object."""
        if version == PACKAGED:
            return {}
        row = self._one(sa.select(_versions.c.files).where(_versions.c.id == version))
        if row is None:
            raise Refusal("unknown_object", kind="version", id=version)
        return dict(row.files)

    def versions(self) -> list[Version]:
        """Every version, newest first, the packaged one last."""
        state = self.state()
        rows = self._all(sa.select(_versions).order_by(_versions.c.made_at.desc(), _versions.c.id))
        found = [Version(r.id, tuple(sorted(r.files)), r.note, r.by, iso(r.made_at), _word(state, r.id)) for r in rows]
        return [*found, Version(PACKAGED, (), "the files of this package", "", "", _word(state, PACKAGED))]

    def state(self) -> State:
        row = self._one(sa.select(_state))
        return State(row.active, row.previous, row.pending, row.round, row.said)

    def activate(self, version: str) -> State:
        """Begin phase 1. Raises Refusal unknown_object, not_now."""
        self.files(version)
        now = self._clock.epoch_ms()
        with self._engine.begin() as connection:
            free = (_state.c.pending == "") & (_state.c.active != version)
            begun = _state.update().where(free).values(pending=version, round=now, said="")
            if connection.execute(begun).rowcount != 1:
                raise Refusal("not_now", reason="this version is active, or another one is being activated.")
        return self.state()

    def vote(self, round: int, node: str, *, yes: bool, said: str = "") -> None:
        """One node's word on the pending version; the first word of a round counts."""
        with self._engine.begin() as connection:
            given = sa.select(_votes).where(_votes.c.round == round, _votes.c.node == node)
            if connection.execute(given).first() is None:
                values = {"round": round, "node": node, "yes": yes, "said": said[:500]}
                connection.execute(_votes.insert().values(**values))

    def voted(self, round: int, node: str) -> bool:
        query = sa.select(_votes.c.node).where(_votes.c.round == round, _votes.c.node == node)
        return self._one(query) is not None

    def settle(self) -> State:
        """End phase 1 when it can be ended: every living node said yes, one said no, or patience is over."""
        state = self.state()
        if not state.pending:
            return state
        votes = {row.node: row for row in self._all(sa.select(_votes).where(_votes.c.round == state.round))}
        alive = {node.id for node in self.nodes() if node.alive}
        against = next((f"{row.node}: {row.said}" for row in votes.values() if not row.yes), "")
        if against:
            self._end(state, {"pending": "", "said": against[:500]})
        elif alive and alive <= votes.keys():
            self._end(state, {"pending": "", "said": "", "active": state.pending, "previous": state.active})
        elif self._clock.epoch_ms() > state.round + PATIENCE_MS:
            silent = ", ".join(sorted(alive - votes.keys())) or "every node"
            self._end(state, {"pending": "", "said": f"no answer from {silent}"})
        return self.state()

    def beat(self, node: str, url: str, workers: int, law: str) -> None:
        """Say that this node lives, and has told its workers to read version `law`."""
        values = {"url": url, "workers": workers, "law": law, "beat_at": self._clock.epoch_ms()}
        with self._engine.begin() as connection:
            if connection.execute(_nodes.update().where(_nodes.c.id == node).values(**values)).rowcount == 0:
                connection.execute(_nodes.insert().values(id=node, **values))

    def nodes(self) -> list[NodeSeen]:
        """Every node that was ever heard, with whether it lives."""
        since = self._clock.epoch_ms() - ALIVE_MS
        return [
            NodeSeen(row.id, row.url, row.workers, row.law, iso(row.beat_at), row.beat_at >= since)
            for row in self._all(sa.select(_nodes).order_by(_nodes.c.id))
        ]

    def _end(self, state: State, values: dict[str, str]) -> None:
        # Several nodes may see the same votes: the first one ends the round, the others find it ended.
        same = (_state.c.pending == state.pending) & (_state.c.round == state.round)
        with self._engine.begin() as connection:
            connection.execute(_state.update().where(same).values(**values))

    def _all(self, query: sa.Select[Any]) -> list[Any]:
        with self._engine.connect() as connection:
            return list(connection.execute(query).all())

    def _one(self, query: sa.Select[Any]) -> Any:
        with self._engine.connect() as connection:
            return connection.execute(query).first()


def _word(state: State, version: str) -> str:
    if version == state.active:
        return "active"
    return "pending" if version == state.pending else "staged"
