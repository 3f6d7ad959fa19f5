"""An answer that broke off is gone on with by the next lawful partner: what is heard, kept back, billed and marked."""

import json
import re

import pytest
from corridor_parts import Heard, called, delta, ending
from killed_parts import Dying, KilledNet, agree, tongue

from isthmus.core.wire import CompletionDetails, PromptDetails, Usage
from isthmus.ledger.budgets import Budget
from isthmus.policy import money
from isthmus.policy.meter import window
from isthmus.routing.breaker import Breakers

ARK, DASHSCOPE, DEEPSEEK = "ark.cn-beijing.volces.com", "dashscope.aliyuncs.com", "api.deepseek.com"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
BUSY = b"HTTP/1.1 429 X\r\nContent-Type: application/json\r\nRetry-After: 7\r\nContent-Length: 2\r\n\r\n{}"
LABEL = "内容由AI生成"


class PlayedNet(KilledNet):
    """Each host says what `plays[host]` makes of what it was asked, in bytes, and then ends the connection."""

    async def create_connection(self, factory, host, port, **_):
        protocol = factory()
        transport = Played(self, protocol, host, port)
        protocol.connection_made(transport)
        return transport, protocol


class Played(Dying):
    def _speak(self, asked):
        self._protocol.data_received(self._net.plays[self._place[0]](asked))
        self.abort()


def words(*pieces):
    return b"".join(delta(content=piece) for piece in pieces)


@pytest.fixture
def house(partners):
    net, partners._net = partners._net, PlayedNet(partners)
    made = partners.fresh()
    made.asking = {
        "model": "partner", "stream": True, "isthmus_consent": agree(made), "isthmus_age": "40", "isthmus_continue": "1",
    }  # fmt: skip
    made.net.plays = {
        ARK: lambda asked: HEAD + words("The sky ", "is bl"),
        DASHSCOPE: lambda asked: HEAD + words("ue, ", "and high.") + ending(),
        DEEPSEEK: lambda asked: HEAD + words("Somebody else.") + ending(),
    }
    yield made
    partners._net = net


def hosts(house):
    return [host for host, *_ in house.net.asked]


def test_the_next_partner_finishes_the_sentence_and_the_label_stands_once_at_its_end(house):
    told = Heard(house.ask("Look up.", **house.asking))
    assert told.done
    assert told.text["content"] == f"The sky is blue, and high.\n\n{LABEL}"
    assert told.finish == ["stop"]
    assert hosts(house) == [ARK, DASHSCOPE]


def test_it_is_sent_what_was_said_as_the_beginning_of_its_answer(house):
    house.ask("Look up.", **house.asking)
    asked = house.net.asked[-1][3]
    assert asked["messages"] == [
        {"role": "user", "content": "Look up."},
        {"role": "assistant", "content": "The sky is bl", "partial": True},
    ]


def test_receipt_and_answer_say_who_said_what_and_both_parts_are_one_bill(house):
    told = Heard(house.ask("Look up.", stream_options={"include_usage": True}, **house.asking))
    receipt = house.receipt
    assert [(each.route.partition("/")[0], each.outcome, each.code) for each in receipt.attempts] == [
        ("doubao", "continued", "upstream_lost"),
        ("qwen", "answered", ""),
    ]
    first = receipt.attempts[0].spent
    assert (first.billed, first.estimated) == (True, True)
    assert first.usage.completion_tokens == len(tongue("qwen").pieces("The sky ")) + len(tongue("qwen").pieces("is bl"))
    assert receipt.usage.total_tokens == first.usage.total_tokens + 7  # the second partner's own count
    assert receipt.estimated
    assert receipt.cost > first.cost
    assert told.last["usage"]["total_tokens"] == receipt.usage.total_tokens
    assert told.last["isthmus"]["continued"] == [
        {"route": receipt.attempts[0].route, "badge": told.last["isthmus"]["continued"][0]["badge"], "characters": 13}
    ]
    assert told.last["isthmus"]["route"] == receipt.route


def test_who_did_not_ask_for_it_hears_that_the_answer_broke_off(house):
    told = Heard(house.ask("Look up.", **(house.asking | {"isthmus_continue": "0"})))
    assert told.last["error"]["code"] == "upstream_lost"
    assert hosts(house) == [ARK]


@pytest.mark.parametrize(
    ("said", "fields"),
    [
        (words("I look ") + delta(tool_calls=[called('{"ci', name="weather", id="c1")]), {}),
        (words("It is done.") + delta("stop"), {}),
        (delta(reasoning_content="First I think"), {}),
        (words('{"a": 1'), {"response_format": {"type": "json_object"}}),
    ],
    ids=["a tool call has begun", "its end was announced", "only reasoning was shown", "JSON was asked for"],
)
def test_some_answers_are_never_gone_on_with(house, said, fields):
    house.net.plays[ARK] = lambda asked: HEAD + said
    told = Heard(house.ask("Look up.", **house.asking, **fields))
    assert told.last["error"]["code"] == "upstream_lost"
    assert hosts(house) == [ARK]
    assert "continued" not in told.last["isthmus"]
    assert [each.outcome for each in house.receipt.attempts] == ["lost"]


