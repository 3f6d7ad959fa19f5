"""Random questions, days and operators, for the tests that draw them by the thousand."""

import datetime as dt
import tomllib

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
        for region in ("CN", "EU", "IT", "US", "KR", "VN", "BR", "UK"):
            facts = held["region"].setdefault(region, {})
            facts["market_date"] = draw.choice(
                [dt.date(2026, 8, 1), dt.date(2026, 8, 2), dt.date(2025, 1, 1), "rehearsal", ""]
            )
            facts["log_max_days"] = draw.choice([30, 200, "rehearsal", ""])
            facts["registration"] = draw.choice(["R-1", "rehearsal", ""])
            facts["producer_code"] = draw.choice(["001", "rehearsal", ""])
            facts["editor"] = draw.choice(["", "Editor"])
            facts["entrusted"] = draw.choice([[], ["doubao"], ["openai", "qwen"]])
            facts["filing"] = {
                p: draw.choice(["F-1", "rehearsal", ""]) for p in ("doubao", "qwen", "deepseek", "local", "device")
            }
            facts["transfer"] = {
                p: draw.choice(["scc_tia", "consent", "rehearsal", ""]) for p in ("openai", "qwen", "deepseek", "local")
            }
    return held


def region_sets(draw, count=40):
    """Single regions and combinations, so that a batch asks each more than once."""
    every = sorted(set(REGIONS) - {"HOUSE"})
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


def tables(draw):
    """A compiled table and the naive world it must agree with; None when the facts contradict themselves."""
    held, day = some_operator(draw), draw.choice(RECENT if draw.random() < 0.8 else DAYS)
    keys = {name: "k" for name in ("ARK_API_KEY", "DASHSCOPE_API_KEY", "OPENAI_API_KEY") if draw.random() < 0.4}
    facts = operator.parse(operator_toml(held), "operator.toml")
    table = supposed.table(REGIONS, PARTNERS, facts, keys, day)
    return table, naive.World(RAW_REGIONS, RAW_PARTNERS, held, keys), day


def operator_toml(held):
    """`held` as TOML text (flat tables of texts, numbers, dates and lists)."""

    def word(value):
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, dt.date):
            return value.isoformat()
        if isinstance(value, list):
            return "[" + ", ".join(word(v) for v in value) + "]"
        if isinstance(value, dict):
            return "{" + ", ".join(f"{k}={word(v)}" for k, v in value.items()) + "}"
        return str(value) if isinstance(value, int) else f'"{value}"'

    top = [f"{key} = {word(value)}" for key, value in held.items() if key != "region"]
    for name, facts in held["region"].items():
        top += [f"[region.{name}]", *(f"{key} = {word(value)}" for key, value in facts.items())]
    return "\n".join(top)
