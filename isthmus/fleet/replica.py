"""One replica: an actor of Ray that owns one engine process, starts it again when it dies, and says how it is.

Rules of this room:
1. No token passes here. Gateways talk to the engine's own port; Ray carries orders and facts alone.
2. The engine lives and dies with its actor (core.leash); the actor is started again by Ray, on another node if need be,
   with the same port and the same settings.
3. The key is read from a file of the node, so it never lies in Ray's own store.
"""

from __future__ import annotations

import http.client
import ipaddress
import os
from pathlib import Path
from typing import Any

import msgspec

from isthmus.core.child import Child
from isthmus.core.errors import Refusal
from isthmus.fleet.engine import Launch, named

KEY_FILE = "ISTHMUS_FLEET_KEY_FILE"
NODE = "node"  # in a cell of several nodes: each replica listens on the private address of its own
HEALTH_EVERY_S = 2.0
HEALTH_WAIT_S = 2.0


class Order(msgspec.Struct, frozen=True):
    """What an actor is made with. `made` names the settings, so that a keeper knows which replicas are old."""

    pool: str
    engine: str
    made: str
    launch: Launch
    log: str


class Facts(msgspec.Struct, frozen=True):
    """What an actor says of itself. `ready`: the model is loaded and the engine answers. `pid` is the engine's."""

    order: Order
    pid: int | None
    restarts: int
    ready: bool
    draining: bool = False


class Supervisor:
    """The engine process of one replica. `order` is an Order as JSON; so are all answers: no pickled classes."""

    def __init__(self, order: bytes) -> None:
        self._order = at_home(msgspec.json.decode(order, type=Order))
        self._draining = False
        self._engine = named(self._order.engine)
        self._key = read_key(os.environ)
        self._loaded_pid: int | None = None
        launch = self._order.launch
        self._child = Child(
            self._engine.command(launch),
            log=Path(self._order.log),
            environ=self._engine.environ(launch, self._key),
            healthy=self._not_hung,
            health_every_s=HEALTH_EVERY_S,
        )
        self._child.start()

    def facts(self) -> bytes:
        """Facts as JSON."""
        child = self._child
        return msgspec.json.encode(Facts(self._order, child.pid, child.restarts, self._healthy(), self._draining))

    def drain(self, drains: bool) -> None:
        """Remember that no new requests should come: the fact outlives the keeper."""
        self._draining = drains

    def stop(self) -> None:
        """End the engine."""
        self._child.stop(grace_s=5.0)

    def _healthy(self) -> bool:
        ready = asks(self._order.launch, self._engine.health, self._key) == http.HTTPStatus.OK
        if ready:
            self._loaded_pid = self._child.pid
        return ready

    def _not_hung(self) -> bool:
        """Three refusals in a row end the engine. One that has not loaded its model yet is not hung, only slow."""
        return self._healthy() or self._child.pid != self._loaded_pid


def at_home(order: Order) -> Order:
    """The order with this node's own address, where it asks for it. Raises Refusal usage when that is a public one."""
    if order.launch.host != NODE:
        return order
    import ray

    where: Any = ray.util.get_node_ip_address
    host = where()
    if not ipaddress.ip_address(host).is_private:
        raise Refusal("usage", reason="This node has no private address: tokens would pass in clear.")
    return msgspec.structs.replace(order, launch=msgspec.structs.replace(order.launch, host=host))


def asks(launch: Launch, path: str, key: str) -> int:
    """The status of one page of an engine; 0 when it does not answer."""
    connection = http.client.HTTPConnection(launch.host, launch.port, timeout=HEALTH_WAIT_S)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {key}"})
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def read_key(environ: os._Environ[str] | dict[str, str]) -> str:
    """The engines' key, from the file that ISTHMUS_FLEET_KEY_FILE names. Raises Refusal fleet_token."""
    path = environ.get(KEY_FILE, "")
    try:
        key = Path(path).read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        key = ""
    if not key:
        raise Refusal("fleet_token", reason=f"{KEY_FILE} names no file with the engines' key.")
    return key
