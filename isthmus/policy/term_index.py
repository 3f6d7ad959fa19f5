"""All term lists as one automaton, compiled once and kept on disk.

Rules of this room:
1. One index holds the terms of every taxonomy; who scans says which taxonomies count (policy/terms). So a worker has
   one automaton, whatever the regions, routes and directions.
2. Beside the spellings of terms it holds signs, strings without which no disguise can be in a text, and anchors, no
   private detail being without one (policy/entities). A text without any of them is clean after one scan.
3. What is kept on disk is read only when its file and folder belong to this user alone, its name is the digest of what
   it was made from (lists, engine, this format), and its own checksum holds. Otherwise it is compiled anew.
Measured: `python -m benchmarks.stages moderation`.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
import tempfile
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

import msgspec

from isthmus.core.scanner import Literals, engine, give_back
from isthmus.policy.entities import ANCHORS
from isthmus.policy.normalise import changing, fold
from isthmus.policy.normalise import letters as alone

FORMAT = 2
ACTIONS = ("block", "mask", "flag")  # what a category asks for, the strictest first
FREE_BREAKS = 3  # of a term, each of which may hold a space or none
INK = (
    "#$%&'*+-./<=>@\\^_`|~·•‧・∙⋅★☆♥♡◆●○■□▪▫◇△▽"
    "※→×÷…—–‐‑‒―¦§¤°†‡＃＄％＆＇＊＋－．／＜＝＞＠＼＾＿｀｜～【】〖〗「」『』"
)
ASCII_INK = tuple(sign.encode() for sign in INK if sign.isascii())
INKED = 1  # place among the signs of the two that each of ASCII_INK has
# Gaps with which single letters are scattered ("f, u, c, k"). All gaps of one word are the same.
SCATTERED = (" ", ",", ", ", ";", "; ", ":", "!", "?", ". ", " - ", "、", "，")
# Letters and digits that stand alone in ordinary texts: one of these is a sign only beside another. (Pairs of all
# letters, 1,296 strings, come to share a bucket of the automaton with the terms, and slow down every scan.)
WORDS = "aeiouy0123456789"
_LINE_STARTS = re.compile(rb"\A|\n|\Z")
_DIGEST = 32
_BITS = (1 << 64) - 1


class Owner(NamedTuple):
    """Whose term it is: a category of a taxonomy, and what that category asks for (ACTIONS)."""

    taxonomy: str
    category: str
    action: str = "block"


Lists = Mapping[str, Mapping[str, tuple[str, str]]]  # taxonomy -> term -> (category, action)


class _Kept(msgspec.Struct, frozen=True):
    """What lies on disk."""

    database: memoryview
    apart: int
    letters: memoryview
    texts: memoryview
    ends: memoryview
    of: memoryview
    sizes: memoryview
    breaks: memoryview
    owned: memoryview
    owners: list[list[Owner]]
    counts: dict[str, int]
    folds: memoryview


class Index:
    """The terms in order of their letters, and their spellings in the order of the automaton.

    letters[t]  letters and digits of term t, folded
    breaks[t]   bit n: the term has a gap of its own before its letter n
    owned[t]    place in `owners`
    of[s]       the term of spelling s;  sizes[s] its bytes
    reach       bytes of the longest spelling and of the signs at its edges
    apart       how many of the signs that follow the spellings are of the first kind (see signs)
    counts      how many terms each taxonomy holds
    folding(n)  sign n of the second kind, and the letters it folds to (UTF-8)
    """

    __slots__ = (
        "_lines",
        "anchor",
        "apart",
        "breaks",
        "counts",
        "ends",
        "folds",
        "letters",
        "literals",
        "of",
        "owned",
        "owners",
        "reach",
        "sizes",
        "texts",
    )

    def __init__(
        self, literals: Literals, apart: int, letters: list[str], texts: bytes, arrays: tuple[array[int], ...],
        owners: list[tuple[Owner, ...]], counts: dict[str, int], folds: bytes,
    ) -> None:  # fmt: skip
        self._lines = array("I")
        self.folds = folds
        self.literals = literals
        self.apart = apart
        self.letters = letters
        self.texts = texts
        self.ends, self.of, self.sizes, self.breaks, self.owned = arrays
        self.reach = max(self.sizes, default=0) + 8
        self.anchor = len(self.of) + apart + (folds.count(b"\n") + 1 if self.of else 0)
        self.owners = owners
        self.counts = counts

    def folding(self, sign: int) -> tuple[bytes, bytes]:
        """See above."""
        if not self._lines:
            self._lines.extend(match.end() for match in _LINE_STARTS.finditer(self.folds))
        line = self.folds[self._lines[sign] : self._lines[sign + 1]].rstrip(b"\n")
        changed, letters = line.split(b"\t")
        return changed, letters

    def text(self, term: int) -> str:
        """The term as its list has it."""
        start = self.ends[term - 1] if term else 0
        return self.texts[start : self.ends[term]].decode("utf-8", "surrogatepass")


_T = TypeVar("_T")


class OncePer(Generic[_T]):
    """What is made once of an index, for two at most: the running one, and the one that replaces it."""

    def __init__(self, make: Callable[[Index], _T]) -> None:
        self._make = make
        self._made: dict[int, tuple[Index, _T]] = {}

    def __call__(self, index: Index) -> _T:
        known = self._made.get(id(index))
        if known is None:
            while len(self._made) >= 2:
                self._made.pop(next(iter(self._made)), None)  # another thread may have been first
            known = self._made[id(index)] = (index, self._make(index))
        return known[1]


class _Read(NamedTuple):
    letters: str
    breaks: int


def _is_latin(character: str) -> bool:
    return character.isascii() and character.isalnum()


def read_term(text: str) -> _Read | None:
    """The letters of a term and where it has gaps of its own; None when it has no letter at all."""
    letters: list[str] = []
    breaks = 0
    gap = False
    for character in fold(text):
        if not character.isalnum():
            gap = True
            continue
        border = bool(letters) and _is_latin(letters[-1]) != _is_latin(character)
        if letters and (gap or border):
            breaks |= 1 << len(letters)
        letters.append(character)
        gap = False
    return _Read("".join(letters), breaks) if letters else None


def places(breaks: int) -> list[int]:
    """The bits of `breaks` as numbers."""
    return [place for place in range(breaks.bit_length()) if breaks >> place & 1]


def _spellings(letters: str, breaks: int) -> set[str]:
    """How the term stands in an ordinary text: a space or none at each of its own breaks.

    A term of many breaks has spaces at all of them or at none (policy/terms says the same).
    """
    own = places(breaks)
    if len(own) > FREE_BREAKS:
        chosen: list[tuple[int, ...]] = [(), tuple(own)]
    else:
        chosen = [some for size in range(len(own) + 1) for some in combinations(own, size)]
    return {"".join((" " if place in some else "") + letter for place, letter in enumerate(letters)) for some in chosen}


@cache
def signs() -> tuple[tuple[tuple[bytes, ...], ...], tuple[bytes, ...]]:
    """Strings without which no disguise can be in a text; checked by property tests.

    First those of a word whose letters are apart (a symbol or a control between letters, spaced Chinese, scattered
    letters, wide gaps), those of one symbol together; then those that folding changes. A new line has been made a space
    before.
    """
    alnum = "abcdefghijklmnopqrstuvwxyz0123456789"
    leads = [bytes([byte]) for byte in range(0xC2, 0xF5)]  # first bytes of characters beyond ASCII (RFC 3629)
    trails = [bytes([byte]) for byte in range(0x80, 0xC0)]
    apart = [[bytes([byte]) for byte in (*range(1, 10), *range(11, 32), 127)]]
    for sign in ASCII_INK:
        beside = (*(one.encode() for one in alnum), *ASCII_INK, *(() if sign == b"." else (b" ",)))
        apart.append([sign + other for other in beside])
        apart.append([*(sign + lead for lead in leads), *(trail + sign for trail in trails)])
    apart += [[trail + b" " + after for trail in trails] for after in (*leads, b" ", *ASCII_INK)]
    apart.append([f"{letter}  ".encode() for letter in alnum])
    for gap in SCATTERED:
        if gap == " ":
            apart.append([f" {one} ".encode() for one in alnum if one not in WORDS])
            apart += [[f" {one} {other} ".encode() for other in WORDS] for one in WORDS]
        elif gap.isascii():
            apart.append([f"{gap[-1]}{one}{gap[:2].rstrip() or gap}".encode() for one in alnum])
            apart.append([gap.encode() + lead for lead in leads])
        else:
            apart.append([f"{gap}{one}{gap}".encode() for one in alnum])
    folded = {*map(chr, changing()), *(sign for sign in INK if not sign.isascii())}
    return tuple(map(tuple, apart)), tuple(sorted(sign.encode() for sign in folded))


def _merge(lists: Lists) -> dict[str, tuple[str, int, tuple[Owner, ...]]]:
    """Letters -> the first list's spelling, all breaks, all owners."""
    merged: dict[str, tuple[str, int, tuple[Owner, ...]]] = {}
    known: dict[tuple[Owner, ...], tuple[Owner, ...]] = {}
    for taxonomy, listed in lists.items():
        for text, (category, action) in listed.items():
            read = read_term(text)
            if read is None:
                continue
            first, breaks, owners = merged.get(read.letters, (text, 0, ()))
            one = Owner(taxonomy, category, action)
            owners = owners if one in owners else (*owners, one)
            merged[read.letters] = (first, breaks | read.breaks, known.setdefault(owners, owners))
    return merged


