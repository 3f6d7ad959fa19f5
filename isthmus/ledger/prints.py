"""Fingerprints of what was produced, beside the ledger: numbers under a key, never a word.

    prints/key                            32 bytes, the owner's alone; made once
    prints/<shard>/routes                 one route a line; a print names its line
    prints/<shard>/<day>_<most>.prints    the prints of one day (UTC) that are kept <most> days at most (0: KEEP)

    print = at(u64, ms) boot(u32) number(u64) route(u16) count(u16) token(u32)*64                   big-endian

Boot and number are those of the receipt's id. A token is the first four bytes of AES-256(key, number): whoever has the
file without the key cannot try words against it. Prints are not synced one by one: a crash of the machine may lose the
last seconds of them, never a receipt. The oldest days go when they reach their age, or when a shard exceeds LIMIT.
"""

from __future__ import annotations

import secrets
import struct
import sys
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from isthmus.ledger.once import write_once
from isthmus.ledger.receipt import Receipt

SIZE = 64  # tokens of one print
KEEP = 400  # days, where the law says nothing
LIMIT = 8 << 30  # bytes of one shard: some 30 million prints
LEAST = 10  # tokens in common
SHARE = 0.18  # of the tokens of the shorter print, in common
_HEAD = struct.Struct(">QIQHH")
RECORD = _HEAD.size + 4 * SIZE
_ROUTES = 1 << 16

Draw = Callable[[], Sequence[int]]


class Printed:
    """An entry, and how its fingerprint is drawn once it is on disk. Until then it holds content."""

    __slots__ = ("draw", "entry")

    def __init__(self, entry: Receipt, draw: Draw) -> None:
        self.entry = entry
        self.draw = draw

    def __repr__(self) -> str:
        return "<Printed>"

    def __reduce__(self) -> str:
        raise TypeError("what holds content is not pickled")


class Match(NamedTuple):
    """A print like the one asked for: its receipt, when (ms since 1970 UTC), its route, the share in common."""

    receipt: str
    at: int
    route: str
    share: float
    tokens: int


class Prints:
    """The writer's side of one shard. Not thread-safe: the ledger's writer thread alone calls it."""

    def __init__(self, folder: Path, shard: str) -> None:
        """`folder` is the ledger's; nothing is made there before the first print."""
        self._folder = folder / "prints"
        self._place = self._folder / shard
        self._routes: dict[str, int] = {}
        self._token: Callable[[Iterable[int]], list[int]] | None = None

    def keep(self, printed: Iterable[Printed]) -> None:
        """Write the prints of entries that are durable already. Raises OSError."""
        days: dict[str, list[bytes]] = {}
        for each in printed:
            entry = each.entry
            numbers = each.draw()
            if numbers:
                name = f"{_day(entry.at):%Y%m%d}_{entry.keep_max}.prints"
                days.setdefault(name, []).append(self._record(entry, numbers))
        for name, records in days.items():
            path = self._place / name
            fresh = not path.exists()
            with path.open("ab") as file:
                # A crash may have torn the last print: what follows it begins at a whole one again.
                file.truncate(file.tell() // RECORD * RECORD)
                file.write(b"".join(records))
            if fresh:
                self._retire(max(_day(each.entry.at) for each in printed))

    def _record(self, entry: Receipt, numbers: Sequence[int]) -> bytes:
        if self._token is None:
            self._place.mkdir(parents=True, exist_ok=True)
            self._token = _tokens(key(self._folder))
            self._routes = {name: line for line, name in enumerate(_lines(self._place / "routes"))}
        tokens = self._token(numbers[:SIZE])
        _, boot, number = entry.id.rsplit("-", 2)
        head = _HEAD.pack(entry.at, int(boot), int(number), self._route(entry.route), len(tokens))
        return head + struct.pack(f">{SIZE}I", *tokens, *[0] * (SIZE - len(tokens)))

    def _route(self, name: str) -> int:
        line = self._routes.get(name)
        if line is None:
            line = self._routes[name] = len(self._routes) % _ROUTES
            with (self._place / "routes").open("a", encoding="utf-8") as file:
                file.write(name + "\n")
        return line

    def _retire(self, today: datetime) -> None:
        """Delete the days that are too old, then the oldest while there is too much. Looks once a day."""
        total = 0
        for path in sorted(self._place.glob("*.prints"), reverse=True):
            day, _, most = path.stem.partition("_")
            begun = datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC)
            total += path.stat().st_size
            if begun + timedelta(days=int(most) or KEEP) < today or total > LIMIT:
                path.unlink()


def find(folder: Path, asked: Sequence[Sequence[int]], tell: Callable[[int, int], None] | None = None) -> Match | None:
    """The print in the ledger's `folder` that is most like one of the fingerprints `asked`; None when none is.

    `tell` hears bytes done and bytes in all. Raises OSError.
    """
    place = folder / "prints"
    files = sorted(place.glob("*/*.prints"))
    if not files or not asked:
        return None
    token = _tokens(key(place))
    wanted = [frozenset(token(numbers)) for numbers in asked]
    total, done, best = sum(path.stat().st_size for path in files), 0, None
    for path in files:
        for match in _matches(path, wanted):
            if best is None or match.share > best.share:
                best = match
        done += path.stat().st_size
        if tell is not None:
            tell(done, total)
    return best


def key(folder: Path) -> bytes:
    """The key of the prints in `folder`, made when there is none. Raises OSError."""
    path = folder / "key"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        write_once(path, secrets.token_bytes(32), 0o600)
    return path.read_bytes()


def _matches(path: Path, wanted: Sequence[frozenset[int]]) -> Iterator[Match]:
    block = path.read_bytes()
    count = len(block) // RECORD
    words = array("I", block[: count * RECORD])
    if sys.byteorder == "little":
        words.byteswap()
    routes = _lines(path.parent / "routes")
    step, head = RECORD // 4, _HEAD.size // 4
    union = frozenset().union(*wanted)
    for at in range(0, len(words), step):
        tokens = words[at + head : at + step]
        if len(union.intersection(tokens)) < LEAST:
            continue
        begun, boot, number, route, held = _HEAD.unpack_from(block, at * 4)
        for each in wanted:
            common = len(each.intersection(tokens[:held]))
            share = common / max(1, min(held, len(each)))
            if common >= LEAST and share >= SHARE:
                name = routes[route] if route < len(routes) else ""
                yield Match(f"{path.parent.name}-{boot}-{number}", begun, name, share, common)


def _tokens(secret: bytes) -> Callable[[Iterable[int]], list[int]]:
    """The keyed function from numbers to tokens, both of 32 bits."""
    # Each block is enciphered on its own because each is looked for on its own; there is no message here.
    cipher = Cipher(algorithms.AES(secret), modes.ECB())  # noqa: S305

    def tokens(numbers: Iterable[int]) -> list[int]:
        encrypt = cipher.encryptor()
        block = encrypt.update(b"".join(number.to_bytes(16, "big") for number in numbers))
        return [int.from_bytes(block[at : at + 4], "big") for at in range(0, len(block), 16)]

    return tokens


def _lines(path: Path) -> list[str]:
    return path.read_text("utf-8").split("\n")[:-1] if path.exists() else []


def _day(at: int) -> datetime:
    return datetime.fromtimestamp(at / 1000, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
