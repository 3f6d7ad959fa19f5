"""Answers from memory, heard through a whole corridor under real law: who gets one, and who never does."""

import json
from types import SimpleNamespace

import msgspec
import pytest
from corridor_parts import Heard, called, delta, ending
from scripted import plain, request_bytes
from starlette.applications import Starlette
from test_relay import FORBIDDEN, PRIVATE, agree

from isthmus.core.operator import Cache, Operator
from isthmus.core.secret import ContentLeakError
from isthmus.gateway import build
from isthmus.gateway.cached import Cached, Kept, Shelf, Wish, chosen, wish
from isthmus.gateway.relay import attempt
from isthmus.ledger.budgets import Budget

SURE = {"temperature": 0, "isthmus_age": "40"}
GIVEN = {"model": "doubao", **SURE}


@pytest.fixture
def remembering(house):
    """A house whose tenant is answered from memory; `memory` is what it keeps."""
    house.memory = Cached(Cache(tenants=("demo",), seconds=60, bytes=1 << 16), house.clock, attempt)
    house.corridor.attempt = house.memory.attempt
    return house


def told(heard):
    return heard.head.get("isthmus-cache")


def twice(house, text="hi", **asking):
    """The same question twice: what was heard each time, and how often anybody was asked."""
    first = house.ask(text, **asking)
    second = house.ask(text, **asking)
    return first, second, len(house.net.asked)


# -- a hit --------------------------------------------------------------------------------------------------


def test_the_same_question_is_answered_from_memory_and_says_so(remembering):
    first, second, asked = twice(remembering, **SURE)
    assert (told(first), told(second), asked) == ("miss", "hit", 1)
    said = [heard.json["choices"][0] for heard in (first, second)]
    assert said[0]["message"] == said[1]["message"]
    assert said[1]["finish_reason"] == "stop"
    assert second.json["usage"]["total_tokens"] == 3
    assert second.head["age"] == "0"


def test_its_receipt_is_fresh_names_the_cache_and_whose_answer_it_was_and_costs_nothing(remembering):
    _, second, _ = twice(remembering, **SURE)
    asked, again = remembering.book.entries
    assert (again.outcome, again.route, again.cost) == ("answered", "cache", "")
    assert (again.usage.total_tokens, again.estimated) == (0, False)
    assert (again.partner, again.model, again.tier) == (asked.partner, asked.model, asked.tier)
    assert [(each.route, each.outcome) for each in again.attempts] == [("cache", "answered")]
    assert again.id != asked.id
    assert second.json["isthmus"]["receipt"] == second.head["isthmus-receipt"] == again.id
    assert second.json["isthmus"]["route"] == second.head["isthmus-route"] == "cache"


def test_label_and_notices_are_those_that_the_decision_owes(remembering):
    first, second, _ = twice(remembering, **SURE)
    for name in ("label", "label_at", "notices", "badge", "decision", "region"):
        assert first.json["isthmus"][name] == second.json["isthmus"][name]
    assert second.json["choices"][0]["message"]["content"].endswith(second.json["isthmus"]["label"])
    plain_text = remembering.ask(isthmus_label="metadata", **SURE)
    assert (told(plain_text), plain_text.json["choices"][0]["message"]["content"]) == ("hit", "Hello.")


@pytest.mark.parametrize("first", [False, True])
def test_who_streams_and_who_does_not_share_an_answer(remembering, first):
    remembering.ask(stream=first, **SURE)
    streamed = remembering.ask(stream=True, stream_options={"include_usage": True}, **SURE)
    heard = Heard(streamed)
    assert (told(streamed), heard.done, heard.finish) == ("hit", True, ["stop"])
    assert heard.text["content"].startswith("Hello.")
    assert heard.last["usage"]["total_tokens"] == (7 if first else 3)
    assert heard.last["isthmus"]["receipt"] == remembering.book.entries[-1].id
    whole = remembering.ask(**SURE)
    assert told(whole) == "hit"
    assert whole.json["choices"][0]["message"]["content"] == heard.text["content"]
    assert len(remembering.net.asked) == 1
    assert [each.usage.total_tokens for each in remembering.book.entries[1:]] == [0, 0]


def test_a_hit_is_checked_as_if_its_partner_had_said_it_now(remembering):
    remembering.ask(**SURE)
    (kept,) = remembering.memory.shelf._kept.values()
    kept.texts = [("content", f"Well, {FORBIDDEN} it is")]
    heard = remembering.ask(**SURE)
    assert FORBIDDEN not in heard.out.decode()
    assert heard.json["choices"][0]["finish_reason"] == "content_filter"
    assert remembering.book.entries[-1].blocked
    assert not len(remembering.memory.shelf)


