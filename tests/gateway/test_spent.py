"""What an answer that broke off has used: the partner's last count, or one made here, off the event loop if long."""

import asyncio
import threading

import pytest
from corridor_parts import Door, delta, event, exchange, plan, route
from killed_parts import Dying, KilledNet, agree, tongue
from scripted import Wire, request_bytes
from standin_wires import Anthropic, DashScope, Gemini, Speech

from isthmus.core.wire import Usage
from isthmus.gateway import relay, spent
from isthmus.gateway.door import Doors
from isthmus.gateway.serve import body_limit
from isthmus.gateway.stream import Stream
from isthmus.partners import anthropic, dashscope, gemini, openai_chat, prices
from isthmus.policy import estimate

DAY = "2026-11-22"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"


@pytest.fixture
def priced():
    """An exchange on a route of Qwen's family that said five words, and its price."""
    chosen = plan(at=route("qwen/qwen-plus"))
    ex = exchange(chosen)
    ex.heard = [("content", ["one", " two"]), ("reasoning_content", ["three"]), ("id:0", ["call_1"])]
    ex.out_chars = ex.out_bytes = 7
    from datetime import date

    price = prices.load().find("qwen", "qwen-plus", date.fromisoformat(DAY), "CN")
    return ex, {"qwen/qwen-plus": price}


@pytest.fixture
def nothing_short(monkeypatch):
    monkeypatch.setattr(spent, "SHORT", -1)


def run(coroutine):
    return asyncio.run(coroutine)


def test_the_partners_own_count_stands(priced):
    ex, book = priced
    ex.usage = Usage(1, 2, 3)
    run(spent.settle(ex, book))
    assert (ex.usage, ex.estimated) == (Usage(1, 2, 3), False)
    assert run(spent.attempt(ex, book)).usage == Usage(1, 2, 3)


@pytest.mark.usefixtures("nothing_short")
def test_without_one_tokens_are_counted_in_another_thread_and_marked(priced, monkeypatch):
    ex, book = priced
    threads = []
    real = estimate.count
    monkeypatch.setattr(estimate, "count", lambda *all: threads.append(threading.current_thread()) or real(*all))
    run(spent.settle(ex, book))
    assert ex.usage.completion_tokens == 3
    assert ex.estimated
    assert threads[0] is not threading.main_thread()


def test_what_is_short_is_counted_at_once(priced, monkeypatch):
    ex, book = priced
    threads = []
    real = estimate.count
    monkeypatch.setattr(estimate, "count", lambda *all: threads.append(threading.current_thread()) or real(*all))
    estimate.count((b"[]", b""), [], "qwen")  # its vocabulary is at hand
    run(spent.settle(ex, book))
    ex.usage, ex.out_chars = None, spent.SHORT
    run(spent.settle(ex, book))
    main = threading.main_thread()
    assert [thread is main for thread in threads] == [True, True, False]
    assert (ex.usage.completion_tokens, ex.estimated) == (3, True)


@pytest.mark.usefixtures("nothing_short")
def test_an_answer_that_must_end_at_once_takes_the_rates_when_counting_takes_long(priced, monkeypatch):
    ex, book = priced
    read = threading.Event()
    monkeypatch.setattr(estimate, "count", lambda *all: read.wait(10) and None)
    rates = estimate.usage(ex, "qwen")
    run(still(spent.settle(ex, book, 0.001), read))
    assert (ex.usage, ex.estimated) == (rates, True)


async def still(waiting, read):
    """The counter is let go only after the answer has its usage."""
    await waiting
    read.set()


def test_an_id_that_a_partner_made_up_is_no_token_of_its_models(priced):
    ex, _ = priced
    assert spent.channels(ex) == [["one", " two"], ["three"]]


def test_an_attempt_that_showed_nothing_is_told_with_its_cost_and_is_not_billed(priced):
    ex, book = priced
    found = run(spent.attempt(ex, book))
    assert found.estimated
    assert not found.billed
    assert found.cost.split()[1] == book["qwen/qwen-plus"].currency
    assert run(spent.attempt(ex, book, billed=True)).billed


def test_a_route_without_a_price_is_counted_by_rates_and_costs_nothing(priced):
    ex, _ = priced
    found = run(spent.attempt(ex, {}))
    assert found.usage == estimate.usage(ex, "bytes")
    assert found.cost == ""


def test_nobody_who_answered_means_nothing_to_count(priced):
    ex, book = priced
    ex.plan = None
    run(spent.settle(ex, book))
    assert ex.usage is None
    assert run(spent.attempt(ex, book)) is None


@pytest.mark.usefixtures("nothing_short")
def test_too_many_at_once_and_too_long_a_question_get_the_rates(priced, monkeypatch):
    ex, book = priced
    monkeypatch.setattr(spent, "WAITING", 0)
    run(spent.settle(ex, book))
    assert ex.usage == estimate.usage(ex, "qwen")
    monkeypatch.setattr(spent, "WAITING", 32)
    monkeypatch.setattr(spent, "LONGEST", 1)
    ex.usage = None
    run(spent.settle(ex, book))
    assert ex.usage == estimate.usage(ex, "qwen")


CALL = {"id": "t1", "name": "look", "arguments": '{"city": "Oslo"}'}
SPEECHES = {
    "words": Speech("m", "Nine words are said here, and nobody counts them.", prompt=41),
    "thoughts": Speech("m", "Then words.", "First a thought.", prompt=41),
    "a call": Speech("m", calls=(CALL,), prompt=41),
}


