"""Moderation with 64,000 random terms, half Chinese, half English: whole questions, and streams of 64 events."""

from __future__ import annotations

import random

from isthmus.policy.terms import TermScanner, tail

BUDGET_US = {
    "question, 1 KB English, clean": 4.0,
    "question, 1 KB Chinese, clean": 4.0,
    "question, 1 KB Chinese with markdown, clean": 60.0,
    "stream event, one English word": 3.0,
    "stream event, two Chinese characters": 3.0,
    "64 events English": 192.0,
    "64 events Chinese": 192.0,
}
ENGLISH = "Please read the report that Anna sent last week and tell me in plain words what it asks of us, and by when. "
CHINESE = "今天天气很好，我们去公园散步吧。然后再去吃饭，顺便讨论一下下周的工作安排和预算问题。"


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


def _stream(scanner: TermScanner, pieces: list[str]) -> None:
    pending = before = ""
    for piece in pieces:
        text = pending + piece
        _, shown = scanner.look(before, text, last=False)
        before, pending = tail(before, text[:shown]), text[shown:]


def cases():
    scanner = TermScanner(terms())
    english, chinese = (ENGLISH * 10)[:1024].encode(), (CHINESE * 10)[:341].encode()
    marked = (CHINESE.replace("公园", "**公园**") * 10)[:341].encode()
    words = [" " + word for word in (ENGLISH * 4).split()[:64]]
    pairs = [(CHINESE * 4)[place : place + 2] for place in range(0, 128, 2)]
    assert not any(scanner.find(text) for text in (english, chinese, marked))
    return {
        "question, 1 KB English, clean": lambda: scanner.find(english),
        "question, 1 KB Chinese, clean": lambda: scanner.find(chinese),
        "question, 1 KB Chinese with markdown, clean": lambda: scanner.find(marked),
        "stream event, one English word": lambda: scanner.look("e", " report", last=False),
        "stream event, two Chinese characters": lambda: scanner.look("天", "我们", last=False),
        "64 events English": lambda: _stream(scanner, words),
        "64 events Chinese": lambda: _stream(scanner, pairs),
    }
