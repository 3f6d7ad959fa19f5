"""What goes back to the caller: every byte of an unchanged answer, and the `isthmus` object as its last member."""

import json
from urllib.parse import unquote

import pytest
from corridor_parts import Door, called, exchange, forbid, hold, plan, route, upper
from hypothesis import given
from hypothesis import strategies as st

from isthmus.core.exchange import Before
from isthmus.core.wire import Said, Usage
from isthmus.gateway import answer
from isthmus.gateway.door import answer_bytes
from isthmus.partners.openai_chat import read_answer


def whole(body, *stages, on_response=()):
    """A partner's answer after the stages: the exchange, and the bytes for the caller."""
    chosen = plan(*stages, on_response=on_response)
    ex = exchange(chosen, stream=False)
    raw = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    return ex, answer.splice(answer.whole(ex, chosen, raw, read_answer(raw)), ex)


def said(finish="stop", **message):
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    return {"id": "c", "choices": [{"index": 0, "message": message, "finish_reason": finish}], "usage": usage}


def message_of(raw):
    return json.loads(raw)["choices"][0]["message"]


# -- the whole answer ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("tail", [b"}", b" }", b"\n}\n", b"\t} \r\n"])
def test_an_answer_that_nothing_changed_keeps_every_byte(tail):
    raw = (
        b'{ "choices":[{"message":{"content":"a\\u4f1a" , "role":"assistant"},"finish_reason":"stop", "odd":1.00}],"x" : 1e2'
        + tail
    )
    _, out = whole(raw, hold(3))
    kept = raw.rstrip()[:-1]
    assert out.startswith(kept + b',"isthmus":{')
    assert json.loads(out)["isthmus"]["receipt"] == "w0-1-1"


def test_a_changed_text_is_replaced_and_every_other_field_stays():
    body = {**said(content="a", role="assistant"), "system_fingerprint": "f"}
    body["choices"][0] |= {"odd": [1], "finish_reason": "stop"}
    _, out = whole(body, upper)
    found = json.loads(out)
    found.pop("isthmus")
    body["choices"][0]["message"]["content"] = "A"
    assert found == body


@pytest.mark.parametrize("tail", [b"}", b" }\n"])
def test_a_changed_text_may_be_written_in_place_and_then_the_rest_keeps_its_bytes(tail):
    raw = b'{"choices":[{"message":{"content":"a\\"b" , "refusal":null},"finish_reason":"stop"}], "x" : 1e2' + tail
    found = json.loads(whole(raw, upper)[1])
    assert message_of(whole(raw, upper)[1]) == {"content": 'A"B', "refusal": None}
    assert found["x"] == 100.0


def test_the_same_words_under_the_same_name_elsewhere_are_left_alone():
    raw = b'{"choices":[{"message":{"content": "bad"}}],"logprobs":{"content":"bad"},"echo":"\\"content\\":\\"bad\\""}'
    found = json.loads(whole(raw, upper)[1])
    assert found["choices"][0]["message"]["content"] == "BAD"
    assert (found["logprobs"], found["echo"]) == ({"content": "bad"}, '"content":"bad"')


@pytest.mark.parametrize(
    "more",
    [
        {"reasoning": "forbidden"},
        {"function_call": {"name": "forbidden", "arguments": "forbidden"}},
        {"role": "forbidden"},
        {"audio": {"transcript": "forbidden"}},
    ],
)
def test_what_no_stage_reads_goes_no_further(more):
    out = whole(said(content="fine", **more), hold(0))[1]
    assert b"forbidden" not in out
    assert message_of(out)["content"] == "fine"


def test_a_word_for_the_end_that_nobody_knows_is_unknown():
    body = said(content="a")
    body["choices"][0]["finish_reason"] = "tired"
    assert json.loads(whole(body, hold(0))[1])["choices"][0]["finish_reason"] == "unknown"


def test_every_channel_passes_the_stages():
    calls = [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "a"}}]
    calls.append({"id": "2", "type": "function", "function": {"name": "f", "arguments": "b"}})
    _, out = whole(said(content="c", reasoning_content="d", tool_calls=calls), upper)
    message = message_of(out)
    assert (message["content"], message["reasoning_content"]) == ("C", "D")
    assert [call["function"]["arguments"] for call in message["tool_calls"]] == ["A", "B"]


def test_calls_of_a_whole_answer_are_told_apart_by_their_place_whatever_index_they_carry():
    calls = [{"id": str(n), "index": 0, "function": {"name": "f", "arguments": text}} for n, text in enumerate("ab")]
    _, out = whole(said(content=None, tool_calls=calls), upper)
    assert [call["function"]["arguments"] for call in message_of(out)["tool_calls"]] == ["A", "B"]


def test_usage_and_finish_are_noted_for_the_receipt():
    ex, _ = whole(said("length", content="a"))
    assert (ex.finish, ex.usage.total_tokens) == ("length", 3)
    ex, _ = whole(b'{"choices":[{"message":{}}]}')
    assert (ex.finish, ex.usage) == ("unknown", None)


def test_a_forbidden_word_ends_a_whole_answer_too():
    ex, out = whole(said(content="fine BAD more"), forbid("BAD"))
    choice = json.loads(out)["choices"][0]
    assert choice["message"]["content"] == "fine [stopped]"
    assert choice["finish_reason"] == "content_filter"
    assert json.loads(out)["isthmus"]["blocked"] == ex.blocked == "test.word"


