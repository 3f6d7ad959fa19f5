"""Who may do what. Deny by default: a permission that no row of ROLES names is nobody's.

A person shows a token (Authorization: Bearer isa_...) or a session's cookie. A session's changes also need the header
`isthmus-csrf`, which another site's page cannot send. A person of one organisation sees that organisation's tenants
alone, and never changes what belongs to the whole house.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from isthmus.core.errors import Refusal

READ = (
    "measures.read", "decisions.read", "law.read", "partners.read", "money.read", "ledger.read", "fleet.read",
    "plan.read", "guard.read", "keys.read", "tenants.read", "consents.read", "people.read",
)  # fmt: skip
CHANGE = (
    "law.change", "partners.change", "money.change", "keys.change", "tenants.change", "consents.change",
    "people.change",
)  # fmt: skip
SELF = "self"  # one's own session: whoever is signed in
ANYBODY = "anybody"  # signing in, and the description of the API
ROLES: dict[str, frozenset[str]] = {
    "owner": frozenset((*READ, *CHANGE)),
    "operator": frozenset((*READ, *CHANGE)) - {"people.change", "people.read"},
    "auditor": frozenset(READ),
    "developer": frozenset(
        ("measures.read", "decisions.read", "law.read", "partners.read", "plan.read", "guard.read", "fleet.read")
    ),
}
# What belongs to the whole house: people of one organisation never do these, whatever their role.
HOUSE = frozenset(
    ("law.change", "partners.change", "people.read", "people.change", "fleet.read", "ledger.read", "measures.read")
)
SAFE = ("GET", "HEAD")
COOKIE = "isthmus_session"
TOKEN = "isa_"  # noqa: S105  # how a token begins, not one


class Person(msgspec.Struct, frozen=True):
    """One who runs the house. `organisation` is "" for people of the whole house. Times are ISO 8601, "" for never."""

    id: str
    name: str
    role: str
    organisation: str = ""
    made_at: str = ""
    revoked_at: str = ""


class Session(msgspec.Struct, frozen=True):
    """A signed-in browser: whose it is, the word its changes must repeat, until when (ms since 1970 UTC)."""

    person: Person
    csrf: str
    until: int


class Credential(NamedTuple):
    """What a request shows of itself."""

    method: str
    bearer: str
    cookie: str
    csrf: str


def may(person: Person, permission: str) -> bool:
    """Whether this person holds `permission`."""
    if permission == SELF:
        return True
    if person.organisation and permission in HOUSE:
        return False
    return permission in ROLES.get(person.role, frozenset())


def authorise(
    permission: str,
    shown: Credential,
    by_token: Callable[[str], Person | None],
    by_session: Callable[[str], Session | None],
) -> Person | None:
    """The one step before every operation: who asks, and may they? None only where ANYBODY may.

    Raises Refusal missing_key, invalid_key, session_ended, csrf, not_permitted.
    """
    if permission == ANYBODY:
        return None
    if shown.bearer:
        person = by_token(shown.bearer)
        if person is None:
            raise Refusal("invalid_key")
    elif shown.cookie:
        session = by_session(shown.cookie)
        if session is None:
            raise Refusal("session_ended")
        if shown.method not in SAFE and not hmac.compare_digest(session.csrf.encode(), shown.csrf.encode()):
            raise Refusal("csrf")
        person = session.person
    else:
        raise Refusal("missing_key")
    if not may(person, permission):
        raise Refusal("not_permitted", role=person.role, needs=permission)
    return person
