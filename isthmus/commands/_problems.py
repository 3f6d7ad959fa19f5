"""The likeliest misconfigurations, each found by one small function and worded so that a person can mend it.

A function takes the `Place` and yields `Problem`s; ALL lists them in the order in which they are told.
"""

from __future__ import annotations

import os
import resource
import shutil
import socket
import tomllib
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from isthmus.core import operator
from isthmus.core.clock import SystemClock
from isthmus.core.config import Config
from isthmus.core.errors import Refusal
from isthmus.ledger import checkpoint
from isthmus.ledger.checkpoint import BadCheckpointError
from isthmus.ledger.lease_valkey import ValkeyLeases
from isthmus.ledger.leases import StoreDownError
from isthmus.partners.schema import Partner

FREE_BYTES = 1 << 30
ENOUGH_DAYS, RECENT_DAYS = 14, 7
FILES = 4096  # open files a worker should be allowed: each caller and each upstream connection is one
CERTIFICATE_DAYS = 21
SETTINGS = (
    "HOME", "HOST", "PORT", "WORKERS", "KEY", "MODEL", "THREADS", "TLS_CERT", "TLS_KEY", "LLAMA_SERVER", "ADMIN_PORT",
    "ADMIN_HOST", "SPARE", "FLEET_KEY_FILE", "LONG", "VALKEY",
)  # fmt: skip
SECRETS = ("accounts.pepper", "accounts.sqlite", "accounts.url", "owner.token", "demo.key", "ledger/node.key")
LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Problem(msgspec.Struct, frozen=True):
    """One thing that is wrong. `stops`: the house cannot serve with it. `mend` is what to do."""

    code: str
    what: str
    mend: str
    stops: bool = False


class Place(NamedTuple):
    """What is looked at."""

    config: Config
    environ: Mapping[str, str]
    partners: Mapping[str, Partner]
    now: datetime
    running: bool


def home(at: Place) -> Iterator[Problem]:
    """The home folder can be written, and others cannot read it."""
    folder = at.config.home
    parent = next((each for each in (folder, *folder.parents) if each.exists()), folder)
    if not os.access(parent, os.W_OK):
        yield Problem(
            "home_not_writable", f"{folder} cannot be written.", "Set ISTHMUS_HOME to a folder of yours.", True
        )
    elif folder.exists() and folder.stat().st_mode & 0o077:
        yield Problem("home_open", f"Others on this machine can read {folder}.", f"chmod 700 {folder}")


def secrets(at: Place) -> Iterator[Problem]:
    """Files that hold secrets are their owner's alone."""
    for name in SECRETS:
        path = at.config.home / name
        if path.exists() and path.stat().st_mode & 0o077 and at.config.home.stat().st_mode & 0o077:
            yield Problem("secret_open", f"Others on this machine can read {path}.", f"chmod 600 {path}")


def disk(at: Place) -> Iterator[Problem]:
    """There is room for receipts; without it nothing is served."""
    folder = next(each for each in (at.config.home, *at.config.home.parents) if each.exists())
    free = shutil.disk_usage(folder).free
    if free < FREE_BYTES:
        yield Problem(
            "disk_full", f"{free >> 20} MiB are free for {at.config.home}: nothing is served without receipts.",
            "Free space, or move ISTHMUS_HOME.",
        )  # fmt: skip
        return
    a_day = grown(at.config.ledger, at.now)
    if a_day and free < a_day * ENOUGH_DAYS:
        yield Problem(
            "disk_soon", f"The ledger grew by {a_day >> 20} MiB a day lately; {free // a_day} days of it are free.",
            "Give the home a larger disk; entries go by themselves only when the law's time is over.",
        )  # fmt: skip


def grown(ledger: Path, now: datetime) -> int:
    """Bytes that the ledger grew by a day, over the last RECENT_DAYS (or as long as it has been there)."""
    files = [path.stat() for path in ledger.glob("shards/*/*.seg")]
    recent = [each for each in files if now.timestamp() - each.st_mtime < RECENT_DAYS * 86400]
    begun = min((each.st_ctime for each in files), default=now.timestamp())
    days = min(RECENT_DAYS, max(1.0, (now.timestamp() - begun) / 86400))
    return int(sum(each.st_size for each in recent) / days)


