"""Import term lists, list what is scanned for, and allow a word to one tenant."""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from isthmus.core import config
from isthmus.core.errors import Refusal
from isthmus.policy import allow as exceptions
from isthmus.policy import term_lists
from isthmus.regions import load as region_files

NAME = "moderation"

app = typer.Typer(no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="Text, one term a line; or `term<TAB>category` a line; or a TOML list.")],
    taxonomy: Annotated[str, typer.Option(help="Taxonomy of the region's rule, e.g. cn31.")],
    origin: Annotated[str, typer.Option(help="Who wrote the list, and on what ground it may be used.")],
    category: Annotated[str, typer.Option(help="Category of lines that name none.")] = "imported",
    json: Json = False,
) -> None:
    """Add an operator's own term list to a taxonomy."""
    if not taxonomy.isidentifier():
        raise Refusal("usage", reason="A taxonomy is a word of letters, digits and underscores.")
    listed = _read(file, category, origin)
    folder = config.load().home / "terms"
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{taxonomy}.{file.stem}.toml"
    target.write_text(_toml(listed), "utf-8")
    term_lists.read(target)
    with Console(stderr=True).status("Compiling all lists, so that workers need not"):
        term_lists.load(config.load().home).compile()
    count = sum(len(own.terms) for own in listed.category.values())
    if json:
        print(msgspec.json.encode({"taxonomy": taxonomy, "terms": count, "file": str(target)}).decode())
    else:
        print(f"{count} terms added to {taxonomy}: {target}. Running workers read it on their next reload.")


@app.command("list")
def list_(*, json: Json = False) -> None:
    """Show each taxonomy: how many terms it holds, and how many a region's law asks for."""
    lists = term_lists.load(config.load().home)
    needs = _needs()
    rows: list[dict[str, Any]] = [
        {"taxonomy": name, "terms": len(lists.get(name, ())), "asked": needs.get(name, 0)}
        for name in sorted(set(lists) | set(needs))
    ]
    if json:
        print(msgspec.json.encode(rows).decode())
        return
    table = Table("taxonomy", "terms", "asked by law", "enough")
    for row in rows:
        enough = "yes" if row["terms"] >= row["asked"] else "no: isthmus moderation import"
        table.add_row(row["taxonomy"], str(row["terms"]), str(row["asked"] or "-"), enough)
    Console().print(table)


@app.command("allow")
def allow_(
    term: Annotated[str, typer.Argument(help="The word that does not count.")],
    tenant: Annotated[str, typer.Option(help="The tenant it is allowed to.")],
    reason: Annotated[str, typer.Option(help="Why; kept with the exception.")],
    until: Annotated[str, typer.Option(help="Last day, as YYYY-MM-DD.")],
    json: Json = False,
) -> None:
    """Allow one word to one tenant until a day."""
    try:
        last = date.fromisoformat(until)
    except ValueError:
        raise Refusal("usage", reason=f"--until {until} is not a day. Write it as YYYY-MM-DD.") from None
    if not reason.strip():
        raise Refusal("usage", reason="An exception needs a reason.")
    exceptions.add(config.load().home, exceptions.Allowed(tenant=tenant, term=term, reason=reason, until=last))
    if json:
        print(msgspec.json.encode({"tenant": tenant, "until": until}).decode())
    else:
        print(f"Allowed to {tenant} until {until}.")


def _needs() -> dict[str, int]:
    """Taxonomy -> the largest number of terms that a region's rule asks for."""
    needs: dict[str, int] = {}
    for region in region_files.load().values():
        for rule in region.own:
            if rule.check == "scan":
                name = str(rule.values["taxonomy"])
                needs[name] = max(needs.get(name, 0), int(rule.values.get("terms_min", 0)))
    return needs


def _read(file: Path, category: str, origin: str) -> term_lists.TermList:
    """The list in `file`. Raises Refusal usage naming file and line; a term is never quoted."""
    try:
        text = file.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise Refusal("usage", reason=f"{file} cannot be read: {error}") from None
    if file.suffix == ".toml":
        try:
            return msgspec.convert({**tomllib.loads(text), "origin": origin}, term_lists.TermList)
        except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
            raise Refusal("usage", reason=f"{file}: {error}") from None
    found: dict[str, dict[str, None]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        term, _, own = (part.strip() for part in line.partition("\t"))
        if not term or term.startswith("#"):
            continue
        if len(term) > term_lists.LONGEST:
            raise Refusal("usage", reason=f"{file}, line {number}: a term has at most {term_lists.LONGEST} characters.")
        found.setdefault(own or category, {})[term] = None
    if not found:
        raise Refusal("usage", reason=f"{file} holds no term.")
    return term_lists.TermList(
        origin=origin, category={name: term_lists.Category(terms=list(terms)) for name, terms in found.items()}
    )


def _toml(listed: term_lists.TermList) -> str:
    def quoted(value: Any) -> str:
        return msgspec.json.encode(value).decode()

    lines = [f"origin = {quoted(listed.origin)}", f"title = {quoted(listed.title)}"]
    for name, own in listed.category.items():
        lines += ["", f"[category.{quoted(name)}]", f"title = {quoted(own.title)}"]
        lines += [f"action = {quoted(own.action)}", f"terms = {quoted(own.terms)}"]
    return "\n".join(lines) + "\n"
