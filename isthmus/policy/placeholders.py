"""Placeholders: what stands in for a private detail while it is away.

Rules of this room:
1. `[TELE-4F7K2M9Q]`: a type a model understands, seven signs by chance, one check sign; always 15 characters, closed
   by brackets. Drawn anew for each exchange from the system's source (34 bits), so nobody guesses or reuses one.
2. The same value has the same placeholder within an exchange, whatever message of the history holds it.
3. Only a placeholder of this exchange's own map is restored, with its brackets or without (function names take none,
   and some models drop them). A damaged or foreign one stays as it is and is counted.
4. No vowels and no look-alikes of words: a placeholder never spells a forbidden term.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from functools import cache

from isthmus.core.secret import Withheld

SIGNS = "0123456789BCDFGHJKLMNPQRSTVWXYZ"  # 31, a prime: the check finds every single change and swap
LENGTH = 15
_BEGUN = re.compile(r"\[?((?:[A-Z]{4}-[0-9B-Z]{1,8}|[A-Z]{0,4}-?))\Z")
_BODIES = 31**7
_AHEAD = 256
_SHAPE = re.compile(r"\[([A-Z]{4}-[0-9B-Z]{8})\]|([A-Z]{4}-[0-9B-Z]{8})")


# Two signs and their weighted sum, for the first, second and third pair of a body.
_PAIRS = [
    [(SIGNS[one] + SIGNS[two], weight * one + (weight + 1) * two) for one in range(31) for two in range(31)]
    for weight in (7, 9, 11)
]
_VALUE = {sign: value for value, sign in enumerate(SIGNS)}


_numbers: list[int] = []  # drawn ahead: asking the system costs more than all else here


def _chance() -> int:
    """A number below _BODIES that nobody can foresee and that is given out once."""
    if not _numbers:
        drawn = os.urandom(8 * _AHEAD)
        _numbers.extend(int.from_bytes(drawn[at : at + 8]) % _BODIES for at in range(0, len(drawn), 8))
    return _numbers.pop()


os.register_at_fork(after_in_child=_numbers.clear)  # a child draws its own


@cache
def _code_sum(code: str) -> int:
    return sum(weight * ord(sign) for weight, sign in enumerate(code, 2))


def check_sign(code: str, body: str) -> str:
    """The weighted sum modulo 31 of type and body: any single change, and any swap of neighbours, changes it."""
    return SIGNS[(_code_sum(code) + sum(weight * _VALUE[sign] for weight, sign in enumerate(body, 7))) % 31]


def is_whole(text: str) -> bool:
    """Whether `text` has the shape and the check sign of a placeholder."""
    if len(text) != LENGTH or _SHAPE.fullmatch(text) is None or any(sign not in SIGNS for sign in text[6:14]):
        return False
    return check_sign(text[1:5], text[6:13]) == text[13]


class Placeholders(Withheld):
    """One exchange's map, both ways.

    `restored` counts what came back; `lost` what looks like one of this exchange's placeholders and is none: its type
    and a hyphen, of which nothing could be restored.
    """

    __slots__ = ("_begins", "_begun", "_of", "_signs", "_values", "escaped", "restored")

    def __init__(self, *, escaped: bool = False) -> None:
        self._of: dict[tuple[str, str], str] = {}
        self._values: dict[str, str] = {}
        self._signs: frozenset[str] = frozenset()
        self._begins: tuple[str, ...] = ()
        self._begun = 0
        self.escaped = escaped
        self.restored = 0

    @classmethod
    def of(cls, originals: Mapping[str, str]) -> Placeholders:
        """The map of an earlier exchange, from what `originals` gave: for benchmarks that ask a model once."""
        made = cls()
        for placeholder, value in originals.items():
            made._know(placeholder[1:5], placeholder[1:-1], value)
        return made

    def originals(self) -> dict[str, str]:
        """Placeholder -> what it stands for."""
        return {f"[{body}]": value for body, value in self._values.items()}

    def stand_in(self, code: str, value: str) -> str:
        """The placeholder for `value`, made on first sight."""
        return f"[{self.name_for(code, value)}]"

    def name_for(self, code: str, value: str) -> str:
        """The same without brackets, where only letters, digits and hyphens may stand."""
        known = self._of.get((code, value))
        if known is not None:
            return known
        while True:
            body = f"{code}-{self._draw(code)}"
            if body not in self._values:
                break
        self._know(code, body, value)
        return body

    def _know(self, code: str, body: str, value: str) -> None:
        self._of[code, value] = body
        self._values[body] = value
        if f"{code}-" not in self._begins:
            self._begins = (*self._begins, f"{code}-")
            self._signs = self._signs.union(code)

    @staticmethod
    def _draw(code: str) -> str:
        """Seven signs by chance and their check sign."""
        number = _chance()
        number, third = divmod(number, 961)
        number, second = divmod(number, 961)
        last, first = divmod(number, 961)
        one, two, three = _PAIRS[0][first], _PAIRS[1][second], _PAIRS[2][third]
        total = _code_sum(code) + one[1] + two[1] + three[1] + 13 * last
        return one[0] + two[0] + three[0] + SIGNS[last] + SIGNS[total % 31]

    def __len__(self) -> int:
        return len(self._values)

    @property
    def lost(self) -> int:
        """See above."""
        return max(0, self._begun - self.restored)

    def is_apart(self, text: str) -> bool:
        """Whether nothing in `text` can be, or begin, a placeholder of this map."""
        return "-" not in text and "[" not in text and text[-1:] not in self._signs

    def restore(self, text: str, *, escape: bool) -> str:
        """`text` with every known placeholder replaced; `escape` when it stands inside JSON."""

        def original(match: re.Match[str]) -> str:
            value = self._values.get(match[1] or match[2])
            if value is None:
                return match[0]
            self.restored += 1
            return _json_escaped(value) if escape else value

        if "-" not in text:
            return text
        for begin in self._begins:
            self._begun += text.count(begin)
        return _SHAPE.sub(original, text)

    def keep(self, text: str) -> int:
        """How many characters at the end of `text` could be the beginning of a known placeholder."""
        start = max(0, len(text) - LENGTH + 1)
        while True:
            match = _BEGUN.search(text, start)
            if match is None or not match[0]:
                return 0
            body = match[1]
            whole = len(body) == LENGTH - 2 and body == match[0]  # without brackets it is whole, and stands
            if not whole and any(known.startswith(body) for known in self._values):
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
