"""Check digits, dates and ranges: the exact second look at what may be a private detail.

Each function takes the detail's text, with or without the signs people put between digits, and says whether it is one.
Sources: ISO 7064 MOD 11-2, GB 11643 (mainland id), GB 32100 (USCC), ISO/IEC 7812 (cards, Luhn), ISO 13616 (IBAN),
ITU-T E.164, RFC 5322 (a practical subset), UIDAI (Verhoeff), SSA randomisation rules, HMRC NIM39110.
"""

from __future__ import annotations

import ipaddress
import re
from calendar import monthrange
from operator import mul


def digits_of(text: str) -> str:
    """`text` without the signs people put between digits."""
    return text.translate(_SEPARATORS)


_SEPARATORS = {ord(sign): None for sign in " -.()\u00b7"}


def always(text: str) -> bool:
    """No check beyond the pattern."""
    del text
    return True


_MORE = bytes.maketrans(b"0123456789", b"0123467890")  # by how much doubling a digit, and adding up, makes it more


def luhn(text: str) -> bool:
    """ISO/IEC 7812-1 annex B, over ASCII digits."""
    signs = text.encode()
    # Modulo 10 a number to the base 11 is the sum of its digits.
    return int(signs + signs[-2::-2].translate(_MORE), 11) % 10 == 0


def is_date(year: int, month: int, day: int) -> bool:
    """A day between 1900 and 2099."""
    if not (1900 <= year <= 2099 and 1 <= month <= 12 and 1 <= day <= 31):
        return False
    return day <= 28 or day <= monthrange(year, month)[1]


_PROVINCES = frozenset(
    str(code)
    for first, last in ((11, 15), (21, 23), (31, 37), (41, 46), (50, 54), (61, 65), (71, 71), (81, 83), (91, 91))
    for code in range(first, last + 1)
)


_DAYS = frozenset(f"{month:02}{day:02}" for month in range(1, 13) for day in range(1, 32) if is_date(2000, month, day))
_CENTURIES = frozenset(("19", "20"))


def cn_id(text: str) -> bool:
    """Mainland id of 18: province, date of birth, ISO 7064 MOD 11-2."""
    value = text if len(text) == 18 and text[:17].isdigit() else digits_of(text)
    return len(value) == 18 and mainland(value)


def mainland(value: str) -> bool:
    """As cn_id, for 18 digits, or 17 and an X."""
    if value[17] in "Xx":
        value = value[:17] + "A"  # ten, to the base 13
    day = value[10:14]
    if day not in _DAYS or value[6:8] not in _CENTURIES or value[:2] not in _PROVINCES:
        return False
    # The weights are powers of two modulo 11, and so are those of a number to the base 13.
    return int(value, 13) % 11 == 1 and (day != "0229" or is_date(int(value[6:10]), 2, 29))


def cn_id15(text: str) -> bool:
    """Mainland id before 1999: 15 digits without a check digit."""
    return text[:2] in _PROVINCES and is_date(1900 + int(text[6:8]), int(text[8:10]), int(text[10:12]))


_CARD_SIZES = range(13, 20)


class _Issuers(dict[str, frozenset[int]]):
    """The first four digits of a card -> how many digits such a card has."""

    def __missing__(self, head: str) -> frozenset[int]:
        sizes = self[head] = frozenset(size for size in _CARD_SIZES if _is_issued(int(head), size))
        return sizes


def _is_issued(head4: int, size: int) -> bool:
    head2 = head4 // 100
    return (
        (head4 >= 4000 and head4 < 5000 and size in (13, 16, 19))
        or (size == 16 and (51 <= head2 <= 55 or 2221 <= head4 <= 2720 or head2 in (35, 60, 65, 81, 82)))
        or (size == 15 and head2 in (34, 37))
        or (size == 14 and head2 in (30, 36, 38, 39))
        or (head2 == 62 and 16 <= size <= 19)
        or (head4 == 6011 and 16 <= size <= 19)
        or (head2 in (50, 56, 57, 58, 67, 69) and 16 <= size <= 19)
    )


_ISSUERS = _Issuers()


