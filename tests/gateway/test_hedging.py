"""A stream that is slow to begin is asked of the next lawful route, and one answer is heard."""

import pytest
from corridor_parts import Heard
from killed_parts import Dying, KilledNet, agree
from scripted import plain

from isthmus.core.errors import Refusal
from isthmus.core.operator import Hedge, parse
from isthmus.gateway.hedging import LEAST, Hedger, Paces, chosen
from isthmus.gateway.relay import attempt

SLOW, QUICK = "ark.cn-beijing.volces.com", "dashscope.aliyuncs.com"
HELD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


class SlowNet(KilledNet):
    """`silent` hosts take a question and say nothing; of those in `begun` at least the head of an answer comes."""

    def begin(self, loop, script):
        super().begin(loop, script)
        self.silent = {SLOW}
        self.begun = set()
        self.left = []

    async def create_connection(self, factory, host, port, **_):
        protocol = factory()
        transport = Silent(self, protocol, host, port)
        protocol.connection_made(transport)
        return transport, protocol


class Silent(Dying):
    def _speak(self, asked):
        host = self._place[0]
        if host in self._net.begun:
            self._protocol.data_received(HELD)
        if not asked.get("stream"):
            said = {"role": "assistant", "content": "Hello."}
            answer = {"choices": [{"index": 0, "message": said, "finish_reason": "stop"}], "usage": {"total_tokens": 3}}
            self._protocol.data_received(plain(200, answer))
        elif host not in self._net.silent:
            super()._speak(asked)

    def abort(self):
        if not self.closed:
            self._net.left.append(self._place[0])
        super().abort()


@pytest.fixture
def slow(partners):
    """A house that hedges, in which Doubao is known to be quick and is silent now."""
    net, partners._net = partners._net, None
    partners._net = SlowNet(partners)
    house = partners.fresh()
    house.hedger = Hedger(0.0)
    house.corridor.attempt = house.hedger.attempt
    for route in house.table.routes:
        for _ in range(LEAST):
            house.hedger.paces.note(route, 0.0)
    house.asking = {"model": "partner", "stream": True, "isthmus_consent": agree(house), "isthmus_age": "40"}
    yield house
    partners._net = net


def test_the_second_route_answers_and_the_first_is_cancelled_and_noted(slow):
    told = Heard(slow.ask(**slow.asking))
    assert told.done
    assert told.text["content"].startswith(slow.net.text)
    assert [place[0] for place in slow.net.asked] == [SLOW, QUICK]
    assert slow.net.left == [SLOW]
    receipt = slow.receipt
    assert [(each.route.partition("/")[0], each.outcome) for each in receipt.attempts] == [
        ("doubao", "outrun"),
        ("qwen", "answered"),
    ]
    assert receipt.partner == "qwen"
    assert told.last["isthmus"]["route"] == receipt.route
    assert receipt.usage.total_tokens == slow.net.meter[-1].tokens


def test_what_the_slower_one_has_used_is_noted_and_not_billed(slow):
    slow.net.begun = {SLOW}
    assert Heard(slow.ask(**slow.asking)).done
    outrun = slow.receipt.attempts[0]
    assert outrun.spent.usage.completion_tokens == 0
    assert outrun.spent.usage.prompt_tokens == slow.net.meter[-1].prompt
    assert (outrun.spent.estimated, outrun.spent.billed) == (True, False)


def test_a_route_that_speaks_in_time_is_heard_and_nobody_else_is_asked(slow):
    slow.net.silent = set()
    slow.hedger._least = 60.0
    assert Heard(slow.ask(**slow.asking)).done
    assert [place[0] for place in slow.net.asked] == [SLOW]
    assert slow.receipt.partner == "doubao"


def test_when_the_second_route_fails_the_first_is_waited_for(slow):
    waiting = []

    def speak(self, asked):
        if self._place[0] == SLOW:
            waiting.append((self, asked))
        else:
            self.abort()
            first, question = waiting[0]
            first._net._loop.call_soon(Dying._speak, first, question)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Silent, "_speak", speak)
        assert Heard(slow.ask(**slow.asking)).done
    assert [(each.route.partition("/")[0], each.outcome) for each in slow.receipt.attempts] == [
        ("qwen", "unavailable"),
        ("doubao", "answered"),
    ]


