"""Random questions, days and operators, for the tests that draw them by the thousand."""

import datetime as dt
import tempfile
import tomllib
from pathlib import Path

import invented
import naive

from isthmus.core import operator
from isthmus.core.decision import AGES, CONTENTS, DATA, EVENTS, FEATURES, MODALITIES, Question
from isthmus.partners import load as partner_files
from isthmus.policy import supposed
from isthmus.policy.bind import boundaries
from isthmus.regions import load as region_files

REGIONS = region_files.load()
PARTNERS = partner_files.load()
RAW_REGIONS = naive.files(naive.REGIONS)
RAW_PARTNERS = naive.files(naive.PARTNERS)
DAYS = sorted(
    {
        day + dt.timedelta(days=shift)
        for day in boundaries(rule for region in REGIONS.values() for rule in region.rules)
        if day.year > 2000
        for shift in (-1, 0, 1)
    }
    | {dt.date(2026, 11, 22)}
)
RECENT = [day for day in DAYS if day.year >= 2025]


def some_operator(draw):
    """Facts as an operator might hold them: some real, some rehearsed, some missing."""
    held = tomllib.loads(operator.REHEARSAL_TOML)
    if draw.random() < 0.6:
        held["mode"] = draw.choice(["rehearsal", "production"])
        held["accept_drafts"] = True
        held["location"] = draw.choice(["rehearsal", "CN", "DE", "SG", "US"])
        held["owner_country"] = draw.choice(["rehearsal", "CN", "SG"])
        for region in ("CN", "EU", "IT", "US", "KR", "VN", "BR", "UK", "ZZ", "ZY"):
            facts = held["region"].setdefault(region, {})
            facts["market_date"] = draw.choice(
                [dt.date(2026, 8, 1), dt.date(2026, 8, 2), dt.date(2025, 1, 1), "rehearsal", ""]
            )
            facts["log_max_days"] = draw.choice([30, 200, "rehearsal", ""])
            facts["registration"] = draw.choice(["R-1", "rehearsal", ""])
            facts["producer_code"] = draw.choice(["001", "rehearsal", ""])
            facts["editor"] = draw.choice(["", "Editor"])
            facts["entrusted"] = draw.choice([[], ["doubao"], ["openai", "qwen", "invented"]])
            facts["filing"] = {p: draw.choice(["F-1", "rehearsal", ""]) for p in invented.PARTNERS}
            facts["transfer"] = {p: draw.choice(["scc_tia", "consent", "rehearsal", ""]) for p in invented.PARTNERS}
    return held


def region_sets(draw, table, count=40):
    """Single regions and combinations, so that a batch asks each more than once."""
    every = sorted(table.regions)
    return [tuple(draw.sample(every, draw.choice([1, 1, 1, 2, 3]))) for _ in range(count)]


def some_question(draw, sets):
    return Question(
        draw.choice(sets),
        draw.choice(FEATURES),
        draw.choice(MODALITIES),
        draw.choice(EVENTS),
        draw.choice(AGES),
        draw.choice(DATA),
        draw.choice(CONTENTS),
    )


def invented_files(draw):
    """The files of the house, an invented region, an overlay of it and an invented partner; loaded and raw."""
    law = invented.region(draw, "ZZ")
    free = [f"zz.{name}" for name, rule in tomllib.loads(law)["rule"].items() if rule["delegable"]]
    overlay = invented.region(draw, "ZY", "ZZ", free)
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, name) for name in ("zz.toml", "zy.toml")]
        for path, text in zip(paths, (law, overlay), strict=True):
            path.write_text(text, "utf-8")
        regions = region_files.load(instead=paths)
    vendor = invented.partner(draw)
    partners = {**PARTNERS, "invented": partner_files.read("invented.toml", vendor.encode())}
    raw_regions = {**RAW_REGIONS, "ZZ": tomllib.loads(law), "ZY": tomllib.loads(overlay)}
    return regions, partners, raw_regions, {**RAW_PARTNERS, "invented": tomllib.loads(vendor)}


def tables(draw):
    """A compiled table, the naive world it must agree with, and the day of both."""
    held, day = some_operator(draw), draw.choice(RECENT if draw.random() < 0.8 else DAYS)
    regions, partners, raw_regions, raw_partners = invented_files(draw)
    names = ("ARK_API_KEY", "DASHSCOPE_API_KEY", "OPENAI_API_KEY", "INVENTED_KEY")
    keys = {name: "k" for name in names if draw.random() < 0.4}
    facts = operator.parse(operator_toml(held), "operator.toml")
    table = supposed.table(regions, partners, facts, keys, day)
    return table, naive.World(raw_regions, raw_partners, held, keys), day


def operator_toml(held):
    """`held` as TOML text."""
    top = [f"{key} = {invented.word(value)}" for key, value in held.items() if key != "region"]
    for name, facts in held["region"].items():
        top += [f"[region.{name}]", *(f"{key} = {invented.word(value)}" for key, value in facts.items())]
    return "\n".join(top)
