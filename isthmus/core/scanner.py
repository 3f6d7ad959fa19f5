"""Automata on bytes: thousands of literals, or a few dozen patterns, in one pass without backtracking.

Rules of this room:
1. A clean text costs one scan; whoever gets a match looks a second time, exactly, in Python.
2. Hyperscan in block mode. Each database has its own scratch: one shared by several dies with the first of them
   (hyperscan 0.9.1 frees it, and the next scan fails). So: one thread scans.
3. Where hyperscan has no wheel, the same answers come from the standard library: slow but right.
Measured: docs/guard.md. Aho and Corasick, "Efficient string matching", CACM 18(6), 1975.
"""

from __future__ import annotations

import ctypes
import re
import sys
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any

hyperscan: Any
try:
    import hyperscan
except ImportError:  # no wheel for this machine: rule 3
    hyperscan = None


def note(index: int, start: int, end: int, flags: int, found: list[tuple[int, int, int]]) -> None:
    """What a scan calls for each match."""
    found.append((index, start, end))


def _nothing(data: bytes, note: Any, flags: int, found: list[tuple[int, int, int]]) -> None:
    """A scan for nothing at all."""


def _database(expressions: list[bytes], flags: list[int], ids: Sequence[int], *, literal: bool) -> Any:
    """A compiled block database. Few expressions may share an id: compiling takes the square of their number."""
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(expressions=expressions, ids=list(ids), flags=flags, literal=literal)
    give_back()
    return database


