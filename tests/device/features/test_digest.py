"""Digest: what presses first, in the notifications' own numbers."""

from __future__ import annotations

import pytest

from isthmus.core.errors import Refusal
from isthmus.device.features.digest import AT_ONCE, FEATURE, Notification, read

GIVEN = [
    "Shop · 20% off shoes",
    {"app": "Mail", "title": "Anna", "text": "I am at\n the station"},
    "Bank · Your verification code is 882911",
]


def test_notifications_are_read_from_lines_objects_and_structs() -> None:
    assert [item.line() for item in read([*GIVEN, Notification("x")])] == [
        "Shop · 20% off shoes", "Mail · Anna · I am at the station", "Bank · Your verification code is 882911", "x",
    ]  # fmt: skip
    assert len(read("one\n\ntwo")) == 2
    for wrong in ([{"txt": "x"}], 5):
        with pytest.raises(Refusal):
            read(wrong)


def said(*entries: tuple[str, str]) -> str:
    return "[" + ",".join(f'{{"priority":"{priority}","line":"{line}"}}' for priority, line in entries) + "]"


def test_rules_outweigh_the_model_and_own_words_replace_invented_ones(task) -> None:
    asked = task("digest", GIVEN)
    value = FEATURE.parse(asked, said(("now", "20% off"), ("now", "Anna at station"), ("later", "code 111111")))
    assert [(each.priority, each.line) for each in value] == [
        ("later", "20% off"), ("now", "Anna at station"), ("now", "Bank · Your verification code is 882911"),
    ]  # fmt: skip


def test_batches_are_merged_with_the_pressing_first(task) -> None:
    asked = task("digest", [f"note {number}" for number in range(AT_ONCE + 1)])
    parts = FEATURE.batches(asked)
    assert [len(part.given) for part in parts] == [AT_ONCE, 1]
    values = [FEATURE.parse(part, said(*[("later", "note")] * len(part.given))) for part in parts[:1]]
    values.append(FEATURE.parse(parts[1], said(("now", "last"))))
    merged = FEATURE.merge(asked, values)
    assert (merged[0].index, merged[0].priority) == (AT_ONCE, "now")
    assert FEATURE.show(asked, merged).startswith("! last\n- ")


def test_as_many_entries_as_notifications_are_wanted(task) -> None:
    asked = task("digest", GIVEN)
    assert FEATURE.render(asked).schema["minItems"] == 3
    with pytest.raises(ValueError):
        FEATURE.parse(asked, said(("now", "only one")))
