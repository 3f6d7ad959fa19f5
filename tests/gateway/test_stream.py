"""A streamed answer: however the partner's bytes are cut, the caller reads the same; and it never ends in silence."""

import json

import pytest
from corridor_parts import USAGE, Door, Heard, called, delta, ending, event, exchange, forbid, hold, plan, upper
from hypothesis import given
from hypothesis import strategies as st

from isthmus.core.errors import Refusal
from isthmus.gateway.stream import Stream
from isthmus.partners import openai_chat


class Partner:
    """The connection that a stream is fed from; it only remembers whether it was let go."""

    aborted = False

    def abort(self):
        self.aborted = True

    def heard(self):
        pass


class Talk:
    """One stream between a partner and a caller."""

    def __init__(self, *stages, chunked=True, on_response=(), **fields):
        self.plan = plan(*stages, on_response=on_response)
        self.ex = exchange(self.plan, **fields)
        self.door = Door()
        self.partner = Partner()
        self.stream = Stream(self.ex, self.plan, self.door, openai_chat, lambda: 1.0, chunked=chunked)
        self.stream.connection = self.partner

    def say(self, *reads):
        for read in reads:
            self.stream.feed(read)
        return self

    def hear(self):
        self.stream.finish()
        return Heard(self.door)


ROLE = delta(role="assistant", content="")


# -- any split ----------------------------------------------------------------------------------------------

texts = st.text(st.sampled_from('abcdBAD 会议\U0001f30a\n\r"\\'), max_size=12)
saids = st.one_of(
    st.builds(lambda text: {"content": text}, texts),
    st.builds(lambda text: {"reasoning_content": text}, texts),
    st.builds(lambda text, index: {"tool_calls": [called(text, index)]}, texts, st.integers(0, 1)),
    st.builds(lambda text, other: {"content": text, "reasoning_content": other}, texts, texts),
    st.just({"role": "assistant", "content": ""}),
    st.just({"content": None}),
)
STAGES = {
    "no stage": (),
    "upper case": (upper,),
    "held back": (hold(3),),
    "held back twice": (hold(2), upper, hold(5)),
    "a forbidden word": (forbid("BAD"),),
    "a forbidden word after others": (hold(2), forbid("bad"), hold(1)),
}


def cut(data, raw):
    cuts = sorted(data.draw(st.sets(st.integers(0, len(raw)), max_size=15)))
    return [raw[a:b] for a, b in zip([0, *cuts], [*cuts, len(raw)], strict=True)]


def outcome(stages, reads):
    talk = Talk(*stages, stream_options={"include_usage": True}).say(*reads)
    assert talk.stream.failure is None
    heard = talk.hear()
    return heard.text, heard.finish, heard.done, heard.last, talk.ex.blocked


@pytest.mark.parametrize("stages", STAGES.values(), ids=STAGES.keys())
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"], ids=["LF", "CRLF"])
@given(st.lists(saids, max_size=8), st.data())
def test_any_split_of_the_partners_bytes_gives_the_caller_the_same_answer(stages, line_end, said, data):
    raw = (b"".join(delta(**each) for each in said) + ending()).replace(b"\n", line_end)
    assert outcome(stages, cut(data, raw)) == outcome(stages, [raw])


@given(st.lists(saids, max_size=8), st.data())
def test_a_stage_sees_every_text_once_and_in_order(said, data):
    raw = b"".join(delta(**each) for each in said) + ending()
    text, *_ = outcome((hold(4), upper), cut(data, raw))
    plain, *_ = outcome((), [raw])
    assert text == {channel: words.upper() for channel, words in plain.items()}


@given(st.text(st.sampled_from("abdBAD"), max_size=30), st.data())
def test_no_part_of_a_forbidden_word_is_ever_shown_in_any_split_into_events(text, data):
    text += "BAD" + text
    pieces = cut(data, text)
    shown, finish, done, *_ = outcome((forbid("BAD"),), [delta(content=each) for each in pieces] + [ending()])
    assert shown == {"content": text.partition("BAD")[0] + "[stopped]"}
    assert (finish, done) == (["content_filter"], True)


# -- the beginning ------------------------------------------------------------------------------------------


def test_a_role_alone_commits_nothing():
    talk = Talk().say(b": keep-alive\n\n", ROLE)
    assert not talk.stream.committed
    assert not talk.door.out


