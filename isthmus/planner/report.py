"""The report: one HTML file without any reference to the outside. Its figures are the JSON's, and it holds that JSON.

Every number on the page stands in an element with `data-figure`, the path of that number in the document.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any

import msgspec

from isthmus.core.errors import Refusal
from isthmus.planner import plots
from isthmus.planner.document import Document

STYLE = """
:root { color-scheme: light; --ink: #1b1f24; --soft: #59636e; --line: #d6dbe0; }
body { margin: 0 auto; max-width: 62rem; padding: 2rem 1.2rem 4rem; color: var(--ink); background: #fff;
  font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .3rem; } h2 { font-size: 1.15rem; margin: 2.4rem 0 .6rem; }
p, figcaption, small { color: var(--soft); }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(13rem, 1fr)); gap: .8rem; margin: 1.4rem 0; }
.card { border: 1px solid var(--line); border-radius: 10px; padding: .8rem 1rem; }
.card b { display: block; font-size: 1.6rem; font-variant-numeric: tabular-nums; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; width: 100%; }
th, td { text-align: right; padding: .3rem .6rem; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; }
td.text { text-align: left; } figure { margin: 1rem 0 2rem; } figure svg { width: 100%; height: auto; }
.low { color: #a33c00; }
"""

SIZES = (("gpus", ",.0f"), ("mw", ",.2f"), ("usd_day", ",.0f"))
SITES = (("name", ""), ("hardware", ""), *SIZES, ("capex_usd", ",.0f"), ("qps", ",.0f"))
RESIDENCY = (("name", ""), ("spare", ""), *SIZES, ("premium", "+.1%"))
DEVICE = (("share", ".0%"), ("answered", ".1%"), *SIZES, ("saved", ".1%"))
ENGINES = (
    ("title", ""), ("prefill_tokens_s", ",.0f"), ("decode_tokens_s", ",.0f"), ("batch", ",.0f"), ("token_ms", ",.1f"),
    ("gpu_s_per_query", ",.4f"), ("prefill_layout", ""), ("decode_layout", ""),
)  # fmt: skip
INPUTS = (("name", ""), ("value", ",.6g"), ("sure", ""), ("source", ""), ("where", ""))


def write(document: Document, html: Path | None, folder: Path | None) -> None:
    """Write the report, and the pictures as SVG and PNG. Raises Refusal usage when they cannot be written."""
    pictures = plots.draw(document)
    try:
        if html is not None:
            html.write_text(page(document, {name: (title, svg) for name, (title, svg, _) in pictures.items()}), "utf-8")
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            for name, (_, svg, figure) in pictures.items():
                (folder / f"{name}.svg").write_text(svg, "utf-8")
                figure.savefig(folder / f"{name}.png", dpi=120)
    except OSError as error:
        raise Refusal("usage", reason=f"The report could not be written: {error}.") from None


def page(document: Document, pictures: dict[str, tuple[str, str]]) -> str:
    """The whole page."""
    data = msgspec.to_builtins(document)
    plan = document.plan
    title = f"{plan.queries:,.3g} queries a day on {plan.model}"
    # "<" never stands in the JSON as itself, so that no text can end the element.
    raw = msgspec.json.encode(document).decode().replace("<", "\\u003c")
    figures = "".join(
        f'<figure id="{name}"><figcaption><h2>{escape(head)}</h2></figcaption>{svg}</figure>'
        for name, (head, svg) in pictures.items()
    )
    notes = "".join(f"<li>{escape(note)}</li>" for note in plan.notes)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title><style>{STYLE}</style></head><body>
<h1>{escape(title)}</h1>
<p>{plan.tokens_in:,.0f} tokens in and {plan.tokens_out:,.0f} out a query; law of {plan.date} ({plan.law});
spare: {plan.spare}; seed {plan.seed}. Ranges join every assumption's own range.</p>
<div class="cards">{_cards(data)}</div>
<h2>Sites</h2>{_rows(data, "plan.sites", SITES)}
<h2>What the law adds</h2>{_rows(data, "plan.residency", RESIDENCY)}
<h2>What devices save</h2>{_rows(data, "plan.device", DEVICE)}
{_simulated(data)}
{figures}
<h2>Per GPU</h2>{_rows(data, "plan.engines", ENGINES)}
<h2>What this rests on</h2><ul>{notes}</ul>
{_rows(data, "plan.inputs", INPUTS)}
<script type="application/json" id="document">{raw}</script>
</body></html>
"""


def _cards(data: dict[str, Any]) -> str:
    cards = (
        ("GPUs", "gpus", ",.0f"),
        ("MW with cooling", "mw", ",.1f"),
        ("USD a day", "usd_day", ",.0f"),
        ("USD per 1,000 queries", "usd_per_1000", ",.3f"),
        ("capex, USD", "capex_usd", ",.0f"),
    )
    found = []
    for title, name, form in cards:
        path = f"plan.headline.{name}"
        low, high = (number(data, f"{path}.{end}", form) for end in ("low", "high"))
        found.append(
            f'<div class="card">{title}<b>{number(data, f"{path}.value", form)}</b><small>{low} to {high}</small></div>'
        )
    for title, name, form in (("Wh a query", "wh_per_query", ",.3f"), ("t CO2 a day", "co2_t_day", ",.1f")):
        found.append(f'<div class="card">{title}<b>{number(data, f"plan.headline.{name}", form)}</b></div>')
    return "".join(found)


def number(data: dict[str, Any], path: str, form: str) -> str:
    """One figure of the document, with its path beside it."""
    value = at(data, path)
    return f'<span data-figure="{path}" data-form="{form}">{value:{form}}</span>'


def at(data: Any, path: str) -> Any:
    """What stands at a path like plan.sites.0.gpus."""
    for word in path.split("."):
        data = data[int(word)] if isinstance(data, (list, tuple)) else data[word]
    return data


def _rows(data: dict[str, Any], path: str, columns: Sequence[tuple[str, str]]) -> str:
    """A list of the document as a table. A form of "" is text."""
    head = "".join(f"<th>{name.replace('_', ' ')}</th>" for name, _ in columns)
    body = "".join(f"<tr>{''.join(_cells(data, f'{path}.{n}', columns))}</tr>" for n in range(len(at(data, path))))
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _cells(data: dict[str, Any], path: str, columns: Sequence[tuple[str, str]]) -> Iterable[str]:
    for name, form in columns:
        where = f"{path}.{name}"
        if form:
            yield f"<td>{number(data, where, form)}</td>"
        else:
            value = str(at(data, where))
            weak = ' class="text low"' if value == "low" else ' class="text"'
            yield f"<td{weak}>{escape(value)}</td>"


def _simulated(data: dict[str, Any]) -> str:
    parts = []
    if data["day"] is not None:
        columns = [("name", ""), ("requests", ",.0f")]
        columns += [
            (f"{name}.value", ",.4f") for name in ("ttft_p50", "ttft_p90", "ttft_p99", "token_p50", "token_p99")
        ]
        columns += [("shed.value", ".3%"), ("refused_by_law", ".2%"), ("away", ".2%")]
        parts.append(f"<h2>A simulated day</h2>{_rows(data, 'day.regions', columns)}")
    for name, title in (("loss", "Losses, spare running"), ("loss_cold", "Losses, spare must start")):
        if data[name] is not None:
            columns = [("lost", ""), ("hour_utc", ",.1f"), ("requests", ",.0f"), ("servable", ".2%"), ("served", ".3%")]
            columns += [("first_try", ".2%"), ("ttft_p50", ",.3f"), ("ttft_p99", ",.3f"), ("decisions_broken", ",.0f")]
            parts.append(f"<h2>{title}</h2>{_rows(data, f'{name}.results', columns)}")
    if data["budget"] is not None:
        cells = "".join(
            f'<div class="card">{name}<b>{number(data, f"budget.{name}", ",.4g")}</b></div>'
            for name in ("usd", "queries", "gpus", "mw", "tokens_day")
        )
        parts.append(f'<h2>What a sum of money builds</h2><div class="cards">{cells}</div>')
    return "".join(parts)
