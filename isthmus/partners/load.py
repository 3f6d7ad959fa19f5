"""Partner files to `Partner`s. Strict: an unknown key or place is refused, with the file and the allowed words."""

from __future__ import annotations

import re
import tomllib
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
_PLACED = ("inference", "storage", "end_users", "end_users_not", "owners_barred")


def load(folder: Path | None = None) -> dict[str, Partner]:
    """Every partner of `folder` (default: the files of this package) by id. Raises Refusal bad_law."""
    partners: dict[str, Partner] = {}
    paths = sorted((folder or DATA).glob("*.toml"))
    if not paths:
        raise Refusal("bad_law", reason=f"{folder or DATA}: no partner file here. Expected one .toml per partner.")
    for path in paths:
        partner = read(path.name, path.read_bytes())
        if partner.id in partners:
            _refuse(path.name, f"id {partner.id} is taken by another file")
        partners[partner.id] = partner
    _check_names(partners)
    return partners


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
    if partner.tier == "partner" and not partner.key_env:
        _refuse(file, "key_env is required: the environment variable that holds this partner's key")
    if not partner.endpoint or not partner.model:
        _refuse(file, "at least one [endpoint.name] and one [model.name] are needed")
    for name, endpoint in partner.endpoint.items():
        _check_endpoint(file, name, endpoint)
    for name, model in partner.model.items():
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
        for name, model in partner.model.items():
            words |= {name, *model.aliases}
        for word in words:
            if owner.setdefault(word, partner.id) != partner.id:
                _refuse(f"{partner.id}.toml", f"{word!r} already names a model of {owner[word]}")


def _refuse(file: str, reason: str) -> NoReturn:
    raise Refusal("bad_law", reason=f"{file}: {reason}.")
