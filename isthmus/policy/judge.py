"""What a judge is: something slower than a scan that is asked about a question before it is sent, or about an answer
before it is shown.

Two kinds exist: the model beside this file (policy/attack_model), and services elsewhere (policy/services). Who asks
them, how long it waits and what it does without an answer is in policy/judges and policy/judged_answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol


class Verdict(NamedTuple):
    """One risk that a judge sees: its category, and what is to be done."""

    category: str
    action: Literal["block", "flag"]


class JudgeError(Exception):
    """A judge did not answer, or not in its own words. It carries no content."""


class Judge(Protocol):
    """Asked for one question's or answer's texts at a time; any number of them at once.

    `places`: where it reads what it is sent (core.places); None for one that never leaves this machine.
    """

    @property
    def places(self) -> tuple[str, ...] | None: ...

    async def judge(self, texts: Sequence[str], *, answer: bool = False) -> list[Verdict]:
        """What it sees in `texts`; they are an `answer`'s, or a question's. Raises JudgeError."""
        ...
