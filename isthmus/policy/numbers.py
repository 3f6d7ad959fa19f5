"""Numbers that are about a person: runs of digits, as people write them, tried against every kind of their length.

Rules of this room:
1. A run is digits with at most two signs between them; its groups are what stands between the signs.
2. A run that is written as most people write it, and is what it looks like, is told at once by its outline.
3. From each group on, the longest stretch of groups that is something wins; then the search goes on behind it.
4. A kind without a check of its own wants its usual grouping, or a word before it that names it.
5. A stretch inside a longer run of like signs is part of that run, not a number, unless its check is strong.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import product
from typing import NamedTuple

from isthmus.policy.checks import (
    aadhaar,
    card,
    cn_id,
    cn_id15,
    is_card,
    jp_mynumber,
    kr_rrn,
    mainland,
    ssn,
    us_phone,
    uscc,
)


class Detail(NamedTuple):
    """A private detail in a text: its kind, the four letters a model sees, and its place (characters)."""

    kind: str
    code: str
    start: int
    end: int


Place = tuple[str, str, int, int]  # a Detail without its names, which cost more than all the rest of finding it


# What must be in the bytes before this file looks at all: seven digits that could be one number.
TRIGGER = rb"[0-9](?:[ .()/-]{0,2}[0-9]){6}"
NEAR = 24  # characters before a number in which its naming word must stand

_RUN = re.compile(r"[0-9]+(?:[ .()-]{1,2}[0-9]+)*(?:[ -]?[Xx](?![A-Za-z0-9]))?")
_GROUP = re.compile(r"[0-9]+")
_MOST_DIGITS = 19
_US_DIGITS = 11  # with the 1 before
_CODE_SIZE = 18  # of a unified social credit code; here only those of 17 digits and an X
_LISTING = 24  # groups in a run beyond which it is a list: there only whole groups and strong checks count
_GROUPS = 5  # of one number inside a list
_OLD_ID = re.compile("身份证|身份證|证件号", re.IGNORECASE)
_SSN_WORD = re.compile("ssn|social security", re.IGNORECASE)
_PASSPORT = re.compile("护照|護照|passport", re.IGNORECASE)
_MYNUMBER = re.compile("マイナンバー|個人番号|my ?number", re.IGNORECASE)
_PHONE = re.compile(
    "电话|電話|手机|手機|联系方式|传真|座机|(?<![a-z])(?:tel|telephone|phone|call|mobile|fax|whatsapp)(?![a-z])",
    re.IGNORECASE,
)
_DATE_SHAPES = ((4, 2, 2), (4, 1, 2), (4, 2, 1), (2, 2, 4))


def _outline(byte: int) -> int:
    """A digit is 0, an x is X, any other letter a; signs of numbers stay, and all else is a question mark."""
    sign = chr(byte)
    if sign in "+ .()-":
        return byte
    return ord("0" if sign.isdigit() else "X" if sign in "Xx" else "a" if sign.isalpha() else "?")


_OUTLINE = bytes(map(_outline, range(0x80))) + b"?" * 0x80
_PLUS = ord("+")
# What lies between two characters that no number holds; then a run, or several. Both begin with one sign, because
# that is looked for quickly.
_BETWEEN = re.compile(rb"0[^?]{6,}")
_WHERE = re.compile(rb"0[0 .()-]{5,}0(?:[ -]?X(?![0Xa]))?")
_FROM_ABROAD = re.compile(rb"0+(?:[ -]{1,2}0+)*")


def _outlines(*parts: str) -> list[bytes]:
    """Outlines of a number in `parts`; "-" among them is a hyphen or a space, "~" may be nothing, too."""
    ways = [{"-": "- ", "~": ("", "-", " ")}.get(part, (part,)) for part in parts]
    return ["".join(way).encode() for way in product(*ways)]


def _is_mobile(digits: str) -> bool:
    return digits[0] == "1" and digits[1] > "2"


_FOURS = ("0000", "-", "0000", "-", "0000", "-", "0000")
_Usual = tuple[str, str, Callable[[str], bool], str]


def _usual(kind: str, code: str, check: Callable[[str], bool], outlines: list[bytes]) -> dict[bytes, _Usual]:
    """Rule 2: outline -> kind, code, check of its digits, and the signs to take out before."""
    return {one: (kind, code, check, "".join(sign for sign in "- " if sign.encode() in one)) for one in outlines}


# Whose check fails, and what is not here, is looked at group by group.
_USUAL: dict[bytes, _Usual] = {
    **dict.fromkeys(_outlines("0" * 11), ("cn_mobile", "TELE", _is_mobile, "")),
    **dict.fromkeys(_outlines("000", "-", "0000", "-", "0000"), ("cn_mobile", "TELE", _is_mobile, "")),
    **_usual("cn_id", "IDNO", mainland, _outlines("000000", "~", "00000000", "~", "0000")),
    **_usual("cn_id", "IDNO", mainland, _outlines("000000", "~", "00000000", "~", "000X")),
    **_usual("card", "CARD", is_card, _outlines(*_FOURS) + _outlines(*_FOURS, "~", "000")),
    **_usual("card", "CARD", is_card, _outlines("0" * 16) + _outlines("0" * 19)),
}
_ABROAD = frozenset((8, 9, 10, 11, 12, 14))  # digits after a plus that nothing else has


class _Stretch:
    """Some neighbouring groups of a run. `shape`: their lengths; `signs`: what stands between; `plus`: a + before.

    `inside`: a neighbour in the same run is joined by a sign that this stretch uses too.
    """

    __slots__ = ("at", "digits", "inside", "plus", "shape", "signs", "text")

    def __init__(
        self,
        digits: str,
        shape: tuple[int, ...],
        signs: frozenset[str],
        *,
        plus: bool,
        text: str,
        at: int,
        inside: bool,
    ) -> None:
        self.digits = digits
        self.shape = shape
        self.signs = signs
        self.plus = plus
        self.text = text
        self.at = at
        self.inside = inside

    def near(self, words: re.Pattern[str]) -> bool:
        """Whether one of `words` stands shortly before."""
        return words.search(self.text, max(0, self.at - NEAR), self.at) is not None


_NO_SIGNS: frozenset[str] = frozenset()
_PLAIN = frozenset(("", " ", "-"))
_DOTS = frozenset((".",))
_AREA = _PLAIN | {")", ") ", ")-"}  # after an area code


def numbers(text: str) -> list[Place]:
    """Private numbers of `text` in order, never overlapping."""
    drawn = text.encode("ascii", "replace").translate(_OUTLINE)  # a place here is a place in `text`
    return _told(text, drawn, _BETWEEN.finditer(drawn), _in_part)


def _in_part(text: str, drawn: bytes, start: int, end: int) -> list[Place]:
    return _told(text, drawn, _WHERE.finditer(drawn, start, end), _looked_at_well)


def _told(
    text: str, drawn: bytes, parts: Iterable[re.Match[bytes]], well: Callable[[str, bytes, int, int], list[Place]]
) -> list[Place]:
    """Of each part what its outline tells (rule 2); of a part that it tells nothing of, what `well` finds."""
    found: list[Place] = []
    for part in parts:
        outline = part[0]
        start, end = part.span()
        if start and drawn[start - 1] == _PLUS:
            if _is_from_abroad(outline) and (text[start] != "1" or outline.count(b"0") == _US_DIGITS):
                found.append(("phone", "TELE", start - 1, end))
                continue
        elif outline in _USUAL:
            kind, code, check, signs = _USUAL[outline]
            digits = text[start:end]
            for sign in signs:
                digits = digits.replace(sign, "")
            if check(digits):
                found.append((kind, code, start, end))
                continue
        found += well(text, drawn, start, end)
    return found


@lru_cache(maxsize=1024)
def _is_from_abroad(outline: bytes) -> bool:
    """Whether what follows a plus is the number of a telephone and nothing else. (Outlines hold no digit of anyone.)"""
    return outline.count(b"0") in _ABROAD and _FROM_ABROAD.fullmatch(outline) is not None


def _looked_at_well(text: str, drawn: bytes, start: int, end: int) -> list[Place]:
    runs = [run.span() for run in _RUN.finditer(text, start, end)]
    if len(runs) > 1:
        return [one for run in runs for one in _in_part(text, drawn, *run)]
    digits = text[start:end]
    if not digits.isdigit() or text[start - 1 : start] == "+":
        return list(_in_run(text, start, end))
    size = end - start
    stretch = _Stretch(digits, (size,), _NO_SIGNS, plus=False, text=text, at=start, inside=False)
    for kind, code, fits in _KINDS.get(size, ()):
        if fits(stretch):
            return [(kind, code, start, end)]
    return []


def _joins(text: str, start: int) -> bool:
    """Whether a Latin letter stands right before."""
    return start > 0 and text[start - 1].isascii() and text[start - 1].isalpha()


def _in_run(text: str, start: int, end: int) -> Iterator[Place]:
    if end - start == _CODE_SIZE and text[end - 1] in "Xx" and not _joins(text, start) and uscc(text[start:end]):
        yield "uscc", "CODE", start, end
        return
    groups = [group.span() for group in _GROUP.finditer(text, start, end)]
    has_x = text[end - 1] in "Xx"
    listing = len(groups) > _LISTING
    most = _GROUPS if listing else _MOST_DIGITS
    first = 0
    while first < len(groups):
        if listing and groups[first][1] - groups[first][0] < 3:
            first += 1
            continue
        found = None
        for final, count in _stretches(groups, first, most):
            tail = end if has_x and final == len(groups) - 1 else groups[final][1]
            if (count in _KINDS and (not listing or count > 15 or first == final)) or (count == 17 and tail == end):
                found = _name(text, groups, first, final, tail)
                if found is not None:
                    break
        if found is None:
            first += 1
        else:
            yield found
            first = final + 1


def _stretches(groups: list[tuple[int, int]], first: int, most: int) -> list[tuple[int, int]]:
    """(last group, digits) of each stretch of at most `most` groups and 19 digits from `first`, the longest first."""
    found = []
    count = 0
    for place in range(first, min(first + most, len(groups))):
        count += groups[place][1] - groups[place][0]
        if count > _MOST_DIGITS:
            break
        if count >= 7:
            found.append((place, count))
    found.reverse()
    return found


def _name(text: str, groups: list[tuple[int, int]], first: int, final: int, tail: int) -> Place | None:
    """What the groups from `first` to `final` are, or None."""
    start = groups[first][0]
    digits = "".join([text[left:right] for left, right in groups[first : final + 1]])
    if tail != groups[final][1]:
        if len(digits) == 17 and cn_id(digits + "X"):
            return "cn_id", "IDNO", start, tail
        tail = groups[final][1]
    kinds = _KINDS.get(len(digits))
    if kinds is None or (len(digits) > 15 and not (card(digits) or (len(digits) == 18 and cn_id(digits)))):
        return None
    before = text[start - 1 : start]
    if before == "(" and text[start - 2 : start - 1] == "+":
        before = "+"
    shape = tuple([right - left for left, right in groups[first : final + 1]])
    signs = frozenset([text[groups[place][1] : groups[place + 1][0]] for place in range(first, final)])
    inside = (first > 0 and text[groups[first - 1][1] : start] in signs) or (
        final + 1 < len(groups) and text[tail : groups[final + 1][0]] in signs
    )
    stretch = _Stretch(digits, shape, signs, plus=before == "+", text=text, at=start, inside=inside)
    for kind, code, fits in kinds:
        if fits(stretch):
            if stretch.plus:
                start = text.rfind("+", 0, start)
            if text[start - 1 : start] == "(" and text[start:tail].count(")") > text[start:tail].count("("):
                start -= 1
            return kind, code, start, tail
    return None


# -- one test per kind; cheap questions first -------------------------------------------------------------------


def _is_cn_id(it: _Stretch) -> bool:
    return cn_id(it.digits)


def _is_cn_id15(it: _Stretch) -> bool:
    return len(it.shape) == 1 and cn_id15(it.digits) and it.near(_OLD_ID)


def _is_card(it: _Stretch) -> bool:
    return (it.signs <= _PLAIN or (len(it.signs) == 1 and it.shape[0] == 4)) and card(it.digits)


_MOBILE_SHAPES = frozenset(((11,), (3, 4, 4), (3, 8), (7, 4), (3, 3, 5), (1,) * 11))


def _is_cn_mobile(it: _Stretch) -> bool:
    digits = it.digits
    if digits[0] != "1" or digits[1] < "3" or it.plus or not (it.signs <= _PLAIN or it.signs == _DOTS):
        return False
    return it.shape in _MOBILE_SHAPES and not it.inside


def _is_cn_mobile86(it: _Stretch) -> bool:
    digits = it.digits
    if digits[:3] != "861" or digits[3] < "3":
        return False
    return it.plus or it.shape in ((13,), (2, 11), (2, 3, 4, 4))


def _is_e164(it: _Stretch) -> bool:
    return it.plus and (it.digits[0] != "1" or len(it.digits) == 11) and not (it.digits[:3] == "861" and it.inside)


def _is_us_phone(it: _Stretch) -> bool:
    if len(it.shape) == 1:
        return us_phone(it.digits) and it.near(_PHONE)
    return it.shape == (3, 3, 4) and not it.inside and us_phone(it.digits)


def _is_us_phone1(it: _Stretch) -> bool:
    return it.shape == (1, 3, 3, 4) and it.digits[0] == "1" and not it.inside and us_phone(it.digits[1:])


def _is_cn_landline(it: _Stretch) -> bool:
    if it.digits[0] != "0" or it.digits[1] == "0" or it.inside:
        return False
    return it.shape in ((3, 8), (4, 7), (4, 8), (3, 4, 4), (4, 3, 4), (4, 4, 4)) and it.signs <= _AREA


def _is_local_phone(it: _Stretch) -> bool:
    return not it.inside and it.shape not in _DATE_SHAPES and it.near(_PHONE)


def _is_ssn(it: _Stretch) -> bool:
    if it.shape == (3, 2, 4):
        return it.signs <= _PLAIN and not it.inside and ssn(it.digits)
    return it.shape == (9,) and ssn(it.digits) and it.near(_SSN_WORD)


def _is_us_passport(it: _Stretch) -> bool:
    return it.shape == (9,) and it.near(_PASSPORT)


def _is_aadhaar(it: _Stretch) -> bool:
    if it.shape not in ((12,), (4, 4, 4)) or it.inside or it.digits[0] < "2":
        return False
    return it.signs <= _PLAIN and aadhaar(it.digits)


def _is_jp(it: _Stretch) -> bool:
    return it.shape in ((12,), (4, 4, 4)) and it.near(_MYNUMBER) and jp_mynumber(it.digits)


def _is_kr(it: _Stretch) -> bool:
    return it.shape == (6, 7) and it.signs == {"-"} and it.digits[6] in "12345678" and kr_rrn(it.digits)


_Kind = tuple[str, str, Callable[[_Stretch], bool]]
_CARD: _Kind = ("card", "CARD", _is_card)
_E164: _Kind = ("phone", "TELE", _is_e164)
_LANDLINE: _Kind = ("phone", "TELE", _is_cn_landline)
_LOCAL: _Kind = ("phone", "TELE", _is_local_phone)
_KINDS: dict[int, tuple[_Kind, ...]] = {
    7: (_LOCAL,),
    8: (_E164, _LOCAL),
    9: (_E164, ("ssn", "USSN", _is_ssn), ("passport", "PASS", _is_us_passport), _LOCAL),
    10: (_E164, ("phone", "TELE", _is_us_phone), _LANDLINE, _LOCAL),
    11: (("cn_mobile", "TELE", _is_cn_mobile), _E164, ("phone", "TELE", _is_us_phone1), _LANDLINE, _LOCAL),
    12: (_E164, ("jp_mynumber", "IDJP", _is_jp), ("aadhaar", "IDIN", _is_aadhaar), _LANDLINE, _LOCAL),
    13: (("cn_mobile", "TELE", _is_cn_mobile86), ("kr_rrn", "IDKR", _is_kr), _E164, _CARD),
    14: (_E164, _CARD),
    15: (("cn_id", "IDNO", _is_cn_id15), _E164, _CARD),
    16: (_CARD,),
    17: (_CARD,),
    18: (("cn_id", "IDNO", _is_cn_id), _CARD),
    19: (_CARD,),
}
