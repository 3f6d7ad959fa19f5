"""The ledger and consents: find an entry, prove it, verify the whole; who agreed to what."""

from __future__ import annotations

from base64 import b64encode
from datetime import datetime
from typing import Annotated, Any

import msgspec

from isthmus.core.consent import Consent
from isthmus.core.errors import Refusal
from isthmus.ledger import checkpoint, consents, proof, read, verify
from isthmus.ledger.proof import Proof
from isthmus.ledger.verify import Damage
from isthmus.web.admin.office import Call, Office
from isthmus.web.admin.operation import Done, Operation
from isthmus.web.admin.tail import shown


class Listed(msgspec.Struct, frozen=True):
    """One entry as the list shows it; times in ms since 1970 UTC."""

    id: str
    kind: str
    at: int
    tenant: str
    region: str
    route: str
    tier: str
    outcome: str
    refusal: str
    duties: int
    tokens: int
    cost: str
    by: str
    object: str


class LatestQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """At most `limit` entries, newest first, that hold `q` in their id, tenant, region, route or outcome."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=500)] = 100
    q: Annotated[str, msgspec.Meta(max_length=64)] = ""


class Provable(msgspec.Struct, frozen=True):
    """A proof with what a browser checks it by: the node's name and Ed25519 public key (base64)."""

    node: str
    public: str
    proof: Proof


class Verified(msgspec.Struct, frozen=True):
    """The whole ledger, checked from its bytes. `sound` when nothing is damaged."""

    sound: bool
    segments: int
    entries: int
    checkpoints: int
    bytes: int
    damages: list[Damage]


class ConsentSeen(msgspec.Struct, frozen=True):
    """One consent. The person it is about is not shown: only whether there is one."""

    id: str
    tenant: str
    kind: str
    recipient: str
    region: str
    feature: str
    scope: str
    given_at: datetime
    until: datetime
    withdrawn: bool
    used: bool
    about_person: bool


def latest(office: Office, call: Call) -> list[Listed]:
    office.tail.look()
    word = call.query.q.casefold()
    found = []
    for seen in reversed(office.tail.latest):
        row = shown(seen)
        text = " ".join(str(row[name]) for name in ("id", "tenant", "region", "route", "outcome", "refusal", "kind"))
        if word in text.casefold():
            found.append(Listed(**row))
            if len(found) == call.query.limit:
                break
    return found


def find(office: Office, call: Call) -> dict[str, Any]:
    office.ledger.flush()
    found: dict[str, Any] = msgspec.to_builtins(read.find(office.home / "ledger", call.path["id"]))
    return found


def prove(office: Office, call: Call) -> Provable:
    folder = office.home / "ledger"
    node, public = checkpoint.public_key(folder)
    return Provable(node, b64encode(public).decode(), proof.prove(folder, call.path["id"]))


def verify_all(office: Office, call: Call) -> Verified:
    report = verify.verify(office.home / "ledger", jobs=1)
    return Verified(
        report.sound, report.segments, report.entries, report.checkpoints, report.bytes, report.damages[:100]
    )


def list_consents(office: Office, call: Call) -> list[ConsentSeen]:
    allowed = office.tenants_of(call.person)
    return [_seen(each) for each in office.accounts.list_consents() if allowed is None or each.tenant in allowed]


def withdraw(office: Office, call: Call) -> Done:
    id = call.path["id"]
    allowed = office.tenants_of(call.person)
    mine = (each for each in office.accounts.list_consents() if allowed is None or each.tenant in allowed)
    if not any(each.id == id for each in mine):
        raise Refusal("unknown_consent", id=id)
    consents.withdraw(office.accounts, office.ledger, id, office.clock)
    return Done(id)


def _seen(each: Consent) -> ConsentSeen:
    return ConsentSeen(
        each.id, each.tenant, each.kind, each.recipient, each.region, each.feature, each.scope, each.given_at,
        each.until, each.withdrawn, each.used, bool(each.subject),
    )  # fmt: skip


OPERATIONS = (
    Operation("GET", "/ledger/latest", "ledger.read", "The latest entries", latest, list[Listed], query=LatestQuery),
    Operation(
        "GET", "/ledger/entries/{id}", "ledger.read", "One entry", find, dict[str, Any],
        refusals=("unknown_receipt", "ledger_failed"),
    ),
    Operation(
        "GET", "/ledger/entries/{id}/proof", "ledger.read", "The proof that an entry is in the ledger", prove, Provable,
        refusals=("unknown_receipt",),
    ),
    Operation("GET", "/ledger/verify", "ledger.read", "Check the whole ledger from its bytes", verify_all, Verified),
    Operation("GET", "/consents", "consents.read", "Consents, without whom they are about", list_consents,
              list[ConsentSeen]),
    Operation(
        "DELETE", "/consents/{id}", "consents.change", "Withdraw a consent; streams on it stop", withdraw, Done,
        refusals=("unknown_consent",),
    ),
)  # fmt: skip