def test_a_limited_callers_money_and_tokens_are_not_touched_by_a_hit(remembering):
    house, quota = remembering, remembering.corridor.quota
    for unit, span, most in (("tokens", "day", 10**9), ("requests", "day", 100)):
        house.accounts.budgets.set(Budget("", "tenant", "demo", unit, span, most))
    caller = house.corridor.ring.find(house.key.encode())
    caller.limited = True
    quota.refresh(house.accounts.budgets.list())
    try:
        spent = []
        for _ in range(3):
            house.ask(max_tokens=100, **SURE)
            spent.append({meter.budget.unit: quota._cells[meter.lease.slot] for meter in quota._meters.values()})
    finally:
        caller.limited = False
        for each in house.accounts.budgets.list():
            house.accounts.budgets.remove(each.id)
        quota.refresh(())
    assert [each["requests"] for each in spent] == [1, 2, 3]
    assert [each["tokens"] for each in spent] == [3, 3, 3]
    assert [each.route for each in house.book.entries] == ["local/small", "cache", "cache"]


def test_a_hit_reaches_no_address(remembering):
    remembering.ask(**SURE)
    remembering.net.script = ["refuse"] * 9
    assert told(remembering.ask(**SURE)) == "hit"
    assert remembering.net.script == ["refuse"] * 9


# -- only the very same question ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "other",
    [
        {"text": "hi "},
        {"max_tokens": 5},
        {"top_p": 0.5},
        {"user": "somebody"},
        {"response_format": {"type": "json_object"}},
        {"isthmus_region": "EU"},
        {"isthmus_age": "16"},
        {"isthmus_data": "none"},
        {"isthmus_feature": "translate"},
        {"model": "doubao"},
    ],
    ids=lambda other: next(iter(other)),
)
def test_another_word_field_region_age_data_class_feature_or_route_is_asked_anew(remembering, other):
    consent = agree(remembering, "CN", "doubao")
    asking = {"text": "hi", "isthmus_consent": consent, **SURE}
    remembering.ask(**asking)
    assert told(remembering.ask(**{**asking, **other})) == "miss"
    assert len(remembering.net.asked) == 2


def test_another_tenant_is_asked_anew_and_one_that_was_not_named_is_not_remembered(remembering):
    house = remembering
    house.corridor.attempt = Cached(Cache(tenants=("demo", "other")), house.clock, attempt).attempt
    keys = {name: house.accounts.create_key(name, ("CN",), "CN")[1] for name in ("other", "third")}
    house.corridor.ring.refresh(house.accounts)
    assert [told(house.ask(**SURE)), told(house.ask(key=keys["other"], **SURE))] == ["miss", "miss"]
    assert told(house.ask(key=keys["other"], **SURE)) == "hit"
    assert [told(house.ask(key=keys["third"], **SURE)) for _ in range(2)] == [None, None]
    assert len(house.net.asked) == 4


def test_the_same_question_under_another_decision_is_asked_anew(remembering):
    remembering.ask(**SURE)
    remembered = remembering.corridor.asked
    for words, decision in remembered.items():
        remembered[words] = msgspec.structs.replace(decision, digest="another")
    assert told(remembering.ask(**SURE)) == "miss"
    assert len(remembering.net.asked) == 2


# -- what is never kept -------------------------------------------------------------------------------------

TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}


@pytest.mark.parametrize(
    "asking",
    [
        {"tools": [TOOL]},
        {"messages": [{"role": "user", "content": "hi"}, {"role": "tool", "tool_call_id": "c", "content": "7"}]},
        {"logprobs": True},
        {"isthmus_data": "sensitive"},
        {"temperature": 0.7},
        {"temperature": None},
    ],
    ids=["tools", "an answer of a tool", "logprobs", "sensitive", "temperature", "no temperature"],
)
def test_tools_sensitive_data_and_answers_that_are_drawn_are_asked_anew(remembering, asking):
    agreed = agree(remembering, "CN", "local", kind="sensitive", recipient="")
    first, second, _ = twice(remembering, isthmus_consent=agreed, **{**SURE, **asking})
    assert (told(first), told(second)) == (None, None)
    assert not len(remembering.memory.shelf)