def _useful(folded: Sequence[bytes], letters: Iterable[str]) -> tuple[bytes, ...]:
    """Those signs whose folding can be part of a term. What else folds to other scripts' letters is no part of any, and
    as a neighbour it is one letter like another; a Latin one may make a term a part of a longer word."""
    known = set().union(*letters)
    return tuple(
        sign
        for sign, spelled in ((sign, alone(sign.decode())) for sign in folded)
        if not spelled or any(letter.isascii() or letter in known for letter in spelled)
    )


def build(lists: Lists, *, portable: bool = False) -> Index:
    """Compile `lists`: seconds for 64,000 terms. `portable` asks for the standard-library automaton."""
    merged = _merge(lists)
    letters = sorted(merged)
    owners: dict[tuple[Owner, ...], int] = {}
    ends, of, sizes, breaks, owned = array("I"), array("I"), array("H"), array("Q"), array("H")
    texts = bytearray()
    spelled: dict[bytes, int] = {}
    for term, own in enumerate(letters):
        first, bits, held = merged[own]
        texts += first.encode("utf-8", "surrogatepass")
        ends.append(len(texts))
        breaks.append(bits & _BITS)
        owned.append(owners.setdefault(held, len(owners)))
        for spelling in sorted(_spellings(own, bits)):
            spelled.setdefault(spelling.encode("utf-8", "surrogatepass"), term)
    of.extend(spelled.values())
    sizes.extend(map(len, spelled))
    apart, folded = signs()
    folded = _useful(folded, letters)
    first_kind = list(apart) if spelled else []
    hints: list[bytes | Sequence[bytes]] = [*first_kind, *folded, ANCHORS] if spelled else [ANCHORS]
    literals = Literals(list(spelled), hints, portable=portable)
    folds = b"\n".join(sign + b"\t" + alone(sign.decode()).encode() for sign in folded)
    counts = {taxonomy: len(listed) for taxonomy, listed in lists.items()}
    return Index(
        literals, len(first_kind), letters, bytes(texts), (ends, of, sizes, breaks, owned), list(owners), counts, folds
    )


