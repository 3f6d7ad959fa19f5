"""How a keeper sees what an engine is doing: its own measures page, over its own port."""

from __future__ import annotations

import http.client

from isthmus.fleet.engine import named
from isthmus.fleet.replica import Order
from isthmus.routing.probe import Load, Names, read

WAIT_S = 1.0
LARGEST = 1 << 20


class EngineLook:
    """Reads the measures of engines that want `key`."""

    def __init__(self, key: str) -> None:
        self._headers = {"Authorization": f"Bearer {key}"}

    def __call__(self, order: Order) -> Load | None:
        """The load of the engine that was started by `order`."""
        engine = named(order.engine)
        return self.ask(order.launch.host, order.launch.port, engine.metrics, engine.names)

    def ask(self, host: str, port: int, page: str, names: Names) -> Load | None:
        """The load on an engine's measures `page`; None when it does not answer within WAIT_S."""
        connection = http.client.HTTPConnection(host, port, timeout=WAIT_S)
        try:
            connection.request("GET", page, headers=self._headers)
            answer = connection.getresponse()
            text = answer.read(LARGEST)
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()
        return read(text, names) if answer.status == http.HTTPStatus.OK else None
