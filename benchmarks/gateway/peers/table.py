"""benchmarks/RESULTS.md, written from what was measured."""

from __future__ import annotations

from typing import Any

Row = dict[str, Any]

HEAD = """\
# Isthmus beside its peers

What each gateway spends on one request, on one machine. Written by `make bench`; do not edit.

| | |
|---|---|
"""
NOTES = """
How to read it:

- **CPU us / request**: user and system time of the gateway's process tree over good answers, {connections} connections
  that ask again at once, a prompt of 1 KB, an answer of 640 bytes. "nginx beside it" is nginx in the seconds next to
  that, "ratio" the one over the other. Machines differ and neighbours come and go: compare ratios.
- **Streams** are 64 events of 193 bytes and `[DONE]`: "burst" as fast as they go, as many as go through; "paced" one
  each {pace} ms, {streams} streams a second.
- **Added delay**: {rate} requests a second on a schedule, counted from when each was due, minus the same straight to
  the upstream.
- **First content**: from the upstream's write of a paced stream's first event to its arrival at the caller, loopback
  included.
- **Start**: from the start command to the first good answer. **Load average**: the machine's, over the minute before
  each; with more than two at work on two cores, delays say little.
- **Not equal work.** nginx, HAProxy and Envoy copy bytes; the routers read the request and choose a worker; TensorZero,
  Portkey and LiteLLM take request and answer apart and write them anew. Isthmus does all that its law asks: key,
  decision, 20,000 terms looked for both ways, private details masked, label and notices, quota, a receipt in the
  ledger.
- Who cannot carry the usual rates has others, a second:
{slow}
- A dash with a name points above. Each peer is set up as its recipe in `benchmarks/gateway/peers/` says, and no
  further.
"""


def _number(row: Row, kind: str, name: str, digits: int = 1) -> str:
    found = row.get(kind)
    return f"{found[name]:,.{digits}f}" if isinstance(found, dict) else _note(row, kind)


def _note(row: Row, kind: str) -> str:
    notes = [key for key in ("plain", "beside", "burst", "delay", "paced") if isinstance(row.get(key), str)]
    return f"- [{row['name']}.{notes.index(kind) + 1}]" if kind in notes else "-"


def _ratio(row: Row) -> str:
    plain, beside = row.get("plain"), row.get("beside")
    return f"{plain['us'] / beside['us']:.2f}" if isinstance(plain, dict) and isinstance(beside, dict) else "-"


def _added(row: Row) -> str:
    delay, direct = row.get("delay"), row.get("direct")
    if not isinstance(delay, dict) or not isinstance(direct, dict):
        return _note(row, "delay")
    return f"{delay['p50'] - direct['p50']:,.0f} / {delay['p99'] - direct['p99']:,.0f}"


def _first(row: Row) -> str:
    paced = row.get("paced")
    if not isinstance(paced, dict) or not paced.get("firsts"):
        return _note(row, "paced")
    return f"{paced['first_p50'] / 1e3:.2f} / {paced['first_p99'] / 1e3:.2f}"


COLUMNS = (
    ("gateway", lambda row: f"{row['title']} {row['version']}"),
    ("language", lambda row: row["language"]),
    ("what it does with a request", lambda row: row["work"]),
    ("CPU us / request", lambda row: _number(row, "plain", "us")),
    ("nginx beside it", lambda row: _number(row, "beside", "us")),
    ("ratio", _ratio),
    ("requests / s", lambda row: _number(row, "plain", "per_s", 0)),
    ("us / stream, burst", lambda row: _number(row, "burst", "us", 0)),
    ("us / stream, paced", lambda row: _number(row, "paced", "us", 0)),
    ("added delay p50 / p99, us", _added),
    ("first content p50 / p99, ms", _first),
    ("RSS MiB idle / after", lambda row: f"{row['rss_idle']:.0f} / {row['rss']:.0f}" if "rss" in row else "-"),
    ("start s", lambda row: f"{row['start_s']:.2f}" if "start_s" in row else "-"),
    ("load average", lambda row: f"{row['load']:.1f}"),
)


def written(machine: dict[str, str], rows: list[Row], missing: list[str], notes: dict[str, object]) -> str:
    """The whole page."""
    out = [HEAD, *(f"| {name} | {value} |\n" for name, value in machine.items()), "\n"]
    out.append("| " + " | ".join(name for name, _ in COLUMNS) + " |\n" + "|---" * len(COLUMNS) + "|\n")
    out += ["| " + " | ".join(cell(row) for _, cell in COLUMNS) + " |\n" for row in rows]
    out.append("\n" + "".join(f"{line}\n" for line in compared(rows)))
    failures = [
        f"- [{row['name']}.{number}] {kind}: {why}"
        for row in rows
        for number, (kind, why) in enumerate(((k, v) for k, v in row.items() if k in _KINDS and isinstance(v, str)), 1)
    ]
    out += ["\nWhat did not go through:\n\n", *(f"{line}\n" for line in failures)] if failures else []
    out.append(
        f"\nNot installed here: {', '.join(missing)}.\n" if missing else "\nNothing that was asked for is missing.\n"
    )
    return "".join([*out, NOTES.format(**notes)])


_KINDS = ("plain", "beside", "burst", "delay", "paced")


def compared(rows: list[Row]) -> list[str]:
    """How many times what Isthmus spends each other one does, each taken against the nginx beside it."""
    ratios = {row["name"]: float(_ratio(row)) for row in rows if _ratio(row) != "-"}
    ours = ratios.get("isthmus")
    if ours is None:
        return []
    titles = {row["name"]: row["title"] for row in rows}
    others = [f"{titles[name]} {ratio / ours:.2f}" for name, ratio in ratios.items() if name != "isthmus"]
    return [f"Isthmus spends {ours:.2f} times what nginx does. In parts of Isthmus' cost: {', '.join(others)}."]