def card(text: str) -> bool:
    """A payment card by issuer range, length and Luhn. (No number of one repeated digit passes all three.)"""
    return is_card(text if text.isdigit() else digits_of(text))


def is_card(digits: str) -> bool:
    """As card, for digits alone."""
    return len(digits) in _ISSUERS[digits[:4]] and luhn(digits)


_USCC = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_USCC_SIGNS = frozenset(_USCC)
_USCC_VALUES = {sign: value for value, sign in enumerate(_USCC)}
_USCC_WEIGHTS = [pow(3, place, 31) for place in range(17)]


def uscc(text: str) -> bool:
    """Unified social credit code, GB 32100-2015: mod 31 with weights 3^i. A mistyped mainland id is none."""
    value = text.upper()
    if len(value) != 18 or not _USCC_SIGNS.issuperset(value):
        return False
    if value[:17].isdigit() and is_date(int(value[6:10]), int(value[10:12]), int(value[12:14])):
        return False
    total = sum(map(mul, map(_USCC_VALUES.__getitem__, value[:17]), _USCC_WEIGHTS))
    return _USCC[-total % 31] == value[17] and not value.isdigit()


def hk_id(text: str) -> bool:
    """Hong Kong identity card: letters A=10.., mod 11."""
    value = digits_of(text).upper()
    body = value[:-1].rjust(8)
    points = [36 if sign == " " else ord(sign) - 55 if sign.isalpha() else int(sign) for sign in body]
    total = sum(weight * point for weight, point in zip(range(9, 1, -1), points, strict=True))
    return (total + (10 if value[-1] == "A" else int(value[-1]))) % 11 == 0


_TW = {letter: place + 10 for place, letter in enumerate("ABCDEFGHJKLMNPQRSTUVXYWZIO")}


def tw_id(text: str) -> bool:
    """Taiwan national and resident id: letter as two digits, weights 1 9 8 ... 1 1, mod 10."""
    letter = _TW[text[0].upper()]
    total = letter // 10 + letter % 10 * 9
    total += sum(int(digit) * weight for digit, weight in zip(text[1:], (8, 7, 6, 5, 4, 3, 2, 1, 1), strict=True))
    return total % 10 == 0


_IBAN_LENGTH = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BR": 29, "BY": 28,
    "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18,
    "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HR": 21, "HU": 28, "IE": 22,
    "IL": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LI": 21, "LT": 20, "LU": 20, "LV": 21,
    "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MR": 27, "MT": 31, "MU": 30, "NL": 18, "NO": 15, "PK": 24, "PL": 28,
    "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "SA": 24, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "TN": 24,
    "TR": 26, "UA": 29, "VA": 22, "XK": 20,
}  # fmt: skip


def iban(text: str) -> bool:
    """ISO 13616: the country's length, and 1 modulo 97."""
    value = text.replace(" ", "").upper()
    if len(value) != _IBAN_LENGTH.get(value[:2]):
        return False
    return int("".join(str(int(sign, 36)) for sign in value[4:] + value[:4])) % 97 == 1


def ssn(text: str) -> bool:
    """US social security number: never 000, 666, 9xx; 00; 0000."""
    value = digits_of(text)
    return value[:3] not in ("000", "666") and value[0] != "9" and value[3:5] != "00" and value[5:] != "0000"


def nino(text: str) -> bool:
    """UK national insurance number: prefixes that are never given out."""
    return text[:2].upper() not in ("BG", "GB", "KN", "NK", "NT", "TN", "ZZ")


_D = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 2, 3, 4, 0, 6, 7, 8, 9, 5], [2, 3, 4, 0, 1, 7, 8, 9, 5, 6],
    [3, 4, 0, 1, 2, 8, 9, 5, 6, 7], [4, 0, 1, 2, 3, 9, 5, 6, 7, 8], [5, 9, 8, 7, 6, 0, 4, 3, 2, 1],
    [6, 5, 9, 8, 7, 1, 0, 4, 3, 2], [7, 6, 5, 9, 8, 2, 1, 0, 4, 3], [8, 7, 6, 5, 9, 3, 2, 1, 0, 4],
    [9, 8, 7, 6, 5, 4, 3, 2, 1, 0],
]  # fmt: skip
_P = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 5, 7, 6, 2, 8, 3, 0, 9, 4], [5, 8, 0, 3, 7, 9, 6, 1, 4, 2],
    [8, 9, 1, 6, 0, 4, 3, 5, 2, 7], [9, 4, 5, 3, 1, 2, 6, 8, 7, 0], [4, 2, 8, 6, 5, 7, 3, 9, 0, 1],
    [2, 7, 9, 3, 8, 0, 6, 4, 1, 5], [7, 0, 4, 6, 9, 1, 3, 2, 5, 8],
]  # fmt: skip


