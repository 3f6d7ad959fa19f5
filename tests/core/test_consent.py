from datetime import UTC, datetime, timedelta

import msgspec

from isthmus.core.consent import KINDS, Consent, statement

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def consent(**fields):
    words = (
        "cns_1",
        "acme",
        "separate",
        "doubao",
        "CN",
        "*",
        "always",
        "alice",
        "zh-CN",
        NOW,
        NOW + timedelta(days=180),
    )
    return msgspec.structs.replace(Consent(*words), **fields)


def test_a_new_consent_is_neither_withdrawn_nor_used():
    assert (consent().withdrawn, consent().used) == (False, False)


def test_a_withdrawal_is_seen_by_everyone_who_holds_the_consent():
    held = also_held = consent()
    held.withdrawn = True
    assert also_held.withdrawn


def test_a_consent_survives_the_wire_with_its_times():
    given = consent(scope="once", used=True)
    assert msgspec.json.decode(msgspec.json.encode(given), type=Consent) == given


def test_the_kinds_are_those_of_the_law():
    assert KINDS == ("separate", "sensitive", "guardian", "label_duty")


def test_a_statement_says_every_fact_that_a_person_agreed_to_and_nothing_of_the_house():
    lines = statement(consent(), "5e" * 32).decode().split("\n")
    assert lines == [
        "isthmus consent 1", "separate", "doubao", "CN", "*", "always", "alice", "zh-CN", "1795305600000", "5e" * 32, "",
    ]  # fmt: skip
    assert statement(consent(id="other", tenant="other", used=True), "5e" * 32) == statement(consent(), "5e" * 32)
