"""The one place where the corridor's parts are joined: law, partners, operator, keys, ledger, engine."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType

import msgspec

from isthmus.core import operator as operator_facts
from isthmus.core.clock import Clock
from isthmus.core.consent import Consent
from isthmus.core.decision import Question, Route
from isthmus.gateway.news import News
from isthmus.gateway.relay import Corridor
from isthmus.gateway.upstream import Pool
from isthmus.ledger.accounts import Accounts
from isthmus.ledger.segments import Ledger
from isthmus.partners import load as partner_files
from isthmus.partners.schema import Partner
from isthmus.policy import allow, term_lists
from isthmus.policy.compile import Table
from isthmus.policy.house import House
from isthmus.policy.keys import KeyRing
from isthmus.regions import load as region_files
from isthmus.routing.breaker import Breakers
from isthmus.routing.choose import Chooser


class Settings(msgspec.Struct, frozen=True):
    """What a worker is started with (a file of mode 0600, because it holds the engine's key).

    `shard` names this worker's part of the ledger. `model` is what the local engine runs.
    """

    home: str
    host: str
    port: int
    shard: str
    engine: tuple[str, int]
    engine_key: str
    model: str
    ready: str = ""
    tls_cert: str = ""
    tls_key: str = ""


class Law(msgspec.Struct, frozen=True):
    """Everything that decides, read anew on reload."""

    table: Table
    house: House


def read_law(settings: Settings, clock: Clock, consents: dict[str, Consent]) -> Law:
    """Region files, partner files and operator facts, compiled. Raises Refusal bad_law naming the place."""
    operator = operator_facts.load(Path(settings.home) / "operator.toml")
    home = Path(settings.home)
    house = House(
        operator=operator,
        clock=clock,
        consents=consents,
        terms=term_lists.load(home),
        minors=frozenset(operator.minors),
        allowed=allow.load(home),
    )
    partners = name_local_model(partner_files.load(), settings.model)
    table = Table.build(
        regions=region_files.load(),
        partners=partners,
        house=house,
        engines={"local": settings.engine},
        keys=secrets(partners, os.environ),
        today=clock.now().date(),
    )
    return Law(table, house)


def name_local_model(partners: Mapping[str, Partner], model: str) -> dict[str, Partner]:
    """The private tier's placeholder model under the name of what the engine really runs."""
    local = partners["local"]
    (placeholder,) = local.model.values()
    named = msgspec.structs.replace(placeholder, title=model, aliases=(*placeholder.aliases, "default"))
    return {**partners, "local": msgspec.structs.replace(local, model={model: named})}


def secrets(partners: Mapping[str, Partner], environ: Mapping[str, str]) -> dict[str, str]:
    """The partner keys that are set, by the name of their environment variable."""
    wanted = {partner.key_env for partner in partners.values()}
    wanted |= {endpoint.key_env for partner in partners.values() for endpoint in partner.endpoint.values()}
    return {name: environ[name] for name in wanted if name and environ.get(name)}


def head(route: Route, secret: str) -> bytes:
    """The HTTP request head towards `route`, up to the number of its Content-Length."""
    host = route.host if route.port in (80, 443) else f"{route.host}:{route.port}"
    return (
        f"POST {route.path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {secret}\r\n"
        "Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n"
        "User-Agent: isthmus\r\nContent-Length: "
    ).encode()


def heads(table: Table, settings: Settings, environ: Mapping[str, str]) -> dict[str, bytes]:
    """`head` for every route of the table; a stand-in and the private tier take the engine's own key."""
    return {
        route.name: head(route, environ[route.key_env] if route.key_env else settings.engine_key)
        for route in table.routes.values()
    }


def dialects(table: Table) -> dict[str, ModuleType]:
    """The dialect modules that the table's routes speak."""
    return {
        name: import_module(f"isthmus.partners.{name}") for name in {route.dialect for route in table.routes.values()}
    }


def build(settings: Settings, accounts: Accounts, clock: Clock, loop: asyncio.AbstractEventLoop) -> Corridor:
    """A corridor ready to serve. Opens the ledger shard; the caller closes `ledger` and `pool`."""
    ring = KeyRing(accounts)
    consents: dict[str, Consent] = {}
    accounts.refresh_consents(consents)
    law = read_law(settings, clock, consents)
    warm(law.table, ring)
    breakers = Breakers(clock)
    return Corridor(
        table=law.table,
        chooser=Chooser(breakers, law.table.models()),
        breakers=breakers,
        ring=ring,
        consents=consents,
        news=News(accounts, ring, consents, loop),
        ledger=Ledger.open(Path(settings.home) / "ledger", settings.shard, clock),
        pool=Pool(loop),
        clock=clock,
        dialects=dialects(law.table),
        heads=heads(law.table, settings, os.environ),
        asked={},
    )


def warm(table: Table, ring: KeyRing) -> None:
    """Compile what the keys' own regions ask first: it takes a moment, and the first caller should not wait for it."""
    for region, age in {(caller.region, caller.age) for caller in ring if not caller.revoked}:
        table.decide(Question((region,), age=age))


async def warm_others(corridor: Corridor) -> None:
    """Compile the first questions of all regions that keys may choose, while requests are served already."""
    loop = asyncio.get_running_loop()
    for region in sorted({region for caller in corridor.ring if not caller.revoked for region in caller.regions}):
        if region in corridor.table.regions:
            await loop.run_in_executor(None, corridor.table.decide, Question((region,)))


async def reload(corridor: Corridor, settings: Settings) -> None:
    """Read the law as it stands on disk now, beside the running one, and swap it in between two requests.

    Raises Refusal bad_law; the running table then stays in force.
    """

    def read() -> Law:
        law = read_law(settings, corridor.clock, corridor.consents)
        warm(law.table, corridor.ring)
        return law

    law = await asyncio.get_running_loop().run_in_executor(None, read)
    corridor.dialects = dialects(law.table)
    corridor.heads = {**corridor.heads, **heads(law.table, settings, os.environ)}
    corridor.table = law.table
    corridor.chooser = Chooser(corridor.breakers, law.table.models())
    corridor.asked = {}
