r"""Private details that are more than digits: addresses, codes with letters, secrets. Numbers are in policy/numbers.

Rules of this room:
1. `trigger` is asked of the bytes by the automaton, with all others at once; only then `regex` looks for the place.
2. Chinese text has no word borders, so an edge is "no Latin letter or digit beside it", never `\b`.
3. Where a shape has no check of its own, a word near it must say what it is (`near`).
4. A regex starts with something rare or bounded, so that its cost is linear in the text.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable
from typing import NamedTuple

from isthmus.core.scanner import byte_classes
from isthmus.policy.checks import (
    always,
    email,
    has_digit,
    hk_id,
    iban,
    ipv4,
    ipv6,
    nino,
    position,
    secret_mix,
    tw_id,
    uscc,
    written_date,
)


class Shape(NamedTuple):
    """One kind of detail. `code` is four letters that a model sees; `back` holds signs that may extend it leftwards."""

    kind: str
    code: str
    trigger: bytes
    regex: re.Pattern[str]
    check: Callable[[str], bool] = always
    near: re.Pattern[str] | None = None
    back: str = ""


def _word(pattern: str) -> re.Pattern[str]:
    """`pattern` with nothing Latin beside it."""
    return re.compile(rf"(?<![A-Za-z0-9])(?:{pattern})(?![A-Za-z0-9])")


_PLACES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
_PLACE_BYTES = b"(?:" + b"|".join(byte_classes(map(ord, _PLACES))) + b")"
_U = "0-9A-HJ-NPQRTUWXYa-hj-npqrtuwxy"
_L = "A-HJ-NPQRTUWXYa-hj-npqrtuwxy"
# With a letter somewhere: one of digits alone is none, and one of 17 digits and an X is read in policy/numbers.
_USCC_TRIGGER = "|".join(
    (
        f"[{_L}][{_U}][0-9]{{6}}[{_U}]{{10}}",
        f"[{_U}][{_L}][0-9]{{6}}[{_U}]{{10}}",
        *(f"[{_U}]{{2}}[0-9]{{6}}" + f"[{_U}]" * place + f"[{_L}]" + f"[{_U}]" * (9 - place) for place in range(9)),
        f"[{_U}]{{2}}[0-9]{{6}}[{_U}]{{9}}[A-HJ-NPQRTUWYa-hj-npqrtuwy]",
    )
).encode()
_PASSPORT = re.compile("护照|護照|passport", re.IGNORECASE)
_PERMIT = re.compile("通行证|通行證|台胞证|台胞證|回乡证|回鄉證")
_PASSWORD = re.compile(r"""(?:password|passwd|passcode|pwd|密码|密碼|口令)["' ]{0,2}[:=：]\Z""", re.IGNORECASE)
_MONTH = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}"
_BIRTH = re.compile("出生|生日|生于|born|birth|d\\.?o\\.?b", re.IGNORECASE)
_MACAU = re.compile("澳门|澳門|macau|macao", re.IGNORECASE)
_SECRET = re.compile("api.?key|secret|token|password|passwd|密钥|口令|密码", re.IGNORECASE)
_DAY = "[0-9]{1,2}(?:st|nd|rd|th)?"
_ALNUM = string.ascii_letters + string.digits
_LOCAL = _ALNUM + "._%+-"
_SCHEME = _ALNUM + "+.-"
BACK = 64  # characters a detail may extend leftwards


def _secret(prefix: str, rest: str) -> Shape:
    """A key with a known beginning: the same pattern for bytes and text."""
    pattern = f"(?:{prefix}){rest}"
    return Shape("secret", "SECR", pattern.encode(), re.compile(rf"(?<![A-Za-z0-9]){pattern}"))


