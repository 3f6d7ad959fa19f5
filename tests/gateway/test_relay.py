"""The whole journey in one process: under real law, with every way in which those who answer can fail.

ISTHMUS_LONG=1 tries many more questions.
"""

import asyncio
import os
from datetime import timedelta

import pytest
from corridor_parts import Heard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scripted import FAILURES, KEYS, SECRET, request_bytes

from isthmus.core.consent import Consent
from isthmus.core.decision import AGES, DATA, EVENTS, FEATURES
from isthmus.core.errors import TABLE, Refusal
from isthmus.gateway import build
from isthmus.gateway.asked import Asked
from isthmus.policy import term_lists
from isthmus.routing.breaker import FAILURES as BREAKS

LONG = bool(os.environ.get("ISTHMUS_LONG"))
EXAMPLES = 50_000 if LONG else 1_500
AFTER = ("cut", "error200", "nojson")  # these break a stream after its first word
BEFORE = [
    (word, stream)
    for word in FAILURES
    for stream in (False, True)
    if word != "rejected" and not (stream and word in AFTER)
]
MAINLAND = "ark.cn-beijing.volces.com"
FORBIDDEN = next(iter(term_lists.starter("cn31")))
PRIVATE = "我的手机号是13800138000, mail a.person@example.org"


def agree(house, region, *recipients, scope="always", **more):
    """Consents of the demo tenant to each recipient; returns their ids as a header."""
    for recipient in recipients:
        given_ = {
            "id": f"c-{region}-{recipient}", "tenant": "demo", "kind": "separate", "recipient": recipient,
            "region": region, "feature": "*", "scope": scope, "subject": "", "language": "",
            "given_at": house.clock.now(), "until": house.clock.now() + timedelta(days=9), **more,
        }  # fmt: skip
        house.consents[given_["id"]] = Consent(**given_)
    return ",".join(f"c-{region}-{recipient}" for recipient in recipients)


def routes(house):
    """Which partners were asked, in order."""
    routes_ = house.table.routes.values()
    hosts = {
        (route.host, head.split(b" ")[1]): route.partner
        for route in routes_
        for head in house.corridor.ways[route.name][1:3]
    }
    return [hosts[host, head.split(b" ")[1]] for host, _, head, _ in house.net.asked]


# -- what can never happen ----------------------------------------------------------------------------------

# Compiling the law of a place takes longer than a question; the long run asks everywhere.
PLACES = [["CN"], ["EU"], ["US-CA"], ["KR"], ["HK"], ["IN"], ["CN", "EU"], ["EU", "US-CA"], []]
WORDS = ["auto", "private", "partner", "device", "local", "doubao", "openai", "qwen", "deepseek", "gpt-5", "nobody"]
questions = st.fixed_dictionaries(
    {
        "region": st.lists(st.integers(0, 99), max_size=2) if LONG else st.sampled_from(PLACES),
        "model": st.sampled_from(WORDS) | st.integers(0, 99),
        "feature": st.sampled_from([*FEATURES, "chat", "mind-reading"]),
        "age": st.sampled_from(["", "12", "13", "15", "17", "40", "x", *AGES]),
        "data": st.sampled_from([*DATA, "everything"]),
        "event": st.sampled_from(EVENTS),
        "text": st.sampled_from(["hi", "hi", "hi", PRIVATE, FORBIDDEN, ""]),
        "stream": st.booleans(),
        "version": st.sampled_from(["1.1", "1.1", "1.0"]),
        "consents": st.sets(
            st.sampled_from(["doubao", "openai", "qwen", "deepseek", "local", "guardian", "sensitive"])
        ),
        "key": st.sampled_from(["good", "good", "good", "good", "none", "wrong"]),
        "script": st.lists(st.sampled_from([*FAILURES, "ok", "close"]), max_size=12),
    }
)


