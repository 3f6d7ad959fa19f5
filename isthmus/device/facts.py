"""What a rewriting must not lose or invent: numbers, times, days, months, addresses, names.

Facts are compared in a form that does not depend on the language: "nine", "9:00" and 九点 are one number, "Monday" and
周一 one day. Words for numbers count as kept, but only digits, days and names are demanded: "one" is often no number.
"""

from __future__ import annotations

import re
import unicodedata

_DIGITS = re.compile(r"\d+(?:[,，]\d{3})*(?:\.\d+)?")
_TIME = re.compile(r"(\d{1,2})[:：](\d{2})")
_ADDRESS = re.compile(r"(?:https?://|www\.)[^\s，。]+[^\s，。.,;)]|[\w.+-]+@[\w-]+\.[\w.]*\w|[@#][\w-]{2,}")
_EN_NUMBERS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty"
)
_WORDS = {word: str(value) for value, word in enumerate(_EN_NUMBERS.split())}
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_WORDS |= {word: str((place + 2) * 10) for place, word in enumerate(_TENS)}
_WORDS |= {"hundred": "100", "thousand": "1000", "noon": "12", "midnight": "0", "half": "30", "quarter": "15"}
_ORDINALS = ["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"]
_WORDS |= {word: str(place) for place, word in enumerate(_ORDINALS, 1)}
_ZH_DIGIT = {"零": 0, "〇": 0, "一": 1, "二": 2, "两": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9}
_ZH_NUMBER = re.compile(r"[零〇一二两三四五六七八九十百千万]+")
_DAYS = (
    (r"mon(?:day)?", "一"), (r"tue(?:s(?:day)?)?", "二"), (r"wed(?:nesday)?", "三"), (r"thu(?:rs(?:day)?)?", "四"),
    (r"fri(?:day)?", "五"), (r"sat(?:urday)?", "六"), (r"sun(?:day)?", "[日天]"),
)  # fmt: skip
_DAY_PATTERNS = [
    re.compile(rf"\b{english}s?\b|(?:周|星期|礼拜|週){chinese}", re.IGNORECASE) for english, chinese in _DAYS
]
_MONTHS = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]
_MONTH_PATTERN = re.compile(
    r"\b(?:(jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|june?|july?|aug(?:ust)?|sept?(?:ember)?|"
    r"oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\b|(?-i:May)\b)",
    re.IGNORECASE,
)
_RELATIVE = {
    "today": re.compile(r"\btoday\b|\btonight\b|今天|今日|今晚", re.IGNORECASE),
    "tomorrow": re.compile(r"\btomorrow\b|明天|明日|明早|明晚", re.IGNORECASE),
    "yesterday": re.compile(r"\byesterday\b|昨天|昨日|昨晚", re.IGNORECASE),
}
_NAME = re.compile(r"(?<![.!?:\n\"“]\s)(?<!^)(?<![\n\"“])\b([A-Z][a-z]+|[A-Z]{2,})\b")
_NO_NAMES = frozenset(
    [
        "I",
        "Im",
        "Ill",
        "OK",
        "Ok",
        "AI",
        "Dear",
        "Hi",
        "Hello",
        "Hey",
        "Thanks",
        "Thank",
        "Regards",
        "Best",
        "Please",
        "Sincerely",
        "Sir",
        "Madam",
        "Mr",
        "Mrs",
        "Ms",
        "Dr",
        "The",
        "PS",
        "FYI",
        "ASAP",
        "AM",
        "PM",
        "Am",
        "Pm",
        "Mandarin",
        "Chinese",
        "English",
        "Eastern",
        "Mon",
        "Tue",
        "Wed",
        "Thu",
        "Fri",
        "Sat",
        "Sun",
    ]
)


def demanded(text: str) -> set[str]:
    """The facts of `text` that another text must keep, or must not invent: digits, addresses, days, months."""
    plain = unicodedata.normalize("NFKC", text)
    found = {f"@{match.rstrip('.').lower()}" for match in _ADDRESS.findall(plain)}
    plain = _ADDRESS.sub(" ", plain)
    for hour, minute in _TIME.findall(plain):
        found.add(f"{int(hour)}")
        if int(minute):
            found.add(f"{int(minute)}")
    plain = _TIME.sub(" ", plain)
    found |= {_number(match) for match in _DIGITS.findall(plain)}
    found |= {f"day{place}" for place, pattern in enumerate(_DAY_PATTERNS) if pattern.search(plain)}
    found |= {name for name, pattern in _RELATIVE.items() if pattern.search(plain)}
    return found | {f"month{number}" for number in _months(plain)}


def admitted(text: str) -> set[str]:
    """The facts that `text` can vouch for: those demanded, numbers in words, and other ways to say the same."""
    plain = unicodedata.normalize("NFKC", text)
    found = demanded(plain)
    lower = plain.lower()
    found |= {_WORDS[word] for word in re.findall(r"[a-z]+", lower) if word in _WORDS}
    for run in _ZH_NUMBER.findall(plain):
        found.add(str(_chinese(run)))
        found |= {str(_ZH_DIGIT[sign]) for sign in run if sign in _ZH_DIGIT}
    if "半" in plain:
        found.add("30")
    if "一刻" in plain:
        found.add("15")
    for number in list(found):
        if number.isdigit():
            value = int(number)
            found |= {str(value - 12)} if 12 < value < 24 else set()
            found |= {str(value + 12)} if 0 < value < 12 else set()
            found |= {f"month{value}"} if 1 <= value <= 12 else set()
        elif number.startswith("month"):
            found.add(number.removeprefix("month"))
    return found


def names(text: str) -> set[str]:
    """Words inside sentences that begin with a capital: people, places, products (texts in Latin letters only)."""
    days = {name for word in (*_MONTHS, *_EN_DAYS) for name in (word.capitalize(), word[:3].capitalize())}
    return {name for name in _NAME.findall(text) if name not in _NO_NAMES and name not in days}


_EN_DAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


def missing(source: str, answer: str) -> list[str]:
    """Facts of `source` that `answer` does not keep."""
    return sorted(demanded(source) - admitted(answer))


def invented(source: str, answer: str) -> list[str]:
    """Facts of `answer` that `source` does not hold."""
    return sorted(demanded(answer) - admitted(source))


def _number(text: str) -> str:
    plain = text.replace(",", "").replace("，", "")
    return plain.rstrip("0").rstrip(".") if "." in plain else plain.lstrip("0") or "0"


def _months(text: str) -> set[int]:
    found = set()
    for match in _MONTH_PATTERN.finditer(text):
        word = match[0].lower()[:3]
        found.add(next(number for number, month in enumerate(_MONTHS, 1) if month.startswith(word)))
    return found


def _chinese(run: str) -> int:
    """The value of a Chinese numeral up to 99,999,999; signs in a row are read as digits."""
    if not re.search("[十百千万]", run):
        return int("".join(str(_ZH_DIGIT[sign]) for sign in run))
    whole, part, digit = 0, 0, 0
    for sign in run:
        if sign in _ZH_DIGIT:
            digit = _ZH_DIGIT[sign]
        elif sign == "万":
            whole, part, digit = (whole + part + digit or 1) * 10_000, 0, 0
        else:
            part, digit = part + (digit or 1) * {"十": 10, "百": 100, "千": 1000}[sign], 0
    return whole + part + digit