def facts(at: Place) -> Iterator[Problem]:
    """operator.toml can be read."""
    try:
        operator.load_or_rehearsal(at.config.operator)
    except Refusal as refusal:
        yield Problem("operator_unreadable", refusal.sentence(), f"Mend {at.config.operator} there.", True)


def settings(at: Place) -> Iterator[Problem]:
    """No setting is misspelt: a variable that begins with ISTHMUS_ and is none does nothing, silently."""
    for name in sorted(at.environ):
        word = name.removeprefix("ISTHMUS_")
        if word != name and word not in SETTINGS:
            near = next((each for each in SETTINGS if each in word or word in each), "")
            guess = f"Did you mean ISTHMUS_{near}?" if near else "See docs/operating.md for those that exist."
            yield Problem("setting_unknown", f"{name} is no setting and does nothing.", guess)


def keys(at: Place) -> Iterator[Problem]:
    """A partner's key is the bare key."""
    names = {partner.key_env for partner in at.partners.values()}
    names |= {each.key_env for partner in at.partners.values() for each in partner.endpoint.values()}
    for name in sorted(names & at.environ.keys()):
        value = at.environ[name]
        if not value.strip():
            yield Problem("key_empty", f"{name} is set and empty.", f"unset {name}, or give it the key.")
        elif value != value.strip() or value[0] in "\"'" or value.lower().startswith("bearer "):
            yield Problem(
                "key_malformed", f"{name} has quotes, spaces or a scheme around the key.", "Give the bare key.", True
            )


def exposed(at: Place) -> Iterator[Problem]:
    """Keys do not travel in the clear."""
    config = at.config
    if config.host not in LOOPBACK and not config.tls_cert:
        yield Problem(
            "gateway_in_the_clear", f"The gateway listens on {config.host} without TLS: keys travel in the clear.",
            "Set ISTHMUS_TLS_CERT and ISTHMUS_TLS_KEY, or end TLS in front of it.",
        )  # fmt: skip
    if config.admin_port and config.admin_host not in LOOPBACK and not config.tls_cert:
        yield Problem(
            "console_in_the_clear", f"The console listens on {config.admin_host} without TLS.",
            "Unset ISTHMUS_ADMIN_HOST and use a tunnel, or set ISTHMUS_TLS_CERT and ISTHMUS_TLS_KEY.",
        )  # fmt: skip