def put(house, asked):
    """Ask `asked` of a fresh corridor; returns the regions, and what was heard."""
    house.fresh(asked["script"])
    known = sorted(house.table.regions)
    where = [known[each % len(known)] if isinstance(each, int) else each for each in asked["region"]]
    named = where or ["CN"]
    ids = [agree(house, r, c, **({} if c not in ("guardian", "sensitive") else {"kind": c, "recipient": ""}))
           for r in named for c in sorted(asked["consents"])]  # fmt: skip
    words = [*house.table.models()]
    model = asked["model"] if isinstance(asked["model"], str) else words[asked["model"] % len(words)]
    headers = {
        "isthmus_region": ",".join(where), "isthmus_feature": asked["feature"], "isthmus_age": asked["age"],
        "isthmus_data": asked["data"], "isthmus_event": asked["event"], "isthmus_consent": ",".join(ids)[:512],
    }  # fmt: skip
    key = {"good": None, "none": "", "wrong": "isk_00000000_wrong"}[asked["key"]]
    heard = house.ask(
        asked["text"], key=key, version=asked["version"], model=model, stream=asked["stream"],
        **{name: value for name, value in headers.items() if value},
    )  # fmt: skip
    return named, heard


def law_of(house, asked, where):
    """The decision for `asked`, or None where its words are not known."""
    try:
        words = Asked(
            tuple(house.table.regions), ",".join(where), asked["feature"], asked["age"], asked["data"], asked["event"]
        )
        return house.table.decide(words.question(house.table.regions))
    except Refusal:
        return None


def lawful_places(house, decision):
    """Where the decision's routes are asked, whole and streamed, and by which name of their model."""
    found = set()
    for plan in decision.plans:
        way, route = house.corridor.ways[plan.route.name], plan.route
        for head in (way.whole, way.stream):
            path = head.split(b" ")[1].decode()
            found |= {(route.host, route.port, path, model) for model in (route.wire_model, None)}
    return found


def check_attempts(house, asked, where, receipt):
    """Nobody was asked who is not in the decision, and what the receipt tells is what happened."""
    # A model may stand in the path alone (Gemini).
    tried = [
        (host, port, head.split(b" ")[1].decode(), body.get("model")) for host, port, head, body in house.net.asked
    ]
    told = [each for each in receipt.attempts if each.outcome != "skipped"]
    decision = law_of(house, asked, where)
    if decision is None:
        assert not tried
        assert not receipt.attempts
        return
    listed = [plan.route.name for plan in decision.plans]
    assert {each.route for each in receipt.attempts} <= set(listed)
    assert set(tried) <= lawful_places(house, decision)
    hosts = {host for host, *_ in tried}
    if "CN" in where:
        assert not any("openai" in host for host in hosts)
        assert "openai" not in {each.route.partition("/")[0] for each in receipt.attempts}
    if "EU" in where:
        assert MAINLAND not in hosts
        assert "doubao" not in {each.route.partition("/")[0] for each in receipt.attempts}
    rejected = receipt.refusal in ("upstream_rejected", "stream_ended")
    if not told and not rejected:
        assert not tried
        assert receipt.outcome in ("refused", "failed")
    for host, _, head, body in house.net.asked:
        assert f"Host: {host}".encode() in head
        if asked["text"] == FORBIDDEN:
            assert "CN" not in where or FORBIDDEN not in str(body)


def check_heard(house, asked, heard, receipt):
    """One well-formed answer, and nothing of what must stay inside."""
    assert heard.out.startswith(b"HTTP/1.1 ")
    assert heard.out.count(b"HTTP/1.1 ") == 1
    assert SECRET.encode() not in heard.out
    assert not any(value.encode() in heard.out for value in KEYS.values())
    assert b"engine-key" not in heard.out
    assert heard.closed == (asked["version"] == "1.0")
    if receipt is None:
        assert heard.status == 401
    elif receipt.refusal and receipt.outcome != "interrupted":
        assert heard.json["error"]["code"] == receipt.refusal
        assert heard.status == TABLE[receipt.refusal].status
        assert receipt.route == ""
    elif asked["stream"]:
        told = Heard(heard)
        assert told.done == (receipt.outcome == "answered")
        assert ("error" in told.last) == (receipt.outcome == "interrupted")
        assert told.last["isthmus"]["receipt"] == receipt.id
    else:
        assert receipt.outcome == "answered"
        assert heard.json["isthmus"]["route"] == receipt.route == receipt.attempts[-1].route