@pytest.mark.parametrize("name", SPEECHES)
def test_what_a_partner_counts_before_its_first_word_is_its_question_alone(name):
    """Anthropic tells the use of the question with `message_start`, and that of the answer with its end alone."""
    speech = SPEECHES[name]
    events = list(Anthropic().events(speech))
    for kept in range(1, len(events) + 1):
        chosen = plan(at=route("anthropic/m"))
        ex = exchange(chosen)
        stream = Stream(ex, chosen, Door(), anthropic, lambda: 1.0, chunked=True)
        stream.reader = anthropic.Reader(chosen.route)
        stream.feed(b"".join(each for each, _ in events[:kept]))
        estimated = ex.usage is None
        run(spent.settle(ex, {}))
        assert ex.usage.prompt_tokens == 41
        assert ex.estimated == estimated == (kept < len(events))
        if not estimated:
            assert ex.usage.completion_tokens == speech.completion
        elif ex.out_chars:
            assert ex.usage.completion_tokens == max(1, estimate.tokens(ex.out_chars, ex.out_bytes, "bytes"))
        relay.forget(ex)
        assert (ex.usage, ex.asked) == (None, None)


def test_a_count_with_the_words_or_after_them_is_the_answers():
    use = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
    for said in (
        event({"id": "c", "model": "m", "choices": [{"index": 0, "delta": {"content": "w"}}], "usage": use}),
        delta(content="w") + event({"id": "c", "model": "m", "choices": [], "usage": use}),
        delta(finish="stop") + event({"id": "c", "model": "m", "choices": [], "usage": use}),
        event({"id": "c", "model": "m", "choices": [{"index": 0, "delta": {}}], "usage": dict.fromkeys(use, 1)})
        + delta(content="w")
        + event({"id": "c", "model": "m", "choices": [], "usage": use}),
    ):
        ex = exchange(plan())
        stream = Stream(ex, ex.plan, Door(), openai_chat, lambda: 1.0, chunked=True)
        stream.feed(said)
        assert ex.usage == Usage(3, 4, 7)


@pytest.mark.parametrize(("dialect", "wire"), [(gemini, Gemini), (dashscope, DashScope)])
def test_a_count_that_came_in_one_event_with_words_is_the_partners_own(dialect, wire):
    speech = Speech("m", "Nine words are said here, and nobody counts them.", prompt=41)
    partner = wire()
    partner.incremental = True
    first = next(event for event, cost in partner.events(speech) if cost)
    ex = exchange(plan(at=route("partner/m")))
    stream = Stream(ex, ex.plan, Door(), dialect, lambda: 1.0, chunked=True)
    stream.reader = dialect.Reader(ex.plan.route)
    stream.feed(first)
    run(spent.settle(ex, {}))
    assert (ex.usage.prompt_tokens, ex.usage.completion_tokens, ex.estimated) == (41, 1, False)


def test_a_question_that_was_counted_as_nothing_is_counted_here(priced):
    ex, book = priced
    ex.asked = Usage(0, 0, 0)
    run(spent.settle(ex, book))
    assert ex.usage.prompt_tokens > 0


def test_the_partners_count_of_the_question_stands_beside_ours_of_the_words(priced):
    ex, book = priced
    ex.asked = Usage(1000, 1, 1001)
    run(spent.settle(ex, book))
    assert ex.usage == Usage(1000, 3, 1003)
    ex.usage = None
    assert run(spent.attempt(ex, book)).usage == Usage(1000, 3, 1003)


@pytest.mark.usefixtures("nothing_short")
def test_who_is_cancelled_while_counting_ends_all_the_same(priced):
    ex, book = priced

    async def cancelled():
        task = asyncio.get_running_loop().create_task(spent.last(ex, book))
        await asyncio.sleep(0)
        task.cancel()
        await task

    run(cancelled())
    assert ex.usage is None
    assert not spent._waiting[0]


class Patient(Dying):
    """Says three words of an answer and goes on thinking."""

    def _speak(self, asked):
        self._protocol.data_received(HEAD + delta(content="one") + delta(content=" two") + delta(content=" three"))
        self._net.spoke.set()


class PatientNet(KilledNet):
    def begin(self, loop, script):
        super().begin(loop, script)
        self.spoke = asyncio.Event()

    async def create_connection(self, factory, host, port, **_):
        protocol = factory()
        transport = Patient(self, protocol, host, port)
        protocol.connection_made(transport)
        return transport, protocol


def test_a_caller_who_leaves_is_billed_what_its_partner_had_sent(partners):
    net, partners._net = partners._net, PatientNet(partners)
    try:
        house = partners.fresh()
        consent = {"isthmus-consent": agree(house), "isthmus-age": "40"}
        question = [{"role": "user", "content": "Count."}]
        raw = request_bytes({"model": "qwen", "stream": True, "messages": question}, house.key, consent)
        house.loop.run_until_complete(hang_up(house, raw))
    finally:
        partners._net = net
    receipt = house.receipt
    assert (receipt.outcome, receipt.estimated) == ("aborted", True)
    assert receipt.usage.completion_tokens == 3
    assert receipt.usage.prompt_tokens == tongue("qwen").prompt(question)


async def hang_up(house, raw):
    """Ask, hear the third word, and be gone."""
    door, wire = Doors(house.loop, house.serve, body_limit, None)(), Wire()
    door.connection_made(wire)
    door.data_received(raw)
    task = door.task
    await house.net.spoke.wait()
    assert b" three" in wire.out
    door.connection_lost(None)
    await task.over()