def certificate(at: Place) -> Iterator[Problem]:
    """The certificate can be read, is valid now and for a while, and its key belongs to it."""
    config = at.config
    if bool(config.tls_cert) != bool(config.tls_key):
        yield Problem(
            "tls_half",
            "Only one of ISTHMUS_TLS_CERT and ISTHMUS_TLS_KEY is set.",
            "Set both, or neither.",
            not config.tls_cert,
        )
        return
    if not config.tls_cert:
        return
    try:
        found = x509.load_pem_x509_certificate(Path(config.tls_cert).read_bytes())
        key = load_pem_private_key(Path(config.tls_key).read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        yield Problem(
            "tls_unreadable", f"The certificate or its key cannot be read ({error}).", "Both are PEM files.", True
        )
        return
    left = (found.not_valid_after_utc - at.now).days
    if left < CERTIFICATE_DAYS:
        said = (
            f"The certificate ended on {found.not_valid_after_utc.date()}."
            if left < 0
            else f"The certificate ends in {left} days."
        )
        yield Problem("tls_ends", said, "Renew it, then restart.", left < 0)
    if key.public_key() != found.public_key():
        yield Problem(
            "tls_mismatch", "ISTHMUS_TLS_KEY is not the certificate's key.", "Give the key it was made with.", True
        )


def ports(at: Place) -> Iterator[Problem]:
    """Nothing else listens where this house wants to."""
    if at.running:
        return
    for host, port, name in (
        (at.config.host, at.config.port, "ISTHMUS_PORT"),
        (at.config.admin_host, at.config.admin_port, "ISTHMUS_ADMIN_PORT"),
    ):
        if not port:
            continue
        try:
            socket.create_connection(("127.0.0.1" if host == "0.0.0.0" else host, port), timeout=1).close()  # noqa: S104
        except OSError:
            continue
        yield Problem("port_taken", f"Something else listens on port {port}.", f"End it, or set {name}.", True)


def limits(at: Place) -> Iterator[Problem]:
    """The machine lets it work: open files, and no more workers than cores."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < FILES:
        yield Problem(
            "few_files",
            f"A process here may open {soft} files; callers beyond that are turned away.",
            f"ulimit -n {FILES}",
        )
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if at.config.workers > cores:
        yield Problem(
            "many_workers", f"{at.config.workers} workers share {cores} cores, which makes each answer slower.",
            f"Set ISTHMUS_WORKERS to {cores} or less.",
        )  # fmt: skip


def clock(at: Place) -> Iterator[Problem]:
    """The clock has not gone back: the ledger's last checkpoint is not in the future."""
    head = at.config.ledger / "CHECKPOINT"
    try:
        last = checkpoint.read(head.read_bytes())
    except (OSError, BadCheckpointError):
        return
    ahead = last.at / 1000 - at.now.timestamp()
    if ahead > 60:
        yield Problem(
            "clock_back", f"The ledger's last checkpoint is {int(ahead)} s in the future: the clock went back.",
            "Set the clock (chronyc tracking shows it); law and consents depend on the day.",
        )  # fmt: skip


def database(at: Place) -> Iterator[Problem]:
    """The accounts' database is one that can be spoken to."""
    told = at.config.accounts.with_suffix(".url")
    if not told.exists():
        return
    url = told.read_text("utf-8").strip()
    if not url.startswith(("postgresql", "sqlite", "postgres")):
        yield Problem(
            "database_url", f"{told} holds no database URL.", "Write one like postgresql://host/name there.", True
        )
    elif url.startswith("postgres"):
        import importlib.util

        if importlib.util.find_spec("psycopg") is None:
            yield Problem("database_driver", "PostgreSQL's driver is missing.", "pip install 'isthmus[postgres]'", True)


def leases(at: Place) -> Iterator[Problem]:
    """The store of leases is one that can be spoken to, and that forgets nothing."""
    told = at.config.home / "leases.url"
    if not told.exists():
        return
    url = told.read_text("utf-8").strip()
    if not url.startswith(("valkey://", "valkeys://", "redis://", "rediss://", "unix://")):
        yield Problem(
            "leases_url", f"{told} holds no address of a Valkey.", "Write one like valkey://host:6379/0.", True
        )
        return
    try:
        store = ValkeyLeases(url)
    except Refusal as refusal:
        yield Problem("leases_unfit", refusal.sentence(), f"Mend it, or remove {told}.", True)
        return
    try:
        store.held_by("doctor")
    except StoreDownError:
        yield Problem(
            "leases_down", f"The store that {told} names does not answer: keys with a budget are refused.",
            "Start it, or mend the address.",
        )  # fmt: skip
    finally:
        store.close()


def law(at: Place) -> Iterator[Problem]:
    """Files that an operator added can be read as TOML."""
    for path in sorted((at.config.home / "regions").rglob("*.toml")):
        try:
            tomllib.loads(path.read_text("utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            yield Problem("law_unreadable", f"{path}: {error}", "Stage it again from the console.", True)


ALL: tuple[Callable[[Place], Iterator[Problem]], ...] = (
    home, facts, ports, certificate, keys, database, leases, law, disk, secrets, exposed, clock, limits, settings,
)  # fmt: skip


def find(
    config: Config, environ: Mapping[str, str], partners: Mapping[str, Partner], *, running: bool
) -> list[Problem]:
    """Everything that is wrong, what stops the house first."""
    at = Place(config, environ, partners, SystemClock().now(), running)
    found = [problem for look in ALL for problem in look(at)]
    return sorted(found, key=lambda problem: not problem.stops)
