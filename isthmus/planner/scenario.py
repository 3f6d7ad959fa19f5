"""The question put to the planner: how many queries, of whom, on what, under which habits. A scenario file is TOML with
these very names; what it does not say comes from data/, with its source.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from isthmus.core.errors import Refusal
from isthmus.planner.catalogue import Figure, figure, tables

SPARE = ("none", "site", "region")
NOT_REGIONS = ("delay", "transfer")
REGIONS = {"CN": 55.0, "EU": 20.0, "US": 20.0, "KR": 5.0}


class Scenario(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One question. `queries` a day before `growth` and before the device's share; `regions` are weights of any sum.

    `hardware_in` sets another accelerator in single regions. `lengths` names a table or a trace file; `tokens_in` and
    `tokens_out` move its means. None means: the figure of data/traffic.toml. `home`: share of its
    own peak that a region's sites carry in any case. `curve` (24 hours, UTC) and `classes` (share, tokens in, tokens
    out) are one's own traffic, as the ledger knows it. `spare`: what may be lost at any hour (none, site, region).
    """

    queries: float = 1e9
    model: str = "deepseek-v3"
    hardware: str = "h800"
    regions: Mapping[str, float] = msgspec.field(default_factory=lambda: dict(REGIONS))
    hardware_in: Mapping[str, str] = {}
    lengths: str = "chat"
    tokens_in: float | None = None
    tokens_out: float | None = None
    growth: float = 1.0
    device: float | None = None
    cache: float | None = None
    utilisation: float | None = None
    token_ms: float | None = None
    peak: float | None = None
    home: float | None = None
    spare: str = "region"
    curve: tuple[float, ...] = ()
    classes: tuple[tuple[float, float, float], ...] = ()
    date: str = ""
    seed: int = 1
    name: str = ""
    source: str = "asked for"

    def share(self, region: str) -> float:
        """A region's share of all queries."""
        return self.regions[region] / sum(self.regions.values())

    def figure(self, table: str, key: str, own: float | None) -> Figure:
        """The scenario's own number where it has one, else the figure of data/traffic.toml."""
        known = figure("traffic.toml", table, key)
        if own is None:
            return known
        # A range says how wrong our guess may be; a number the person gave is not our guess.
        return Figure(own, source=self.source, sure="high", where="the scenario")


def load(path: Path) -> Scenario:
    """A scenario file. Raises Refusal usage naming the place."""
    try:
        return checked(msgspec.convert(tomllib.loads(path.read_text("utf-8")), Scenario), str(path))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise Refusal("usage", reason=f"{path}: {error}") from None


def checked(scenario: Scenario, where: str) -> Scenario:
    """`scenario`, when a plan can be made of it. Raises Refusal usage."""
    known = [name for name in tables("sites.toml") if name not in NOT_REGIONS]
    if not scenario.regions:
        _refuse(where, "name at least one region, as in CN:55,EU:20")
    for name in (*scenario.regions, *scenario.hardware_in):
        if name not in known:
            _refuse(where, f"no site stands in region {name!r}. Known: {', '.join(known)}")
    checks = {
        "queries": 0 < scenario.queries < 1e15,
        "growth": 0 < scenario.growth <= 1000,
        "regions": all(weight > 0 for weight in scenario.regions.values()),
        "device": scenario.device is None or 0 <= scenario.device <= 1,
        "cache": scenario.cache is None or 0 <= scenario.cache < 1,
        "utilisation": scenario.utilisation is None or 0 < scenario.utilisation <= 1,
        "token_ms": scenario.token_ms is None or 1 <= scenario.token_ms <= 10_000,
        "home": scenario.home is None or 0 <= scenario.home <= 1,
        "spare": scenario.spare in SPARE,
        "peak": scenario.peak is None or 1 <= scenario.peak <= 20,
        "tokens_in": scenario.tokens_in is None or 1 <= scenario.tokens_in <= 1e7,
        "tokens_out": scenario.tokens_out is None or 1 <= scenario.tokens_out <= 1e7,
        "curve": len(scenario.curve) in (0, 24)
        and all(value >= 0 for value in scenario.curve)
        and any(scenario.curve or (1,)),
    }
    for name, fine in checks.items():
        if not fine:
            _refuse(where, f"{name} is out of range")
    return scenario


def with_changes(scenario: Scenario, changes: Mapping[str, Any], where: str = "the command line") -> Scenario:
    """`scenario` with other values, checked."""
    return checked(msgspec.structs.replace(scenario, **changes), where)


def _refuse(where: str, reason: str) -> None:
    raise Refusal("usage", reason=f"{where}: {reason}.")
