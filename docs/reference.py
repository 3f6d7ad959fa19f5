"""Write the pages that are made from the code (`make docs`): commands.md, duties.md, errors.md, partners.md.

tests/test_docs.py fails when a page differs from what the code says now, so neither can go stale.
"""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path
from typing import Any

import typer

from isthmus import cli
from isthmus.core.errors import TABLE
from isthmus.partners import load as partners
from isthmus.policy import duties

FOLDER = Path(__file__).parent

EXITS = {
    0: "done",
    1: "failed",
    2: "wrong usage, or a request that cannot be accepted",
    3: "refused by law or policy",
    4: "not authorised",
    5: "a partner, the engine or a model was not to be had",
    6: "damaged data",
    7: "nothing is running",
}


def leaves() -> dict[str, Any]:
    """Every command that can be run, by its words after `isthmus`."""
    root = typer.main.get_command(cli.build(lambda _: True))
    found = {}
    for name, command in root.commands.items():  # type: ignore[attr-defined]
        inner = getattr(command, "commands", None)
        for word, leaf in inner.items() if inner else ():
            found[f"{name} {word}"] = leaf
        if not inner or getattr(command, "invoke_without_command", False):
            found[name] = command
    return found


def commands() -> str:
    """docs/commands.md: each command with its help, its arguments and its options."""
    lines = [
        "# The command line",
        "",
        "Made from the code by `make docs`. `isthmus --help` and `isthmus COMMAND --help` say the same.",
        "`isthmus --version` prints the version.",
    ]
    for words, leaf in leaves().items():
        lines += ["", f"## isthmus {words}", "", inspect.cleandoc(leaf.help or "")]
        rows = [_row(parameter) for parameter in leaf.params if not getattr(parameter, "hidden", False)]
        if rows:
            lines += ["", "| argument or option | meaning |", "|---|---|", *rows]
    return "\n".join(lines) + "\n"


def _row(parameter: Any) -> str:
    given = ", ".join(f"`{word}`" for word in (*parameter.opts, *parameter.secondary_opts))
    shown = given if parameter.param_type_name == "option" else f"`{parameter.name.upper()}`"
    return f"| {shown} | {(getattr(parameter, 'help', None) or '').replace('|', chr(92) + '|')} |"


def errors() -> str:
    """docs/errors.md: the exit codes, and every code that can be refused."""
    lines = [
        "# Errors",
        "",
        "Made from the code by `make docs`. A code is never renamed. Over HTTP an error has OpenAI's shape",
        '(`{"error": {"message", "type", "param", "code"}}`), and what Isthmus adds stands in `error.isthmus`.',
        "",
        "## Exit codes of the command line",
        "",
        "| exit | meaning |",
        "|---|---|",
        *(f"| {code} | {meaning} |" for code, meaning in EXITS.items()),
        "",
        "## Codes",
        "",
        "Words in braces are filled in when it happens.",
        "",
        "| code | HTTP | exit | type | message |",
        "|---|---|---|---|---|",
        *(f"| `{code}` | {row.status} | {row.exit} | `{row.type}` | {row.message} |" for code, row in TABLE.items()),
    ]
    return "\n".join(lines) + "\n"


def duty_pages() -> str:
    """docs/duties.md: each duty in the order in which it meets a request, in its own file's words."""
    lines = [
        "# Duties",
        "",
        "Made from the code by `make docs`. A duty is what a region's law asks of an answer, met by one file of",
        "`policy/`; here in the order in which they meet a request (`policy/duties.py`).",
    ]
    for duty in duties.discover():
        room = importlib.import_module(f"isthmus.policy.{duty.name}")
        verbs = ", ".join(f"`{verb}`" for verb in sorted(duty.verbs))
        lines += [
            "",
            f"## {duty.name}",
            "",
            f"`policy/{duty.name}.py` meets {verbs}.",
            "",
            inspect.cleandoc(room.__doc__ or ""),
        ]
    decided = [f"- `{verb}`: {reason}" for verb, reason in duties.DECIDED.items()]
    return "\n".join([*lines, "", "## Met without a stage", "", *decided]) + "\n"


def partner_pages() -> str:
    """docs/partners.md: each partner with its doors, its models and what it says of data."""
    lines = [
        "# Partners",
        "",
        "Made from `partners/data/` by `make docs`. A partner is one file of facts; a new one that speaks a known wire",
        "needs no code. Without its key Isthmus rehearses: a local model answers in its place, and every answer says",
        "so.",
    ]
    for partner in sorted(partners.load().values(), key=lambda one: (one.order, one.id)):
        key = f"Its key is read from `{partner.key_env}`." if partner.key_env else "It needs no key."
        lines += ["", f"## {partner.title}", ""]
        lines += [f"`{partner.id}`, tier {partner.tier}, wire `{partner.dialect}`, {partner.legal_name}. {key}"]
        lines += [f"Retention: {partner.retention}. Training on input: {partner.training}."]
        if partner.note:
            lines += ["", partner.note]
        lines += ["", "| door | stands in | computes in | serves |", "|---|---|---|---|"]
        for name, door in partner.endpoint.items():
            served = ", ".join(door.end_users) + "".join(f", not {place}" for place in door.end_users_not)
            lines.append(f"| {name} | {door.region} | {', '.join(door.inference)} | {served} |")
        lines += [
            "",
            "| model | also called | USD per million tokens, in / out | source of the price |",
            "|---|---|---|---|",
        ]
        for name, model in partner.model.items():
            rate = model.rate
            price, source = ("-", "-") if rate is None else (f"{rate.input:g} / {rate.output:g}", rate.source)
            lines.append(f"| `{name}` | {', '.join(model.aliases) or '-'} | {price} | {source} |")
    return "\n".join(lines) + "\n"


PAGES = {"commands.md": commands, "duties.md": duty_pages, "errors.md": errors, "partners.md": partner_pages}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (FOLDER / name).write_text(page(), encoding="utf-8")
