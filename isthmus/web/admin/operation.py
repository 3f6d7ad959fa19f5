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
Title = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
RegionId = Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{2}(-[A-Z]{2})?$")]


def plain(text: str) -> str:
    """A person's own words, fit to be shown: what cannot be printed becomes U+FFFD."""
    return "".join(each if each.isprintable() else "\ufffd" for each in text)


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
    body: Any = None
    status: int = 200
    refusals: tuple[str, ...] = ()

    @property
    def changes(self) -> bool:
        """Whether it leaves a receipt."""
        return self.method not in ("GET", "HEAD") and self.needs.endswith(".change")