def test_masked_details_are_asked_anew(remembering):
    asking = {"isthmus_consent": agree(remembering, "CN", "doubao"), **GIVEN}
    first, second, asked = twice(remembering, PRIVATE, **asking)
    assert (told(first), told(second), asked) == (None, None, 2)
    assert remembering.book.entries[0].masks


@pytest.mark.parametrize("finish", ["length", "content_filter", "who_knows"])
@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_that_was_cut_or_filtered_is_not_kept(remembering, monkeypatch, finish, stream):
    message = {"role": "assistant", "content": "Half an"}
    document = {"choices": [{"index": 0, "message": message, "finish_reason": finish}], "usage": {"total_tokens": 3}}
    play(monkeypatch, plain(200, document), delta(content="Half an") + ending(finish))
    first, second, asked = twice(remembering, stream=stream, **SURE)
    assert (told(first), told(second), asked) == ("miss", "miss", 2)


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_that_was_stopped_is_not_kept(remembering, monkeypatch, stream):
    message = {"role": "assistant", "content": f"Well, {FORBIDDEN}"}
    document = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": {"total_tokens": 3}}
    play(monkeypatch, plain(200, document), delta(content=f"Well, {FORBIDDEN}") + ending())
    _, second, asked = twice(remembering, stream=stream, **SURE)
    assert (told(second), asked) == ("miss", 2)
    assert remembering.book.entries[0].blocked


def test_a_call_of_a_tool_that_nobody_offered_is_not_kept(remembering, monkeypatch):
    play(monkeypatch, b"", delta(content="x") + delta(tool_calls=[called("{}", id="c1", name="look")]) + ending())
    assert twice(remembering, stream=True, **SURE)[2] == 2


@pytest.mark.parametrize("word", ["cut", "error200"])
def test_a_stream_that_broke_off_is_not_kept(remembering, word):
    remembering.net.script = [word]
    heard = Heard(remembering.ask(stream=True, **SURE))
    assert not heard.done
    assert not len(remembering.memory.shelf)


@pytest.mark.parametrize(("word", "stream"), [("early", True), ("failing", False), ("two", False)])
def test_after_a_failure_what_the_next_route_says_is_kept_as_its_own(remembering, word, stream):
    remembering.net.script = [word]
    first = remembering.ask(stream=stream, isthmus_consent=agree(remembering, "CN", "doubao", "qwen"), **SURE)
    assert told(first) == "miss"
    assert first.out.count(b"isthmus-cache") == 1
    (kept,) = remembering.memory.shelf._kept.values()
    assert {channel for channel, _ in kept.texts} == {"content"}
    assert "".join(text for _, text in kept.texts) == "Hello."
    again = remembering.ask(stream=stream, **SURE)
    assert told(again) == "miss"
    assert remembering.book.entries[-1].route == "local/small"