@pytest.mark.parametrize("mode", ["partners", "stand_ins"])
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(asked=questions)
def test_no_attempt_leaves_the_decision_and_every_known_caller_gets_one_receipt(request, mode, asked):
    house = request.getfixturevalue(mode)
    where, heard = put(house, asked)
    assert len(house.book.entries) == (asked["key"] == "good")
    if asked["key"] != "good":
        assert not house.net.asked
        check_heard(house, asked, heard, None)
        return
    check_attempts(house, asked, where, house.receipt)
    check_heard(house, asked, heard, house.receipt)


@pytest.mark.parametrize(("region", "never"), [("CN", "openai"), ("EU", "doubao")])
@pytest.mark.parametrize("stream", [False, True])
def test_when_everybody_fails_every_lawful_route_was_tried_and_no_other(house, region, never, stream):
    consents = agree(house, region, "doubao", "openai", "qwen", "deepseek")
    house.net.script = ["failing"] * 99
    heard = house.ask(stream=stream, isthmus_region=region, isthmus_consent=consents, isthmus_age="40")
    assert heard.status == 503
    assert never not in routes(house)
    assert {each.outcome for each in house.receipt.attempts} == {"unavailable"}
    assert (
        len(house.receipt.attempts)
        == len({(host, head.split(b" ")[1], body.get("model")) for host, _, head, body in house.net.asked})
        > 3
    )


# -- an answer ----------------------------------------------------------------------------------------------


def test_a_question_is_answered_with_its_origin_and_a_receipt(house):
    heard = house.ask(isthmus_age="40")
    assert heard.status == 200
    assert heard.json["choices"][0]["message"]["content"].startswith("Hello.")
    about, receipt = heard.json["isthmus"], house.receipt
    assert about["receipt"] == receipt.id == heard.head["isthmus-receipt"]
    assert (about["route"], about["region"]) == ("local/small", "CN") == (receipt.route, *receipt.regions)
    assert about["label"]
    assert (receipt.outcome, receipt.refusal, receipt.finish, receipt.tenant) == ("answered", "", "stop", "demo")
    assert [each.outcome for each in receipt.attempts] == ["answered"]
    assert receipt.usage.total_tokens == 3
    assert not heard.closed


def test_a_streamed_question_is_answered_with_its_origin_in_the_last_chunk(house):
    told = Heard(house.ask(stream=True, isthmus_age="40"))
    assert told.done
    assert told.text["content"].startswith("Hello.")
    assert told.last["isthmus"]["receipt"] == house.receipt.id
    assert house.receipt.stream
    assert house.receipt.finish == "stop"


def test_two_questions_on_one_connection_share_it_and_get_a_receipt_each(house):
    one = request_bytes({"model": "auto", "messages": [{"role": "user", "content": "hi"}]}, house.key, {})
    first = house.say(one)
    second = house.say(one)
    assert (first.status, second.status, house.net.opened) == (200, 200, 1)
    assert len({each.id for each in house.book.entries}) == 2


def test_private_details_never_leave_and_come_back_in_the_answer(house):
    house.ask(PRIVATE, model="doubao", isthmus_consent=agree(house, "CN", "doubao"), isthmus_age="40")
    (asked,) = house.net.asked
    assert "13800138000" not in str(asked[3])
    assert house.receipt.masks


def test_the_words_of_nobody_stand_in_the_receipt(house):
    house.ask("a very private canary")
    assert "canary" not in str(house.receipt)


# -- who asks -----------------------------------------------------------------------------------------------