def test_what_a_partner_moderated_or_the_caller_caused_is_taken_to_nobody(house):
    moderated = b'data: {"error": {"code": "SensitiveContentDetected", "message": "x"}}\n\n'
    house.net.plays[ARK] = lambda asked: HEAD + words("The sky ") + moderated
    assert Heard(house.ask("Look up.", **house.asking)).last["error"]["code"] == "content_blocked"
    assert hosts(house) == [ARK]


def test_nobody_is_asked_without_the_consent_that_it_needs(house):
    told = Heard(house.ask("Look up.", **(house.asking | {"isthmus_consent": "c-doubao"})))
    assert told.last["error"]["code"] == "upstream_lost"
    assert hosts(house) == [ARK]
    assert [each.outcome for each in house.receipt.attempts] == ["skipped", "skipped", "skipped", "lost"]
    assert house.corridor.breakers.budget._retries == 0  # nobody was called


def test_only_models_that_continue_an_answer_are_asked(house):
    house.net.plays[DASHSCOPE] = lambda asked: BUSY
    told = Heard(house.ask("Look up.", **house.asking))
    assert DEEPSEEK not in hosts(house)
    assert told.last["error"]["code"] == "upstream_lost"


def test_a_word_that_is_forbidden_is_found_across_the_join(house):
    from test_relay import FORBIDDEN

    half = len(FORBIDDEN) // 2
    house.net.plays[ARK] = lambda asked: HEAD + words("You should ", FORBIDDEN[:half])
    house.net.plays[DASHSCOPE] = lambda asked: HEAD + words(FORBIDDEN[half:], " now") + ending()
    told = Heard(house.ask("Look up.", **house.asking))
    assert told.finish == ["content_filter"]
    assert FORBIDDEN[:half] not in told.text["content"]
    assert house.receipt.blocked


def test_a_masked_detail_comes_back_across_the_join(house):
    def beginning(asked):
        (found,) = re.findall(r"\[TELE-[0-9A-Z]{8}\]", asked["messages"][0]["content"])
        return HEAD + words("Call ", found[:9])

    def rest(asked):
        question, begun = asked["messages"]
        (found,) = re.findall(r"\[TELE-[0-9A-Z]{8}\]", question["content"])
        assert begun["content"] == f"Call {found[:9]}"
        return HEAD + words(found[9:], " today.") + ending()

    house.net.plays[ARK], house.net.plays[DASHSCOPE] = beginning, rest
    told = Heard(house.ask("My number is 13812345678.", **house.asking))
    assert told.text["content"].startswith("Call 13812345678 today.")
    assert house.receipt.masks


def test_a_second_partner_that_breaks_off_too_ends_the_answer_with_both_parts_billed(house):
    house.net.plays[DASHSCOPE] = lambda asked: HEAD + words("ue, ")
    told = Heard(house.ask("Look up.", **house.asking))
    receipt = house.receipt
    assert told.text["content"] == "The sky is blue, "
    assert told.last["error"]["code"] == "upstream_lost"
    assert [each.outcome for each in receipt.attempts] == ["continued", "lost"]
    first = receipt.attempts[0].spent.usage.total_tokens
    assert receipt.usage.total_tokens > 2 * first - 10
    assert told.last["error"]["isthmus"]["billed"]["usage"]["total_tokens"] == receipt.usage.total_tokens
    assert told.last["error"]["isthmus"]["delivered"]["characters"] == len("The sky is blue, ")


@pytest.mark.parametrize("where", ["in its status", "in its stream"])
def test_what_the_second_partner_moderated_is_taken_to_nobody_else(house, where):
    body = json.dumps({"error": {"code": "data_inspection_failed", "message": "x"}}).encode()
    status = b"HTTP/1.1 400 X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    stream = HEAD + b"data: %b\n\n" % body
    house.net.plays[DASHSCOPE] = lambda asked: status if where == "in its status" else stream
    told = Heard(house.ask("Look up.", **house.asking))
    assert told.last["error"]["code"] in ("upstream_lost", "content_blocked")
    assert hosts(house) == [ARK, DASHSCOPE]


def test_a_key_that_is_revoked_meanwhile_hears_no_more(house):
    caller = house.corridor.ring.find(f"Bearer {house.key}".encode())

    def revoking(asked):
        caller.revoked = True
        return HEAD + words("ue, ") + ending()

    house.net.plays[DASHSCOPE] = revoking
    try:
        told = Heard(house.ask("Look up.", **house.asking))
    finally:
        caller.revoked = False
    assert told.text["content"] == "The sky is bl"
    assert told.last["error"]["code"] == "stream_ended"
    assert hosts(house) == [ARK, DASHSCOPE]