SHAPES: tuple[Shape, ...] = (
    Shape(
        "url_credentials", "LINK", rb"://[^\s/:@]+:[^\s/@]+@",
        re.compile(r"://[^\s/:@]{1,64}:[^\s/@]{1,128}@[!-~]{1,253}"), always, None, _SCHEME,
    ),
    Shape(
        "email", "MAIL", rb"[A-Za-z0-9._%+-]@[A-Za-z0-9]",
        re.compile(r"@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+"), email, None, _LOCAL,
    ),
    Shape(
        "uscc", "CODE", _USCC_TRIGGER,
        re.compile(f"[{_U}](?<![A-Za-z0-9].)[{_U}][0-9]{{6}}[{_U}]{{10}}(?![A-Za-z0-9])", re.DOTALL), uscc,
    ),
    Shape(
        "passport", "PASS", "护照|護照|[Pp]assport|PASSPORT".encode(),
        _word("[A-Za-z][A-Za-z]?[0-9]{7,8}"), always, _PASSPORT,
    ),
    Shape(
        "permit", "PASS", "通行证|通行證|台胞证|台胞證|回乡证|回鄉證".encode(),
        _word("[CHMchm]?[0-9]{8,10}"), always, _PERMIT,
    ),
    Shape(
        "plate", "AUTO", _PLACE_BYTES + rb"[A-HJ-NP-Z](?:[ -]|\xc2\xb7)?[A-HJ-NP-Z0-9]{4}",
        re.compile(f"[{_PLACES}][A-HJ-NP-Z][ ·-]?[A-HJ-NP-Z0-9]{{4,5}}[A-HJ-NP-Z0-9挂学警港澳](?![A-Za-z0-9])"),
    ),
    Shape(
        "hk_id", "IDHK", rb"[A-Za-z][0-9]{6}",  # the same as of tw_id: one pattern of the automaton
        re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{1,2}[0-9]{6} ?(?:\([0-9Aa]\)|[0-9Aa](?![A-Za-z0-9]))"), hk_id,
    ),
    Shape(
        "mo_id", "IDMO", "澳门|澳門|[Mm]aca[uo]|MACA[UO]".encode(),
        re.compile(r"(?<![A-Za-z0-9])[157][0-9]{6}(?:\([0-9]\)|/?[0-9](?![A-Za-z0-9]))"), always, _MACAU,
    ),
    Shape("tw_id", "IDTW", rb"[A-Za-z][0-9]{6}", _word("[A-Za-z][1289][0-9]{8}"), tw_id),
    Shape(
        "iban", "IBAN", rb"[A-Za-z]{2}[0-9]{2} ?[A-Za-z0-9]{4} ?[A-Za-z0-9]{4}",
        _word("[A-Za-z]{2}[0-9]{2}(?: ?[A-Za-z0-9]{4}){2,7}(?: ?[A-Za-z0-9]{1,3})?"), iban,
    ),
    Shape(
        "nino", "NINO", rb"[A-Za-z]{2} ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-Da-d]",
        _word("(?i:[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]) ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-Da-d]"),
        nino,
    ),
    Shape(
        "ip", "IPNO", rb"[0-9]\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]",
        re.compile(r"(?<![0-9.])[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?![0-9]|\.[0-9])"), ipv4,
    ),
    Shape(
        "ip", "IPNO", rb":[0-9A-Fa-f]{0,4}:[0-9A-Fa-f]{0,4}:",
        re.compile(r"(?<![A-Za-z0-9:])[0-9A-Fa-f]{1,4}(?::{1,2}[0-9A-Fa-f]{1,4}){2,7}(?![A-Za-z0-9:])"), ipv6,
    ),
    Shape(
        "mac", "MACN", rb"[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5}",
        re.compile("(?<![A-Za-z0-9:-])[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5}(?![A-Za-z0-9:-])"),
    ),
    Shape(
        "gps", "GPSN", rb"[0-9]\.[0-9]{4,}[, ]",
        re.compile(r"(?<![0-9.])-?[0-9]{1,2}\.[0-9]{4,12}(?:, ?| )-?[0-9]{1,3}\.[0-9]{4,12}(?![0-9])"), position,
    ),
    Shape(
        "gps", "GPSN", rb"[0-9]\xc2\xb0 ?[0-9]{1,2} ?(?:'|\xe2\x80[\xb2\x99])",
        re.compile("[0-9]{1,3}° ?[0-9]{1,2} ?['’′] ?[0-9.]{0,7} ?[\"”″]? ?[NSEWnsew]"),
    ),
    Shape(
        "birth_date", "BORN", rb"[Bb][Oo][Rr][Nn]|[Bb]irth|BIRTH|DOB|D\.O\.B|dob",
        re.compile(f"(?<![A-Za-z0-9])(?:{_MONTH} {_DAY},? |{_DAY} {_MONTH},? )(?:19|20)[0-9]{{2}}(?![0-9])"),
        always, _BIRTH,
    ),
    Shape(
        "birth_date", "BORN", rb"[0-9](?:[-/.]|\xe5\xb9\xb4)[0-9]{1,2}(?:[-/.]|\xe6\x9c\x88)[0-9]",
        re.compile(
            "(?<![0-9])(?:(?:19|20)[0-9]{2}[-/.年][0-9]{1,2}[-/.月][0-9]{1,2}日?"
            "|[0-9]{1,2}[-/.][0-9]{1,2}[-/.](?:19|20)[0-9]{2})(?![0-9])"
        ),
        written_date, _BIRTH,
    ),
    _secret("sk-", "[A-Za-z0-9_-]{20,}"),
    _secret("(?:sk|rk|pk)_(?:live|test)_", "[A-Za-z0-9]{16,}"),
    _secret("AKIA|ASIA|AKLT|AKID|LTAI", "[A-Za-z0-9]{12,}"),
    _secret("gh[pousr]_|github_pat_", "[A-Za-z0-9_]{22,}"),
    _secret("AIza|ya29\\.", "[A-Za-z0-9_-]{20,}"),
    _secret("xox[abprs]-|glpat-|hf_|npm_", "[A-Za-z0-9_-]{16,}"),
    _secret("SG\\.", "[A-Za-z0-9_-]{16,}\\.[A-Za-z0-9_-]{16,}"),
    _secret("eyJ", "[A-Za-z0-9_-]{8,}\\.eyJ[A-Za-z0-9_-]{8,}\\.[A-Za-z0-9_-]{8,}"),
    _secret("-----BEGIN [A-Z ]*PRIVATE KEY-----", "[^-]+-----END [A-Z ]*PRIVATE KEY-----"),
    Shape("secret", "SECR", rb"[Bb]earer [A-Za-z0-9._~+/-]{16}", re.compile("(?<=earer )[A-Za-z0-9._~+/-]{16,512}=*")),
    Shape(
        "secret", "SECR",
        rb"(?:[Pp]ass(?:w(?:or)?d|code)|PASS(?:W(?:OR)?D|CODE)|[Pp]wd|PWD|" + "密码|密碼|口令".encode()
        + rb")[\"' ]{0,2}(?:[:=]|\xef\xbc\x9a)",
        re.compile("(?<=[:=：])[\"' ]{0,2}[^\\s\"',;，。；、]{6,64}"), has_digit, _PASSWORD,
    ),
    Shape(
        "secret", "SECR",
        rb"(?:[Kk][Ee][Yy]|[Ss]ecret|SECRET|[Tt]oken|TOKEN|[Pp]assw|PASSW|" + "密钥|口令|密码".encode()
        + rb")[^\n]{0,24}[A-Za-z0-9_/+-]{24}",
        _word("[A-Za-z0-9_/+-]{24,128}"), secret_mix, _SECRET,
    ),
)  # fmt: skip


