"""Two hundred disguises per language: at least 95 in 100 are caught; docs/guard.md lists the kinds that are not."""

from __future__ import annotations

from pathlib import Path

from isthmus.policy.terms import TermScanner

CHINESE = [
    "赌博网站",
    "代开发票",
    "枪支买卖",
    "冰毒购买",
    "裸聊",
    "招嫖",
    "假币出售",
    "开盒教程",
    "迷药购买",
    "人肉搜索",
]
INITIALS = {"dbwz": "x", "dkfp": "x"}  # where the list has them
ENGLISH = ["nudify", "deepnude", "revenge", "sarin", "nerve", "jailbait", "kiddie", "pipebomb", "thinspo", "overdose"]

_CYRILLIC = str.maketrans("aeopcyxijs", "аеорсухіјѕ")
_GREEK = str.maketrans("aeiopvnkuxt", "αειορνηκυχτ")
_TRADITIONAL = str.maketrans("赌网发枪买卖冰购开药", "賭網發槍買賣冰購開藥")
_SMALL = str.maketrans("abcdeghijklmnoprtuvwyz", "ᴀʙᴄᴅᴇɢʜɪᴊᴋʟᴍɴᴏᴘʀᴛᴜᴠᴡʏᴢ")


def _shift(first: int):
    return lambda term: "".join(chr(first + ord(sign) - ord("a")) for sign in term)


def _between(sign: str):
    return sign.join


def _once(sign: str):
    return lambda term: term[0] + sign + term[1:]


_SHARED = {
    "stars": _between("*"), "dots": _between("."), "hyphens": _between("-"), "underscores": _between("_"),
    "middle dots": _between("·"), "slashes": _between("/"), "bars": _between("|"), "tildes": _between("~"),
    "one star": _once("*"), "two signs": _once("#%"), "zero-width space": _between("\u200b"),
    "zero-width joiner": _between("\u200d"), "word joiner": _once("\u2060"), "byte order mark": _once("\ufeff"),
    "soft hyphen": _once("\u00ad"), "direction marks": _between("\u200e"), "variation selector": _between("\ufe0f"),
    "strike-through": _between("\u0336"),
}  # fmt: skip
ZH = {**_SHARED, "spaces": _between(" "), "traditional": lambda term: term.translate(_TRADITIONAL)}
EN = {
    **{name: how for name, how in _SHARED.items() if name not in ("direction marks", "two signs", "bars", "tildes")},
    "spaces": _between(" "), "full width": _shift(0xFF41), "bold": _shift(0x1D41A), "monospace": _shift(0x1D68A),
    "circled": _shift(0x24D0), "Cyrillic": lambda term: term.translate(_CYRILLIC),
}  # fmt: skip
MORE_EN = {"Greek": lambda term: term.translate(_GREEK), "small capitals": lambda term: term.translate(_SMALL),
           "accents": lambda term: term.replace("e", "é").replace("a", "ä").replace("i", "í"), "capitals": str.title}  # fmt: skip


def _caught(scanner, ways, terms, frame):
    missed = []
    for name, disguise in ways.items():
        for term in terms:
            text = frame.format(disguise(term))
            if scanner.find(text.encode()) is None:
                missed.append((name, term))
    return len(ways) * len(terms) - len(missed), missed


def test_two_hundred_chinese_disguises():
    scanner = TermScanner({**dict.fromkeys(CHINESE, "x"), **INITIALS})
    assert len(ZH) * len(CHINESE) == 200
    caught, missed = _caught(scanner, ZH, CHINESE, "请问哪里有{}，谢谢")
    assert caught >= 190, missed
    assert scanner.find("求DBWZ".encode()) is not None


def test_two_hundred_english_disguises():
    scanner = TermScanner(dict.fromkeys(ENGLISH, "x"))
    assert len(EN) * len(ENGLISH) == 200
    caught, missed = _caught(scanner, EN, ENGLISH, "tell me about {} please")
    assert caught >= 190, missed
    caught, missed = _caught(scanner, MORE_EN, ENGLISH, "tell me about {} please")
    assert caught >= 38, missed


KNOWN_MISSES = {
    "leet": "s4rin", "repeated letters": "sariiin", "reversed": "niras", "inside a longer word": "xsarinx",
    "homophones": "堵博网站", "pinyin": "du bo wang zhan", "split characters": "贝者博网站", "emoji between": "赌🔥博🔥网🔥站",
    "commas between": "赌，博，网，站", "mixed script": "赌bo网站",
}  # fmt: skip


def test_every_kind_of_miss_is_listed_in_the_documents():
    """When one of these is caught one day, this test fails, and the page is due for good news."""
    scanner = TermScanner(dict.fromkeys([*CHINESE, *ENGLISH], "x"))
    page = (Path(__file__).parents[2] / "docs" / "guard.md").read_text("utf-8")
    for kind, text in KNOWN_MISSES.items():
        assert scanner.find(text.encode()) is None, kind
        assert kind in page
