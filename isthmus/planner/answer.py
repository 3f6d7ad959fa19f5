"""What the planner says, as data: one document that the table, the JSON and the report all show."""

from __future__ import annotations

import msgspec


class Range(msgspec.Struct, frozen=True):
    """A number with its error bar."""

    value: float
    low: float
    high: float


class Headline(msgspec.Struct, frozen=True):
    """GPUs at the day's peak, MW with cooling, USD a day (all GPUs rented all day, and only as many as each hour
    needs), USD per 1,000 queries (all day), capex in USD, Wh per query and t CO2 a day.
    """

    gpus: Range
    mw: Range
    usd_day: Range
    usd_day_elastic: float
    usd_per_1000: Range
    capex_usd: Range
    wh_per_query: float
    co2_t_day: float


class SitePlan(msgspec.Struct, frozen=True):
    """One site: GPUs, MW with cooling, USD a day, capex, and the load it can carry (queries a second)."""

    name: str
    region: str
    place: str
    hardware: str
    gpus: int
    mw: float
    usd_day: float
    capex_usd: float
    qps: float


class RegionPlan(msgspec.Struct, frozen=True):
    """One region's demand: queries a second, UTC hour of its peak, hourly curve; what law refuses and the device
    answers.
    """

    name: str
    share: float
    mean_qps: float
    peak_qps: float
    peak_hour_utc: float
    hourly_qps: tuple[float, ...]
    refused: float
    device: float
    sites: tuple[str, ...]


class EnginePlan(msgspec.Struct, frozen=True):
    """One accelerator's throughput per GPU, and the GPU-seconds of one query."""

    hardware: str
    title: str
    prefill_tokens_s: float
    decode_tokens_s: float
    batch: float
    token_ms: float
    prefill_layout: str
    decode_layout: str
    gpu_s_per_query: float
    sure: str


class Regime(msgspec.Struct, frozen=True):
    """What one reading of residency costs. `premium` is the extra GPUs over pooling freely (0.1 = a tenth more)."""

    spare: str
    name: str
    gpus: float
    mw: float
    usd_day: float
    capex_usd: float
    premium: float


class DeviceRow(msgspec.Struct, frozen=True):
    """What stays away from the data centre when devices answer `share` of all queries, as far as law lets them."""

    share: float
    answered: float
    gpus: float
    mw: float
    usd_day: float
    saved: float


class Swing(msgspec.Struct, frozen=True):
    """One assumption: its range, and the GPUs at both ends."""

    name: str
    low: float
    high: float
    gpus_low: float
    gpus_high: float


class Input(msgspec.Struct, frozen=True):
    """One figure that the answer rests on, and the line it stands on."""

    name: str
    value: float
    source: str
    sure: str
    where: str


class Answer(msgspec.Struct, frozen=True):
    """The closed form's answer."""

    name: str
    queries: float
    model: str
    date: str
    spare: str
    seed: int
    law: str
    tokens_in: float
    tokens_out: float
    peak_qps: float
    headline: Headline
    without_spare: Headline
    regions: tuple[RegionPlan, ...]
    sites: tuple[SitePlan, ...]
    engines: tuple[EnginePlan, ...]
    residency: tuple[Regime, ...]
    device: tuple[DeviceRow, ...]
    sensitivity: tuple[Swing, ...]
    waterfall: tuple[tuple[str, float], ...]
    inputs: tuple[Input, ...]
    notes: tuple[str, ...]
