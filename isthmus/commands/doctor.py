"""Say what is installed, which partners answer, and what must become real before the public is served."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import socket
import ssl
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any

import msgspec
import typer

from isthmus import node
from isthmus.commands import _problems
from isthmus.commands._problems import Problem
from isthmus.core import config, operator
from isthmus.core.errors import Refusal
from isthmus.core.operator import Operator
from isthmus.partners import load as partner_files
from isthmus.partners.schema import Endpoint, Partner
from isthmus.policy import term_lists
from isthmus.policy.missing import EVERYWHERE, Missing, missing_facts
from isthmus.regions import load as region_files
from isthmus.regions.schema import Region

NAME = "doctor"

# What the gateway cannot run without, and what it uses each for.
PACKAGES = {
    "uvloop": "event loop",
    "httptools": "HTTP parser",
    "msgspec": "JSON",
    "hyperscan": "term and entity scanning",
    "cryptography": "signatures",
    "starlette": "pages",
    "sqlalchemy": "accounts",
}
REACH_SECONDS = 2.0


class Door(msgspec.Struct, frozen=True):
    """One endpoint of a partner. `answers`: yes, no, or not asked."""

    partner: str
    endpoint: str
    host: str
    key_env: str
    key_set: bool
    answers: str


class Terms(msgspec.Struct, frozen=True):
    """One scanning rule: how many terms its list holds, and how many the law asks for."""

    rule: str
    taxonomy: str
    have: int
    need: int


class Health(msgspec.Struct, frozen=True):
    """The whole finding. `ready`: nothing stands in the way of rehearsing; `public`: nor of serving the public."""

    problems: list[Problem]
    python: str
    packages: dict[str, bool]
    engine: str
    mode: str
    drafts: list[str]
    doors: list[Door]
    terms: list[Terms]
    missing: list[Missing]
    ready: bool
    public: bool


def command(
    *,
    region: Annotated[list[str] | None, typer.Option(help="Only these regions. Repeatable.")] = None,
    offline: Annotated[bool, typer.Option(help="Do not knock at the partners' doors.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Say what is installed, which partners answer, and what must become real before the public is served."""
    settings = config.load()
    known = _only(region_files.load(), [word.upper() for word in region or []])
    partners = partner_files.load()
    problems = _problems.find(settings, os.environ, partners, running=node.running(settings) is not None)
    unread = any(one.code == "operator_unreadable" for one in problems)
    held = operator.rehearsal() if unread else operator.load_or_rehearsal(settings.operator)
    packages = {name: importlib.util.find_spec(name) is not None for name in PACKAGES}
    terms = count_terms(known, term_lists.load(settings.home))
    missing = missing_facts(held, known, partners)
    drafts = sorted(name for name, one in known.items() if one.reviewed.status == "draft")
    gaps = [one.key for one in missing if one.needed] + [one.rule for one in _short(terms)]
    stopped = any(one.stops for one in problems)
    health = Health(
        problems=problems,
        python=platform.python_version(),
        packages=packages,
        engine=engine_path(),
        mode=held.mode,
        drafts=drafts,
        doors=knock(partners, os.environ, offline=offline),
        terms=terms,
        missing=missing,
        ready=all(packages.values()) and not stopped,
        public=all(packages.values()) and not stopped and not gaps and (held.accept_drafts or not drafts),
    )
    if json:
        print(msgspec.json.encode(health).decode())
    else:
        show(health, held)
    if not health.ready or (not held.rehearsing and not health.public):
        raise typer.Exit(1)


def engine_path() -> str:
    """Where llama-server is found, or "" ."""
    from isthmus.device.engine import find_binary

    try:
        return str(find_binary())
    except Refusal:
        return shutil.which("llama-server") or ""


