"""Placeholders: what stands in for a private detail while it is away.

Rules of this room:
1. `[TELE-4F7K2M9Q]`: a type a model understands, seven signs by chance, one check sign; always 15 characters, closed
   by brackets. Drawn anew for each exchange from the system's source (34 bits), so nobody guesses or reuses one.
2. The same value has the same placeholder within an exchange, whatever message of the history holds it.
3. Only a placeholder of this exchange's own map is restored, with its brackets or without (function names take none,
   and some models drop them), or with brackets and without its type ("her IBAN is [4F7K2M9Q]"). A damaged or foreign
   one stays as it is and is counted.
4. No vowels and no look-alikes of words: a placeholder never spells a forbidden term.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import islice

from isthmus.core.secret import Withheld
from isthmus.policy.numbers import Place

SIGNS = "0123456789BCDFGHJKLMNPQRSTVWXYZ"  # 31, a prime: the check finds every single change and swap
LENGTH = 15
_BEGUN = re.compile(r"\[?((?:[A-Z]{4}-[0-9B-Z]{1,8}|[A-Z]{0,4}-?))\Z")
_OPEN = frozenset("[-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")  # what a placeholder that is not whole may end with
_UNTYPED = re.compile(r"\[([0-9B-Z]{0,8})\Z")
_SHAPE = re.compile(r"\[([A-Z]{4}-[0-9B-Z]{8})\]|([A-Z]{4}-[0-9B-Z]{8})|\[([0-9B-Z]{8})\]")

_VALUE = {sign: value for value, sign in enumerate(SIGNS)}
_DROPPED = bytes(range(248, 256))  # 248 is 8 times 31: of what is left each sign is as likely as any other
_WRITTEN = bytes(ord(SIGNS[byte % 31]) for byte in range(256))
_WEIGHTS = range(7, 14)
_WEIGHED = [bytes(weight * byte % 31 for byte in range(256)) for weight in _WEIGHTS]


def _code_sum(code: str) -> int:
    return sum(weight * ord(sign) for weight, sign in enumerate(code, 2))


def check_sign(code: str, body: str) -> str:
    """The weighted sum modulo 31 of type and body: any single change, and any swap of neighbours, changes it."""
    return SIGNS[(_code_sum(code) + sum(weight * _VALUE[sign] for weight, sign in enumerate(body, _WEIGHTS[0]))) % 31]


_AHEAD = 256
_stock: defaultdict[str, list[str]] = defaultdict(list)  # by type, made ahead: one alone costs as much as dozens


def _fresh(code: str) -> str:
    """A placeholder that nobody can foresee, given out once."""
    stock = _stock[code]
    while not stock:
        numbers = os.urandom(7 * _AHEAD).translate(None, _DROPPED)
        count = len(numbers) // 7
        columns = [numbers[place : 7 * count : 7] for place in range(7)]
        # One addition for all checks at once: seven numbers below 31 fit into a byte.
        weighed = (column.translate(table) for column, table in zip(columns, _WEIGHED, strict=True))
        sums = sum(map(int.from_bytes, weighed)).to_bytes(count)
        rows = bytearray(f"[{code}-{'':8}]\n".encode() * count)
        for place, column in enumerate(columns, 6):
            rows[place :: LENGTH + 1] = column.translate(_WRITTEN)
        rows[13 :: LENGTH + 1] = sums.translate(_checks(code))
        stock += rows.decode().split("\n")[:-1]
    return stock.pop()


@cache
def _checks(code: str) -> bytes:
    """The check sign of a placeholder of this type, for each sum of what follows the type."""
    return bytes(ord(SIGNS[(_code_sum(code) + total) % 31]) for total in range(256))


os.register_at_fork(after_in_child=_stock.clear)  # a child draws its own


def is_whole(text: str) -> bool:
    """Whether `text` has the shape and the check sign of a placeholder."""
    if len(text) != LENGTH or _SHAPE.fullmatch(text) is None or any(sign not in SIGNS for sign in text[6:14]):
        return False
    return check_sign(text[1:5], text[6:13]) == text[13]


class Placeholders(Withheld):
    """One exchange's map, both ways.

    `restored` counts what came back; `lost` what looks like one of this exchange's placeholders and is none: its type
    and a hyphen, of which nothing could be restored. `unreturned` counts the values that never came back.
    """

    __slots__ = (
        "_back", "_begins", "_begun", "_given", "_known", "_of", "_signs", "_untyped", "_values", "escaped", "restored",
    )  # fmt: skip

    def __init__(self, *, escaped: bool = False) -> None:
        self._of: dict[tuple[str, str], str] = {}
        self._given: set[str] = set()
        self._values: dict[str, str] = {}  # the way back: made when an answer comes
        self._untyped: dict[str, str] = {}  # what follows a placeholder's type -> the placeholder
        self._signs: frozenset[str] = frozenset()
        self._begins: tuple[str, ...] = ()
        self._back: set[str] = set()
        self._known = 0
        self._begun = 0
        self.escaped = escaped
        self.restored = 0

    @classmethod
    def of(cls, originals: Mapping[str, str]) -> Placeholders:
        """The map of an earlier exchange, from what `originals` gave: for benchmarks that ask a model once."""
        made = cls()
        for placeholder, value in originals.items():
            made._of[placeholder[1:5], value] = placeholder
        made._given.update(originals)
        return made

    def originals(self) -> dict[str, str]:
        """Placeholder -> what it stands for."""
        return {placeholder: value for (_, value), placeholder in self._of.items()}

    def stand_in(self, code: str, value: str) -> str:
        """The placeholder for `value`, made on first sight."""
        return self.masked(value, [("", code, 0, len(value))], {})

    def masked(self, text: str, found: Sequence[Place], kinds: dict[str, str], *, bare: bool = False) -> str:
        """`text` with a placeholder for each of `found`, which are in order and apart; `kinds` learns what kind it is.

        `bare`: without brackets, where only letters, digits and hyphens may stand.
        """
        of = self._of
        before = len(of)
        out: list[str] = []
        at = 0
        for kind, code, start, end in found:
            key = (code, text[start:end])
            if key in of:
                one = of[key]
            else:
                stock = _stock[code]
                one = of[key] = stock.pop() if stock else _fresh(code)
            kinds[one] = kind
            out.append(text[at:start])
            out.append(one[1:-1] if bare else one)
            at = end
        if len(of) > before and not (before == 0 and len(kinds) == len(of)) and not self._are_apart():
            for key in list(of)[before:]:  # once in ten thousand million: drawn again
                kinds.pop(of.pop(key), None)
            self._given = set(of.values())
            return self.masked(text, found, kinds, bare=bare)
        out.append(text[at:])
        return "".join(out)

    def _are_apart(self) -> bool:
        """Whether no two values share a placeholder. Those before the last look did not."""
        given = self._given
        given.update(islice(self._of.values(), len(given), None))
        return len(given) == len(self._of)

    def _shapes(self) -> None:
        """What a text of this map's types begins and ends with; made when an answer comes."""
        codes = {code for code, _ in self._of}
        self._known = len(self._of)
        self._values = self.originals()
        self._untyped = {placeholder[6:14]: placeholder for placeholder in self._values}
        self._begins = tuple(f"{code}-" for code in codes)
        self._signs = frozenset("".join(codes))

    def __len__(self) -> int:
        return len(self._of)

    @property
    def lost(self) -> int:
        """See above."""
        return max(0, self._begun - self.restored)

    @property
    def unreturned(self) -> int:
        """See above."""
        return len(self._of) - len(self._back)

    def is_apart(self, text: str) -> bool:
        """Whether nothing in `text` can be, or begin, a placeholder of this map."""
        if self._known != len(self._of):
            self._shapes()
        return "-" not in text and "[" not in text and text[-1:] not in self._signs

    def restore(self, text: str, *, escape: bool) -> str:
        """`text` with every known placeholder replaced; `escape` when it stands inside JSON."""
        if "-" not in text and "[" not in text:
            return text
        if self._known != len(self._of):
            self._shapes()
        for begin in self._begins:
            self._begun += text.count(begin)
        values = self._values
        if text in values:  # a stream mostly lets go of one alone
            return self._original(text, escape=escape)

        def original(match: re.Match[str]) -> str:
            if match[3] in self._untyped:
                self._begun += 1
                return self._original(self._untyped[match[3]], escape=escape)
            one = f"[{match[1] or match[2]}]"
            return self._original(one, escape=escape) if one in values else match[0]

        return _SHAPE.sub(original, text)

    def _original(self, placeholder: str, *, escape: bool) -> str:
        value = self._values[placeholder]
        self.restored += 1
        self._back.add(placeholder)
        return _json_escaped(value) if escape else value

    def keep(self, text: str) -> int:
        """How many characters at the end of `text` could be the beginning of a known placeholder."""
        if text[-1:] not in _OPEN:
            return 0
        untyped = _UNTYPED.search(text, max(0, len(text) - 9))
        if untyped is not None and any(known.startswith(untyped[1], 6) for known in self._of.values()):
            return len(untyped[0])
        start = max(0, len(text) - LENGTH + 1)
        while True:
            match = _BEGUN.search(text, start)
            if match is None or not match[0]:
                return 0
            body = match[1]
            whole = len(body) == LENGTH - 2 and body == match[0]  # without brackets it is whole, and stands
            if not whole and any(known.startswith(body, 1) for known in self._of.values()):
                return len(match[0])
            start = match.start() + 1


def _json_escaped(value: str) -> str:
    """`value` as it stands between the quotes of a JSON string (RFC 8259, section 7)."""
    out = []
    for sign in value:
        if sign in '"\\':
            out.append("\\" + sign)
        elif sign < " ":
            out.append(f"\\u{ord(sign):04x}")
        else:
            out.append(sign)
    return "".join(out)
