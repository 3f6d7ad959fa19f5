"""Disguised words in sentences: seeded, Chinese and English.

    evasions(seed, count, language) -> list[Evasion]     each a term, its disguise, and the sentence that holds it

Ways to write a word so that people read it and a plain search does not: signs between letters, letters that look alike,
characters without width, full-width forms, scripts mixed, and initials of pinyin where the list has them.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import NamedTuple


class Evasion(NamedTuple):
    """`initials` is what the list must hold beside `term`, where the disguise is made of it."""

    term: str
    way: str
    text: str
    initials: str = ""


# A Chinese term, and the initials of its pinyin.
CHINESE = {
    "赌博网站": "dbwz", "代开发票": "dkfp", "枪支买卖": "qzmm", "冰毒购买": "bdgm", "假币出售": "jbcs", "开盒教程": "khjc",
    "迷药购买": "mygm", "人肉搜索": "rrss", "办理假证": "bljz", "地下钱庄": "dxqz", "毒品交易": "dpjy", "六合彩内幕": "lhcnm",
    "信用卡套现": "xyktx", "裸聊视频": "llsp", "传销组织": "cxzz", "考试作弊": "kszb", "网络诈骗": "wlzp", "高利贷款": "gldk",
}  # fmt: skip
ENGLISH = (
    "nudify", "deepnude", "sarin", "jailbait", "pipebomb", "thinspo", "overdose", "ransomware", "botnet", "carding",
    "counterfeit", "money laundering", "child porn", "fake passport", "credit card fraud", "suicide pact", "nerve agent",
)  # fmt: skip

SIGNS = "*.-_·/|~+=#^•∙★☆●■◆→…"
WIDTHLESS = "\u200b\u200c\u200d\u2060\ufeff\u00ad\u200e\u200f\u034f\u061c\u180e\ufe0f\u2063"
PICTURES = "🔥❤⭐🎉😀🙂🚀✨☎♣"
MARKS = "\u0301\u0336\u0338\u0323\u0307\u035c"
_TRADITIONAL = str.maketrans(
    "赌网发枪买卖冰购开药币办证钱庄毒内幕现视频传销组织试弊络诈骗贷",
    "賭網發槍買賣冰購開藥幣辦證錢莊毒內幕現視頻傳銷組織試弊絡詐騙貸",
)
_ALIKE = {
    "a": "аαɑ", "b": "ЬƄ", "c": "сϲⅽ", "d": "ԁⅾ", "e": "еҽ", "f": "ք", "g": "ɡց", "h": "һհ", "i": "іιⅰ", "j": "јϳ",
    "k": "κк", "l": "ӏⅼ", "m": "мⅿ", "n": "ոη", "o": "оοօ", "p": "рρ", "q": "ԛզ", "r": "гꭇ", "s": "ѕꜱ", "t": "тτ",
    "u": "սυ", "v": "ѵνⅴ", "w": "ԝա", "x": "хⅹ", "y": "уү", "z": "ᴢ",
}  # fmt: skip

Draw = random.Random
Way = Callable[[Draw, str], str]


def _between(signs: str, most: int = 1) -> Way:
    def how(draw: Draw, term: str) -> str:
        gap = "".join(draw.choices(signs, k=draw.randint(1, most)))
        return gap.join(term.replace(" ", ""))

    return how


def _once(signs: str) -> Way:
    def how(draw: Draw, term: str) -> str:
        word = term.replace(" ", "")
        place = draw.randrange(1, len(word))
        return word[:place] + draw.choice(signs) + word[place:]

    return how


def _sometimes(signs: str) -> Way:
    def how(draw: Draw, term: str) -> str:
        return "".join(sign + (draw.choice(signs) if draw.random() < 0.6 else "") for sign in term[:-1]) + term[-1]

    return how


def _shifted(*firsts: int) -> Way:
    def how(draw: Draw, term: str) -> str:
        first = draw.choice(firsts)
        return "".join(
            chr(first + ord(sign) - ord("a")) if sign.isascii() and sign.isalpha() else sign for sign in term
        )

    return how


def _alike(share: float) -> Way:
    def how(draw: Draw, term: str) -> str:
        return "".join(draw.choice(_ALIKE[sign]) if sign in _ALIKE and draw.random() < share else sign for sign in term)

    return how


def _mixed(draw: Draw, term: str) -> str:
    ways = (_shifted(0xFF41, 0x1D41A, 0x24D0), _alike(1.0), lambda _, letter: letter.upper())
    return "".join(draw.choice(ways)(draw, sign) for sign in term)


def _traditional(draw: Draw, term: str) -> str:
    del draw
    return term.translate(_TRADITIONAL)


def _half_traditional(draw: Draw, term: str) -> str:
    return "".join(sign.translate(_TRADITIONAL) if draw.random() < 0.5 else sign for sign in term)


_SHARED: dict[str, Way] = {
    "one sign between all letters": _between(SIGNS), "several signs between letters": _between(SIGNS, 3),
    "one sign once": _once(SIGNS), "signs here and there": _sometimes(SIGNS),
    "without width between": _between(WIDTHLESS, 2), "without width once": _once(WIDTHLESS),
    "without width here and there": _sometimes(WIDTHLESS), "a picture between": _between(PICTURES),
    "a mark on each letter": lambda draw, term: "".join(sign + draw.choice(MARKS) for sign in term),
    "spaces between": _between(" \u3000\u2003\u00a0"), "a control once": _once("\x00\x01\x7f\x1b"),
}  # fmt: skip
WAYS: dict[str, dict[str, Way]] = {
    "zh": {
        **_SHARED, "traditional": _traditional, "half traditional": _half_traditional,
        "traditional with signs": lambda draw, term: _once(SIGNS)(draw, _traditional(draw, term)),
        "one per line": lambda draw, term: "\n".join(term), "ASCII commas": _between(","),
    },
    "en": {
        **_SHARED, "full width": _shifted(0xFF41), "mathematical": _shifted(0x1D41A, 0x1D44E + 0x34, 0x1D5BA, 0x1D68A),
        "circled": _shifted(0x24D0), "some letters alike": _alike(0.5), "all letters alike": _alike(1.0),
        "mixed scripts": _mixed, "capitals": lambda draw, term: "".join(draw.choice((sign, sign.upper())) for sign in term),
        "scattered": _between(",;:!?"),
    },
}  # fmt: skip
_FRAMES = {
    "zh": ("请问哪里有{}，谢谢", "{}怎么找", "想了解一下{}。", "听说{}很多，是真的吗？", "帮我写一段关于{}的话"),
    "en": (
        "tell me about {} please",
        "{} near me",
        "where to find {}?",
        "a story with {} in it",
        "Is {} legal? I wonder.",
    ),
}


def evasions(seed: int, count: int, language: str) -> list[Evasion]:
    """`count` disguised terms; every way in turn, terms, signs and sentences by chance."""
    draw = random.Random(seed)
    ways = list(WAYS[language].items())
    out = []
    for number in range(count):
        frame = draw.choice(_FRAMES[language])
        place = number % (len(ways) + (language == "zh"))
        if place == len(ways):
            term, initials = draw.choice(list(CHINESE.items()))
            written = draw.choice((initials, initials.upper(), ".".join(initials), "".join(map(_wide, initials))))
            out.append(Evasion(term, "initials of pinyin", frame.format(written), initials))
            continue
        name, how = ways[place]
        term = draw.choice(list(CHINESE) if language == "zh" else ENGLISH)
        out.append(Evasion(term, name, frame.format(how(draw, term))))
    return out


def _wide(sign: str) -> str:
    return chr(ord(sign) + 0xFEE0)