def test_without_a_key_there_is_no_receipt_because_nobody_is_known(house):
    assert house.ask(key="").json["error"]["code"] == "missing_key"
    assert house.ask(key="isk_x").json["error"]["code"] == "invalid_key"
    assert not house.book.entries


def test_a_key_that_is_not_known_yet_is_looked_for_once_more(house):
    _, secret = house.accounts.create_key("other", ("CN",), "CN")
    house.news.fresh = lambda: house.corridor.ring.refresh(house.accounts)
    assert house.ask(key=secret).status == 200
    assert house.news.reads == 1


def test_a_revoked_key_is_refused_and_noted(house):
    caller, secret = house.accounts.create_key("other", ("CN",), "CN")
    house.accounts.revoke_key(caller.key_id)
    house.corridor.ring.refresh(house.accounts)
    heard = house.ask(key=secret)
    assert (heard.status, heard.json["error"]["code"]) == (401, "revoked_key")
    assert (house.receipt.outcome, house.receipt.refusal, house.receipt.key_id) == (
        "refused",
        "revoked_key",
        caller.key_id,
    )
    assert not house.net.asked


def test_a_key_that_is_revoked_before_the_first_word_is_answered_by_nobody_else(house, monkeypatch):
    _, secret = house.accounts.create_key("other", ("CN",), "CN")
    house.corridor.ring.refresh(house.accounts)
    caller = house.corridor.ring.find(secret.encode())
    whole = house.net.create_connection

    async def revoke_while_connecting(*given_, **named):
        caller.revoked = True
        return await whole(*given_, **named)

    monkeypatch.setattr(house.net, "create_connection", revoke_while_connecting, raising=False)
    heard = house.ask(key=secret, stream=True, isthmus_age="40")
    assert len(house.net.asked) == 1
    assert SECRET.encode() not in heard.out
    assert house.receipt.refusal == "stream_ended"


def test_nothing_is_served_while_receipts_cannot_be_written(house):
    house.book.failed = "the disk is full"
    heard = house.ask()
    assert heard.status == 503
    assert not house.net.asked


# -- refusals -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"isthmus_region": "XX"}, "unknown_region"),
        ({"isthmus_feature": "x"}, "bad_header"),
        ({"isthmus_wish": "x"}, "bad_header"),
        ({"model": "gpt-99"}, "unknown_model"),
        ({"model": "openai"}, "no_lawful_route"),
        ({"n": 2}, "bad_field"),
        ({"temperature": 99}, "bad_field"),
        ({"messages": []}, "bad_field"),
        ({"model": "doubao", "isthmus_age": "40"}, "consent_required"),
        ({"model": "doubao", "isthmus_age": "40", "isthmus_consent": "nobody"}, "consent_required"),
        ({"isthmus_age": "13"}, "guardian_required"),
        ({"text": FORBIDDEN, "isthmus_age": "40"}, "content_blocked"),
    ],
)
def test_a_refused_question_goes_to_nobody_and_leaves_one_receipt(house, fields, code):
    heard = house.ask(fields.pop("text", "hi"), **fields)
    assert heard.json["error"]["code"] == code
    assert heard.head["isthmus-receipt"] == house.receipt.id
    assert (house.receipt.outcome, house.receipt.refusal, house.receipt.route) == ("refused", code, "")
    assert not house.net.asked
    assert not heard.closed


def test_a_body_that_is_not_json_is_refused_with_a_receipt(house):
    assert house.say(request_bytes(b"{", house.key, {})).json["error"]["code"] == "bad_json"
    assert house.receipt.refusal == "bad_json"


def test_a_consent_brings_its_recipient_and_nobody_else(house):
    heard = house.ask(model="partner", isthmus_consent=agree(house, "CN", "doubao"), isthmus_age="40")
    assert heard.status == 200
    assert routes(house) == ["doubao"]
    assert house.receipt.consent == "c-CN-doubao"


