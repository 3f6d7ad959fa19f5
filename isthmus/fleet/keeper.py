"""The keeper of a cell: makes the replicas that should be, lists those that serve, and is forgotten without harm.

Rules of this room:
1. Ray remembers the replicas (detached actors with names), not the keeper: a keeper that starts anew adopts them.
2. Gateways learn of a replica from the board, a file that changes by one rename. A replica is listed once its engine
   has loaded the model.
3. Orders come as a file too (`isthmus fleet scale`, `drain`, `roll`), so that nothing here listens.
4. Each step looks, decides (fleet.scale, fleet.change: pure) and acts; any step may fail and is made again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import msgspec

from isthmus.core.clock import Clock
from isthmus.core.errors import Refusal
from isthmus.fleet.cell import Cell, Pool
from isthmus.fleet.change import Kept, Steps, plan
from isthmus.fleet.engine import Launch, named, room
from isthmus.fleet.ray_cell import write_private
from isthmus.fleet.replica import Facts, Order
from isthmus.fleet.scale import Seen, Steady, ahead, wanted
from isthmus.routing.probe import Board, Listed, Load

STEP_S = 0.25
WAKE_S = 5.0  # a gateway's wish for a pool at zero counts for so long


class Orders(msgspec.Struct, frozen=True):
    """What an operator asked for beyond the cell's file: replicas and models by pool, and replicas to drain."""

    scale: Mapping[str, int] = {}
    model: Mapping[str, str] = {}
    drain: tuple[str, ...] = ()


class Hand(Protocol):
    """What a keeper needs of Ray. All calls are short; one that fails raises Refusal fleet_unavailable."""

    def names(self) -> list[str]: ...

    def start(self, name: str, order: Order, pool: Pool) -> None: ...

    def facts(self, names: list[str]) -> dict[str, Facts]: ...

    def drain(self, name: str, drains: bool) -> None: ...

    def stop(self, name: str) -> None: ...


class Look(Protocol):
    """How a keeper sees what an engine is doing; None when it does not say."""

    def __call__(self, order: Order) -> Load | None: ...


class _Pool:
    """What the keeper knows of one pool between two steps."""

    def __init__(self, calm_s: float, now: float) -> None:
        self.steady = Steady(calm_s)
        self.used_at = now
        self.number = 0