def knock(partners: Mapping[str, Partner], environ: Mapping[str, str], *, offline: bool) -> list[Door]:
    """Each partner's doors: is its key set, and does it answer a TCP or TLS handshake within REACH_SECONDS?

    Nothing is sent but the handshake, so that no key and no content leave.
    """
    doors = [(p, name, e) for p in partners.values() if p.tier == "partner" for name, e in p.endpoint.items()]
    with ThreadPoolExecutor(max_workers=max(1, len(doors))) as pool:
        answers = list(pool.map(lambda door: "not asked" if offline else reach(door[2]), doors))
    return [
        Door(p.id, name, e.host, env := e.key_env or p.key_env, bool(environ.get(env)), said)
        for (p, name, e), said in zip(doors, answers, strict=True)
    ]


def reach(endpoint: Endpoint) -> str:
    """`yes` when the endpoint shakes hands, else `no`."""
    try:
        with socket.create_connection((endpoint.host, endpoint.port), timeout=REACH_SECONDS) as plain:
            if endpoint.tls:
                ssl.create_default_context().wrap_socket(plain, server_hostname=endpoint.host).close()
    except OSError:  # name not found, refused, timed out, certificate not valid (ssl.SSLError is one)
        return "no"
    return "yes"


def count_terms(regions: Mapping[str, Region], lists: Mapping[str, Mapping[str, str]]) -> list[Terms]:
    """Every rule that scans, with the size of its list."""
    rules = [rule for one in regions.values() for rule in one.own if rule.check == "scan"]
    return [
        Terms(
            rule.id,
            rule.values["taxonomy"],
            len(lists.get(rule.values["taxonomy"], {})),
            rule.values.get("terms_min", 1),
        )
        for rule in rules
    ]


def show(health: Health, held: Operator) -> None:
    """Print the finding for a person: the verdict and what is wrong first."""
    print(f"Ready to rehearse: {_yes(health.ready)}. Ready for the public: {_yes(health.public)}.")
    print(f"{len(health.problems)} misconfigurations found." if health.problems else "No misconfiguration found.")
    for problem in health.problems:
        print(f"  {'STOPS  ' if problem.stops else 'mind   '} {problem.what}\n          {problem.mend}")
    print()
    print(f"Python {health.python}")
    for name, here in health.packages.items():
        print(f"  {'ok     ' if here else 'MISSING'} {name} ({PACKAGES[name]})")
    print(f"  {'ok     ' if health.engine else 'none   '} llama-server {health.engine or '(local answers need it)'}")
    print("\nPartners")
    for door in health.doors:
        key = f"{door.key_env} set" if door.key_set else f"{door.key_env} not set: rehearsed by a local stand-in"
        print(f"  {door.partner}@{door.endpoint}  {door.host}: answers: {door.answers}; {key}")
    print("\nTerm lists")
    for terms in health.terms:
        short = "  TOO SHORT" if terms.have < terms.need else ""
        print(f"  {terms.rule}: {terms.taxonomy} holds {terms.have} terms, the rule asks for {terms.need}{short}")
    print(f"\nMode: {held.mode}. Must be real before serving the public (operator.toml):")
    _show_missing(health.missing)
    if health.drafts:
        print(f"\nNot signed by a lawyer: {', '.join(health.drafts)}")


def _show_missing(missing: list[Missing]) -> None:
    last = ""
    for fact in missing:
        if fact.region != last:
            print(f"  {'the whole house' if fact.region == EVERYWHERE else fact.region}")
            last = fact.region
        rule = f" [{fact.rule}]" if fact.rule else ""
        rule += "" if fact.needed else f" (only if {fact.partner} is to serve)"
        print(f"    {fact.key} = {fact.now or '(empty)'}: {fact.why}{rule}")
    if not missing:
        print("  nothing")


def _short(terms: list[Terms]) -> list[Terms]:
    return [one for one in terms if one.have < one.need]


def _yes(word: bool) -> str:
    return "yes" if word else "no"


def _only(known: Mapping[str, Region], wanted: list[str]) -> dict[str, Region]:
    """The wanted regions (all when none is named) and the house file."""
    unknown: list[Any] = [word for word in wanted if word not in known]
    if unknown:
        raise Refusal("unknown_region", region=unknown[0], known=", ".join(sorted(known)))
    return {name: one for name, one in known.items() if not wanted or name in wanted or name == "HOUSE"}
