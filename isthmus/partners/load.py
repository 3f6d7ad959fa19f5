"""Partner files to `Partner`s. Strict: an unknown key or place is refused, with the file and the allowed words."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

import msgspec

from isthmus.core.decision import TIERS
from isthmus.core.errors import Refusal
from isthmus.core.places import is_place
from isthmus.partners.schema import SCHEMA, Endpoint, Partner

DATA = Path(__file__).parent / "data"
_ID = re.compile(r"[a-z][a-z0-9_-]*")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]*")
DIALECTS = ("openai_chat", "openai_loose", "openai_responses", "anthropic", "gemini", "dashscope")
_PLACED = ("inference", "storage", "end_users", "end_users_not", "owners_barred")


def load(folder: Path | None = None, own: Path | None = None) -> dict[str, Partner]:
    """Every partner of `folder` (default: the files of this package) by id, and the operator's `own` on top.

    A file of `own` replaces the partner that has its id. Raises Refusal bad_law.
    """
    partners = _folder(folder or DATA)
    if not partners:
        raise Refusal("bad_law", reason=f"{folder or DATA}: no partner file here. Expected one .toml per partner.")
    if own is not None:
        partners = {**partners, **_folder(own)}
    _check_names(partners)
    return partners


def _folder(folder: Path) -> dict[str, Partner]:
    partners: dict[str, Partner] = {}
    for path in sorted(folder.glob("*.toml")):
        partner = addressed(read(path.name, path.read_bytes()), os.environ)
        if partner.id in partners:
            _refuse(path.name, f"id {partner.id} is taken by another file")
        partners[partner.id] = partner
    return partners


def addressed(partner: Partner, environ: Mapping[str, str]) -> Partner:
    """`partner` with the hosts that its customer named in the environment (`host_env`), e.g. an Azure resource."""
    doors = {
        name: msgspec.structs.replace(door, host=environ[door.host_env])
        for name, door in partner.endpoint.items()
        if door.host_env and environ.get(door.host_env)
    }
    return msgspec.structs.replace(partner, endpoint={**partner.endpoint, **doors}) if doors else partner


def read(file: str, raw: bytes) -> Partner:
    """One partner file's bytes, checked. `file` names it in errors."""
    try:
        partner = msgspec.convert(tomllib.loads(raw.decode("utf-8")), Partner)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        _refuse(file, str(error))
    if partner.schema != SCHEMA:
        _refuse(file, f"schema {partner.schema!r} is not known. Allowed: {SCHEMA}")
    if _ID.fullmatch(partner.id) is None:
        _refuse(file, "id is lower case: letters, digits, _ and -")
    if partner.tier not in TIERS:
        _refuse(file, f"tier {partner.tier!r} is not known. Allowed: {', '.join(TIERS)}")
    if partner.dialect not in DIALECTS:
        _refuse(file, f"dialect {partner.dialect!r} is not known. Allowed: {', '.join(DIALECTS)}")
    if partner.tier == "partner" and not partner.key_env:
        _refuse(file, "key_env is required: the environment variable that holds this partner's key")
    if not partner.endpoint or not partner.model:
        _refuse(file, "at least one [endpoint.name] and one [model.name] are needed")
    for name, endpoint in partner.endpoint.items():
        _check_endpoint(file, name, endpoint)
    for name, model in (*partner.model.items(), *partner.embedding.items(), *partner.image.items()):
        if _NAME.fullmatch(name) is None:
            _refuse(file, f"model.{name}: a model's name is letters, digits and . _ : -")
        for word in model.endpoints:
            if word not in partner.endpoint:
                _refuse(file, f"model.{name}.endpoints: {word!r} is not one of {', '.join(partner.endpoint)}")
    if sum(model.default for model in partner.model.values()) > 1:
        _refuse(file, "only one model may be the default")
    return partner


def _check_endpoint(file: str, name: str, endpoint: Endpoint) -> None:
    if not endpoint.path.startswith("/"):
        _refuse(file, f"endpoint.{name}.path begins with /")
    if not 0 <= endpoint.port <= 65535:
        _refuse(file, f"endpoint.{name}.port is 0 to 65535")
    for word in (endpoint.region, *(place for field in _PLACED for place in getattr(endpoint, field))):
        if not is_place(word):
            _refuse(file, f"endpoint.{name}: {word!r} is not a place. Allowed: two capital letters, EU, EEA, *")


def _check_names(partners: dict[str, Partner]) -> None:
    """Every word by which a caller may name a model leads to one partner."""
    owner: dict[str, str] = {}
    for partner in partners.values():
        words = {partner.id}
        for name, model in (*partner.model.items(), *partner.embedding.items(), *partner.image.items()):
            words |= {name, *model.aliases}
        for word in words:
            if owner.setdefault(word, partner.id) != partner.id:
                _refuse(f"{partner.id}.toml", f"{word!r} already names a model of {owner[word]}")


def _refuse(file: str, reason: str) -> NoReturn:
    raise Refusal("bad_law", reason=f"{file}: {reason}.")
