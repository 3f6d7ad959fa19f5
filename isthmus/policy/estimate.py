"""Tokens, counted here: where a partner's own count did not arrive, and as a bound before anything is sent.

An estimate knows two classes of characters: ASCII, of which several make a token, and the rest, of which one is about a
token. How many, differs by the tokenizer's family; docs/money.md has the table, and the command that measures it.
"""

from __future__ import annotations

from isthmus.core.exchange import Exchange
from isthmus.core.wire import Usage

# Tokens in a thousand characters, per family: ASCII characters, other characters. Measured by benchmarks/tokens.py.
RATES = {
    "bytes": (270, 1150),
    "openai": (235, 830),
    "qwen": (240, 690),
    "deepseek": (240, 645),
    "claude": (245, 1150),
}
_MESSAGE = 6  # tokens around one message: role, separators
_AROUND = 64  # tokens that a partner's template may add once
_WORDS = ("messages", "tools", "response_format", "tool_choice")


def tokens(chars: int, size: int, family: str) -> int:
    """About how many tokens a text of `chars` characters and `size` UTF-8 bytes has.

    Other characters take three bytes each (CJK) or two (Cyrillic, Greek, Arabic): the two sizes tell how many they are
    within a half.
    """
    other = min(chars, (size - chars + 1) // 2)
    ascii_rate, other_rate = RATES[family]
    return -(-((chars - other) * ascii_rate + other * other_rate) // 1000)


def usage(ex: Exchange, family: str) -> Usage:
    """The tokens of an exchange as far as it went: its question, and what was said of the answer."""
    said = ex.text()
    chars = len(said.decode("utf-8", "replace"))
    prompt = tokens(chars, len(said), family) + _MESSAGE * len(ex.ask.messages)
    answer = tokens(ex.out_chars, ex.out_bytes, family)
    return Usage(prompt, answer, prompt + answer)


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