def test_a_consent_for_one_use_is_spent_and_written_down(house):
    consent = agree(house, "CN", "doubao", scope="once")
    assert house.ask(model="doubao", isthmus_consent=consent, isthmus_age="40").status == 200
    assert house.news.used == ["c-CN-doubao"]
    assert (
        house.ask(model="doubao", isthmus_consent=consent, isthmus_age="40").json["error"]["code"] == "consent_required"
    )
    assert len(house.net.asked) == 1


def test_a_consent_that_is_not_known_yet_is_looked_for_once(house):
    house.news.fresh = lambda: agree(house, "CN", "doubao")
    assert house.ask(model="doubao", isthmus_consent="c-CN-doubao", isthmus_age="40").status == 200
    assert house.news.reads == 1


def test_several_consents_that_are_known_cost_no_look_at_all(house):
    consents = agree(house, "CN", "doubao", "qwen")
    assert house.ask(model="qwen", isthmus_consent=consents.replace(",", ", "), isthmus_age="40").status == 200
    assert house.news.reads == 0


# -- failures -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "code", "outcome"),
    [
        ("refuse", "upstream_unavailable", "unavailable"),
        ("dead", "upstream_unavailable", "unavailable"),
        ("hang", "upstream_timeout", "timeout"),
        ("garbage", "upstream_broken", "broken"),
        ("nojson", "upstream_broken", "broken"),
        ("two", "upstream_broken", "broken"),
        ("lying", "upstream_lost", "lost"),
        ("busy", "upstream_busy", "busy"),
        ("denied", "upstream_refused", "refused"),
        ("failing", "upstream_unavailable", "unavailable"),
        ("loading", "upstream_unavailable", "unavailable"),
    ],
)
def test_each_failure_has_its_own_code_when_nobody_else_may_answer(house, word, code, outcome):
    house.net.script = [word]
    heard = house.ask(model="private", isthmus_age="40")
    assert (heard.status, heard.json["error"]["code"]) == (TABLE[code].status, code)
    assert [(each.route, each.outcome, each.code) for each in house.receipt.attempts] == [
        ("local/small", outcome, code)
    ]
    assert house.receipt.outcome == ("failed" if TABLE[code].status >= 500 else "refused")
    assert SECRET.encode() not in heard.out


@pytest.mark.parametrize(("word", "stream"), BEFORE)
def test_before_the_first_word_the_next_lawful_route_answers(house, word, stream):
    house.net.script = [word]
    consents = agree(house, "CN", "doubao")
    heard = house.ask(stream=stream, isthmus_consent=consents, isthmus_age="40")
    assert heard.status == 200
    assert [each.route.partition("/")[0] for each in house.receipt.attempts] == ["local", "doubao"]
    assert house.receipt.attempts[-1].outcome == "answered"
    assert house.receipt.partner == "doubao"


@pytest.mark.parametrize("word", AFTER)
def test_after_the_first_word_a_failure_is_told_and_nobody_else_is_asked(house, word):
    house.net.script = [word]
    told = Heard(house.ask(stream=True, isthmus_consent=agree(house, "CN", "doubao"), isthmus_age="40"))
    assert not told.done
    assert told.text["content"].startswith("Hel")
    assert told.last["error"]["code"] == ("upstream_broken" if word == "nojson" else "upstream_lost")
    assert len(house.net.asked) == 1
    assert (house.receipt.outcome, house.receipt.refusal) == ("interrupted", told.last["error"]["code"])


def test_a_stream_that_breaks_counts_against_its_route(house):
    house.net.script = ["cut"] * BREAKS
    for _ in range(BREAKS):
        house.ask(stream=True, isthmus_age="40")
    assert house.corridor.breakers.is_open("local/small")
    assert "answered" not in {each.outcome for entry in house.book.entries for each in entry.attempts}


def test_a_request_that_is_at_fault_itself_is_never_sent_to_another(house):
    house.net.script = ["rejected"]
    heard = house.ask(isthmus_consent=agree(house, "CN", "doubao"), isthmus_age="40")
    assert heard.json["error"]["code"] == "upstream_rejected"
    assert len(house.net.asked) == 1
    assert house.receipt.outcome == "refused"


