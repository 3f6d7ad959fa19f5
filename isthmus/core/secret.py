"""Content never reaches a log: the types that hold it refuse to be printed.

`repr` answers with a fixed word, so that a traceback or a debugger stays readable and shows nothing; `str`,
`format` and `pickle` raise, because each of them is a way out of the process.
"""

from __future__ import annotations

from typing import NoReturn


class ContentLeakError(TypeError):
    """Something tried to write a person's words where they must not go."""


class Withheld:
    """Mix-in for every type that holds a person's words or a model's answer."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: content withheld>"

    def __str__(self) -> NoReturn:
        raise ContentLeakError(f"{type(self).__name__} holds content and cannot become text")

    def __format__(self, spec: str) -> NoReturn:
        raise ContentLeakError(f"{type(self).__name__} holds content and cannot be formatted")

    def __reduce__(self) -> NoReturn:
        raise ContentLeakError(f"{type(self).__name__} holds content and cannot be pickled")

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise ContentLeakError(f"{type(self).__name__} holds content and cannot be pickled")