def aadhaar(text: str) -> bool:
    """India, UIDAI: Verhoeff over 12 digits, never a palindrome."""
    value = digits_of(text)
    state = 0
    for place, digit in enumerate(reversed(value)):
        state = _D[state][_P[place % 8][int(digit)]]
    return state == 0 and value != value[::-1]


def kr_rrn(text: str) -> bool:
    """South Korea: date, century digit, weights 2..9 2..5 mod 11."""
    value = digits_of(text)
    century = {"1": 1900, "2": 1900, "3": 2000, "4": 2000, "5": 1900, "6": 1900, "7": 2000, "8": 2000}[value[6]]
    if not is_date(century + int(value[:2]), int(value[2:4]), int(value[4:6])):
        return False
    total = sum(int(digit) * weight for digit, weight in zip(value, (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5), strict=False))
    return (11 - total % 11) % 10 == int(value[12])


def jp_mynumber(text: str) -> bool:
    """Japan, Individual Number: weights 6..2 7..2 mod 11."""
    value = digits_of(text)
    total = sum(int(d) * w for d, w in zip(value[:11], (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2), strict=True))
    rest = total % 11
    return int(value[11]) == (0 if rest < 2 else 11 - rest)


_MAIL = re.compile(r"[^.@]+(?:\.[^.@]+)*@(?!-)(?:[^.@]*[^.@-]\.(?!-))+[A-Za-z][A-Za-z]+")


def email(text: str) -> bool:
    """A practical subset of RFC 5322: dots stand alone, no label begins or ends with a hyphen, the last is a word."""
    return _MAIL.fullmatch(text) is not None


def e164(text: str) -> bool:
    """8 to 15 digits after the plus."""
    return 8 <= len(digits_of(text)) - 1 <= 15


def us_phone(text: str) -> bool:
    """North American numbering plan: area and exchange begin with 2..9, no N11."""
    value = digits_of(text)
    return value[0] in "23456789" and value[3] in "23456789" and value[1:3] != "11" and value[4:6] != "11"


def ipv4(text: str) -> bool:
    """An address that says something about a person: not loopback, unspecified or broadcast."""
    try:
        address = ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return not (address.is_loopback or address.is_unspecified or address.is_multicast or address.is_reserved)


def ipv6(text: str) -> bool:
    """A full or shortened IPv6 address, not loopback."""
    try:
        address = ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return not (address.is_loopback or address.is_unspecified) and text.count(":") > 2


def position(text: str) -> bool:
    """Latitude and longitude in degrees, with four decimals or more (eleven metres)."""
    latitude, longitude = (float(piece) for piece in re.split(r"[, ]+", text.strip()))
    return abs(latitude) <= 90 and abs(longitude) <= 180


def written_date(text: str) -> bool:
    """A calendar day, year first or last."""
    numbers = [int(piece) for piece in re.findall(r"[0-9]+", text)]
    if len(numbers) != 3:
        return False
    first, second, third = numbers
    return is_date(*numbers) or is_date(third, second, first) or is_date(third, first, second)


def secret_mix(text: str) -> bool:
    """A long unbroken word with digits and both cases: entropy, not prose."""
    return (
        any(sign.isdigit() for sign in text)
        and any(sign.islower() for sign in text)
        and any(sign.isupper() for sign in text)
        and len(set(text)) > 11
    )


def has_digit(text: str) -> bool:
    """A digit somewhere: a chosen secret, not a word about one."""
    return any(sign.isdigit() for sign in text)
