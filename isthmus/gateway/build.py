"""The one place where the corridor's parts are joined: law, partners, operator, keys, ledger, engine."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from weakref import WeakSet

import msgspec

from isthmus.core import operator as operator_facts
from isthmus.core.clock import Clock
from isthmus.core.consent import Consent
from isthmus.core.decision import Question
from isthmus.gateway import cached
from isthmus.gateway.continuing import go_on
from isthmus.gateway.hedging import chosen
from isthmus.gateway.measured import Meter
from isthmus.gateway.news import News
from isthmus.gateway.pace import Pace
from isthmus.gateway.relay import Attempted, Corridor
from isthmus.gateway.resume import Replays
from isthmus.gateway.stream import Stream
from isthmus.gateway.upstream import Pool
from isthmus.gateway.ways import ways
from isthmus.ledger.accounts import Accounts
from isthmus.ledger.lease_store import open_store
from isthmus.ledger.receipt import Entry
from isthmus.ledger.segments import Ledger
from isthmus.partners import load as partner_files
from isthmus.partners import prices
from isthmus.partners.schema import Partner, doing
from isthmus.policy import allow, guards, judges, term_lists
from isthmus.policy.compile import Table
from isthmus.policy.house import House
from isthmus.policy.keys import KeyRing
from isthmus.policy.quota import Quota
from isthmus.policy.receipt import enacted
from isthmus.regions import active
from isthmus.regions import load as region_files
from isthmus.routing.breaker import Breakers
from isthmus.routing.choose import Chooser


class Settings(msgspec.Struct, frozen=True):
    """What a worker is started with (a file of mode 0600, because it holds the engine's key).

    `shard` names this worker's part of the ledger. `model` is what the local engine runs. `fleet`: the board of the
    fleet that stands in the local engine's place. `listen_fd`: a listening socket that the worker was given open; -1:
    it makes its own. `spare`: it does all but listen, until it is told that its file names a socket.
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
    fleet: str = ""
    listen_fd: int = -1
    spare: bool = False


class Law(msgspec.Struct, frozen=True):
    """Everything that decides, read anew on reload."""

    table: Table
    house: House
    partners: Mapping[str, Partner]


def read_law(settings: Settings, clock: Clock, consents: dict[str, Consent]) -> Law:
    """Region files, partner files and operator facts, compiled. Raises Refusal bad_law naming the place."""
    operator = operator_facts.load(Path(settings.home) / "operator.toml")
    home = Path(settings.home)
    asked = guards.load(home)
    house = House(
        operator=operator,
        clock=clock,
        consents=consents,
        terms=term_lists.load(home),
        minors=frozenset(operator.minors),
        allowed=allow.load(home),
        guards=asked,
        judges=judges.load(home, asked, os.environ),
    )
    partners = name_local_model(partner_files.load(own=home / "partners"), settings.model)
    table = Table.build(
        regions=region_files.load(instead=active.files(home)),
        partners=partners,
        house=house,
        engines={"local": settings.engine},
        keys=secrets(partners, os.environ),
        today=clock.now().date(),
    )
    return Law(table, house, partners)


def kind_table(law: Law, settings: Settings, kind: str) -> Table:
    """The decisions about what makes `kind` (embedding, image), by the same law."""
    partners = doing(law.partners, kind)
    return Table.build(
        regions=region_files.load(instead=active.files(Path(settings.home))),
        partners=partners,
        house=law.house,
        engines={"local": settings.engine},
        keys=secrets(partners, os.environ),
        today=law.table.today,
    )


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


def open_quota(settings: Settings, accounts: Accounts, clock: Clock, table: Table) -> Quota:
    """The budgets of this worker, with today's prices of the table's routes."""
    home = Path(settings.home)
    quota = Quota(open_store(home, accounts), home / "run" / "leases", settings.shard, clock, accounts.keyed)
    quota.refresh(accounts.budgets.list())
    quota.price(prices.load(), table.routes.values())
    return quota


def build(settings: Settings, accounts: Accounts, clock: Clock, loop: asyncio.AbstractEventLoop) -> Corridor:
    """A corridor ready to serve. Opens the ledger shard; the caller closes `ledger`, `quota` and `pool`."""
    ring = KeyRing(accounts)
    consents: dict[str, Consent] = {}
    accounts.refresh_consents(consents)
    law = read_law(settings, clock, consents)
    warm(law.table, ring)
    ledger = Ledger.open(Path(settings.home) / "ledger", settings.shard, clock)
    ledger.append(in_force(law, ledger, clock))
    quota = open_quota(settings, accounts, clock, law.table)
    breakers = Breakers(clock)
    live: WeakSet[Stream] = WeakSet()
    return Corridor(
        table=law.table,
        chooser=Chooser(breakers, law.table.models()),
        breakers=breakers,
        ring=ring,
        consents=consents,
        news=News(accounts, ring, consents, loop, quota),
        ledger=ledger,
        pool=Pool(loop),
        clock=clock,
        ways=ways(law.table.routes, settings.engine_key, os.environ),
        quota=quota,
        meter=Meter(Path(settings.home) / "run", settings.shard, clock),
        asked={},
        attempt=attempted(law, clock),
        go_on=go_on,
        replays=Replays(clock.monotonic, settings.shard),
        shard=settings.shard,
        durable=law.house.operator.ledger.ack == "durable",
        origins=origins(law),
        live=live,
        pace=Pace(loop, live),
    )


def origins(law: Law) -> frozenset[bytes]:
    """The sites whose pages may read answers (gateway.origins)."""
    return frozenset(origin.encode() for origin in law.house.operator.browser.origins)


def attempted(law: Law, clock: Clock) -> Attempted:
    """How routes are attempted: from memory, hedged, or simply asked, as the operator says."""
    operator = law.house.operator
    return cached.chosen(operator.cache, clock, chosen(operator.hedge))


def in_force(law: Law, ledger: Ledger, clock: Clock) -> Entry:
    """The entry that says what stands behind the decisions' digest from now on."""
    return enacted(law.table, law.partners, law.house.operator, ledger.next_id(), clock.epoch_ms())


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
    # Requests under way still ask for the ways of the law they began with.
    corridor.ways = {**corridor.ways, **ways(law.table.routes, settings.engine_key, os.environ)}
    corridor.quota.price(prices.load(), law.table.routes.values())
    corridor.ledger.append(in_force(law, corridor.ledger, corridor.clock))
    corridor.table = law.table
    corridor.chooser = Chooser(corridor.breakers, law.table.models())
    corridor.asked = {}
    corridor.attempt = attempted(law, corridor.clock)
    corridor.durable = law.house.operator.ledger.ack == "durable"
    corridor.origins = origins(law)