class Keeper:
    """The keeper of `cell`, whose files lie in `folder`.

    With `follows` it changes nothing and only publishes: a gateway far from the cell has its own board that way.
    """

    def __init__(
        self, cell: Cell, folder: Path, hand: Hand, look: Look, clock: Clock, *, follows: bool = False
    ) -> None:
        self._follows = follows
        self._cell = cell
        self._folder = folder
        self._hand = hand
        self._look = look
        self._clock = clock
        self._kept: dict[str, Kept] = {}
        self._facts: dict[str, Facts] = {}
        self._load: dict[str, Load] = {}
        self._pools = {name: _Pool(pool.rules.calm_s, clock.monotonic()) for name, pool in cell.pool.items()}
        self._shown = b""

    def step(self) -> None:
        """Look, decide, act, publish."""
        orders = read_orders(self._folder)
        self._see()
        now = self._clock.monotonic()
        for name, told in () if self._follows else self._cell.pool.items():
            pool = ordered(told, orders.model.get(name, ""))
            number = self._number(name, pool, orders, now)
            mine = [kept for kept in self._kept.values() if self._facts[kept.name].order.pool == name]
            self._act(name, pool, plan(mine, made_of(name, pool), number, now, frozenset(orders.drain)), now)
        self.publish()

    def number(self, pool: str) -> int:
        """Replicas that `pool` should have, as last decided."""
        return self._pools[pool].number

    def board(self) -> Board:
        """Who serves now."""
        listed = tuple(
            listing(self._facts[kept.name], draining=kept.drained is not None)
            for kept in sorted(self._kept.values(), key=lambda kept: kept.name)
            if kept.ready
        )
        return Board(cell=self._cell.name, jurisdiction=self._cell.jurisdiction, replicas=listed)

    def publish(self) -> None:
        """Write the board, if it changed."""
        text = msgspec.json.format(msgspec.json.encode(self.board()), indent=1)
        if text != self._shown:
            write_private(board_file(self._folder), text.decode())
            self._shown = text

    def _see(self) -> None:
        """Ask all replicas at once, and drop those that Ray no longer knows."""
        now = self._clock.monotonic()
        names = self._hand.names()
        facts = self._hand.facts(names)
        for name in names:
            if name in facts:
                self._facts[name] = facts[name]
        for name in list(self._kept):
            if name not in names:
                self._forget(name)
        for name in names:
            known = self._facts.get(name)
            if known is None:
                continue  # it is being made and has said nothing yet
            kept = self._kept.setdefault(name, Kept(name, known.order.made, now))
            kept.ready = name in facts and known.ready
            if self._follows and not known.draining:
                kept.drained = None
            elif known.draining and kept.drained is None:
                kept.drained = now
            load = self._look(known.order) if kept.ready else None
            if load is not None:
                self._load[name] = load
                kept.busy = load.running + load.waiting
            elif kept.ready:
                kept.busy = max(1, kept.busy)  # it had no time to say: it is at work

    def _number(self, name: str, pool: Pool, orders: Orders, now: float) -> int:
        """Replicas that the pool should have now: what the operator ordered, or what its load asks for."""
        state = self._pools[name]
        mine = [kept for kept in self._kept.values() if self._facts[kept.name].order.pool == name and kept.ready]
        loads = [self._load.get(kept.name, Load()) for kept in mine]
        busy = sum(load.running + load.waiting for load in loads)
        waiting = sum(load.waiting for load in loads)
        woken = not mine and 0.0 <= self._clock.now().timestamp() - touched(wake_file(self._folder)) < WAKE_S
        if busy or woken:
            state.used_at = now
        serving = len(mine)
        seen = Seen(
            serving=serving,
            # One queue of prompts a replica: each waiting one adds about a first token's time.
            ttft_s=pool.rules.ttft_s * waiting / (serving * pool.slots) if serving else 0.0,
            tokens=busy * pool.tokens,
            idle_s=now - state.used_at,
            waiting=int(woken),
        )
        second = self._clock.now().timestamp()
        number = wanted(pool.rules, seen, ahead(pool.rules, pool.curve, second))
        state.number = orders.scale[name] if name in orders.scale else state.steady.settle(now, number)
        return state.number

    def _act(self, name: str, pool: Pool, steps: Steps, now: float) -> None:
        for each in steps.drain:
            self._kept[each].drained = now
            self._hand.drain(each, drains=True)
        for each in steps.undrain:
            self._kept[each].drained = None
            self._facts[each] = msgspec.structs.replace(self._facts[each], draining=False)
            self._hand.drain(each, drains=False)
        for each in steps.stop:
            self._hand.stop(each)
            self._forget(each)
        # A replica that Ray is still making counts already, or each step would order another.
        coming = sum(each not in self._kept and each.startswith(f"{name}-") for each in self._hand.names())
        for _ in range(steps.start - coming):
            order = self._order(name, pool)
            self._hand.start(f"{name}-{order.launch.port}", order, pool)

    def _forget(self, name: str) -> None:
        """Its name and port may be given to another, who must not be taken for the one that ended."""
        del self._kept[name]
        self._facts.pop(name, None)
        self._load.pop(name, None)

    def _order(self, name: str, pool: Pool) -> Order:
        taken = {int(each.rpartition("-")[2]) for each in self._hand.names()}
        first, last = self._cell.ports
        port = next((port for port in range(first, last + 1) if port not in taken), 0)
        if not port:
            raise Refusal("fleet_unavailable", reason="Every declared port is taken: declare more, or fewer replicas.")
        launch = Launch(
            program=pool.program,
            model=pool.model,
            name=name,
            host=self._cell.host,
            port=port,
            slots=pool.slots,
            context=pool.context,
            threads=pool.threads,
            cache_mb=pool.cache_mb,
            extra=pool.extra,
        )
        return Order(name, pool.engine, made_of(name, pool), launch, str(self._folder / f"{name}-{port}.log"))


def listing(facts: Facts, *, draining: bool) -> Listed:
    """How a replica stands on the board."""
    order = facts.order
    engine = named(order.engine)
    return Listed(
        name=f"{order.pool}-{order.launch.port}",
        pool=order.pool,
        host=order.launch.host,
        port=order.launch.port,
        model=Path(order.launch.model).name,
        engine=order.engine,
        slots=order.launch.slots,
        room=room(order.launch),
        draining=draining,
        health=engine.health,
        metrics=engine.metrics,
        names=engine.names,
    )


def made_of(name: str, pool: Pool) -> str:
    """A short name of the settings that an engine is started with; another one means: replace it."""
    parts = (name, pool.engine, pool.program, pool.model, pool.slots, pool.context, pool.cache_mb, pool.extra)
    return hashlib.blake2b(msgspec.json.encode(parts), digest_size=6).hexdigest()


def ordered(pool: Pool, model: str) -> Pool:
    """The pool with the model that an operator ordered, if any."""
    return msgspec.structs.replace(pool, model=model) if model else pool


def board_file(folder: Path) -> Path:
    """The list that gateways read."""
    return folder / "board.json"


def wake_file(folder: Path) -> Path:
    """Touched by a gateway that has a request while nobody serves."""
    return board_file(folder).with_suffix(".wake")


def orders_file(folder: Path) -> Path:
    return folder / "orders.json"


def touched(path: Path) -> float:
    """When a file was written last, in seconds since 1970; 0 when it is not there."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def read_orders(folder: Path) -> Orders:
    """What was ordered. A file that cannot be read orders nothing."""
    try:
        return msgspec.json.decode(orders_file(folder).read_bytes(), type=Orders)
    except (OSError, msgspec.MsgspecError):
        return Orders()


def give_order(folder: Path, **changes: Any) -> Orders:
    """Add to what was ordered: scale={pool: n}, model={pool: file}, drain=(name,)."""
    now = read_orders(folder)
    orders = Orders(
        scale={**now.scale, **changes.get("scale", {})},
        model={**now.model, **changes.get("model", {})},
        drain=tuple(dict.fromkeys((*now.drain, *changes.get("drain", ())))),
    )
    write_private(orders_file(folder), msgspec.json.encode(orders).decode())
    return orders