def test_the_first_content_brings_the_head_the_origin_and_the_role_with_it():
    talk = Talk().say(ROLE, delta(content="Hi"))
    assert talk.stream.committed
    assert talk.ex.shown
    assert talk.door.writes == 1
    assert talk.door.status == 200
    assert talk.door.head["content-type"] == "text/event-stream; charset=utf-8"
    assert talk.door.head["isthmus-route"] == "local/m"
    heard = talk.say(ending()).hear()
    assert json.loads(heard.comments[0].removeprefix(": isthmus "))["receipt"] == talk.ex.id
    assert heard.events[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}


def test_text_that_is_all_held_back_commits_nothing():
    talk = Talk(hold(10)).say(ROLE, delta(content="short"))
    assert not talk.stream.committed
    assert talk.say(ending()).hear().text == {"content": "short"}


def test_one_read_is_one_write():
    talk = Talk().say(ROLE, delta(content="a") * 20)
    assert talk.door.writes == 1


def test_a_stream_whose_partner_is_silent_ends_when_its_key_is_revoked():
    talk = Talk(hold(0)).say(delta(content="a"))
    talk.stream.look()
    assert talk.stream.failure is None
    talk.ex.caller.revoked = True
    talk.stream.look()
    assert talk.stream.failure.code == "stream_ended"
    assert talk.partner.aborted


def test_an_event_that_no_stage_changed_keeps_its_bytes():
    odd = b'{ "choices":[{"delta":{"content":"a" , "role":"assistant"}, "made_up":1.00}], "x": [ ]}'
    talk = Talk(hold(0)).say(b"data: %b\n\n" % odd, delta(content="b"))
    assert b"data: %b\n\n" % odd in talk.door.out


@pytest.mark.parametrize("stages", [(), (hold(3),)], ids=["no stage", "held back"])
def test_an_event_that_lies_on_several_lines_is_one_event_to_the_caller(stages):
    whole = delta(content="Good morning")
    lines = json.dumps(json.loads(whole[6:]), indent=1).replace("\n", "\n\n").split("\n")
    spread = "".join(f"data: {line}\n" for line in lines).encode() + b"\n"
    reads = [spread, spread + whole, ending()]
    assert outcome(stages, reads) == outcome(stages, [whole, whole, whole, ending()])


def test_an_event_that_a_stage_changed_keeps_its_other_fields():
    odd = b'{"choices":[{"delta":{"content":"a","role":"assistant"},"made_up":1}],"x":[5]}'
    heard = Talk(upper).say(b"data: %b\n\n" % odd, ending()).hear()
    assert heard.events[0] == {"choices": [{"delta": {"content": "A", "role": "assistant"}, "made_up": 1}], "x": [5]}


@pytest.mark.parametrize("more", [{"reasoning": "forbidden"}, {"function_call": {"arguments": "forbidden"}}])
def test_what_no_stage_reads_of_an_event_goes_no_further(more):
    talk = Talk(hold(0)).say(delta(content="fine", **more), delta(**more), ending())
    assert talk.hear().text == {"content": "fine"}
    assert b"forbidden" not in talk.door.out


@pytest.mark.parametrize("more", [{}, {"tool_calls": [called("{}")]}])
def test_probabilities_of_words_never_spell_what_is_held_back(more):
    told = {"index": 0, "delta": {"content": "fine BA", **more}, "logprobs": {"content": [{"token": "fine BA"}]}}
    heard = Talk(forbid("BAD")).say(event({"choices": [told]}), delta(content="D"), ending()).hear()
    assert heard.text["content"].startswith("fine ")
    assert "BA" not in json.dumps(heard.events)


def test_a_tool_call_keeps_its_id_and_name_while_its_arguments_are_held_back():
    first = {**called('{"a":1}', name="weather"), "id": "call_1", "type": "function"}
    heard = Talk(hold(50)).say(ROLE, delta(tool_calls=[first]), ending("tool_calls")).hear()
    calls = [call for each in heard.events for c in each["choices"] for call in c["delta"].get("tool_calls", ())]
    assert [call["id"] for call in calls if "id" in call] == ["call_1"]
    assert [call["function"]["name"] for call in calls if "name" in call["function"]] == ["weather"]
    assert heard.text == {"tool:0": '{"a":1}'}