def play(monkeypatch, whole, events):
    """Partners answer with these bytes."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    streamed = head + b"%x\r\n%b\r\n0\r\n\r\n" % (len(events), events)
    monkeypatch.setattr("scripted.bytes_of", lambda word, stream: [streamed if stream else whole])


# -- what a caller asks of it (RFC 9111, 5.2.1) -------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "meant"),
    [
        (None, Wish(None, True)),
        (b"no-cache", Wish(0, True)),
        (b"No-Store", Wish(0, False)),
        (b"max-age=60", Wish(60, True)),
        (b'max-age="60", max-age=9', Wish(9, True)),
        (b"max-age=60, no-cache", Wish(0, True)),
        (b"max-age=-1", Wish(0, True)),
        (b"max-age=" + b"9" * 30, Wish(0, True)),
        (b"no-transform, x=y,,", Wish(None, True)),
    ],
)
def test_the_words_of_cache_control_are_read(header, meant):
    assert wish(header) == meant


def ask_with(house, control, **fields):
    body = {"model": "auto", "messages": [{"role": "user", "content": "hi"}], **fields}
    return house.say(request_bytes(body, house.key, {"isthmus-age": "40", "Cache-Control": control}))


def test_no_cache_is_asked_anew_and_its_answer_is_kept(remembering):
    remembering.ask(**SURE)
    assert told(ask_with(remembering, "no-cache", temperature=0)) == "miss"
    assert told(remembering.ask(**SURE)) == "hit"
    assert len(remembering.net.asked) == 2


def test_no_store_neither_asks_memory_nor_adds_to_it(remembering):
    assert [told(ask_with(remembering, "no-store", temperature=0)) for _ in range(2)] == [None, None]
    assert not len(remembering.memory.shelf)


def test_max_age_says_how_old_an_answer_may_be(remembering):
    remembering.ask(**SURE)
    remembering.clock.advance(10)
    assert told(ask_with(remembering, "max-age=9", temperature=0)) == "miss"
    remembering.clock.advance(10)
    late = ask_with(remembering, "max-age=10", temperature=0)
    assert (told(late), late.head["age"]) == ("hit", "10")


def test_who_asks_for_it_gets_an_answer_that_was_drawn_once(remembering):
    assert [told(ask_with(remembering, "max-age=60", temperature=0.9)) for _ in range(2)] == ["miss", "hit"]
    assert told(ask_with(remembering, "no-cache", temperature=0.9)) is None


# -- memory -------------------------------------------------------------------------------------------------


def test_an_answer_is_forgotten_after_its_seconds(remembering):
    remembering.ask(**SURE)
    remembering.clock.advance(60)
    assert told(remembering.ask(**SURE)) == "miss"


def kept(text="x", at=0.0):
    return Kept([("content", text)], None, at)


def test_what_was_wanted_longest_ago_gives_way_and_room_is_never_exceeded():
    room = 20 * kept().size
    shelf = Shelf(60, room)
    for number in range(100):
        shelf.put(b"%d" % number, kept())
        shelf.find(b"0", 1.0)
        assert shelf.size <= room
    assert len(shelf) == 20
    assert shelf.find(b"0", 1.0) is not None
    assert shelf.find(b"80", 1.0) is None
    assert shelf.find(b"81", 1.0) is not None


def test_an_answer_that_would_fill_the_room_alone_is_not_kept():
    shelf = Shelf(60, 1 << 16)
    shelf.put(b"a", kept("x" * (1 << 13)))
    assert (len(shelf), shelf.size) == (0, 0)


def test_what_is_too_old_leaves_when_something_is_kept():
    shelf = Shelf(60, 1 << 20)
    for number in range(50):
        shelf.put(b"%d" % number, kept())
    shelf.put(b"later", kept(at=61.0))
    assert len(shelf) == 1


def test_putting_an_answer_again_replaces_it():
    shelf = Shelf(60, 1 << 20)
    shelf.put(b"a", kept("one"))
    shelf.put(b"a", kept("another"))
    assert shelf.find(b"a", 1.0).texts == [("content", "another")]
    assert shelf.size == kept("another").size


def test_what_is_kept_cannot_be_printed():
    assert "secret words" not in repr(kept("secret words"))
    with pytest.raises(ContentLeakError):
        str(kept("secret words"))


# -- joined -------------------------------------------------------------------------------------------------


def test_who_keeps_nothing_pays_nothing(house):
    assert chosen(Cache(), house.clock, attempt) is attempt


def test_a_route_on_trial_is_asked_although_its_answer_is_known(remembering):
    remembering.ask(**SURE)
    for _ in range(5):
        remembering.corridor.breakers.failed("local/small")
    remembering.clock.advance(31)
    remembering.ask(**SURE)
    assert remembering.book.entries[-1].route == "local/small"
    assert len(remembering.net.asked) == 2


@pytest.mark.parametrize("path", ["/v1/responses", "/v1/messages"])
def test_other_wires_are_answered_from_memory_in_their_own_words(remembering, path):
    service = remembering.service(Starlette())
    body = {"model": "auto", "temperature": 0, "max_tokens": 99, "messages": [{"role": "user", "content": "hi"}]}
    if path == "/v1/responses":
        body = {"model": "auto", "temperature": 0, "input": "hi"}
    raw = request_bytes(body, remembering.key, {"isthmus-age": "40"}, path=path)
    first, second = (remembering.say(raw, service.serve) for _ in range(2))
    assert (told(first), told(second)) == ("miss", "hit")
    assert "Hello." in json.dumps(second.json)
    assert len(remembering.net.asked) == 1


def by(**facts):
    return SimpleNamespace(house=SimpleNamespace(operator=Operator(cache=Cache(**facts))))


@pytest.mark.skipif(not hasattr(build, "attempted"), reason="the corridor is not joined with memory yet")
def test_the_operator_opens_it_for_a_tenant(house):
    assert build.attempted(by(), house.clock) is attempt
    opened = build.attempted(by(tenants=("demo",)), house.clock)
    house.corridor.attempt = opened
    assert isinstance(opened.__self__, Cached)
    assert [told(heard) for heard in twice(house, **SURE)[:2]] == ["miss", "hit"]
