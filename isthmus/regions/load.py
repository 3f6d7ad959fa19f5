"""Region files to `Region`s. Strict: whatever is not understood is refused, with the place and the mend.

    data/*.toml --tomllib--> dict --read, per file--> Draft --chain, per extends--> Region

An overlay (`extends`) inherits its parent's rules. It may replace one only where the parent marked that rule
`delegable`: the law itself leaves the figure to the overlay (GDPR Art 8(1)).
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from isthmus.core.decision import FEATURE_ALIASES, Citation
from isthmus.core.errors import Refusal
from isthmus.core.places import is_place
from isthmus.regions import schema
from isthmus.regions.schema import Field, Grace, Region, Reviewed, Rule, When

DATA = Path(__file__).parent / "data"
_ID = re.compile(r"[A-Z]{2}(-[A-Z]{2})?|HOUSE")
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_FACT = re.compile(r"[a-z]{2}_(" + "|".join(schema.FACTS) + ")")
_GAP = re.compile(r"\{([^{}]*)\}")
_IF = re.compile(r"placed_on_market<(\d{4}-\d{2}-\d{2})")


def load(folder: Path | None = None, instead: Iterable[Path] = ()) -> dict[str, Region]:
    """Every region of `folder` (default: the files of this package) by id, the house file under HOUSE.

    Each file of `instead` takes the place of the one with the same id, for those too that extend it. Raises Refusal
    bad_law that names file, rule, key and the allowed words.
    """
    paths = sorted((folder or DATA).glob("*.toml"))
    if not paths:
        raise Refusal("bad_law", reason=f"{folder or DATA}: no region file here. Expected one .toml per jurisdiction.")
    drafts: dict[str, _Draft] = {}
    for path in paths:
        draft = read(path.name, path.read_bytes())
        if draft.id in drafts:
            _refuse(path.name, "", "id", f"{draft.id} is already the id of {drafts[draft.id].file}")
        drafts[draft.id] = draft
    for path in instead:
        draft = read(path.name, _bytes(path))
        drafts[draft.id] = draft
    return {name: _chain(draft, drafts) for name, draft in drafts.items()}


def load_draft(path: Path, folder: Path | None = None) -> Region:
    """The region of one draft file, read beside the files of `folder`."""
    name = read(path.name, _bytes(path)).id
    return load(folder, (path,))[name]


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Refusal("bad_law", reason=f"{path}: {error.strerror}") from None


class _Draft(msgspec.Struct, frozen=True):
    """One file, read and checked, not yet joined with its parent."""

    file: str
    id: str
    name: str
    countries: tuple[str, ...]
    extends: str
    applies: tuple[str, ...]
    fallback: tuple[str, ...]
    reviewed: Reviewed
    rules: tuple[Rule, ...]
    digest: str


def read(file: str, raw: bytes) -> _Draft:
    """One file's bytes, checked word by word. `file` names it in errors."""
    try:
        table = tomllib.loads(raw.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        _refuse(file, "", "", f"not valid TOML: {error}")
    _known(file, "", table, schema.REGION_KEYS)
    if table.get("schema", schema.SCHEMA) != schema.SCHEMA:
        _refuse(file, "", "schema", f"{table['schema']!r} is not known. Allowed: {schema.SCHEMA}")
    region = table.get("id")
    if not isinstance(region, str) or _ID.fullmatch(region) is None:
        _refuse(file, "", "id", "it must be like CN, US-CA or HOUSE")
    reviewed = _reviewed(file, table.get("reviewed"))
    sources = _sources(file, table.get("source"))
    rules = table.get("rule", {})
    if not isinstance(rules, dict):
        _refuse(file, "", "rule", "rules are tables: [rule.name]")
    house = region == schema.HOUSE_ID
    return _Draft(
        file=file,
        id=region,
        name=_text(file, "", "name", table.get("name", region)),
        countries=() if house else _places(file, "", "countries", table.get("countries", [region[:2]])),
        extends=_text(file, "", "extends", table.get("extends", "")),
        applies=_words(file, "", "applies", table.get("applies", list(schema.APPLIES)), schema.APPLIES),
        fallback=_words(file, "", "fallback", table.get("fallback", ["refuse"]), schema.FALLBACK),
        reviewed=reviewed,
        rules=tuple(
            _Reader(file, region, name, sources, reviewed.status == "draft").rule(r) for name, r in rules.items()
        ),
        digest=hashlib.sha256(raw).hexdigest(),
    )


def _reviewed(file: str, value: object) -> Reviewed:
    if not isinstance(value, dict) or set(value) != {"by", "on", "status"}:
        _refuse(file, "", "reviewed", 'it must be {by="", on=DATE, status="draft"}')
    status = _word(file, "", "reviewed.status", value["status"], schema.STATUS)
    by = _text(file, "", "reviewed.by", value["by"])
    if status == "signed" and not by:
        _refuse(file, "", "reviewed.by", "a signed file names the lawyer who signed it")
    return Reviewed(by=by, on=_date(file, "", "reviewed.on", value["on"]), status=status)


def _sources(file: str, value: object) -> dict[str, tuple[str, str, date]]:
    if not isinstance(value, dict) or not value:
        _refuse(file, "", "source", 'at least one is needed: [source] name=["title", "rank", in-force date]')
    sources: dict[str, tuple[str, str, date]] = {}
    for name, entry in value.items():
        if not isinstance(entry, list) or len(entry) != 3:
            _refuse(file, "", f"source.{name}", 'it must be ["title", "rank", in-force date]')
        rank = _word(file, "", f"source.{name} rank", entry[1], schema.RANKS)
        sources[name] = (_text(file, "", f"source.{name}", entry[0]), rank, _date(file, "", f"source.{name}", entry[2]))
    return sources


class _Reader:
    """Reads one rule; holds where it stands, so that each refusal can name it."""

    def __init__(
        self, file: str, region: str, name: str, sources: Mapping[str, tuple[str, str, date]], draft: bool
    ) -> None:
        self.file = file
        self.region = region
        self.name = name
        self.sources = sources
        self.draft = draft

    def rule(self, table: object) -> Rule:
        """The rule, or Refusal bad_law."""
        file, name = self.file, self.name
        if _NAME.fullmatch(name) is None:
            _refuse(file, name, "", "a rule's name is lower case: letters, digits, _")
        if not isinstance(table, dict):
            _refuse(file, name, "", "a rule is a table: [rule.name]")
        _known(file, name, table, schema.RULE_KEYS)
        for key in ("duty", "law", "check"):
            if not table.get(key):
                _refuse(file, name, key, "it is required")
        law = self.law(table["law"])
        since = _date(file, name, "from", table["from"]) if "from" in table else law[0].since
        until = _date(file, name, "until", table["until"]) if "until" in table else None
        if until is not None and until <= since:
            _refuse(file, name, "until", f"{until} is not after {since}, when the rule begins")
        check = _word(file, name, "check", table["check"], tuple(schema.VERBS))
        delegable = table.get("delegable", False)
        if not isinstance(delegable, bool):
            _refuse(file, name, "delegable", "it is true or false")
        return Rule(
            region=self.region,
            name=name,
            duty=_text(file, name, "duty", table["duty"]),
            law=law,
            check=check,
            since=since,
            values=self.values(check, table.get("with", {})),
            when=self.when(table.get("when", {})),
            until=until,
            grace=self.grace(table.get("grace")),
            unless=_word(file, name, "unless", table["unless"], schema.UNLESS) if "unless" in table else "",
            excepted=self.narrowing("except", table.get("except", {})),
            sure=_word(file, name, "sure", table.get("sure", "low"), schema.SURE),
            delegable=delegable,
            replaces=_text(file, name, "replaces", table.get("replaces", "")),
            draft=self.draft,
        )

    def law(self, value: object) -> tuple[Citation, ...]:
        """`["label#4", "gb"]` as citations; the first is the rule's principal source."""
        citations = []
        for entry in _texts(self.file, self.name, "law", value):
            source, _, article = entry.partition("#")
            if source not in self.sources:
                known = ", ".join(sorted(self.sources))
                _refuse(self.file, self.name, "law", f"{source!r} is not in [source]. Allowed: {known}")
            title, rank, since = self.sources[source]
            citations.append(Citation(source=source, title=title, article=article, rank=rank, since=since))
        return tuple(citations)

    def grace(self, value: object) -> Grace | None:
        if value is None:
            return None
        if not isinstance(value, dict) or set(value) != {"until", "if"}:
            _refuse(self.file, self.name, "grace", 'it must be {until=DATE, if="placed_on_market<YYYY-MM-DD"}')
        match = _IF.fullmatch(_text(self.file, self.name, "grace.if", value["if"]))
        if match is None:
            _refuse(self.file, self.name, "grace.if", "allowed: placed_on_market<YYYY-MM-DD")
        try:
            before = date.fromisoformat(match[1])
        except ValueError:
            _refuse(self.file, self.name, "grace.if", f"{match[1]} is not a day of the calendar")
        return Grace(until=_date(self.file, self.name, "grace.until", value["until"]), placed_before=before)

    def narrowing(self, key: str, table: object) -> dict[str, tuple[str, ...]]:
        """The word lists of `when` or `except`, aliases of features resolved."""
        if not isinstance(table, dict):
            _refuse(self.file, self.name, key, "it is a table of lists")
        _known(self.file, self.name, table, tuple(schema.WHEN), key)
        return {
            word: _words(self.file, self.name, f"{key}.{word}", value, schema.WHEN[word])
            for word, value in table.items()
        }

    def when(self, table: object) -> When:
        if not isinstance(table, dict):
            _refuse(self.file, self.name, "when", "it is a table of lists")
        _known(self.file, self.name, table, (*schema.WHEN, "age_under", "unknown_age"), "when")
        if ("age_under" in table) != ("unknown_age" in table):
            words = ", ".join(schema.UNKNOWN_AGE)
            _refuse(
                self.file, self.name, "when.unknown_age", f"it goes together with age_under, as one of {words}; "
                "laws differ, so there is no default"
            )  # fmt: skip
        age, unknown = 0, ""
        if "age_under" in table:
            age = _whole(self.file, self.name, "when.age_under", table["age_under"])
            unknown = _word(self.file, self.name, "when.unknown_age", table["unknown_age"], schema.UNKNOWN_AGE)
        lists = {key: value for key, value in table.items() if key in schema.WHEN}
        return When(**self.narrowing("when", lists), age_under=age, unknown_age=unknown)

    def values(self, check: str, table: object) -> dict[str, Any]:
        """`with`, checked against the verb's fields."""
        verb = schema.VERBS[check]
        if not isinstance(table, dict):
            _refuse(self.file, self.name, "with", "it is a table")
        _known(self.file, self.name, table, tuple(verb.fields), "with")
        for key in verb.required:
            if key not in table:
                _refuse(self.file, self.name, f"with.{key}", f"{check} needs it")
        return {key: self.value(f"with.{key}", verb.fields[key], value) for key, value in table.items()}

    def value(self, key: str, field: Field, value: object) -> Any:
        """One value of `with`, in the shape that `field` asks for."""
        file, name = self.file, self.name
        match field.kind:
            case "text":
                return self.gaps(key, _text(file, name, key, value))
            case "word":
                return _word(file, name, key, value, field.allowed)
            case "words":
                return _words(file, name, key, value, field.allowed)
            case "places":
                return _places(file, name, key, value)
            case "facts":
                facts = _texts(file, name, key, value)
                for fact in facts:
                    if _FACT.fullmatch(fact) is None:
                        _refuse(file, name, key, f"{fact!r}: allowed: a prefix and {', '.join(schema.FACTS)}: cn_code")
                return facts
            case "whole":
                return _whole(file, name, key, value)
            case "days":
                return value if value == "{operator}" else _whole(file, name, key, value)
            case "flag":
                if not isinstance(value, bool):
                    _refuse(file, name, key, "it is true or false")
                return value
            case "table":
                if not isinstance(value, dict):
                    _refuse(file, name, key, "it is a table of texts")
                return {
                    word: self.gaps(f"{key}.{word}", _text(file, name, f"{key}.{word}", text))
                    for word, text in value.items()
                }
            case _:
                if not isinstance(value, list) or not value:
                    _refuse(file, name, key, "it is a list of lists of texts")
                return tuple(_texts(file, name, key, group) for group in value)

    def gaps(self, key: str, text: str) -> str:
        """`text`, whose gaps are all known words."""
        for gap in _GAP.findall(text):
            if gap not in (*schema.GAPS, *schema.LATER) and _FACT.fullmatch(gap) is None:
                allowed = ", ".join((*schema.GAPS, *schema.LATER))
                _refuse(self.file, self.name, key, f"{{{gap}}} is not known. Allowed: {allowed}, or a fact: cn_code")
        return text


def _chain(draft: _Draft, drafts: Mapping[str, _Draft], below: tuple[str, ...] = ()) -> Region:
    """The region of `draft` with all it inherits."""
    if draft.id in below:
        _refuse(draft.file, "", "extends", "the files extend each other in a circle: " + " > ".join((*below, draft.id)))
    if not draft.extends:
        return _join(draft, None)
    parent = drafts.get(draft.extends)
    if parent is None:
        _refuse(draft.file, "", "extends", f"{draft.extends} is not a region. Known: {', '.join(sorted(drafts))}")
    return _join(draft, _chain(parent, drafts, (*below, draft.id)))


def _join(draft: _Draft, parent: Region | None) -> Region:
    inherited = {rule.id: rule for rule in parent.rules} if parent is not None else {}
    for rule in draft.rules:
        if not rule.replaces:
            continue
        region, _, name = rule.replaces.rpartition(".")
        key = f"{region.upper()}.{name}"
        old = inherited.pop(key, None)
        allowed = (
            ", ".join(i.lower() for i, r in inherited.items() if r.delegable) or "none; this region extends nothing"
        )
        if old is None:
            _refuse(draft.file, rule.name, "replaces", f"{rule.replaces!r} is not inherited. Allowed: {allowed}")
        if not old.delegable:
            _refuse(
                draft.file, rule.name, "replaces",
                f"{rule.replaces} is not marked delegable: add a stricter rule beside it instead. Allowed: {allowed}",
            )  # fmt: skip
    return Region(
        id=draft.id,
        name=draft.name,
        countries=draft.countries,
        chain=(draft.id, *(parent.chain if parent else ())),
        applies=draft.applies,
        fallback=draft.fallback,
        reviewed=draft.reviewed,
        own=draft.rules,
        rules=(*inherited.values(), *draft.rules),
        digest=hashlib.sha256((draft.digest + (parent.digest if parent else "")).encode()).hexdigest(),
    )


def _refuse(file: str, rule: str, key: str, reason: str) -> NoReturn:
    place = ": ".join(part for part in (file, f"rule {rule}" if rule else "", key) if part)
    raise Refusal("bad_law", reason=f"{place}: {reason}")


def _known(file: str, rule: str, table: Mapping[str, object], allowed: Iterable[str], within: str = "") -> None:
    allowed = tuple(allowed)
    for key in table:
        if key not in allowed:
            place = f"{within}.{key}" if within else key
            _refuse(file, rule, place, f"this key is not known. Allowed: {', '.join(allowed) or 'none'}")


def _text(file: str, rule: str, key: str, value: object) -> str:
    if not isinstance(value, str):
        _refuse(file, rule, key, "it is a text in quotes")
    return value


def _texts(file: str, rule: str, key: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(word, str) for word in value):
        _refuse(file, rule, key, "it is a list of texts, not empty")
    return tuple(value)


def _word(file: str, rule: str, key: str, value: object, allowed: tuple[str, ...]) -> str:
    if not isinstance(value, str) or value not in allowed:
        _refuse(file, rule, key, f"{value!r} is not known. Allowed: {', '.join(allowed)}")
    return value


def _words(file: str, rule: str, key: str, value: object, allowed: tuple[str, ...]) -> tuple[str, ...]:
    words = tuple(FEATURE_ALIASES.get(word, word) for word in _texts(file, rule, key, value))
    return tuple(_word(file, rule, key, word, allowed) for word in words) if allowed else words


def _places(file: str, rule: str, key: str, value: object) -> tuple[str, ...]:
    words = _texts(file, rule, key, value)
    for word in words:
        if not is_place(word):
            _refuse(file, rule, key, f"{word!r} is not a place. Allowed: two capital letters (ISO 3166-1), EU, EEA, *")
    return words


def _whole(file: str, rule: str, key: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        _refuse(file, rule, key, "it is a whole number, 0 or more")
    return value


def _date(file: str, rule: str, key: str, value: object) -> date:
    if type(value) is not date:
        _refuse(file, rule, key, "it is a date without quotes: 2026-08-02")
    return value
