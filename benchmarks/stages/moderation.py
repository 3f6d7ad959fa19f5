"""Moderation with 64,000 random terms, half Chinese, half English: whole texts both ways, and streams of 64 events.

`held back` is no time but characters: what of an answer waits after each event, over 64,000 events; its budget is the
length of the longest term.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

from isthmus.policy import term_index
from isthmus.policy.terms import TermScanner, tail

BUDGET_US = {
    "question, 1 KB English, clean": 2.0,
    "question, 1 KB Chinese, clean": 2.0,
    "question, 1 KB English with apostrophes, clean": 8.0,
    "question, 1 KB Chinese with markdown, clean": 60.0,
    "question, 1 KB French, clean": 60.0,
    "question and answer, 1 KB English, 20,000 terms": 4.0,
    "stream event, one English word": 3.0,
    "stream event, two Chinese characters": 3.0,
    "64 events English": 192.0,
    "64 events Chinese": 192.0,
}
ENGLISH = "Please read the report that Anna sent last week and tell me in plain words what it asks of us, and by when. "
CHINESE = "今天天气很好，我们去公园散步吧。然后再去吃饭，顺便讨论一下下周的工作安排和预算问题。"
FRENCH = (
    "Le café où nous étions hier est fermé depuis l'été dernier, dit-elle, et personne ne sait très bien pourquoi. "
)


def terms(count: int = 64_000, seed: int = 1) -> dict[str, str]:
    """Random terms, half of each script; English ones of 7 to 14 letters, so that ordinary words are none."""
    draw = random.Random(seed)
    han = [chr(point) for point in range(0x4E00, 0x4E00 + 3000)]
    made: dict[str, str] = {}
    while len(made) < count // 2:
        made["".join(draw.choices(han, k=draw.randint(3, 6)))] = "a"
    while len(made) < count:
        made["".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=draw.randint(7, 14)))] = "b"
    return made


def index(count: int) -> term_index.Index:
    """`count` terms compiled, from build/ when an earlier run left it there."""
    lists = {"t": {term: (category, "block") for term, category in terms(count).items()}}
    name = term_index.digest({"benchmark": f"{count}".encode()})
    path = Path(__file__).parents[2] / "build" / "bench" / f"terms-{name}.bin"
    found = term_index.restore(path)
    if found is None:
        found = term_index.build(lists)
        term_index.save(found, path)
    return found


def scanner(count: int) -> TermScanner:
    """A scanner of `count` terms."""
    return TermScanner(index(count))


def held(scan: TermScanner, pieces: list[str]) -> list[int]:
    """Characters that wait after each piece of a stream."""
    waiting = []
    pending = before = ""
    for piece in pieces:
        text = pending + piece
        _, shown = scan.look(before, text, last=False)
        before, pending = tail(before, text[:shown]), text[shown:]
        waiting.append(len(pending))
    return waiting


def waits(count: int = 64_000) -> dict[str, int]:
    """Median, 99th percentile and longest of `held` over many short pieces of both languages, and the longest term."""
    scan = scanner(count)
    draw = random.Random(2)
    words = (ENGLISH * 300).split()
    english = [" " + draw.choice(words) for _ in range(32_000)]
    signs = CHINESE * 300
    chinese = [signs[place : place + draw.randint(1, 3)] for place in draw.choices(range(len(signs) - 3), k=32_000)]
    waiting = sorted(held(scan, english) + held(scan, chinese))
    return {
        "median": waiting[len(waiting) // 2],
        "p99": waiting[len(waiting) * 99 // 100],
        "most": waiting[-1],
        "longest term": max(map(len, terms(count))),
    }


def cases():
    scan, small = scanner(64_000), scanner(20_000)
    english, chinese = (ENGLISH * 10)[:1024].encode(), (CHINESE * 10)[:341].encode()
    quoted = (ENGLISH.replace("Anna", "Anna's friend") * 10)[:1024].encode()
    marked = (CHINESE.replace("公园", "**公园**") * 10)[:341].encode()
    french = (FRENCH * 10)[:980].encode()[:1024]
    words = [" " + word for word in (ENGLISH * 4).split()[:64]]
    pairs = [(CHINESE * 4)[place : place + 2] for place in range(0, 128, 2)]
    assert not any(scan.find(text) for text in (english, chinese, quoted, marked, french))
    found = waits()
    assert found["median"] == 0, found
    assert found["p99"] <= found["longest term"], found
    print(f"held back after an event, characters: {found}", file=sys.stderr)
    return {
        "question, 1 KB English, clean": lambda: scan.find(english),
        "question, 1 KB Chinese, clean": lambda: scan.find(chinese),
        "question, 1 KB English with apostrophes, clean": lambda: scan.find(quoted),
        "question, 1 KB Chinese with markdown, clean": lambda: scan.find(marked),
        "question, 1 KB French, clean": lambda: scan.find(french),
        "question and answer, 1 KB English, 20,000 terms": lambda: (small.find(english), small.find(english)),
        "stream event, one English word": lambda: scan.look("e", " report", last=False),
        "stream event, two Chinese characters": lambda: scan.look("天", "我们", last=False),
        "64 events English": lambda: held(scan, words),
        "64 events Chinese": lambda: held(scan, pairs),
    }