def test_after_a_forbidden_word_nothing_that_no_stage_read_repeats_it():
    call = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    body = said(content="fine BAD", role="assistant", annotations=[{"text": "BAD"}], tool_calls=[call])
    body["choices"][0]["logprobs"] = {"content": [{"token": "BAD", "logprob": 0.0}]}
    _, out = whole(body, forbid("BAD"))
    assert b"BAD" not in out
    assert message_of(out)["tool_calls"][0]["id"] == "call_1"


def test_stages_that_close_an_answer_speak_before_the_isthmus_object_is_written():
    def label(ex):
        ex.label = "内容由AI生成"

    _, out = whole(said(content="a"), on_response=[label])
    assert json.loads(out)["isthmus"]["label"] == "内容由AI生成"


@given(st.text(max_size=20), st.text(max_size=20))
def test_a_held_text_comes_out_whole_at_the_end(content, reasoning):
    _, out = whole(said(content=content, reasoning_content=reasoning), hold(5), hold(2))
    assert (message_of(out)["content"], message_of(out)["reasoning_content"]) == (content, reasoning)


# -- texts, delta, put, apply -------------------------------------------------------------------------------


def read(**message):
    return read_answer(json.dumps({"choices": [{"message": message}]}).encode()).choices[0].message


def test_texts_are_named_by_their_channel_in_the_order_a_person_meets_them():
    given_ = read(content="c", reasoning_content="r", tool_calls=[called("a", 2), called("", 3), {"index": 4}])
    assert list(answer.texts(given_).items()) == [("reasoning_content", "r"), ("content", "c"), ("tool:2", "a")]


def test_released_texts_become_a_delta_and_empty_ones_nothing():
    released = {"content": "c", "reasoning_content": "", "tool:1": "a", "tool:2": ""}
    assert answer.delta(released) == {"content": "c", "tool_calls": [{"index": 1, "function": {"arguments": "a"}}]}
    assert answer.delta({}) == {}


def test_a_changed_text_finds_its_call_by_index_or_else_by_place():
    target = {"tool_calls": [called("a", 1), {"function": {"arguments": "b"}}, called("c", 7)], "content": "x"}
    answer.put(target, {"tool:1": "B", "tool:7": "C", "content": "X"})
    assert [call["function"]["arguments"] for call in target["tool_calls"]] == ["B", "B", "C"]
    assert target["content"] == "X"


def test_at_the_last_piece_channels_that_still_hold_text_are_flushed_though_nothing_was_said():
    chosen = plan(hold(9))
    ex = exchange(chosen)
    ex.held["consent", "used"] = ("x",)
    assert answer.apply(ex, chosen, read(content="a", tool_calls=[called("b")]), last=False) == {
        "content": "",
        "tool:0": "",
    }
    assert answer.apply(ex, chosen, Said(), last=True) == {"content": "a", "tool:0": "b"}


def test_two_calls_of_one_delta_without_an_index_are_both_seen():
    calls = [{"function": {"arguments": "a"}}, {"function": {"arguments": "b"}}]
    assert "".join(answer.texts(read(tool_calls=calls)).values()) == "ab"


# -- origin and headers -------------------------------------------------------------------------------------


def full():
    chosen = plan(at=route("doubao/pro", badge="Doubao · 演练", tier="partner", rehearsal=True))
    ex = exchange(chosen)
    ex.label, ex.label_at, ex.notices, ex.masks, ex.blocked = (
        "内容由AI生成",
        "content",
        ["你在与AI对话", "b%"],
        {"PHONE": 2},
        "",
    )
    return ex


def test_the_origin_says_who_answered_where_and_what_is_owed():
    origin = answer.origin(full())
    assert (origin.route, origin.model, origin.source, origin.rehearsal) == ("doubao/pro", "pro", "partner", True)
    assert (origin.region, origin.decision, origin.receipt) == ("CN", "digest0", "w0-1-1")
    assert (origin.label, origin.label_at, origin.notices) == ("内容由AI生成", "content", ["你在与AI对话", "b%"])
    assert origin.masked == {"PHONE": 2}


def test_what_one_answer_went_on_with_is_not_told_of_the_next():
    made = plan()
    first, second = exchange(made), exchange(made)
    second.decision = first.decision
    first.before = Before(Usage(), None, False, "doubao/m", "Doubao", 8)
    answer.header_lines(first)  # as a stream does where it begins
    told = [json.loads(answer.dressed(each, b'{"id":1}')[0])["isthmus"] for each in (first, second)]
    assert told[0].pop("continued") == [{"route": "doubao/m", "badge": "Doubao", "characters": 8}]
    assert "continued" not in told[1]


def test_headers_say_the_same_in_ascii():
    door = Door()
    door.write(answer_bytes(200, b"{}", keep_alive=True, extra=answer.header_lines(full())))
    assert door.out.isascii()
    found = {name: unquote(value) for name, value in door.head.items() if name.startswith("isthmus-")}
    assert found == {
        "isthmus-route": "doubao/pro",
        "isthmus-model": "pro",
        "isthmus-source": "partner",
        "isthmus-badge": "Doubao · 演练",
        "isthmus-label": "内容由AI生成",
        "isthmus-notices": "你在与AI对话; b%",
        "isthmus-receipt": "w0-1-1",
    }


@given(st.text())
def test_no_text_breaks_out_of_its_header(text):
    ex = full()
    ex.label = text.encode("utf-8", "replace").decode()
    ex.notices = []
    lines = answer.header_lines(ex)
    assert lines.count(b"\r\n") == lines.count(b"\n") == lines.count(b"\r") == 7
    (label,) = (line for line in lines.split(b"\r\n") if line.startswith(b"isthmus-label: "))
    assert unquote(label.removeprefix(b"isthmus-label: ").decode("ascii")) == ex.label
