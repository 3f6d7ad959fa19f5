"""The pictures of a report. Needs Matplotlib (the extra `planner`); each is one function of the document."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from io import StringIO
from typing import Any

from isthmus.core.errors import Refusal
from isthmus.planner.day import DayResult
from isthmus.planner.document import Document

SIZE = (7.2, 3.4)
# Okabe and Ito's colours, which most eyes tell apart.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#666666", "#000000")
Draw = Callable[[Document, Any], bool]


def matplotlib() -> Any:
    """Matplotlib's pyplot, without a screen. Raises Refusal usage where Matplotlib is not installed."""
    try:
        whole = importlib.import_module("matplotlib")
        whole.use("agg")
        whole.rcParams.update(
            {
                "svg.fonttype": "none",
                "svg.hashsalt": "isthmus",
                "font.size": 9,
                "axes.spines.top": False,
                "axes.spines.right": False,
            }
        )
        return importlib.import_module("matplotlib.pyplot")
    except ImportError:
        raise Refusal(
            "usage", reason="Pictures need Matplotlib. Install it with: pip install 'isthmus[planner]'"
        ) from None


def draw(document: Document) -> dict[str, tuple[str, str, Any]]:
    """Every picture that this document has, by name: title, SVG text, and the figure (for PNG)."""
    plt = matplotlib()
    found = {}
    for name, (title, paint) in PICTURES.items():
        figure, axes = plt.subplots(figsize=SIZE, layout="constrained")
        if paint(document, axes):
            text = StringIO()
            figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
            svg = text.getvalue()
            found[name] = (title, svg[svg.index("<svg") :], figure)
        plt.close(figure)
    return found


def _demand(document: Document, axes: Any) -> bool:
    for n, region in enumerate(document.plan.regions):
        hours = [hour + 0.5 for hour in range(24)]
        axes.plot(hours, region.hourly_qps, color=COLOURS[n % len(COLOURS)], label=region.name)
    axes.set(xlabel="hour (UTC)", ylabel="queries a second", xlim=(0, 24), ylim=(0, None))
    axes.legend(frameon=False, ncols=len(document.plan.regions))
    return True


def _gpus(document: Document, axes: Any) -> bool:
    colours = [COLOURS[n % len(COLOURS)] for n in range(len(document.plan.sites))]
    names = [site.name for site in document.plan.sites]
    if isinstance(document.day, DayResult):
        rows = [document.day.gpus_hourly[name] for name in names]
        axes.stackplot([hour + 0.5 for hour in range(24)], rows, labels=names, colors=colours)
        axes.axhline(sum(site.gpus for site in document.plan.sites), color="black", lw=0.8, ls="--", label="bought")
        axes.set(xlabel="hour (UTC)", xlim=(0.5, 23.5))
    else:
        below = 0
        for name, colour, site in zip(names, colours, document.plan.sites, strict=True):
            axes.barh(["bought"], [site.gpus], left=[below], color=colour, label=name)
            below += site.gpus
    axes.set(ylabel="GPUs serving" if isinstance(document.day, DayResult) else "", title="")
    axes.legend(frameon=False, fontsize=7, ncols=3)
    return True


def _delay(document: Document, axes: Any) -> bool:
    if not isinstance(document.day, DayResult):
        return False
    ends = [end for end, _ in document.day.ttft_histogram]
    counts = [count for _, count in document.day.ttft_histogram]
    whole = sum(counts) or 1
    axes.bar(
        ends, [count / whole for count in counts], width=[-end * 0.2 for end in ends], align="edge", color=COLOURS[0]
    )
    axes.set(xscale="log", xlabel="time to first token (s)", ylabel="share of answers")
    return True


def _waterfall(document: Document, axes: Any) -> bool:
    below = 0.0
    for n, (name, usd) in enumerate(document.plan.waterfall):
        axes.bar([name], [usd], bottom=[below], color=COLOURS[n % len(COLOURS)])
        axes.annotate(f"{usd / 1e3:,.0f}", (n, below + max(usd, 0)), ha="center", va="bottom", fontsize=8)
        below += usd
    axes.yaxis.set_major_formatter(lambda value, _: f"{value / 1e3:,.0f}")
    axes.set_ylabel("thousand USD a day")
    axes.margins(y=0.15)
    return True


def _tornado(document: Document, axes: Any) -> bool:
    if not document.plan.sensitivity:
        return False
    middle = document.plan.headline.gpus.value
    axes.axvline(middle, color="black", lw=0.8)
    for swing in reversed(document.plan.sensitivity):
        label = f"{swing.name} ({swing.low:g} to {swing.high:g})"
        axes.barh([label], [swing.gpus_low - middle], left=[middle], color=COLOURS[0])
        axes.barh([label], [swing.gpus_high - middle], left=[middle], color=COLOURS[1])
    axes.set(xlabel="GPUs (blue: at the low end of the range, orange: at the high end)")
    return True


def _residency(document: Document, axes: Any) -> bool:
    names = list(dict.fromkeys(regime.name for regime in document.plan.residency))
    levels = list(dict.fromkeys(regime.spare for regime in document.plan.residency))
    for n, level in enumerate(levels):
        rows = [regime for regime in document.plan.residency if regime.spare == level]
        places = [place + (n - 0.5) * 0.38 for place in range(len(rows))]
        axes.bar(places, [row.gpus for row in rows], width=0.36, color=COLOURS[n], label=f"may be lost: {level}")
        for place, row in zip(places, rows, strict=True):
            axes.annotate(f"{row.premium:+.0%}", (place, row.gpus), ha="center", va="bottom", fontsize=8)
    axes.set_xticks(range(len(names)), names)
    axes.set(ylabel="GPUs")
    axes.margins(y=0.15)
    axes.legend(frameon=False)
    return True


def _device(document: Document, axes: Any) -> bool:
    rows = document.plan.device
    axes.plot([row.share * 100 for row in rows], [row.gpus for row in rows], marker="o", color=COLOURS[2])
    axes.set(xlabel="questions that devices are asked first (%)", ylabel="GPUs", ylim=(0, None))
    return True


def _lost(document: Document, axes: Any) -> bool:
    reports = [each for each in (document.loss, document.loss_cold) if each is not None]
    if not reports:
        return False
    for n, report in enumerate(reports):
        names = [result.lost for result in report.results]  # type: ignore[attr-defined]
        values = [result.served * 100 for result in report.results]  # type: ignore[attr-defined]
        places = [place + (n - 0.5) * 0.38 for place in range(len(names))]
        axes.bar(places, values, width=0.36, color=COLOURS[n], label=("spare runs", "spare must start")[n])
        axes.set_xticks(range(len(names)), names, rotation=40, ha="right", fontsize=7)
    axes.set(ylabel="served, % of the lawfully servable", ylim=(0, 118))
    axes.legend(frameon=False, loc="upper center", ncols=2)
    return True


PICTURES: dict[str, tuple[str, Draw]] = {
    "demand": ("Demand by region", _demand),
    "gpus": ("GPUs by site", _gpus),
    "delay": ("Time to first token", _delay),
    "waterfall": ("What a day costs, step by step", _waterfall),
    "tornado": ("What moves the answer", _tornado),
    "residency": ("The price of residency", _residency),
    "device": ("The device dividend", _device),
    "losses": ("Served after a loss", _lost),
}
