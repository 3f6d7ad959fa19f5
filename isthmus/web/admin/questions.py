"""Ask what the law would say, and what the guard would do. Nothing is sent, kept or logged."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

import msgspec

from isthmus.core.clock import SystemClock, today
from isthmus.core.decision import AGES, CONTENTS, DATA, EVENTS, FEATURES, MODALITIES, Question
from isthmus.core.errors import Refusal
from isthmus.policy import term_lists
from isthmus.policy.detect import details
from isthmus.policy.explain import explain
from isthmus.policy.placeholders import Placeholders
from isthmus.policy.privacy import masked
from isthmus.policy.terms import TermScanner
from isthmus.policy.wording import law_line
from isthmus.regions.schema import HOUSE_ID
from isthmus.web.admin.office import Call, Office
from isthmus.web.admin.operation import Operation, RegionId


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A question, and the days on which it is asked (at most two; none: today)."""

    regions: Annotated[list[RegionId], msgspec.Meta(min_length=1, max_length=4)]
    feature: Literal[FEATURES] = "assistant"  # type: ignore[valid-type]
    modality: Literal[MODALITIES] = "text"  # type: ignore[valid-type]
    event: Literal[EVENTS] = "answer"  # type: ignore[valid-type]
    age: Literal[AGES] = "unknown"  # type: ignore[valid-type]
    data: Literal[DATA] = "personal"  # type: ignore[valid-type]
    content: Literal[CONTENTS] = "ordinary"  # type: ignore[valid-type]
    days: Annotated[list[date], msgspec.Meta(max_length=2)] = []


class Decided(msgspec.Struct, frozen=True):
    """The decision on each day asked for (policy.explain.Explanation, without addresses of machines)."""

    answers: list[dict[str, Any]]


class Text(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A text to try, and the region whose lists it is held against."""

    text: Annotated[str, msgspec.Meta(max_length=20_000)]
    region: RegionId = "CN"


class Mark(msgspec.Struct, frozen=True):
    """One thing found: characters `start` to `end`."""

    start: int
    end: int
    what: str
    which: str
    rule: str


class Verdict(msgspec.Struct, frozen=True):
    """One duty's word, and how long it took (microseconds, on this machine, just now)."""

    duty: str
    rule: str
    verdict: str
    us: int


class Guarded(msgspec.Struct, frozen=True):
    """What would be done with the text: what leaves, what is marked, who says so."""

    sent: str
    blocked: bool
    marks: list[Mark]
    verdicts: list[Verdict]


def decide(office: Office, call: Call) -> Decided:
    asked: Asked = call.body
    question = Question(
        tuple(asked.regions), asked.feature, asked.modality, asked.event, asked.age, asked.data, asked.content
    )
    known = office.regions()
    for region in asked.regions:
        if region not in known:
            raise Refusal("unknown_object", kind="region", id=region)
    answers = []
    for day in asked.days or [today(office.clock)]:
        document = msgspec.to_builtins(explain(office.table(day), question))
        for route in document["routes"]:
            del route["host"]
        answers.append(document)
    return Decided(answers)


def guard(office: Office, call: Call) -> Guarded:
    """Each duty that reads text, in the order of the corridor."""
    clock = SystemClock()
    text: str = call.body.text
    raw = text.encode("utf-8", "surrogatepass")
    regions = office.regions()
    rules = [*office.table().regions[call.body.region].rules] if call.body.region in regions else []
    marks: list[Mark] = []
    verdicts: list[Verdict] = []
    lists = term_lists.load(office.home)
    for rule in (*rules, *regions[HOUSE_ID].rules):
        if rule.check == "scan":
            scanner = TermScanner(lists.index, [rule.values["taxonomy"]])
            begun = clock.monotonic()
            hit = scanner.find(raw)
            us = int((clock.monotonic() - begun) * 1e6)
            verdicts.append(Verdict(rule.duty, f"{rule.id}: {law_line(rule.law)}", "block" if hit else "pass", us))
            if hit is not None:
                marks.append(Mark(hit.start, hit.end, "block", hit.category, rule.id))
    begun = clock.monotonic()
    found = list(details(text))
    sent = masked(text, Placeholders(), {})
    us = int((clock.monotonic() - begun) * 1e6)
    said = f"mask {len(found)}" if found else "pass"
    verdicts.append(Verdict("Mask private details before anything leaves.", f"{HOUSE_ID}.mask", said, us))
    marks += [Mark(each.start, each.end, "mask", each.kind, f"{HOUSE_ID}.mask") for each in found]
    blocked = any(mark.what == "block" for mark in marks)
    return Guarded("" if blocked else sent, blocked, marks, verdicts)


OPERATIONS = (
    Operation(
        "POST", "/decisions", "decisions.read", "Who may answer a question, what is owed, by which law", decide,
        Decided, body=Asked, refusals=("unknown_object",),
    ),
    Operation(
        "POST", "/guard", "guard.read", "What would be masked or blocked in a text", guard, Guarded, body=Text,
    ),
)  # fmt: skip