def forget() -> None:
    """Let go of what only compiling needs: tens of MB, in a process that goes on to serve."""
    signs.cache_clear()
    changing.cache_clear()
    give_back()


# -- on disk ---------------------------------------------------------------------------------------------------


def digest(sources: Mapping[str, bytes]) -> str:
    """The name of what is made from `sources` (name -> bytes) by this engine and this format."""
    made = hashlib.sha256(f"{FORMAT} {engine()} {sys.byteorder} {sys.version_info[:2]}".encode())
    for source in (
        Path(__file__),
        Path(__file__).with_name("normalise.py"),
        Path(__file__).with_name("entities.py"),
        Path(__file__).parent / "data" / "han.txt",
    ):
        made.update(hashlib.sha256(source.read_bytes()).digest())
    for name, content in sorted(sources.items()):
        made.update(f"\n{name} {len(content)}\n".encode() + hashlib.sha256(content).digest())
    return made.hexdigest()[:40]


def save(index: Index, path: Path) -> None:
    """Write `index` for this user alone, whole or not at all. An index of the portable automaton is not kept."""
    database = index.literals.stored()
    if not database:
        return
    arrays = (index.ends, index.of, index.sizes, index.breaks, index.owned)
    ends, of, sizes, breaks, owned = (memoryview(one.tobytes()) for one in arrays)
    kept = _Kept(
        memoryview(database), index.apart, memoryview("\n".join(index.letters).encode("utf-8", "surrogatepass")),
        memoryview(index.texts), ends, of, sizes, breaks, owned, [list(held) for held in index.owners], index.counts,
        memoryview(index.folds),
    )  # fmt: skip
    payload = msgspec.msgpack.encode(kept)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".terms-")
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(hashlib.sha256(payload).digest() + payload)
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise


def restore(path: Path) -> Index | None:
    """What `save` wrote, or None when it is missing, damaged, of another engine, or open to other users."""
    try:
        if not (_is_ours(path.parent) and _is_ours(path)):
            return None
        whole = path.read_bytes()
    except OSError:
        return None
    payload = memoryview(whole)[_DIGEST:]
    if hashlib.sha256(payload).digest() != whole[:_DIGEST]:
        return None
    try:
        kept = msgspec.msgpack.decode(payload, type=_Kept)
        literals = Literals.restore(bytes(kept.database))
    except (msgspec.MsgspecError, ValueError):
        return None
    arrays = []
    for code, raw in zip("IIHQH", (kept.ends, kept.of, kept.sizes, kept.breaks, kept.owned), strict=True):
        one = array(code)
        one.frombytes(raw)
        arrays.append(one)
    joined = bytes(kept.letters).decode("utf-8", "surrogatepass")
    letters = joined.split("\n") if joined else []
    owners = [tuple(held) for held in kept.owners]
    return Index(
        literals, kept.apart, letters, bytes(kept.texts), tuple(arrays), owners, kept.counts, bytes(kept.folds)
    )


def _is_ours(path: Path) -> bool:
    """Whether `path` belongs to this user (or to root) and nobody else may write to it."""
    found = path.lstat()
    return found.st_uid in (os.geteuid(), 0) and not found.st_mode & 0o022
