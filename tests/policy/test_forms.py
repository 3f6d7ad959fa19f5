"""policy/forms: a receipt by its form says what policy.receipt says, field for field."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.core.clock import FakeClock
from isthmus.core.decision import Decision, Plan, Question, Route
from isthmus.core.exchange import Attempt, Caller, Exchange
from isthmus.core.wire import PromptDetails, Usage
from isthmus.ledger.receipt import Written, decode
from isthmus.policy import fingerprint, forms, receipt

ROUTE = Route("doubao/pro", "doubao", "pro", "partner", "openai", "h", 443, True, "/", "w", "K", True, "badge", "Pro")
PLAN = Plan(ROUTE, (), (), (), (), (), ())
DECISION = Decision(Question(("CN", "EU"), "write", "text", "export", "14-15", "none"), "serve", (PLAN,), (), "d1gest")
WORDS = st.text(max_size=12)
counts = st.integers(0, 10**9)
usages = st.none() | st.builds(Usage, counts, counts, counts, st.none() | st.builds(PromptDetails, counts))
attempts = st.lists(
    st.builds(Attempt, WORDS, st.sampled_from(("answered", "busy", "lost")), WORDS, st.integers(0, 10**9)), max_size=3
)


@st.composite
def exchanges(draw):
    ex = Exchange(f"w0-1-{draw(counts)}", Caller(draw(WORDS), draw(WORDS), ("CN",), "CN"), 12.5)
    if draw(st.booleans()):
        ex.decision, ex.plan = DECISION, PLAN
    ex.outcome = draw(st.sampled_from(("answered", "refused", "interrupted", "aborted", "failed")))
    ex.refusal_code = draw(st.sampled_from(("", "no_lawful_route", "content_blocked")))
    ex.label, ex.label_at, ex.blocked = draw(WORDS), draw(WORDS), draw(WORDS)
    ex.consent_id, ex.finish = draw(WORDS), draw(WORDS)
    ex.notices, ex.met = draw(st.lists(WORDS, max_size=3)), draw(st.lists(WORDS, max_size=4))
    ex.masks = draw(st.dictionaries(WORDS, counts, max_size=2))
    ex.usage, ex.attempts = draw(usages), draw(attempts)
    ex.cost = draw(st.none() | st.tuples(st.integers(0, 10**12), st.sampled_from(("CNY", "USD"))))
    ex.stream, ex.estimated = draw(st.booleans()), draw(st.booleans())
    ex.first_at = draw(st.sampled_from((0.0, 12.75)))
    if draw(st.booleans()):
        ex.held[receipt.NAME] = (186, draw(st.sampled_from((0, 400))))
    return ex


@given(exchanges(), exchanges())
def test_what_is_written_by_a_form_is_the_receipt_itself(one, other):
    clock = FakeClock(datetime(2026, 11, 22, tzinfo=UTC))
    for ex in (one, other, one):  # the third time by a form that stands already
        by_form = forms.written(ex, clock)
        assert isinstance(by_form, Written)
        plain = receipt.plain(ex, clock)
        assert decode(by_form.payload) == plain
        assert (by_form.keep_min, by_form.keep_max) == (plain.keep_min, plain.keep_max)


def test_what_looks_like_a_mark_stays_what_it_is():
    ex = Exchange("w0-1-1", Caller('"id":"#id"', "#tenant", ("CN",), "CN"), 0.0)
    ex.consent_id = '","id":"#id","at":-1,%b%d'
    ex.met = ["#cost", "%d"]
    clock = FakeClock(datetime(2026, 11, 22, tzinfo=UTC))
    assert decode(forms.written(ex, clock).payload) == receipt.plain(ex, clock)


def test_forms_are_bounded_whatever_callers_name(monkeypatch):
    monkeypatch.setattr(forms, "_FORMS", 8)
    clock = FakeClock(datetime(2026, 11, 22, tzinfo=UTC))
    for number in range(50):
        ex = Exchange("w0-1-1", Caller("k", "t", ("CN",), "CN"), 0.0)
        ex.consent_id = str(number)
        assert decode(forms.written(ex, clock).payload).consent == str(number)
        assert len(forms._forms) <= 8


@pytest.mark.parametrize("what", ["a print is owed", "a consent was withdrawn"])
def test_what_no_form_holds_is_composed_as_ever(what):
    ex = Exchange("w0-1-1", Caller("k", "t", ("CN",), "CN"), 0.0)
    if what == "a print is owed":
        ex.held[fingerprint.SAID] = ["some words"]
    else:
        ex.refusal_code = "stream_ended"
    assert not isinstance(forms.written(ex, FakeClock(datetime(2026, 11, 22, tzinfo=UTC))), Written)


def test_a_form_holds_every_field_that_may_differ():
    shared = {"id", "at", "key_id", "tenant", "attempts", "masks", "usage", "cost", "us_first", "us_whole"}
    assert set(forms._MARKS) == shared
    encoded = msgspec.json.encode(forms._MARKS["usage"])
    assert msgspec.json.decode(encoded, type=Usage) == forms._MARKS["usage"]