def give_back() -> None:
    """Return to the system what a compilation took: glibc keeps tens of MB for later, and there is no later."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


def engine() -> str:
    """What made a stored database, and for which processor: another one cannot read it."""
    if hyperscan is None:
        return "portable"
    empty = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    empty.compile(expressions=[b"a"], ids=[0], flags=[0], literal=True)
    return f"hyperscan {hyperscan.__version__} {empty.info().decode()}"


class Literals:
    """Byte strings found in one pass, ASCII letters in either case. A literal is not empty and holds no NUL.

    `search(data)` gives (index, 0, end) for every occurrence of `literals`, overlapping ones too, in order of `end`;
    of the `signs`, whose indexes follow, at least the first occurrence. A sign may be several strings, any of which is
    it. `scan(data, note, 0, found)` does the same for data that is not empty.
    """

    __slots__ = ("_database", "scan")

    def __init__(
        self, literals: Sequence[bytes], signs: Sequence[bytes | Sequence[bytes]] = (), *, portable: bool = False
    ) -> None:
        self.scan: Callable[[bytes, Any, int, list[tuple[int, int, int]]], object] = _nothing
        self._database: Any = None
        strings, ids = list(literals), list(range(len(literals)))
        for index, sign in enumerate(signs, len(literals)):
            together = [sign] if isinstance(sign, bytes) else sign
            strings += together
            ids += [index] * len(together)
        if not strings:
            return
        if hyperscan is None or portable:
            self.scan = _AhoCorasick([literal.lower() for literal in strings], ids).scan
        else:
            flags = [hyperscan.HS_FLAG_CASELESS] * len(literals)
            flags += [hyperscan.HS_FLAG_CASELESS | hyperscan.HS_FLAG_SINGLEMATCH] * (len(ids) - len(literals))
            self._use(_database(strings, flags, ids, literal=True))

    def _use(self, database: Any) -> None:
        self._database = database
        self.scan = database.scan

    def stored(self) -> bytes:
        """The compiled database, for `restore`; empty where there is none (nothing to find, or the portable way)."""
        return b"" if self._database is None else bytes(hyperscan.dumpb(self._database))

    @classmethod
    def restore(cls, stored: bytes) -> Literals:
        """What `stored` gave, with scratch space of its own. Raises ValueError when this engine cannot read it."""
        if hyperscan is None:
            raise ValueError("no engine here")
        made = cls(())
        try:
            database = hyperscan.loadb(stored, hyperscan.HS_MODE_BLOCK)
            database.scratch = hyperscan.Scratch(database)
        except hyperscan.HyperscanError as error:
            raise ValueError("this engine cannot read it") from error
        made._use(database)
        return made

    def search(self, data: bytes) -> list[tuple[int, int, int]]:
        """All occurrences in `data`."""
        found: list[tuple[int, int, int]] = []
        if data:
            self.scan(data, note, 0, found)
        return found


class Presence:
    """Which of some patterns occur at all: the cheapest question. Syntax: what hyperscan and `re` share."""

    __slots__ = ("_regexes", "_scan")

    def __init__(self, patterns: Sequence[bytes], *, portable: bool = False) -> None:
        self._scan = None
        self._regexes: list[re.Pattern[bytes]] = []
        if hyperscan is None or portable:
            self._regexes = [re.compile(pattern, re.DOTALL) for pattern in patterns]
        else:
            flags = [hyperscan.HS_FLAG_SINGLEMATCH | hyperscan.HS_FLAG_DOTALL] * len(patterns)
            self._scan = _database(list(patterns), flags, range(len(patterns)), literal=False).scan

    def which(self, data: bytes) -> list[tuple[int, int, int]]:
        """One (index, 0, some end) for each pattern that matches somewhere in `data`."""
        found: list[tuple[int, int, int]] = []
        if self._scan is None:
            for index, regex in enumerate(self._regexes):
                match = regex.search(data)
                if match is not None:
                    found.append((index, 0, match.end()))
        elif data:
            self._scan(data, note, 0, found)
        return found

    def seen(self, data: bytes) -> bool:
        """True when one of the patterns matches somewhere in `data`."""
        return bool(self.which(data))


def byte_classes(points: Iterable[int]) -> list[bytes]:
    """Patterns on UTF-8 bytes that match exactly one character of `points` (code points, no surrogates).

    One pattern per leading pair of bytes, because hyperscan bounds a pattern's length (16,000 bytes).
    """
    trees: dict[bytes, dict[int, Any]] = {}
    for point in points:
        encoded = chr(point).encode()
        branch = trees.setdefault(encoded[:2] if len(encoded) > 2 else encoded[:1], {})
        *lead, final = encoded
        for byte in lead:
            branch = branch.setdefault(byte, {})
        branch[final] = None
    return [_alternatives(tree) for tree in trees.values()]


def _alternatives(tree: dict[int, Any]) -> bytes:
    """The tree as a pattern; branches with the same continuation share it, and runs of bytes become ranges."""
    shared: dict[bytes, list[int]] = {}
    for byte, branch in sorted(tree.items()):
        shared.setdefault(b"" if branch is None else _alternatives(branch), []).append(byte)
    return b"(?:" + b"|".join(_ranges(bytes_) + after for after, bytes_ in shared.items()) + b")"


def _ranges(ordered: list[int]) -> bytes:
    out = b""
    first = last = ordered[0]
    for byte in [*ordered[1:], 0x200]:
        if byte != last + 1:
            out += b"\\x%02x-\\x%02x" % (first, last)
            first = byte
        last = byte
    return b"[" + out + b"]"


class _AhoCorasick:
    """The textbook automaton on bytes: goto tables as dicts, failure links, outputs along the links."""

    __slots__ = ("_fail", "_goto", "_out")

    def __init__(self, literals: Sequence[bytes], ids: Sequence[int]) -> None:
        self._goto: list[dict[int, int]] = [{}]
        self._out: list[list[int]] = [[]]
        self._fail: list[int] = [0]
        for index, literal in zip(ids, literals, strict=True):
            state = 0
            for byte in literal:
                if byte not in self._goto[state]:
                    self._goto[state][byte] = len(self._goto)
                    self._goto.append({})
                    self._out.append([])
                    self._fail.append(0)
                state = self._goto[state][byte]
            self._out[state].append(index)
        self._link()

    def _link(self) -> None:
        queue = deque(self._goto[0].values())
        while queue:
            state = queue.popleft()
            for byte, after in self._goto[state].items():
                queue.append(after)
                fail = self._fail[state]
                while fail and byte not in self._goto[fail]:
                    fail = self._fail[fail]
                self._fail[after] = self._goto[fail].get(byte, 0)
                self._out[after] = self._out[after] + self._out[self._fail[after]]

    def scan(self, data: bytes, note: Any, flags: int, found: list[tuple[int, int, int]]) -> None:
        state = 0
        goto, fail = self._goto, self._fail
        for end, byte in enumerate(data.lower(), 1):
            while state and byte not in goto[state]:
                state = fail[state]
            state = goto[state].get(byte, 0)
            found.extend((index, 0, end) for index in self._out[state])
