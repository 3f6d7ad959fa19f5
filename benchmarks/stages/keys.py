"""Keys: what it costs to know the caller, one keyed hash and one look-up among 10,000 keys."""

from __future__ import annotations

from hashlib import blake2b

from isthmus.core.exchange import Caller
from isthmus.policy.keys import KeyRing

BUDGET_US = {"find among 10,000": 1.0}
KEYS = 10_000


class Accounts:
    """Keys without a database; the ring asks for nothing else."""

    def keyed(self):
        return blake2b(key=b"p" * 32, digest_size=32)

    def callers(self):
        for number in range(KEYS):
            keyed = self.keyed()
            keyed.update(secret(number))
            yield keyed.digest(), Caller(str(number), "acme", ("CN",), "CN")


def secret(number):
    return b"isk_%08x_%043d" % (number, number)


def cases():
    ring = KeyRing(Accounts())
    header = b"Bearer " + secret(KEYS // 2)
    return {"find among 10,000": lambda: ring.find(header)}
