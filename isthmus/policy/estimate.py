"""Tokens, counted here: where a partner's own count did not arrive, and as a bound before anything is sent.

count(...)    as the route's family of tokenizers does, to the token, where its vocabulary is installed; slow
usage(ex)     from two classes of characters: ASCII, of which several make a token, and the rest, of which one is
              about a token; how many, differs by family (partners/tokenizers; docs/money.md has the table)
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from isthmus.core.exchange import Exchange
from isthmus.core.wire import Usage
from isthmus.partners.tokenizers import Counter, counter, families

_MESSAGE = 6  # tokens around one message: role, separators
_AROUND = 64  # tokens that a partner's template may add once
_WORDS = ("messages", "tools", "response_format", "tool_choice")
_SLACK = 4  # tokens by which two ways of counting one text may differ
_generic = msgspec.json.Decoder()


def tokens(chars: int, size: int, family: str) -> int:
    """About how many tokens a text of `chars` characters and `size` UTF-8 bytes has.

    Other characters take three bytes each (CJK) or two (Cyrillic, Greek, Arabic): the two sizes tell how many they are
    within a half.
    """
    other = min(chars, (size - chars + 1) // 2)
    rates = families()[family]
    return -(-((chars - other) * rates.ascii + other * rates.other) // 1000)


def usage(ex: Exchange, family: str) -> Usage:
    """The tokens of an exchange as far as it went: its question, and what was said of the answer."""
    said = ex.text()
    chars = len(said.decode("utf-8", "replace"))
    prompt = tokens(chars, len(said), family) + _MESSAGE * len(ex.ask.messages)
    answer = tokens(ex.out_chars, ex.out_bytes, family)
    return as_told(ex, Usage(prompt, answer, prompt + answer))


def as_told(ex: Exchange, made: Usage) -> Usage:
    """A count made here, with the question as its partner counted it where it did so before it broke off."""
    told = ex.asked
    if told is None or not told.prompt_tokens:
        return made
    answer = max(told.completion_tokens, made.completion_tokens)
    return Usage(told.prompt_tokens, answer, told.prompt_tokens + answer, told.prompt_tokens_details)


def asked(ex: Exchange) -> tuple[bytes, bytes]:
    """What the route was sent, as far as a model reads it: the messages (JSON), and the tools beside them."""
    fields = ex.ask.fields
    return ex.rewritten or bytes(fields["messages"]), bytes(fields.get("tools", b""))


def count(question: tuple[bytes, bytes], said: Sequence[Sequence[str]], family: str) -> Usage | None:
    """The tokens of a question (see `asked`) and of what was said of its answer: texts of events, by channel.

    None where its vocabulary is not installed. Takes up to a second the first time, later 0.1 ms for a thousand
    characters of ASCII, three times that for others: on the event loop only what is short (gateway.spent). How partners
    show tools to their models is not known; here they count as the text they are.
    """
    found = counter(family)
    if found is None:
        return None
    messages, tools = question
    prompt = found.question(_generic.decode(messages)) + found.text(tools.decode("utf-8", "replace"))
    answer = sum(_answer(found, pieces) for pieces in said)
    return Usage(prompt, answer, prompt + answer)


def _answer(found: Counter, pieces: Sequence[str]) -> int:
    """Tokens of a channel. Engines let an event go when a token ends, so each event is counted by itself: where a text
    breaks off, its last blanks alone do not tell how they were cut. Whoever cuts events otherwise, as the much larger
    sum then shows, is counted by the whole text.
    """
    each = found.events(pieces)
    if len(pieces) == 1:
        return each
    whole = found.text("".join(pieces))
    return each if each <= whole + _SLACK + whole // 50 else whole


def hear(ex: Exchange, text: str) -> None:
    """Count a piece of answer text, in case the partner's own count never arrives."""
    ex.out_chars += len(text)
    ex.out_bytes += len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def prompt_bound(ex: Exchange) -> int:
    """No tokenizer of bytes makes more tokens of the question than this: one a byte, and what templates add.

    The JSON around each message is longer than what a template puts there.
    """
    fields = ex.ask.fields
    size = _AROUND
    for name in _WORDS:
        raw = fields.get(name)
        if raw is not None:
            size += len(memoryview(raw))
    if ex.rewritten is not None:
        size += max(0, len(ex.rewritten) - len(memoryview(fields["messages"])))
    return size
