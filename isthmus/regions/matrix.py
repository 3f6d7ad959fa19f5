"""Jurisdictions against duties, at a glance: how many rules of each verb a region has, and whether more are to come."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from html import escape

import msgspec

from isthmus.regions.schema import VERBS, Region

CELL, LEFT, TOP = 34, 150, 130
FONT = 'font-family="system-ui, sans-serif" font-size="12" fill="#17181A"'


class Cell(msgspec.Struct, frozen=True):
    """`now`: rules of one verb in force; `later`: rules that begin after the day."""

    now: int
    later: int


def matrix(regions: Mapping[str, Region], day: date) -> dict[str, dict[str, Cell]]:
    """Per region id, per verb: a cell; inherited rules included."""
    return {name: {verb: _cell(region, verb, day) for verb in VERBS} for name, region in sorted(regions.items())}


def _cell(region: Region, verb: str, day: date) -> Cell:
    rules = [rule for rule in region.rules if rule.check == verb and (rule.until is None or day < rule.until)]
    now = sum(rule.since <= day for rule in rules)
    return Cell(now, len(rules) - now)


def svg(table: Mapping[str, Mapping[str, Cell]], day: date) -> str:
    """The matrix as a picture (SVG): a filled square is in force, a hollow one is to come; numbers count rules."""
    width, height = LEFT + CELL * len(VERBS) + 10, TOP + CELL * len(table) + 40
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" {FONT}>',
        f"<title>Duties by jurisdiction on {day.isoformat()}</title>",
        f'<rect width="{width}" height="{height}" fill="#FFFFFF"/>',
    ]
    for column, verb in enumerate(VERBS):
        x = LEFT + column * CELL + CELL // 2
        out.append(f'<text transform="translate({x},{TOP - 8}) rotate(-50)">{escape(verb)}</text>')
    for row, (name, cells) in enumerate(table.items()):
        y = TOP + row * CELL
        out.append(f'<text x="{LEFT - 10}" y="{y + 21}" text-anchor="end">{escape(name)}</text>')
        out += [_square(LEFT + column * CELL, y, cells[verb]) for column, verb in enumerate(VERBS)]
    legend = f"Filled: in force on {day.isoformat()}. Hollow: begins later. Numbers count rules; every rule is a draft."
    out += [f'<text x="10" y="{height - 12}">{legend}</text>', "</svg>", ""]
    return "\n".join(out)


def _square(x: int, y: int, cell: Cell) -> str:
    if not cell.now and not cell.later:
        return f'<rect x="{x + 3}" y="{y + 3}" width="28" height="28" rx="4" fill="#F1F1EF"/>'
    count = cell.now + cell.later
    filled = "#1A53BF" if cell.now else "#FFFFFF"
    ink = "#FFFFFF" if cell.now else "#1A53BF"
    return (
        f'<rect x="{x + 3}" y="{y + 3}" width="28" height="28" rx="4" fill="{filled}" stroke="#1A53BF"/>'
        f'<text x="{x + 17}" y="{y + 21}" text-anchor="middle" fill="{ink}">{count}</text>'
    )