def _anchors() -> tuple[bytes, ...]:
    """See ANCHORS: what each trigger above, and each of policy/numbers and policy/detect, cannot do without."""
    ascii_ones = (
        *string.digits, "@", "://", "sk-", "_live_", "_test_", "akia", "asia", "aklt", "akid", "ltai", "ghp_", "gho_",
        "ghu_", "ghs_", "ghr_", "github_pat_", "aiza", "ya29", "xoxa-", "xoxb-", "xoxp-", "xoxr-", "xoxs-", "glpat-",
        "hf_", "npm_", "sg.", "eyj", "-----begin ", "earer ",
        *(sign + mark for sign in "abcdef" for mark in ":-"),  # addresses without any digit
    )  # fmt: skip
    wide = (0xFF0B, *range(0xFF10, 0xFF1A), *range(0xFF20, 0xFF3B), *range(0xFF41, 0xFF5B))
    digits = (
        *range(0x660, 0x66A), *range(0x6F0, 0x6FA), *range(0x966, 0x970), *range(0x1D7CE, 0x1D800),
        *range(0x2460, 0x2469),
    )  # fmt: skip
    blanks = (b"\xe2\x80", b"\xe2\x81", b"\xef\xbb\xbf", b"\xc2\xad", b"\xc2\xa0", b"\xe3\x80\x80", b"\xe2\x88\x92")
    return (
        *(one.encode() for one in ascii_ones),
        *(chr(point).encode() for point in (*wide, *digits)),
        *((place + letter).encode() for place in _PLACES for letter in string.ascii_lowercase),
        *(letter.encode() + blank for letter in string.ascii_lowercase + "." for blank in blanks),
    )


# In every text that may hold a private detail stands one of these (ASCII letters in either case): who scans a text for
# something else looks for them in the same pass, and only a text with one is asked again (policy/detect.suspect).
ANCHORS = _anchors()
