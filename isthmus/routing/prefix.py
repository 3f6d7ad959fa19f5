"""Which replica has read the beginning of this prompt already: a bounded index of prompt prefixes.

Rules of this room:
1. A prompt is cut into blocks of equal length; a block's key is chained to all before it, so one key names one prefix.
2. Keys come from a keyed hash (CPython's SipHash-1-3, keyed anew in each process, PEP 456) over a secret seed that
   differs by tenant, region and model: nothing of a prompt can be read from the index, and no tenant can ask what
   another one sent.
3. Memory is bounded per replica by what its engine can hold, and a 64th. Beyond that the oldest prefix goes, its leaf
   first, as engines do it themselves (least recently used); or its root first, where a cache keeps plain order of use.
4. The index is advice. Losing it costs cache hits, never an error.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from itertools import islice
from struct import Struct

BLOCK_BYTES = 512  # about 128 tokens of English; engines cache by less (vLLM 16, SGLang 1 to 64), a look-up costs more
AHEAD = 7  # bits: a full index forgets a 128th of its room at once, since a dict's first entries are found by a walk
OVER = 6  # bits: by a 64th of its room it may be over between two probe periods
VICTIMS = 32  # blocks, about what a usual prompt pushes out
LONGEST_CHAIN = 256  # blocks of one prompt that are looked at: 128 kB
ENTRY_BYTES = 320  # measured upper bound of what one block of one replica costs here; tests hold it


def seed(salt: bytes, *scope: str) -> int:
    """The start of every chain in `scope` (tenant, region, model ...). `salt` is the process's secret."""
    return hash((salt, *scope))


def chain(prompt: bytes, start: int, block: int = BLOCK_BYTES) -> list[int]:
    """Keys of the prompt's whole blocks, each standing for the prefix that ends with it. A short rest has no key."""
    many = min(len(prompt) // block, LONGEST_CHAIN)
    key = start
    return [key := hash((key, piece)) for piece in _cut(many, block)(prompt)]


@cache
def _cut(many: int, block: int) -> Callable[[bytes], tuple[bytes, ...]]:
    """Cuts the first `many` blocks off a prompt in one call; at most LONGEST_CHAIN of them are kept for each length."""
    return Struct(f"{block}s" * many).unpack_from


class PrefixIndex:
    """For each replica, by its number, the prefixes that its engine probably holds.

    `where` maps a key to a bit mask of replicas, so that one look-up a block serves them all.
    """

    __slots__ = ("_bits", "_held", "_room", "_root_first", "_where")

    def __init__(self) -> None:
        self._where: dict[int, int] = {}
        self._held: dict[int, dict[int, float]] = {}  # the least recently used first; with the second of that use
        self._room: dict[int, int] = {}
        self._root_first: set[int] = set()
        self._bits: dict[int, int] = {}  # one object a replica, so that most masks need no memory of their own

    def add(self, number: int, room: int, *, root_first: bool = False) -> None:
        """Begin to index replica `number`, which can hold `room` blocks. `root_first`: see seat.Replica."""
        self._held[number] = {}
        self._room[number] = room
        self._bits[number] = 1 << number
        if root_first:
            self._root_first.add(number)
        else:
            self._root_first.discard(number)

    def forget(self, number: int) -> None:
        """Replica `number` is gone or has lost its cache. Call `add` before it is used again."""
        held = self._held.pop(number, None)
        for key in held or ():
            self._unmark(key, number)

    def resize(self, number: int, room: int) -> None:
        """Replica `number` turned out to hold `room` blocks."""
        self._room[number] = room
        self.trim(number)

    def depths(self, keys: Sequence[int], among: int) -> list[tuple[int, int]]:
        """How far each replica of the mask `among` has the prompt: (mask, blocks) pairs, longest first.

        Replicas that have none of it are in no pair.
        """
        found: list[tuple[int, int]] = []
        where = self._where
        depth = 0
        for key in keys:
            here = where.get(key, 0) & among
            if here != among:
                if depth:
                    found.append((among ^ here, depth))
                among = here
                if not here:
                    break
            depth += 1
        if among and depth:
            found.append((among, depth))
        found.reverse()
        return found

    def store(self, number: int, keys: Sequence[int], now: float = 0.0) -> None:
        """Replica `number` reads a prompt with `keys` at `now`: its prefix is the newest that it holds."""
        held = self._held[number]
        where = self._where
        bit = self._bits[number]
        # The end of a prompt is the oldest of its own prefix, unless the cache begins to lose it at its root.
        for key in keys if number in self._root_first else reversed(keys):
            mask = where.get(key, 0)
            if mask & bit:
                del held[key]  # to come again at the end
            else:
                where[key] = mask | bit if mask else bit
            held[key] = now
        room = self._room[number]
        if len(held) > room + (room >> OVER):
            self.trim(number)

    def trim(self, number: int) -> None:
        """Forget the oldest of what replica `number` cannot hold: called every probe period, beside requests."""
        if len(self._held[number]) > self._room[number]:
            self._trim(number)

    def drop(self, number: int, keys: Sequence[int]) -> None:
        """Replica `number` said that it no longer holds `keys` (an engine's own cache events)."""
        held = self._held[number]
        for key in keys:
            if held.pop(key, None) is not None:
                self._unmark(key, number)

    def oldest(self, number: int) -> list[float]:
        """When the prefixes were last used that go next from a full replica `number`; nothing while it has room."""
        held = self._held[number]
        room = self._room[number]
        if len(held) + (room >> AHEAD) < room:
            return []
        return [*islice(held.values(), 0, VICTIMS, VICTIMS // 4)]

    def blocks(self, number: int) -> int:
        """Blocks that replica `number` is believed to hold."""
        return len(self._held[number])

    def __len__(self) -> int:
        """Blocks over all replicas; memory is at most ENTRY_BYTES each."""
        return sum(len(held) for held in self._held.values())

    def _trim(self, number: int) -> None:
        held = self._held[number]
        room = self._room[number]
        where = self._where
        bit = self._bits[number]
        for key in [*islice(held, len(held) - room + (room >> AHEAD))]:
            del held[key]
            mask = where.pop(key)
            if mask != bit:
                where[key] = mask ^ bit

    def _unmark(self, key: int, number: int) -> None:
        left = self._where[key] & ~(1 << number)
        if left:
            self._where[key] = left
        else:
            del self._where[key]