def test_a_second_partner_that_says_nothing_leaves_the_bill_of_the_first(house):
    plain = house.ask("Look up.", **(house.asking | {"isthmus_continue": "0"}))
    before = house.book.entries.pop()
    house.net.plays[DASHSCOPE] = lambda asked: BUSY
    told = Heard(house.ask("Look up.", **house.asking))
    receipt = house.receipt
    assert [each.outcome for each in receipt.attempts][-2:] == ["busy", "lost"] or receipt.attempts[
        -1
    ].outcome == "lost"
    assert (receipt.usage, receipt.cost, receipt.route) == (before.usage, before.cost, before.route)
    assert told.last["error"]["isthmus"]["billed"]["cost"] == receipt.cost
    assert plain.status == 200


def test_the_retry_budget_pays_for_it(house):
    while house.corridor.breakers.budget.take():
        pass
    assert Heard(house.ask("Look up.", **house.asking)).last["error"]["code"] == "upstream_lost"
    assert hosts(house) == [ARK]


def test_a_limit_of_tokens_is_one_for_both_parts(house):
    house.ask("Look up.", max_tokens=40, **house.asking)
    said = house.receipt.attempts[0].spent.usage.completion_tokens
    assert house.net.asked[-1][3]["max_tokens"] == 40 - said
    house.fresh()
    house.asking["isthmus_consent"] = agree(house)
    house.net.plays = {ARK: lambda asked: HEAD + words("The sky ", "is bl"), DASHSCOPE: lambda asked: BUSY}
    told = Heard(house.ask("Look up.", max_tokens=said, **house.asking))
    assert told.last["error"]["code"] == "upstream_lost"
    assert hosts(house) == [ARK]


def test_a_budget_counts_one_request_and_the_tokens_of_both_parts(house):
    quota = house.corridor.quota
    budgets = [
        house.accounts.budgets.set(Budget("", "tenant", "demo", unit, span, most))
        for unit, span, most in (("tokens", "month", 1_000_000), ("requests", "month", 1000), ("concurrency", "", 50))
    ]
    caller = house.corridor.ring.find(f"Bearer {house.key}".encode())
    caller.limited = True
    quota.refresh(house.accounts.budgets.list())
    try:
        spent = house.loop.run_until_complete(level(house, budgets))
        for script in (words("ue.") + ending(), words("ue, "), b""):
            house.net.plays[DASHSCOPE] = lambda asked, script=script: HEAD + script
            house.ask("Look up.", **house.asking)
            house.corridor.breakers = house.corridor.chooser._breakers = Breakers(house.clock)
            now = house.loop.run_until_complete(level(house, budgets))
            used = house.book.entries[-1].usage.total_tokens
            assert [after - before for before, after in zip(spent, now, strict=True)] == [used, 1, 0]
            spent = now
    finally:
        caller.limited = False
        for each in budgets:
            house.accounts.budgets.remove(each.id)
        quota.refresh(())


async def level(house, budgets):
    quota = house.corridor.quota
    await quota.tick()
    now = house.clock.epoch_ms()
    found = []
    for each in budgets:
        start = window(each.span, house.clock.now())[0]
        found.append(quota._store.level(each.id, start, now).spent)
    return found


def test_a_caller_of_another_wire_hears_one_answer(house):
    service = house.service()
    from scripted import request_bytes

    fields = {
        "model": "partner",
        "max_tokens": 64,
        "stream": True,
        "messages": [{"role": "user", "content": "Look up."}],
    }
    headers = {
        "isthmus-consent": house.asking["isthmus_consent"], "isthmus-age": "40", "isthmus-continue": "1",
    }  # fmt: skip
    raw = request_bytes(fields, house.key, headers, path="/v1/messages")
    events = [
        json.loads(line[6:]) for line in house.say(raw, service.serve).body.decode().split("\n") if line[:6] == "data: "
    ]
    said = "".join(event["delta"].get("text", "") for event in events if event["type"] == "content_block_delta")
    assert said.startswith("The sky is blue, and high.")
    assert [event["type"] for event in events].count("message_start") == 1
    assert events[-1]["type"] == "message_stop"


def test_a_word_that_is_no_switch_is_refused(house):
    assert house.ask("Look up.", **(house.asking | {"isthmus_continue": "yes"})).json["error"]["code"] == "bad_header"


def test_two_counts_are_added_part_by_part():
    one = Usage(10, 4, 14, PromptDetails(3), CompletionDetails(2))
    two = Usage(20, 5, 25)
    assert money.both(one, two) == Usage(30, 9, 39, PromptDetails(3), CompletionDetails(2))
    assert money.both(two, two) == Usage(40, 10, 50)
