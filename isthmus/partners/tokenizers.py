"""Families of tokenizers, as data: `isthmus.tokenizer/1`, one file per family in tokenizers/.

family      the word that price files use; the file's own name
ascii, other   tokens in a thousand ASCII characters, and in a thousand others: all there is without a vocabulary
vocabulary  where a published vocabulary lies: a file of an installed package (extra "tokens"), and how a text is cut
            before its pieces are merged; `normal` is a Unicode normal form that the model's makers apply first
template    how the conversation is laid out for the model: a text for each turn, with signs that are one token each

A family whose vocabulary is here counts as the model itself does; any other estimates. Nothing is downloaded.
Sources: Sennrich et al., "Neural Machine Translation of Rare Words with Subword Units" (byte pair encoding); tiktoken's
file of ranks; Hugging Face's tokenizer.json.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import importlib.util
import json
import re
import sys
import tomllib
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal

import msgspec

from isthmus.core.errors import Refusal
from isthmus.partners import merges
from isthmus.partners.merges import Merges

DATA = Path(__file__).parent / "tokenizers"
SCHEMA = "isthmus.tokenizer/1"
LONGEST = 32_768  # characters that are cut as one text: a longer one is counted in pieces
_SHORT = 48  # characters of a text that is remembered
_REMEMBERED = 4_096
_BLANKS = r" \t-\r"  # the ASCII of \s as vocabularies mean it (White_Space); Python's own counts four more


class Vocabulary(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`package` and `file` inside it: tiktoken's ranks (*.tiktoken) or a tokenizer.json; `pattern` cuts a text."""

    package: str
    file: str
    pattern: str
    normal: Literal["", "NFC"] = ""