def test_an_old_caller_without_chunked_coding_reads_until_the_connection_ends():
    talk = Talk(chunked=False).say(delta(content="a"), ending())
    talk.stream.finish()
    assert talk.door.head["connection"] == "close"
    assert "transfer-encoding" not in talk.door.head
    assert Heard(talk.door).text == {"content": "a"}


# -- the end ------------------------------------------------------------------------------------------------


def test_the_last_chunk_carries_the_finish_and_the_isthmus_object():
    heard = Talk().say(delta(content="a"), ending("length")).hear()
    assert heard.done
    assert heard.last["choices"] == [{"index": 0, "delta": {}, "finish_reason": "length"}]
    assert heard.last["isthmus"]["route"] == "local/m"
    assert "usage" not in heard.last


def test_the_usage_goes_into_a_chunk_of_its_own_only_where_it_was_asked_for():
    talk = Talk(stream_options={"include_usage": True})
    heard = talk.say(delta(content="a"), ending()).hear()
    assert heard.last["choices"] == []
    assert heard.last["usage"] == USAGE
    assert heard.last["isthmus"]["receipt"] == talk.ex.id
    assert heard.events[-2]["choices"][0]["finish_reason"] == "stop"
    assert (talk.ex.usage.total_tokens, talk.ex.finish) == (7, "stop")


def test_usage_is_known_to_the_receipt_even_when_the_caller_did_not_ask():
    talk = Talk().say(delta(content="a"), ending())
    talk.hear()
    assert talk.ex.usage.completion_tokens == 4


def test_what_the_finish_event_says_itself_passes_the_stages_too():
    heard = Talk(upper, hold(2)).say(delta(content="a"), delta("stop", content="bcd"), b"data: [DONE]\n\n").hear()
    assert heard.text == {"content": "ABCD"}
    assert heard.finish == ["stop"]


def test_stages_that_close_an_answer_are_heard_before_the_last_chunk():
    def close(ex):
        ex.notices.append("made by AI")

    heard = Talk(on_response=[close]).say(delta(content="a"), ending()).hear()
    assert heard.last["isthmus"]["notices"] == ["made by AI"]


def test_nothing_after_the_finish_event_is_passed_on():
    heard = Talk().say(delta(content="a"), delta("stop"), delta(content="late"), b"data: [DONE]\n\n").hear()
    assert heard.text == {"content": "a"}


def test_nothing_after_the_end_mark_is_read():
    talk = Talk().say(delta(content="a"), b"data: [DONE]\n\ndata: garbage\n\n", b"data: garbage\n\n")
    assert talk.stream.done
    assert talk.hear().text == {"content": "a"}


def test_text_that_waits_is_never_repeated_from_the_event_that_brought_it():
    heard = Talk(forbid("BADBAD")).say(delta(content="BADBA"), delta(content="D!"), b"data: [DONE]\n\n").hear()
    assert heard.text == {"content": "[stopped]"}


def test_an_end_mark_without_a_finish_event_still_ends_well():
    heard = Talk(hold(3)).say(delta(content="abc"), b"data: [DONE]\n\n").hear()
    assert heard.text == {"content": "abc"}
    assert heard.last["id"] == "c1"
    assert heard.finish == ["unknown"]


def test_an_answer_without_a_word_is_still_a_whole_answer():
    heard = Talk().say(ROLE, ending()).hear()
    assert (heard.text, heard.finish, heard.done) == ({}, ["stop"], True)
    assert heard.events[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}


# -- what stops a stream ------------------------------------------------------------------------------------


def test_a_forbidden_word_stops_the_partner_and_closes_the_answer():
    talk = Talk(forbid("BAD")).say(
        delta(content="ok "), delta(content="BA"), delta(content="D thing"), delta(content="x")
    )
    assert talk.stream.done
    assert talk.partner.aborted
    heard = talk.hear()
    assert heard.text == {"content": "ok [stopped]"}
    assert heard.finish == ["content_filter"]
    assert heard.last["isthmus"]["blocked"] == "test.word"
    assert heard.done


def test_after_a_forbidden_word_no_other_channel_goes_on():
    said = delta(content="BAD", reasoning_content="a", tool_calls=[called("x")])
    heard = Talk(forbid("BAD")).say(said, delta(reasoning_content="more")).hear()
    assert heard.text.get("content") == "[stopped]"
    assert "more" not in heard.text.get("reasoning_content", "")


