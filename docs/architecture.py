"""The picture of the house, made from the import contracts in pyproject.toml and from what the code really imports.

python docs/architecture.py            write docs/architecture.svg
python docs/architecture.py --check    fail when it is not what the contracts and the code say now
"""

from __future__ import annotations

import ast
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "isthmus"
PICTURE = ROOT / "docs" / "architecture.svg"
WIDE, HIGH, GAP, EDGE = 150, 44, 26, 40
WORDS = {
    "cli": "the command",
    "commands": "one file each",
    "node": "one machine",
    "control": "admin, console",
    "worker": "one process",
    "web": "pages, admin API",
    "planner": "what N a day takes",
    "gateway": "the corridor",
    "device": "the person's side",
    "fleet": "the data centre",
    "export": "labels in files",
    "policy": "duties, decisions",
    "routing": "where from",
    "regions": "the law as data",
    "partners": "who may answer",
    "ledger": "what is remembered",
    "core": "words all speak",
    "__main__": "python -m",
}
BOX = '<rect x="{x:g}" y="{y:g}" width="150" height="44" rx="9" fill="#fff" stroke="#85898f"/>'
TEXT = '<text x="{x:g}" y="{y:g}" text-anchor="middle" font-size="{size}" fill="{ink}">{text}</text>'
LINE = (
    '<path d="M{a:g} {b:g}C{a:g} {m:g} {c:g} {m:g} {c:g} {d:g}" fill="none" stroke="#85898f" '
    'stroke-opacity=".35" stroke-width="1.2"/>'
)
HEAD = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide:g} {high:g}" role="img" font-family="system-ui" '
    'aria-label="Rooms of Isthmus in their layers; imports go down only">'
)


def layers() -> list[list[str]]:
    """Layers from the top down, as the contract says."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    found = next(each["layers"] for each in contracts if each["type"] == "layers")
    return [[name.strip(" ()") for name in layer.split("|")] for layer in found]


def imports() -> set[tuple[str, str]]:
    """(room, room): some file of the first imports the second."""
    found: set[tuple[str, str]] = set()
    for path in PACKAGE.rglob("*.py"):
        room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        met = set()
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("isthmus"):
                parts = (node.module or "").split(".")
                met |= {parts[1]} if len(parts) > 1 else {alias.name for alias in node.names}
        found |= {(room, other) for other in met - {room}}
    return found


def svg() -> str:
    """The picture: rooms in their layers; a line for every import that goes down one or more layers."""
    rows = layers()
    widest = max(len(row) for row in rows)
    width = widest * (WIDE + GAP) + 2 * EDGE
    place = {}
    for y, row in enumerate(rows):
        start = (width - len(row) * (WIDE + GAP) + GAP) / 2
        for x, name in enumerate(row):
            place[name] = (start + x * (WIDE + GAP), EDGE + y * (HIGH + GAP))
    high = EDGE * 2 + len(rows) * (HIGH + GAP)
    out = [HEAD.format(wide=width, high=high), f'<rect width="{width:g}" height="{high:g}" fill="#fbfbfa"/>']
    for room, other in sorted(imports()):
        if room in place and other in place:
            (x1, y1), (x2, y2) = place[room], place[other]
            middle, begin = WIDE / 2, y1 + HIGH
            out.append(LINE.format(a=x1 + middle, b=begin, m=(begin + y2) / 2, c=x2 + middle, d=y2))
    for name, (x, y) in place.items():
        centre = x + WIDE / 2
        out.append(BOX.format(x=x, y=y))
        out.append(TEXT.format(x=centre, y=y + 19, size=14, ink="#17181a", text=name))
        out.append(TEXT.format(x=centre, y=y + 35, size=12, ink="#53575d", text=WORDS.get(name, "")))
    return "\n".join([*out, "</svg>", ""])


def main() -> int:
    """Write the picture, or compare it."""
    if "--check" in sys.argv:
        same = PICTURE.read_text("utf-8") == svg()
        print("docs/architecture.svg is what the code says" if same else "run: python docs/architecture.py")
        return int(not same)
    PICTURE.write_text(svg(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