class Template(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`turn` is one message, `turns` what differs by role; `{role}` and `{content}` are filled."""

    special: tuple[str, ...] = ()
    begin: str = ""
    turn: str = "{content}"
    turns: Mapping[str, str] = {}
    answer: str = ""


class Family(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One family (see the head of this file)."""

    family: str
    ascii: int
    other: int
    source: str
    schema: str = SCHEMA
    vocabulary: Vocabulary | None = None
    template: Template = Template()


@cache
def families() -> Mapping[str, Family]:
    """Every family of this package by name. Raises Refusal bad_law naming the file."""
    return load(DATA)


def load(folder: Path) -> dict[str, Family]:
    """Every family of `folder` by name. Raises Refusal bad_law naming the file."""
    found: dict[str, Family] = {}
    for path in sorted(folder.glob("*.toml")):
        try:
            family = msgspec.convert(tomllib.loads(path.read_text("utf-8")), Family)
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
            raise Refusal("bad_law", reason=f"{path.name}: {error}.") from None
        if family.schema != SCHEMA or family.family != path.stem:
            raise Refusal("bad_law", reason=f"{path.name}: schema is {SCHEMA}, family is the file's own name.")
        found[family.family] = family
    return found


class _Known(dict[str, int]):
    """A function of short texts, remembered for those met lately: found in C, worked out in Python."""

    __slots__ = ("_of",)

    def __init__(self, of: Callable[[str], int]) -> None:
        super().__init__()
        self._of = of

    def __missing__(self, text: str) -> int:
        found = self._of(text)
        if len(text) <= _SHORT:
            if len(self) >= _REMEMBERED:
                self.clear()
            self[text] = found
        return found


class Counter:
    """Counts as a family's models do."""

    def __init__(self, family: Family, vocabulary: Vocabulary, merges: Merges) -> None:
        self._template = family.template
        self._vocabulary = vocabulary
        self._signs = re.compile("|".join(map(re.escape, family.template.special)) or r"(?!)")
        self._cut_ascii = re.compile(for_ascii(vocabulary.pattern)).findall
        self._piece = _Known(lambda piece: merges.tokens(piece.encode())).__getitem__
        self._event = _Known(self.text).__getitem__

    @cached_property
    def _cut(self) -> Callable[[str], list[str]]:
        """Made when it is first needed: few answers break off, and the engine takes 4 MiB."""
        import regex  # knows the classes of Unicode that vocabularies speak of

        pieces: Callable[[str], list[str]] = regex.compile(self._vocabulary.pattern).findall
        return pieces

    def text(self, text: str) -> int:
        """Tokens of a text in which no sign is special: what was said."""
        cut: Callable[[str], list[str]] = self._cut_ascii
        if not text.isascii():
            cut = self._cut
            text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")  # half a pair is no character
            if self._vocabulary.normal:
                text = unicodedata.normalize("NFC", text)
        if len(text) <= LONGEST:
            return sum(map(self._piece, cut(text)))
        return sum(sum(map(self._piece, cut(text[at : at + LONGEST]))) for at in range(0, len(text), LONGEST))

    def events(self, texts: Iterable[str]) -> int:
        """Tokens of texts that are counted each by itself."""
        return sum(map(self._event, texts))

    def question(self, messages: Sequence[Mapping[str, Any]]) -> int:
        """Tokens of a conversation as the model reads it, up to where its answer begins, or goes on: a last message of
        the assistant's is an answer that is to be continued.
        """
        template = self._template
        goes_on = bool(messages) and messages[-1].get("role") == "assistant"
        laid = [template.begin]
        for message in messages[:-1] if goes_on else messages:
            role = str(message.get("role", ""))
            turn = template.turns.get(role, template.turn)
            before, _, after = turn.partition("{content}")
            laid += [before.replace("{role}", role), _content(message), after]
        laid.append(template.answer)
        if goes_on:
            laid.append(_content(messages[-1]))
        whole = "".join(laid)
        return sum(map(self.text, self._signs.split(whole))) + len(self._signs.findall(whole))


def _content(message: Mapping[str, Any]) -> str:
    """Every text of a message; how a model is shown a call of a tool, nobody states."""
    content = message.get("content")
    said: list[str] = [content] if isinstance(content, str) else [part.get("text") or "" for part in content or ()]
    for call in message.get("tool_calls") or ():
        function = call.get("function") or {}
        said += [function.get("name") or "", function.get("arguments") or ""]
    return "".join(said)


def for_ascii(pattern: str) -> str:
    """A vocabulary's pattern for Python's own engine, which is the faster one: the same for a text of ASCII alone."""
    out: list[str] = []
    inside = False  # a [class]
    for part in re.findall(r"\\p\{\w\}|\\.|.", pattern, re.DOTALL):
        if part.startswith(r"\p"):
            members = "".join(re.escape(chr(at)) for at in range(128) if unicodedata.category(chr(at))[0] == part[3])
            out.append(members if inside else f"[{members}]" if members else "(?!)")
        elif part in (r"\s", r"\S"):
            out.append(_BLANKS if inside else f"[{_BLANKS}]" if part == r"\s" else f"[^{_BLANKS}]")
        else:
            inside = part != "]" if inside else part == "["
            out.append(part)
    return "".join(out)


_counters: dict[str, Counter | None] = {}


def at_hand(family: str) -> bool:
    """Whether the family's counter was made, or is known to be none."""
    return family in _counters


def counter(family: str, folder: Path | None = None) -> Counter | None:
    """The family's counter; None where its vocabulary is not installed.

    Slow the first time, a second or two: not for an event loop. What is made of a vocabulary is kept in `folder`,
    where one is named, and the next process that names it begins at once.
    """
    if family not in _counters:
        _counters[family] = _make(families()[family], folder)
    return _counters[family]


def _make(family: Family, folder: Path | None) -> Counter | None:
    vocabulary = family.vocabulary
    if vocabulary is None or importlib.util.find_spec("regex") is None:
        return None
    path = _file(vocabulary)
    if path is None:
        return None
    try:
        table = _table(path, folder)
    except (OSError, ValueError, KeyError):
        return None  # a package that lies differently than it did: rates are left
    return Counter(family, vocabulary, Merges(table))


def _table(path: Path, folder: Path | None) -> memoryview:
    """The merges of a vocabulary's file, from `folder` if they are kept there. Raises OSError, ValueError, KeyError."""
    if folder is None:
        return memoryview(merges.lay(read_ranks(path)))
    kept = _kept(path, folder)
    found = merges.restore(kept)
    if found is not None:
        return found
    table = merges.lay(read_ranks(path))
    try:
        merges.save(table, kept)
    except OSError:
        return memoryview(table)  # without a disk the next start makes it again
    return merges.restore(kept) or memoryview(table)


def _kept(path: Path, folder: Path) -> Path:
    """Where the merges of a vocabulary's file are kept; another file, or another way to lay them, is another name."""
    made_of = hashlib.sha256(Path(merges.__file__).read_bytes())
    with path.open("rb") as file:
        made_of.update(hashlib.file_digest(file, "sha256").digest())
    return folder / f"merges-{path.stem}-{made_of.hexdigest()[:16]}.bin"


def is_kept(family: str, folder: Path) -> bool:
    """Whether `counter` of the family begins at once: its vocabulary is kept in `folder`, or not installed at all."""
    vocabulary = families()[family].vocabulary
    path = None if vocabulary is None else _file(vocabulary)
    return path is None or _kept(path, folder).is_file()


def _file(vocabulary: Vocabulary) -> Path | None:
    spec = importlib.util.find_spec(vocabulary.package)
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / vocabulary.file
    return path if path.is_file() else None


def read_ranks(path: Path) -> dict[bytes, int]:
    """Every piece of a vocabulary and in which order pieces are merged. Raises OSError, ValueError, KeyError."""
    if path.suffix == ".json":
        return _from_merges(json.loads(path.read_text("utf-8"))["model"]["merges"])
    ranks = {}
    for line in path.read_bytes().splitlines():
        piece, rank = line.split()
        try:
            ranks[base64.b64decode(piece, validate=True)] = int(rank)
        except binascii.Error:
            raise ValueError(path.name) from None
    return ranks


def _from_merges(merges: Iterable[str | list[str]]) -> dict[bytes, int]:
    """Ranks from a list of merges: single bytes first, then what each merge makes."""
    byte_of = _signs_of_bytes()
    ranks = {bytes((byte,)): byte for byte in range(256)}
    for number, merge in enumerate(merges, 256):
        first, second = merge.split(" ") if isinstance(merge, str) else merge
        ranks.setdefault(bytes(byte_of[sign] for sign in first + second), number)
    return ranks


def _signs_of_bytes() -> dict[str, int]:
    """The printable sign by which byte-level vocabularies write each byte (GPT-2's table)."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in plain]
    return {chr(byte): byte for byte in plain} | {chr(256 + at): byte for at, byte in enumerate(others)}


if __name__ == "__main__":  # python -m isthmus.partners.tokenizers FAMILY FOLDER: made here, kept for whoever serves
    counter(sys.argv[1], Path(sys.argv[2]))