@pytest.mark.parametrize("priority", ["batch", "background"])
def test_a_batch_waits_for_the_route_it_asked(slow, priority):
    slow.net.silent = set()
    assert Heard(slow.ask(isthmus_priority=priority, **slow.asking)).done
    assert slow.net.asked[0][0] == SLOW
    assert len(slow.net.asked) == 1


def test_a_hedge_is_a_call_that_the_retry_budget_pays_for(slow):
    budget = slow.corridor.breakers.budget
    while budget.take():
        pass
    waiting = []

    def speak(self, asked):
        waiting.append(self._place[0])
        Dying._speak(self, asked)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Silent, "_speak", speak)
        assert Heard(slow.ask(**slow.asking)).done
    assert waiting == [SLOW]


def test_nobody_is_asked_without_consent_however_slow_the_first_is(slow):
    slow.asking["isthmus_consent"] = "c-doubao"
    waiting = []

    def speak(self, asked):
        waiting.append(self._place[0])
        Dying._speak(self, asked)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Silent, "_speak", speak)
        assert Heard(slow.ask(**slow.asking)).done
    assert waiting == [SLOW]
    assert slow.receipt.partner == "doubao"


def test_an_answer_in_one_piece_is_asked_of_one(slow):
    slow.asking["stream"] = False
    assert slow.ask(**slow.asking).status == 200
    assert [place[0] for place in slow.net.asked] == [SLOW]


def test_a_budget_is_reserved_for_both_and_kept_for_one(slow):
    reserved, released = [], []
    quota = slow.corridor.quota
    caller = next(caller for caller in slow.corridor.ring if not caller.revoked)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(caller, "limited", True)
        patch.setattr(
            quota, "reserve", lambda ex, plan: reserved.append(plan.route.partner) or setattr(ex, "reserved", [])
        )
        patch.setattr(
            quota, "release", lambda ex: released.append(ex.plan.route.partner) or setattr(ex, "reserved", None)
        )
        assert Heard(slow.ask(**slow.asking)).done
    assert (reserved, released) == (["doubao", "qwen"], ["doubao"])


def test_a_pace_is_known_from_twenty_streams_on_and_is_the_95th_of_a_hundred():
    paces = Paces()
    for number in range(LEAST - 1):
        paces.note("r", float(number))
    assert paces.slow("r") is None
    paces.note("r", 99.0)
    assert paces.slow("r") == 18.0
    for number in range(100):
        paces.note("s", float(number))
    assert paces.slow("s") == 94.0


def test_a_route_that_fails_has_no_pace_and_one_that_was_outrun_has_at_least_its_time(slow):
    before = {name: len(seen) for name, seen in slow.hedger.paces._seen.items()}

    def refuse(self, asked):
        self.abort()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Silent, "_speak", refuse)
        assert slow.ask(**slow.asking).status == 503
    assert {name: len(seen) for name, seen in slow.hedger.paces._seen.items()} == before
    slow.fresh()
    slow.corridor.attempt = slow.hedger.attempt
    slow.asking["isthmus_consent"] = agree(slow)
    assert Heard(slow.ask(**slow.asking)).done
    for attempt_ in slow.receipt.attempts:
        assert len(slow.hedger.paces._seen[attempt_.route]) == before[attempt_.route] + 1


def test_who_does_not_hedge_pays_nothing_for_it():
    assert chosen(Hedge()) is attempt
    assert chosen(Hedge(streams=True)) is not attempt


@pytest.mark.parametrize("least", ["0.0", "-1.0", "61.0"])
def test_an_operator_hedges_within_reason(least):
    assert parse("[hedge]\nstreams = true\nleast_s = 0.2", "here").hedge == Hedge(streams=True, least_s=0.2)
    with pytest.raises(Refusal) as refused:
        parse(f"[hedge]\nleast_s = {least}", "here")
    assert "hedge.least_s" in refused.value.sentence()
