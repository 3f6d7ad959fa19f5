"""A judge that a test tells what to say."""

from __future__ import annotations

import asyncio


class Scripted:
    """A judge that says what it was told to say: a list of verdicts, an error, or nothing at all."""

    def __init__(self, said, places=None):
        self.said = said
        self.seen = []
        self.places = places

    async def judge(self, texts, *, answer=False):
        self.seen.append(list(texts))
        if self.said == "silence":
            await asyncio.Event().wait()
        if isinstance(self.said, Exception):
            raise self.said
        return self.said
