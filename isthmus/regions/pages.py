"""One page per region, for the lawyer who reviews it: sentence, law, date, what the software does, what people must do.

The pages are generated (`isthmus regions docs`), and a test holds the files to their source.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from isthmus.regions.schema import HOUSE_ID, VERBS, Region, Rule, When

SURE = {"high": "official text or two sources", "medium": "one source", "low": "general knowledge: check the article"}


def pages(regions: Mapping[str, Region]) -> dict[str, str]:
    """File name -> Markdown, one page per region and an index."""
    written = {f"{name.lower()}.md": page(region) for name, region in sorted(regions.items())}
    return {"README.md": index(regions), **written}


def index(regions: Mapping[str, Region]) -> str:
    """The list of all regions."""
    lines = [
        "# Regions",
        "",
        "Generated from `isthmus/regions/data` by `isthmus regions docs`. Engineering input, not legal advice:",
        "a file is a draft until a lawyer signs it ([how to review one](../reviewing-a-region.md)).",
        "",
        "![Duties by jurisdiction](matrix.svg)",
        "",
        "| Region | Name | Extends | Rules | Review |",
        "|---|---|---|---|---|",
    ]
    for name, region in sorted(regions.items()):
        parent = region.chain[1] if len(region.chain) > 1 else ""
        count = f"{len(region.own)}" + (f" + {len(region.rules) - len(region.own)} inherited" if parent else "")
        lines.append(f"| [{name}]({name.lower()}.md) | {region.name} | {parent} | {count} | {region.reviewed.status} |")
    return "\n".join(lines) + "\n"


def page(region: Region) -> str:
    """One region's page."""
    by = region.reviewed.by or "nobody yet"
    state = f"Status: **{region.reviewed.status}**, {region.reviewed.on.isoformat()}, signed by {by}."
    source = f"Generated from `isthmus/regions/data/{_file(region)}` by `isthmus regions docs`: change that file."
    lines = [f"# {region.name} ({region.id})", "", f"{state} {source}", ""]
    if region.id != HOUSE_ID:
        told = ", ".join(word.replace("_", " ") for word in region.applies)
        lines.append(f"Covers {', '.join(region.countries)}. Which law applies is told by, in this order: {told}.")
        lines += [f"When no partner may serve: {', then '.join(region.fallback)}.", ""]
    for rule in region.own:
        lines += _rule(rule)
    inherited = [rule for rule in region.rules if rule.region != region.id]
    if inherited:
        lines += ["## Inherited", ""]
        lines += [f"- [{rule.id}]({rule.region.lower()}.md#{rule.name}): {rule.duty}" for rule in inherited]
        lines.append("")
    return "\n".join(lines)


def _file(region: Region) -> str:
    return "_house.toml" if region.id == HOUSE_ID else f"{region.id.lower().replace('-', '_')}.toml"


def _rule(rule: Rule) -> list[str]:
    verb = VERBS[rule.check]
    law = "; ".join(
        f"{c.title}{' #' + c.article if c.article else ''} ({c.rank}, {c.since.isoformat()})" for c in rule.law
    )
    since = f"in force since {rule.since.isoformat()}" + (f" until {rule.until.isoformat()}" if rule.until else "")
    lines = [
        f"## {rule.name}",
        "",
        f"**{rule.duty}**",
        "",
        f"- Law: {law}",
        f"- Date: {since}",
        f"- How sure: {rule.sure} ({SURE[rule.sure]})",
        f"- Binds: {binds(rule.when)}{_except(rule)}",
        f"- The software (`{rule.check}`): {verb.does}",
        f"- People: {verb.operator}",
    ]
    if rule.values:
        lines.append(f"- Exactly: `{msgspec.json.encode(rule.values).decode()}`")
    if rule.replaces:
        lines.append(f"- Replaces: {rule.replaces}")
    if rule.delegable:
        lines.append("- An overlay may replace it: the law leaves the figure to it.")
    return [*lines, ""]


def binds(when: When) -> str:
    """`when` in words."""
    parts = []
    for key in ("feature", "modality", "event", "data", "content", "route"):
        words: tuple[str, ...] = getattr(when, key)
        if words:
            parts.append(f"{key} {' or '.join(words)}")
    if when.age_under:
        unknown = {"ask": "is asked for", "minor": "counts as below", "adult": "counts as above"}[when.unknown_age]
        parts.append(f"age under {when.age_under} (an unknown age {unknown})")
    return "; ".join(parts) or "always"


def _except(rule: Rule) -> str:
    words = [word for words in rule.excepted.values() for word in words]
    text = f"; except {', '.join(words)}" if words else ""
    if rule.unless:
        text += f"; unless {rule.unless}"
    if rule.grace:
        text += (
            f"; grace until {rule.grace.until.isoformat()} for what was on the market before "
            f"{rule.grace.placed_before.isoformat()}"
        )
    return text
