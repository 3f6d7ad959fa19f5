"""What the control process asks of the workers of its node, in one small file: run/orders.json.

Workers look at it four times a second, by one stat. It can rest a partner's routes or bring another version of the law;
it can never name a route that a decision does not list.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from isthmus.core.decision import Route
from isthmus.routing.breaker import Breakers

NAME = "orders.json"


class Orders(msgspec.Struct, frozen=True):
    """`drained`: partners that are asked only where nobody else may answer. `law`: the version to serve by."""

    drained: tuple[str, ...] = ()
    law: str = "packaged"


def write(run: Path, orders: Orders) -> None:
    """Write the orders into the folder `run` by one rename; the same orders leave the file alone. Raises OSError."""
    path = run / NAME
    data = msgspec.json.encode(orders)
    if path.exists() and path.read_bytes() == data:
        return
    fresh = run / f".{NAME}"
    fresh.write_bytes(data)
    fresh.replace(path)


class Inbox:
    """One worker's look at the orders."""

    __slots__ = ("_path", "_seen", "orders")

    def __init__(self, run: Path) -> None:
        """Read what stands there now."""
        self._path = run / NAME
        self._seen = (0, 0)
        self.orders = Orders()
        self.changed()

    def changed(self) -> bool:
        """Whether there are new orders; they are in `orders` then. A file that is none changes nothing."""
        try:
            found = self._path.stat()
            seen = (found.st_mtime_ns, found.st_ino)
            if seen == self._seen:
                return False
            fresh = msgspec.json.decode(self._path.read_bytes(), type=Orders)
        except (OSError, msgspec.MsgspecError):
            return False
        self._seen = seen
        before, self.orders = self.orders, fresh
        return fresh != before

    def apply(self, breakers: Breakers, routes: Iterable[Route]) -> None:
        """Rest the routes of drained partners."""
        breakers.hold(route.name for route in routes if route.partner in self.orders.drained)