def test_a_revoked_caller_hears_nothing_more():
    talk = Talk().say(delta(content="a"))
    talk.ex.caller.revoked = True
    talk.say(delta(content="b"), delta(content="c"))
    assert talk.stream.failure.code == "stream_ended"
    assert talk.partner.aborted
    talk.stream.fail(talk.stream.failure)
    assert "c" not in Heard(talk.door).text["content"]


@pytest.mark.parametrize(
    ("bytes_", "code"),
    [
        (b"data: {not json\n\n", "upstream_broken"),
        (b'data: {"choices":[{"delta":{"content":5}}]}\n\n', "upstream_broken"),
        (b"data: " + b"x" * (2 << 20), "upstream_broken"),
        (event({"error": {"message": "SECRET", "code": "x"}}), "upstream_lost"),
    ],
    ids=["no JSON", "wrong type", "without end", "error inside 200"],
)
def test_what_is_not_the_partners_wire_is_a_typed_failure(bytes_, code):
    talk = Talk().say(delta(content="a"), bytes_, delta(content="never"))
    assert talk.stream.failure.code == code
    assert talk.partner.aborted
    talk.stream.fail(talk.stream.failure)
    heard = Heard(talk.door)
    assert heard.text == {"content": "a"}
    assert b"SECRET" not in talk.door.out


def test_a_stream_that_breaks_ends_in_a_typed_error_event_and_without_the_end_mark():
    talk = Talk().say(delta(content="a"))
    talk.stream.fail(Refusal("upstream_lost", extra={"law": []}, route="Private tier"))
    heard = Heard(talk.door)
    assert not heard.done
    assert heard.last["error"]["code"] == "upstream_lost"
    told = heard.last["error"]["isthmus"]
    assert (told["law"], told["receipt"]) == ([], talk.ex.id)
    assert told["delivered"] == {"characters": 1}
    assert told["billed"] == {"usage": None, "cost": "", "estimated": False}
    assert heard.last["isthmus"]["route"] == "local/m"
    assert heard.last["isthmus"]["receipt"] == talk.ex.id


def test_a_second_choice_that_nobody_asked_for_does_not_pass_unseen():
    two = [{"index": 0, "delta": {"content": "a"}}, {"index": 1, "delta": {"content": "unseen"}}]
    talk = Talk(upper).say(event({"choices": two}))
    assert talk.stream.failure.code == "upstream_broken"
    assert not talk.door.out


TEXTS = st.text(st.characters(codec="utf-8"), max_size=6) | st.sampled_from(
    ('"', "\\", "\n", "你好", "\u2028", "}", ',"usage":{', "")
)
USES = st.lists(st.integers(0, 200), min_size=1, max_size=12)


@given(
    st.lists(TEXTS, min_size=1, max_size=12), st.sampled_from(("compact", "spaced")), st.booleans(),
    st.sampled_from(("untold", "told", "told first")), USES, st.data(),
)  # fmt: skip
def test_events_that_are_alike_are_read_as_any_other(texts, style, escaped, telling, uses, data):
    events = []
    for text, used in zip(texts, uses * 12, strict=False):
        one = {"id": "x", "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]}
        usage = {"prompt_tokens": 9, "completion_tokens": used, "total_tokens": 9 + used}
        one = {"untold": one, "told": {**one, "usage": usage}, "told first": {"usage": usage, **one}}[telling]
        separators = (",", ":") if style == "compact" else (", ", ": ")
        events.append(json.dumps(one, separators=separators, ensure_ascii=escaped).encode())
    reads = cut(data, b"".join(b"data: %b\n\n" % each for each in events) + ending())
    one_by_one, together = Talk(), Talk()
    one_by_one.stream._learns = 0
    for read in reads:
        assert one_by_one.say(read).ex.usage == together.say(read).ex.usage
    assert one_by_one.hear().events == together.hear().events


@pytest.mark.parametrize("first", [False, True])
def test_the_last_word_on_the_use_so_far_stands_and_no_caller_is_told_it_twice(first):
    talk = Talk()
    for used in (0, 1, 0):
        usage = {"usage": {"prompt_tokens": 9, "completion_tokens": used, "total_tokens": 9 + used}}
        said = {"choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": None}]}
        talk.say(event({**usage, **said} if first else {**said, **usage}))
        assert talk.ex.usage.completion_tokens == used
    assert b"completion_tokens" not in talk.door.out
