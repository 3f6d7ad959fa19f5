"""What a person gets: the value, and where it came from, how it must be labelled, and why it is trusted or not."""

from __future__ import annotations

from typing import Any, Generic, Literal, TypeVar

import msgspec

from isthmus.core.secret import Withheld

T = TypeVar("T")
Source = Literal["on_device", "in_cloud"]
MAYBE = "on device, may be off"


class Result(Withheld, msgspec.Struct, Generic[T], kw_only=True):
    """One answer.

    `value` is the feature's own (text, corrections, an object), `text` the same as words. `source` says where it was
    computed, `tier` whose model it was (device, private, partner), `badge` the words to show for it. `label` is what
    the law of the region wants beside the text, `notices` what else. `receipt` finds the proof. `why` tells how the
    answer came about, step by step. `sure` is whether it passed the quality gate, `confidence` how likely it is
    right, 0 to 1 (None: the model gave no probabilities), `belief` what the model itself gave its words
    (gate.confidence). `misses` are the checks it failed.
    """

    value: T
    text: str
    source: Source
    tier: str
    badge: str
    label: str = ""
    notices: list[str] = []
    receipt: str = ""
    region: str = ""
    rehearsal: bool = False
    why: list[str] = []
    sure: bool = True
    confidence: float | None = None
    belief: float | None = None
    misses: list[str] = []
    usage: dict[str, int] = {}

    def document(self) -> dict[str, Any]:
        """The result as one JSON document, in the wire's names."""
        return {name: msgspec.to_builtins(getattr(self, name)) for name in self.__struct_fields__}


class Draft(Withheld, msgspec.Struct, Generic[T], kw_only=True):
    """A snapshot while an answer is written: the whole text so far, and the value as far as it can be read.

    A later draft may have another `source` and another text: the gate refused the first. The last one has `result`.
    """

    text: str
    value: Any = None
    source: Source = "on_device"
    result: Result[T] | None = None