def test_a_busy_partner_says_when_to_come_back(house):
    house.net.script = ["busy"]
    assert house.ask(model="private").head["retry-after"] == "7"


def test_a_kept_connection_that_died_is_replaced_without_a_failure(house):
    assert house.ask(isthmus_age="40").status == 200
    house.net.script = ["dead"]
    assert house.ask(isthmus_age="40").status == 200
    assert house.net.opened == 2
    assert [each.outcome for each in house.book.entries[-1].attempts] == ["answered"]


def test_an_answer_that_ends_with_its_connection_is_whole(house):
    house.net.script = ["close", "close"]
    assert house.ask(isthmus_age="40", model="private").status in (200, 502)
    told = house.ask(isthmus_age="40", stream=True)
    assert Heard(told).text["content"].startswith("Hello.")


def test_a_route_that_failed_often_is_asked_last(house):
    for _ in range(BREAKS):
        house.corridor.breakers.failed("local/small")
    house.ask(isthmus_consent=agree(house, "CN", "doubao"), isthmus_age="40")
    assert routes(house) == ["doubao"]


def test_a_mistake_of_ours_is_an_enumerated_error_with_a_receipt_and_no_detail(house, monkeypatch):
    class Broken:
        def choose(self, decision, model):
            raise ZeroDivisionError("with a private word")

    house.corridor.chooser = Broken()
    heard = house.ask()
    assert (heard.status, heard.json["error"]["code"]) == (500, "internal")
    assert b"private word" not in heard.out
    assert heard.closed
    assert house.receipt.id in heard.json["error"]["message"]
    assert house.receipt.outcome == "failed"


def test_a_caller_who_leaves_lets_the_partner_go_and_is_noted(house):
    async def leave():
        raw = request_bytes({"model": "auto", "messages": [{"role": "user", "content": "hi"}]}, house.key, {})
        talk = asyncio.ensure_future(house._say(raw, house.serve, None))
        await silent.reached.wait()
        (door,) = house.doors.open
        door.connection_lost(None)
        await talk

    house.net._loop = silent = Unanswering(house.loop)
    house.loop.run_until_complete(leave())
    assert house.receipt.outcome == "aborted"


class Unanswering:
    """A loop on which no partner ever comes to answer."""

    def __init__(self, loop):
        self._loop = loop
        self.reached = asyncio.Event()

    def __getattr__(self, name):
        return getattr(self._loop, name)

    def call_soon(self, *_):
        self.reached.set()


def test_news_of_the_law_changes_the_next_answer(house):
    house.ask(isthmus_age="40")
    settings_ = build.Settings(
        home=str(house.accounts.database.engine.url.database).removesuffix("/accounts.sqlite"), host="", port=1, shard="w0",
        engine=("127.0.0.1", 9), engine_key="other-key", model="larger",
    )  # fmt: skip
    house.loop.run_until_complete(build.reload(house.corridor, settings_))
    assert house.ask(isthmus_age="40").json["isthmus"]["route"] == "local/larger"


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_that_is_whole_holds_no_connection_up_that_may_be_anothers(house, stream, monkeypatch):
    """What is written after its partner has said all goes to a caller who may be slow; whom that pauses is nobody."""
    doors, seen = [], []
    pool = type(house.corridor.pool)
    release = pool.release

    def released(self, route, connection):
        seen.append((doors[0].reader, connection))
        release(self, route, connection)

    def serve(request, door):
        doors.append(door)
        return house.serve(request, door)

    monkeypatch.setattr(pool, "release", released)
    body = {"model": "auto", "stream": stream, "messages": [{"role": "user", "content": "hi"}]}
    house.say(request_bytes(body, house.key, {"isthmus-age": "40"}), serve)
    assert house.receipt.outcome == "answered"
    ((reader, connection),) = seen
    assert connection.reusable
    assert reader is not connection
    if reader is not None:
        reader.pause()
    assert not connection._paused
