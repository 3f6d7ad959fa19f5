"""What it costs to know the caller: one keyed hash and one look-up among 10,000 keys."""

import time
from hashlib import blake2b

from isthmus.core.exchange import Caller
from isthmus.policy.keys import KeyRing

NAME = "keys: find the caller"
BUDGET_US = 1.0
KEYS = 10_000
ROUNDS = 20_000


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


def measure() -> float:
    """CPU microseconds for one look-up: the best of five runs."""
    ring = KeyRing(Accounts())
    headers = [b"Bearer " + secret(number) for number in range(0, KEYS, 10)]
    best = float("inf")
    for _ in range(5):
        start = time.process_time()
        for _ in range(ROUNDS // len(headers)):
            for header in headers:
                ring.find(header)
        best = min(best, (time.process_time() - start) / ROUNDS * 1e6)
    return best
