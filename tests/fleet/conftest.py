"""A hand that keeps its replicas in memory: the keeper's decisions without Ray (tests/fleet/test_real.py has Ray)."""

import pytest

from isthmus.fleet.replica import Facts
from isthmus.routing.probe import Load


class MemoryHand:
    """Replicas as a dict. `loading` names say nothing yet; `silent` ones do not answer."""

    def __init__(self):
        self.orders = {}
        self.loading = set()
        self.silent = set()
        self.drained = {}
        self.stopped = []

    def names(self):
        return sorted(self.orders)

    def start(self, name, order, pool):
        self.orders[name] = order
        self.loading.add(name)

    def facts(self, names):
        return {
            name: Facts(self.orders[name], 1, 0, name not in self.loading, self.drained.get(name, False))
            for name in names
            if name not in self.silent
        }

    def drain(self, name, drains):
        self.drained[name] = drains

    def stop(self, name):
        del self.orders[name]
        self.stopped.append(name)


class SetLook:
    """What engines say, set by the test, by port."""

    def __init__(self):
        self.loads = {}

    def __call__(self, order):
        return self.loads.get(order.launch.port, Load())


@pytest.fixture
def hand():
    return MemoryHand()


@pytest.fixture
def look():
    return SetLook()
