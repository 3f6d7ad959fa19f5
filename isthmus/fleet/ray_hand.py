"""The keeper's hand on Ray: named, detached actors that Ray places, restarts and remembers."""

from __future__ import annotations

import contextlib
import signal
from typing import Any

import msgspec

from isthmus.core.errors import Refusal
from isthmus.fleet.cell import Pool
from isthmus.fleet.ray_node import stay_on_loopback
from isthmus.fleet.replica import Facts, Order, Supervisor

NAMESPACE = "isthmus"
CALL_S = 1.0
STOP_S = 8.0


class RayHand:
    """Replicas of the cell at `address`. Raises Refusal fleet_unavailable when it cannot be joined."""

    def __init__(self, address: str, host: str) -> None:
        import ray

        if host:
            stay_on_loopback()
        self._ray: Any = ray
        ours = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            ray.init(
                address=address,
                namespace=NAMESPACE,
                _node_ip_address=host or None,
                log_to_driver=False,
                configure_logging=False,
            )
        except (ConnectionError, RuntimeError, ray.exceptions.RayError) as error:
            raise Refusal("fleet_unavailable", reason=f"Ray said {type(error).__name__}.") from None
        for number, handler in ours.items():  # Ray puts its own in their place, which end the process at once
            signal.signal(number, handler)
        self._actors: dict[str, Any] = {}
        self._names: list[str] = []

    def names(self) -> list[str]:
        """Names of all replicas that Ray knows. While the head is away, the last answer stands."""
        try:
            self._names = sorted(self._ray.util.list_named_actors())
        except (self._ray.exceptions.RayError, RuntimeError):
            return self._names
        return self._names

    def start(self, name: str, order: Order, pool: Pool) -> None:
        """Make one replica; it is not ready yet. Ray places it, and starts it again whenever it ends."""
        actor = self._ray.remote(Supervisor).options(
            name=name,
            lifetime="detached",
            max_restarts=-1,
            max_concurrency=4,
            num_cpus=pool.cpus,
            num_gpus=pool.gpus,
        )
        try:
            self._actors[name] = actor.remote(msgspec.json.encode(order))
        except (self._ray.exceptions.RayError, RuntimeError, ValueError) as error:
            raise Refusal("fleet_unavailable", reason=f"Ray said {type(error).__name__}.") from None
        self._names = [*self._names, name]

    def facts(self, names: list[str]) -> dict[str, Facts]:
        """What those replicas say that answer within a second."""
        asked = {}
        for name in names:
            actor = self._actor(name)
            if actor is not None:
                asked[actor.facts.remote()] = name
        done, _ = self._ray.wait(list(asked), num_returns=len(asked), timeout=CALL_S) if asked else ([], [])
        found = {}
        for answer in done:
            try:
                found[asked[answer]] = msgspec.json.decode(self._ray.get(answer), type=Facts)
            except self._ray.exceptions.RayError:
                self._actors.pop(asked[answer], None)
        return found

    def drain(self, name: str, drains: bool) -> None:
        """Let the replica remember whether it takes new requests."""
        actor = self._actor(name)
        if actor is not None:
            actor.drain.remote(drains)

    def stop(self, name: str) -> None:
        """End the engine, then its actor."""
        actor = self._actor(name)
        if actor is None:
            return
        with contextlib.suppress(self._ray.exceptions.RayError):  # its actor dies next, and its engine with it
            self._ray.get(actor.stop.remote(), timeout=STOP_S)
        self._ray.kill(actor, no_restart=True)
        self._actors.pop(name, None)
        self._names = [each for each in self._names if each != name]

    def close(self) -> None:
        """Leave the cell; its replicas go on."""
        self._ray.shutdown()

    def _actor(self, name: str) -> Any:
        if name not in self._actors:
            try:
                self._actors[name] = self._ray.get_actor(name)
            except (ValueError, self._ray.exceptions.RayError):
                return None
        return self._actors[name]
