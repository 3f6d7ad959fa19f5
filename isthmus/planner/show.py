"""The answer for a person at a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from isthmus.planner.answer import Answer, Headline, Range
from isthmus.planner.day import DayResult
from isthmus.planner.document import Document
from isthmus.planner.loss import LossReport


def money(usd: float) -> str:
    """USD in a unit that can be read."""
    for size, unit in ((1e9, "bn"), (1e6, "M"), (1e3, "k")):
        if abs(usd) >= size:
            return f"${usd / size:,.2f} {unit}"
    return f"${usd:,.2f}"


def ranged(of: Range, form: str = "{:,.0f}") -> str:
    """A number with its error bar."""
    return f"{form.format(of.value)} ({form.format(of.low)} to {form.format(of.high)})"


def show(document: Document, console: Console) -> None:
    """Print the whole document."""
    _plan(document.plan, console)
    if document.other is not None:
        _beside(document.plan, document.other, console)
    if document.months:
        table = _table("On the way there", ("month", "queries a day", "GPUs", "MW", "USD a day"))
        for m in document.months:
            table.add_row(str(m.month), f"{m.queries:,.3g}", f"{m.gpus:,.0f}", f"{m.mw:,.1f}", money(m.usd_day))
        console.print(table)
    if (b := document.budget) is not None:
        console.print(
            f"\n{money(b.usd)} would build {b.gpus:,.0f} GPUs, {b.mw:,.0f} MW: {b.queries:,.3g} such queries a day, "
            f"{b.tokens_day:,.3g} tokens."
        )
    if isinstance(document.day, DayResult):
        _day(document.day, console)
    for report in (document.loss, document.loss_cold):
        if isinstance(report, LossReport):
            _loss(report, console)


def _table(title: str, columns: tuple[str, ...]) -> Table:
    table = Table(title=title, title_justify="left", box=None)
    for number, name in enumerate(columns):
        table.add_column(name, justify="left" if number == 0 else "right")
    return table


def _plan(plan: Answer, console: Console) -> None:
    console.print(
        f"{plan.queries:,.3g} queries a day, {plan.tokens_in:,.0f} tokens in and {plan.tokens_out:,.0f} out, "
        f"{plan.model}, law of {plan.date}",
        style="bold",
    )
    table = _table("", ("", "with spare: " + plan.spare, "without spare"))
    for name, one, two in zip(_NAMES, _cells(plan.headline), _cells(plan.without_spare), strict=True):
        table.add_row(name, one, two)
    console.print(table)
    table = _table("\nPer GPU", ("hardware", "reads tok/s", "writes tok/s", "batch", "ms a token", "GPU-s a query"))
    for e in plan.engines:
        rates = (f"{e.prefill_tokens_s:,.0f}", f"{e.decode_tokens_s:,.0f}", f"{e.batch:,.0f}", f"{e.token_ms:.0f}")
        table.add_row(e.title, *rates, f"{e.gpu_s_per_query:.3f}")
    console.print(table)
    for e in plan.engines:
        console.print(f" {e.hardware} reads with {e.prefill_layout}; writes with {e.decode_layout}.", style="dim")
    table = _table("\nSites", ("site", "place", "hardware", "GPUs", "MW", "USD a day", "capex", "queries/s"))
    for s in plan.sites:
        cells = (f"{s.gpus:,}", f"{s.mw:,.2f}", money(s.usd_day), money(s.capex_usd), f"{s.qps:,.0f}")
        table.add_row(s.name, s.place, s.hardware, *cells)
    console.print(table)
    table = _table(
        "\nWhat the law adds (same demand, same assumptions)",
        ("may be lost", "residency", "GPUs", "MW", "USD a day", "premium"),
    )
    for r in plan.residency:
        table.add_row(r.spare, r.name, f"{r.gpus:,.0f}", f"{r.mw:,.1f}", money(r.usd_day), f"{r.premium:+.0%}")
    console.print(table)
    table = _table("\nWhat devices save", ("asked of devices", "answered there", "GPUs", "MW", "USD a day", "saved"))
    for d in plan.device:
        table.add_row(
            f"{d.share:.0%}", f"{d.answered:.0%}", f"{d.gpus:,.0f}", f"{d.mw:,.1f}", money(d.usd_day), f"{d.saved:.0%}"
        )
    console.print(table)
    table = _table("\nWhat moves the answer", ("assumption", "from", "to", "GPUs from", "GPUs to"))
    for w in plan.sensitivity:
        table.add_row(w.name, f"{w.low:g}", f"{w.high:g}", f"{w.gpus_low:,.0f}", f"{w.gpus_high:,.0f}")
    console.print(table)
    for note in plan.notes:
        console.print(f"- {note}", style="dim", highlight=False)
    weak = sum(each.sure == "low" for each in plan.inputs)
    console.print(
        f"- {len(plan.inputs)} figures, {weak} of them of low confidence; --json names the source and line of each.",
        style="dim",
    )


_NAMES = (
    "GPUs",
    "MW with cooling",
    "USD a day",
    "USD a day, each hour only what it needs",
    "USD per 1,000 queries",
    "capex",
    "Wh a query",
    "t CO2 a day",
)


def _cells(head: Headline) -> tuple[str, ...]:
    spend, capex = head.usd_day, head.capex_usd
    return (
        ranged(head.gpus),
        ranged(head.mw, "{:,.1f}"),
        f"{money(spend.value)} ({money(spend.low)} to {money(spend.high)})",
        money(head.usd_day_elastic),
        ranged(head.usd_per_1000, "{:,.3f}"),
        f"{money(capex.value)} ({money(capex.low)} to {money(capex.high)})",
        f"{head.wh_per_query:.3f}",
        f"{head.co2_t_day:,.1f}",
    )


def _beside(one: Answer, two: Answer, console: Console) -> None:
    table = _table("\nBeside each other", ("", one.name or "first", two.name or "second"))
    for name, a, b in zip(_NAMES, _cells(one.headline), _cells(two.headline), strict=True):
        table.add_row(name, a, b)
    console.print(table)


def _day(day: DayResult, console: Console) -> None:
    title = f"\nA simulated day: {day.requests:,} requests, {day.sample:.2%} of the fleet, seed {day.seed}"
    table = _table(title, ("region", "TTFT p50", "p90", "p99", "token p50", "p99", "shed", "by law", "away"))
    for r in day.regions:
        times = (r.ttft_p50, r.ttft_p90, r.ttft_p99)
        cells = [f"{t.value:.3f} s ±{t.error:.3f}" for t in times]
        cells += [f"{t.value * 1000:.1f} ms ±{t.error * 1000:.1f}" for t in (r.token_p50, r.token_p99)]
        table.add_row(r.name, *cells, f"{r.shed.value:.3%}", f"{r.refused_by_law:.1%}", f"{r.away:.1%}")
    console.print(table)
    console.print(
        f"{day.requests_s:,.0f} simulated requests a second of core time; {day.decisions_broken} decisions broken. "
        f"Scaling kept {day.gpu_hours_share:.0%} of the GPU-hours ({money(day.usd_day_scaled)} a day), "
        f"{day.replicas_ordered:,} replicas ordered, {day.minutes_short} site-minutes short."
    )
    p = day.picker
    pairs = ", ".join(f"{a * 1000:.0f}/{b * 1000:.0f} ms" for a, b in zip(p.picker, p.rule, strict=True))
    console.print(f"Full picker beside the short rule ({p.requests:,} requests at {p.site}; p50, p90, p99): {pairs}.")


def _loss(report: LossReport, console: Console) -> None:
    state = "all spare running" if report.warm else "only what scaling left running, the rest must start"
    title = f"\nLosses at each one's worst hour, {state} ({report.requests:,} requests, seed {report.seed})"
    table = _table(
        title, ("lost", "UTC hour", "lawfully servable", "served", "without a break", "TTFT p50", "p99", "broken")
    )
    for r in report.results:
        cells = (
            f"{r.hour_utc:.1f}",
            f"{r.servable:.2%}",
            f"{r.served:.3%}",
            f"{r.first_try:.2%}",
            f"{r.ttft_p50:.2f} s",
            f"{r.ttft_p99:.2f} s",
        )
        table.add_row(r.lost, *cells, str(r.decisions_broken))
    console.print(table)
    console.print(
        f"{report.decisions_broken} decisions broken; least served {report.least_served:.3%} of what may lawfully be "
        f"served; {report.requests_s:,.0f} simulated requests a second of core time."
    )
