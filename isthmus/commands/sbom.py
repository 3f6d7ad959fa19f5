"""What this house is made of: packages, digests, licences and models, as a bill of materials (CycloneDX 1.6, JSON).

The packages are those that are installed and that Isthmus needs, found by their own metadata; digests come from the
lock. The same installation gives the same bytes: there is no time and no random number in it. Nothing is asked over the
network. Source: CycloneDX 1.6 (ECMA-424); Package URL; PEP 503 (names), PEP 639 (licences).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any, NamedTuple
from uuid import NAMESPACE_URL, uuid5

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from isthmus.core import config
from isthmus.core.errors import Refusal
from isthmus.device import catalogue
from isthmus.device.store import Store

NAME = "sbom"
SELF = "isthmus"
_REQUIRED = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(.*)$", re.DOTALL)
_EXTRA = re.compile(r"""extra\s*==\s*['"]""")
_LOCKED = re.compile(r"^([a-z0-9][a-z0-9._-]*)==([^\s;\\]+)", re.MULTILINE)
_DIGEST = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_CLASSIFIER = "License :: OSI Approved :: "


class Package(NamedTuple):
    """One installed package: normalised name, version, licence in its words, what it needs that is here."""

    name: str
    version: str
    licence: str
    needs: tuple[str, ...]


def command(
    licences: Annotated[bool, typer.Option("--licences", help="Print a table of names and licences instead.")] = False,
    lock: Annotated[
        Path | None,
        typer.Option(help="The lock whose digests are added. Default: requirements/run.txt, if it is here."),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document. A bill of materials always is.")
    ] = False,
) -> None:
    """Print what this house is made of, as a bill of materials (CycloneDX)."""
    packages = installed()
    if licences:
        _show(packages, json=json)
        return
    place = lock or Path("requirements/run.txt")
    if lock is not None and not lock.is_file():
        raise Refusal("usage", reason=f"There is no lock {lock}.")
    digests = locked(place.read_text("utf-8")) if place.is_file() else {}
    bill = document(packages, digests, models(config.load().models))
    print(msgspec.json.format(msgspec.json.encode(bill), indent=2).decode())


def installed(root: str = SELF) -> dict[str, Package]:
    """Every package here that `root` needs, itself among them, by name."""
    found: dict[str, Package] = {}
    wanted = [normal(root)]
    while wanted:
        name = wanted.pop()
        if name in found:
            continue
        try:
            about = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue  # for another system or Python, or an extra that is not installed
        # What an extra of Isthmus's own asks for runs here when it is installed; extras of others are theirs.
        needs = tuple(sorted({each for each, extra in required(about) if not extra or name == normal(root)}))
        found[name] = Package(name, about.version, licence(about), needs)
        wanted += needs
    return {
        name: package._replace(needs=tuple(each for each in package.needs if each in found))
        for name, package in sorted(found.items())
    }


def required(about: metadata.Distribution) -> Iterator[tuple[str, bool]]:
    """(name, whether an extra asks for it) of each requirement."""
    for line in about.requires or ():
        read = _REQUIRED.match(line)
        if read is not None:
            yield normal(read[1]), bool(_EXTRA.search(read[2]))


def licence(about: metadata.Distribution) -> str:
    """The licence in the package's own words: its expression, else its classifiers, else a short licence field."""
    read = about.metadata
    if "License-Expression" in read:
        return read["License-Expression"]
    said = [each.removeprefix(_CLASSIFIER) for each in read.get_all("Classifier", []) if each.startswith(_CLASSIFIER)]
    return " AND ".join(said) or (read.get_all("License", [""])[0]).partition("\n")[0][:80]


def locked(text: str) -> dict[tuple[str, str], list[str]]:
    """Digests (SHA-256, hex) of a lock by name and version."""
    places = [*_LOCKED.finditer(text)]
    ends = [*(each.start() for each in places[1:]), len(text)]
    return {
        (normal(each[1]), each[2]): _DIGEST.findall(text[each.start() : end])
        for each, end in zip(places, ends, strict=True)
    }


def models(folder: Path) -> dict[str, catalogue.Entry]:
    """Models of the catalogue whose files are here."""
    store = Store(folder)
    return {name: entry for name, entry in catalogue.load().items() if store.path(entry) is not None}


def document(
    packages: Mapping[str, Package],
    digests: Mapping[tuple[str, str], list[str]],
    here: Mapping[str, catalogue.Entry],
) -> dict[str, Any]:
    """The bill of materials as a dict."""
    root = packages[SELF]
    parts = [_package(each, digests) for each in packages.values() if each.name != SELF]
    parts += [_model(name, entry) for name, entry in sorted(here.items())]
    body = {
        "metadata": {"component": _package(root, digests) | {"type": "application"}},
        "components": parts,
        "dependencies": [
            {"ref": purl(each), "dependsOn": [purl(packages[name]) for name in each.needs]}
            for each in packages.values()
        ],
    }
    serial = uuid5(NAMESPACE_URL, msgspec.json.encode(body).decode())
    head = {"bomFormat": "CycloneDX", "specVersion": "1.6", "serialNumber": f"urn:uuid:{serial}", "version": 1}
    return head | body


def purl(package: Package) -> str:
    """The package's URL, which is also its reference here."""
    return f"pkg:pypi/{package.name}@{package.version}"


def normal(name: str) -> str:
    """A name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _package(package: Package, digests: Mapping[tuple[str, str], list[str]]) -> dict[str, Any]:
    made: dict[str, Any] = {
        "type": "library",
        "bom-ref": purl(package),
        "name": package.name,
        "version": package.version,
        "purl": purl(package),
    }
    if package.licence:
        made["licenses"] = [{"license": {"name": package.licence}}]
    # A lock allows one of several files, one for each system, so digests are properties and not the component's hash.
    allowed = digests.get((package.name, package.version), [])
    if allowed:
        made["properties"] = [{"name": "isthmus:lock:sha256", "value": each} for each in allowed]
    return made


def _model(name: str, entry: catalogue.Entry) -> dict[str, Any]:
    return {
        "type": "machine-learning-model",
        "bom-ref": f"model:{name}",
        "name": name,
        "version": entry.sha256[:12],
        "hashes": [{"alg": "SHA-256", "content": entry.sha256}],
        "licenses": [{"license": {"name": entry.licence}}],
    }


def _show(packages: Mapping[str, Package], *, json: bool) -> None:
    if json:
        rows = [{"name": each.name, "version": each.version, "licence": each.licence} for each in packages.values()]
        print(msgspec.json.encode(rows).decode())
        return
    table = Table("package", "version", "licence", box=None)
    for each in packages.values():
        table.add_row(each.name, each.version, each.licence or "-")
    Console().print(table)
