"""Say who may answer a question, what is owed, and by which law."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from isthmus.core import config, operator
from isthmus.core.clock import SystemClock, today
from isthmus.core.decision import CONTENTS, DATA, EVENTS, FEATURE_ALIASES, FEATURES, MODALITIES, Question, age_band
from isthmus.core.errors import Refusal
from isthmus.partners import load as partner_files
from isthmus.policy import supposed
from isthmus.policy.explain import Explanation, Owed, explain
from isthmus.regions import load as region_files

NAME = "explain"


def command(
    *,
    region: Annotated[list[str], typer.Option(help="Region, e.g. CN, EU, US-CA. Repeatable: the strictest binds.")],
    feature: Annotated[str, typer.Option(help=f"One of {', '.join(FEATURES)}.")] = "assistant",
    modality: Annotated[str, typer.Option(help=f"One of {', '.join(MODALITIES)}.")] = "text",
    event: Annotated[str, typer.Option(help=f"One of {', '.join(EVENTS)}.")] = "answer",
    age: Annotated[str, typer.Option(help="Age in years, a bracket such as 13-15 or 18+, or unknown.")] = "unknown",
    data: Annotated[str, typer.Option(help=f"Personal data in the question: {', '.join(DATA)}.")] = "personal",
    route: Annotated[str, typer.Option(help="Only device, private or partner; or one partner, model or route.")] = "",
    content: Annotated[str, typer.Option(help=f"What the answer is: {', '.join(CONTENTS)}.")] = "ordinary",
    on: Annotated[str, typer.Option("--date", help="The day whose law counts, YYYY-MM-DD. Default: today.")] = "",
    operator_file: Annotated[Path | None, typer.Option("--operator", help="Another operator.toml.")] = None,
    partners: Annotated[Path | None, typer.Option(help="Another folder of partner files.")] = None,
    facts: Annotated[Path | None, typer.Option(help="Facts laid over operator.toml, for what-if questions.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Say who may answer a question, what is owed, and by which law."""
    question = Question(
        regions=tuple(word.upper() for word in region),
        feature=_word(FEATURE_ALIASES.get(feature, feature), FEATURES, "--feature"),
        modality=_word(modality, MODALITIES, "--modality"),
        event=_word(event, EVENTS, "--event"),
        age=_age(age),
        data=_word(data, DATA, "--data"),
        content=_word(content, CONTENTS, "--content"),
    )
    held = operator.load_or_rehearsal(config.load().operator) if operator_file is None else operator.load(operator_file)
    if facts is not None:
        held = operator.parse(_read(facts), str(facts), over=held)
    known = partner_files.load(partners)
    table = supposed.table(region_files.load(), known, held, supposed.secrets(known, os.environ), _day(on))
    answer = explain(table, question, route)
    if json:
        print(msgspec.json.encode(answer).decode())
    else:
        show(answer, Console())


def show(answer: Explanation, console: Console) -> None:
    """Print an explanation for a person."""
    asked = answer.question
    words = (*asked.regions, asked.feature, asked.modality, asked.event, f"age {asked.age}", f"data {asked.data}")
    say = _Say(console)
    say(f"{answer.decision}: {', '.join(words)}, {asked.content}, on {answer.date}", "bold")
    say(answer.sentence)
    _show_routes(answer, say)
    _show_duties(answer, say)
    _show_out(answer, say)
    for near in answer.nearest:
        say(f"Nearest: {near.change} = {near.to} would be {near.decision} ({near.route})")
    tail = f"Law changes next on {answer.next_change}. " if answer.next_change else ""
    say(f"\n{tail}Decision {answer.digest}. Every rule is a draft until a lawyer signs it.", "dim")


class _Say:
    """Prints a line as it is: the terminal wraps it, brackets stay brackets."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def __call__(self, line: str, style: str = "") -> None:
        self._console.print(line, style=style or None, markup=False, highlight=False, soft_wrap=True)


def _show_routes(answer: Explanation, say: _Say) -> None:
    say("\nLawful routes, in order" if answer.routes else "\nNo lawful route", "bold")
    before: tuple[str, list[str]] | None = None
    for place, way in enumerate(answer.routes, 1):
        say(f"{place:>3}. {way.route}  ({way.badge})")
        why = (way.reason, way.needs)
        if why == before:
            continue
        before = why
        say(f"     why: {way.reason}")
        for need in way.needs:
            say(f"     first: {need}")


def _show_duties(answer: Explanation, say: _Say) -> None:
    if answer.obligations:
        say("\nWhat is owed", "bold")
    rules: dict[str, list[Owed]] = {}
    for owed in answer.obligations:
        rules.setdefault(owed.rule, []).append(owed)
    for same in rules.values():
        owed = same[0]
        say(f"  {owed.verb}: {owed.duty}")
        article = f" #{owed.article}" if owed.article else ""
        draft = "draft, " if owed.draft else ""
        say(f"     {owed.law}{article}; in force since {owed.since}; {draft}sure: {owed.sure}; rule {owed.rule}")
        routes = list(dict.fromkeys(route for one in same for route in one.routes))
        if len(routes) < len(answer.routes):
            say(f"     only on: {', '.join(routes)}")
        if owed.values:
            others = f"  (and {len(same) - 1} more, by route)" if len(same) > 1 else ""
            say(f"     {msgspec.json.encode(owed.values).decode()}{others}", "dim")


def _show_out(answer: Explanation, say: _Say) -> None:
    if answer.ruled_out:
        say("\nRuled out", "bold")
    last = ""
    for out in answer.ruled_out:
        if out.route != last:
            say(f"  {out.route}  ({out.badge})")
            last = out.route
        article = f" #{out.article}" if out.article else ""
        say(f"     {out.reason} [{f'{out.rule}: ' if out.rule else ''}{out.law}{article}]")


def _word(word: str, known: tuple[str, ...], option: str) -> str:
    if word not in known:
        raise Refusal("bad_field", field=option, reason=f"{word!r} is not known. One of {', '.join(known)}")
    return word


def _age(word: str) -> str:
    try:
        return age_band(word)
    except ValueError as error:
        raise Refusal("bad_field", field="--age", reason=str(error)) from None


def _day(word: str) -> date:
    if not word:
        return today(SystemClock())
    try:
        return date.fromisoformat(word)
    except ValueError:
        raise Refusal("bad_field", field="--date", reason=f"{word!r} is not a day: YYYY-MM-DD") from None


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Refusal("bad_law", reason=f"{path}: {error}") from None
