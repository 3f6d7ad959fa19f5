"""The models this house knows: what each is, under which licence, its digest, and where its bytes can be had.

The data stands in models.toml beside this file; it is read strictly, and an unknown field is an error.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from isthmus.core.errors import Refusal

FILE = Path(__file__).with_name("models.toml")
DEFAULT = "qwen2.5-coder-1.5b"
LOW_MEMORY = "qwen2.5-coder-0.5b"
FALLBACK = "smollm2-135m"
ENGINE_OVERHEAD_MB = 1024


class Hub(msgspec.Struct, frozen=True, tag_field="kind", tag="hub", forbid_unknown_fields=True):
    """The file on the publisher's hub, at `url`."""

    url: str

    def title(self) -> str:
        return "the publisher's hub"


class Mirror(msgspec.Struct, frozen=True, tag_field="kind", tag="mirror", forbid_unknown_fields=True):
    """The same file on the publisher's hub in mainland China, at `url`."""

    url: str

    def title(self) -> str:
        return "the mirror hub"


class Packages(msgspec.Struct, frozen=True, tag_field="kind", tag="packages", forbid_unknown_fields=True):
    """The file in `parts` pieces, each the data member of one wheel in the machine's package registry."""

    name: str
    version: str
    member: str
    parts: int

    def title(self) -> str:
        return "the package registry"

    def requirements(self) -> list[str]:
        """Pinned requirements, in the order of the pieces."""
        return [f"{self.name.format(n=n)}=={self.version}" for n in range(1, self.parts + 1)]

    def members(self) -> list[str]:
        """Path of the data inside each wheel, in the order of the pieces."""
        return [self.member.format(n=n) for n in range(1, self.parts + 1)]


Source = Hub | Mirror | Packages


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One model. `size` in bytes, `sha256` in hex over the whole GGUF file, `context` in tokens, `memory_mb` in MB."""

    title: str
    publisher: str
    licence: str
    languages: tuple[str, ...]
    file: str
    size: int
    sha256: str
    prompt: str
    context: int
    memory_mb: int
    note: str
    sources: tuple[Source, ...]


def load(path: Path = FILE) -> dict[str, Entry]:
    """Every model by id, in the file's order. Raises Refusal data_damaged when the file is not what it should be."""
    try:
        return msgspec.toml.decode(path.read_bytes(), type=dict[str, Entry])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refusal("data_damaged", reason=f"The model catalogue cannot be read: {error}.") from None


def find(model: str, entries: dict[str, Entry]) -> Entry:
    """The entry of `model`. Raises Refusal usage, naming those that exist."""
    try:
        return entries[model]
    except KeyError:
        raise Refusal("usage", reason=f"Model {model} is not in the catalogue. It has: {', '.join(entries)}.") from None


def choose(memory_mb: int, entries: dict[str, Entry]) -> str:
    """Id of the model for a machine with `memory_mb` MB of memory: the default, or the low-memory one.

    The default needs its measured peak, and ENGINE_OVERHEAD_MB for longer contexts and everything else.
    """
    needed = entries[DEFAULT].memory_mb + ENGINE_OVERHEAD_MB
    return DEFAULT if memory_mb >= needed else LOW_MEMORY
