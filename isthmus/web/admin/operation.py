"""One operation of the admin API as data: the route, who may, what goes in, what comes out, how it is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

import msgspec

from isthmus.web.admin.office import Call, Office

PREFIX = "/admin/v1"
# What every operation may be refused with, beside its own codes.
COMMON = ("bad_field", "bad_json", "internal")
SIGNED = ("missing_key", "invalid_key", "session_ended", "not_permitted")
CHANGING = ("csrf", "ledger_failed")

Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9_.-]{0,62}$", max_length=63)]
Title = Annotated[
    str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[^\u0000-\u001f\u007f-\u009f\ud800-\udfff]+$")
]
RegionId = Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{2}(-[A-Z]{2})?$")]
Day = Annotated[str, msgspec.Meta(pattern=r"^([0-9]{4}-[0-9]{2}-[0-9]{2})?$")]


class Empty(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No query, or no body."""


class Done(msgspec.Struct, frozen=True):
    """A change was made, to `id`."""

    id: str
    done: bool = True


class Operation(NamedTuple):
    """`run` is called in a thread with the office and the call; it returns `answer`, or raises one of `refusals`."""

    method: str
    path: str
    needs: str
    summary: str
    run: Callable[[Office, Call], Any]
    answer: Any
    query: type[msgspec.Struct] = Empty
    body: type[msgspec.Struct] | None = None
    status: int = 200
    refusals: tuple[str, ...] = ()

    @property
    def changes(self) -> bool:
        """Whether it leaves a receipt."""
        return self.method not in ("GET", "HEAD") and self.needs.endswith(".change")
