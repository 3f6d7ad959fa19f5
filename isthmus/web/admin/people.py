"""People, organisations, tenants and keys: who runs the house, and who may ask."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

import msgspec

from isthmus.core.decision import AGES
from isthmus.core.errors import Refusal
from isthmus.ledger.accounts import Key
from isthmus.web.admin.access import Person
from isthmus.web.admin.office import Call, Office
from isthmus.web.admin.operation import Done, Name, Operation, RegionId, Title, plain

Role = Literal["owner", "operator", "auditor", "developer"]
Age = Literal[AGES]  # type: ignore[valid-type]  # the closed words of core.decision


class NewPerson(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`organisation` is "" for people of the whole house."""

    name: Title
    role: Role
    organisation: Annotated[str, msgspec.Meta(max_length=63)] = ""


class MadePerson(msgspec.Struct, frozen=True):
    """A new person; `token` is shown this once."""

    person: Person
    token: str


class Tenant(msgspec.Struct, frozen=True):
    """One tenant: what keys, budgets and receipts belong to; and the organisation it belongs to."""

    id: str
    organisation: str


class NewTenant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A tenant and its organisation; both are made where they are missing, a tenant that exists moves."""

    id: Name
    organisation: Name


class NewKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`region` is where this key asks from, `also` other regions it may ask for."""

    tenant: Name
    region: RegionId
    also: Annotated[list[RegionId], msgspec.Meta(max_length=64)] = []
    age: Age = "unknown"


class MadeKey(msgspec.Struct, frozen=True):
    """A new key; `key` is shown this once."""

    id: str
    tenant: str
    region: str
    regions: list[str]
    key: str


def list_people(office: Office, call: Call) -> list[Person]:
    return office.store.people()


def add_person(office: Office, call: Call) -> MadePerson:
    asked: NewPerson = call.body
    person, token = office.store.add_person(plain(asked.name), asked.role, asked.organisation)
    return MadePerson(person, token)


def revoke_person(office: Office, call: Call) -> Person:
    return office.store.revoke_person(call.path["id"])


def list_tenants(office: Office, call: Call) -> list[Tenant]:
    own = call.person.organisation
    found = office.accounts.list_tenants().items()
    return [Tenant(id, owner) for id, owner in found if own in ("", owner)]


def place_tenant(office: Office, call: Call) -> Tenant:
    asked: NewTenant = call.body
    own = call.person.organisation
    before = office.accounts.list_tenants().get(asked.id)
    if own and (asked.organisation != own or before not in (None, own)):
        raise Refusal("not_permitted", role=call.person.role, needs="that organisation")
    office.accounts.place_tenant(asked.id, asked.organisation)
    return Tenant(asked.id, asked.organisation)


def list_keys(office: Office, call: Call) -> list[Key]:
    return list(_visible(office, call, office.accounts.list_keys()))


def add_key(office: Office, call: Call) -> MadeKey:
    asked: NewKey = call.body
    allowed = office.tenants_of(call.person)
    if allowed is not None and asked.tenant not in allowed:
        raise Refusal("unknown_object", kind="tenant", id=asked.tenant)
    known = office.regions()
    regions = list(dict.fromkeys([asked.region, *asked.also]))
    for region in regions:
        if region not in known:
            raise Refusal("unknown_object", kind="region", id=region)
    caller, secret = office.accounts.create_key(asked.tenant, regions, asked.region, asked.age)
    return MadeKey(caller.key_id, asked.tenant, asked.region, regions, secret)


def revoke_key(office: Office, call: Call) -> Done:
    id = call.path["id"]
    if not any(key.id == id for key in _visible(office, call, office.accounts.list_keys())):
        raise Refusal("unknown_key", id=id)
    office.accounts.revoke_key(id)
    return Done(id)


def _visible(office: Office, call: Call, keys: Iterable[Key]) -> Iterable[Key]:
    allowed = office.tenants_of(call.person)
    return (key for key in keys if allowed is None or key.tenant in allowed)


OPERATIONS = (
    Operation("GET", "/people", "people.read", "Everybody who runs the house", list_people, list[Person]),
    Operation(
        "POST", "/people", "people.change", "Add a person; their token is shown once", add_person, MadePerson,
        body=NewPerson, status=201,
    ),
    Operation(
        "DELETE", "/people/{id}", "people.change", "End a person's token and sessions", revoke_person, Person,
        refusals=("unknown_object", "not_now"),
    ),
    Operation("GET", "/tenants", "tenants.read", "Tenants and their organisations", list_tenants, list[Tenant]),
    Operation(
        "POST", "/tenants", "tenants.change", "Place a tenant in an organisation", place_tenant, Tenant,
        body=NewTenant, status=201,
    ),
    Operation("GET", "/keys", "keys.read", "Keys, never their secrets", list_keys, list[Key]),
    Operation(
        "POST", "/keys", "keys.change", "Make a key; its secret is shown once", add_key, MadeKey,
        body=NewKey, status=201, refusals=("unknown_object",),
    ),
    Operation(
        "DELETE", "/keys/{id}", "keys.change", "Revoke a key; streams under it end within a second", revoke_key, Done,
        refusals=("unknown_key",),
    ),
)  # fmt: skip
