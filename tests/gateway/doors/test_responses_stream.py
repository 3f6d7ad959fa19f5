import json

from isthmus.core.errors import Refusal
from isthmus.core.sse import DONE, EventReader
from isthmus.gateway.doors import responses
from isthmus.gateway.doors.responses_stream import Writer

TOLD = {"receipt": "r"}


def chunk(finish=None, **delta):
    return {"id": "c", "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def spoken(*chunks):
    writer = Writer(b'{"input":"hi","store":true}')
    writer.note(b': isthmus {"receipt":"r"}')
    raw = b"".join(writer.feed(each if each == DONE else json.dumps(each).encode()) for each in chunks)
    return writer, [json.loads(event) for event in EventReader().feed(raw)]


def test_every_item_is_opened_filled_and_closed_and_events_are_numbered():
    writer, events = spoken(
        chunk(reasoning_content="hm"), chunk(encrypted_content="s."), chunk(content="ye"), chunk(content="s"),
        chunk(tool_calls=[{"index": 0, "id": "t", "function": {"name": "f", "arguments": ""}}]),
        chunk(tool_calls=[{"index": 0, "function": {"arguments": '{"a":1}'}}]), chunk("tool_calls"),
        {"id": "c", "choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
         "isthmus": TOLD}, DONE,
    )  # fmt: skip
    assert [e["sequence_number"] for e in events] == list(range(len(events)))
    kinds = [e["type"].removeprefix("response.") for e in events]
    assert kinds == [
        "created", "in_progress", "output_item.added", "content_part.added", "reasoning_text.delta",
        "reasoning_text.done", "content_part.done", "output_item.done", "output_item.added", "content_part.added",
        "output_text.delta", "output_text.delta", "output_text.done", "content_part.done", "output_item.done",
        "output_item.added", "function_call_arguments.delta", "function_call_arguments.done", "output_item.done",
        "completed",
    ]  # fmt: skip
    ended = events[-1]["response"]
    assert [item["type"] for item in ended["output"]] == ["reasoning", "message", "function_call"]
    assert ended["output"][0]["encrypted_content"] == "s."
    assert ended["output"][2]["arguments"] == '{"a":1}'
    assert (ended["usage"]["total_tokens"], ended["isthmus"], writer.id) == (3, TOLD, "resp_r")


def test_what_was_said_can_be_kept_for_the_next_request():
    writer, _ = spoken(chunk(reasoning_content="hm"), chunk(content="yes"), chunk("stop"), DONE)
    kept = json.loads(responses.remember(b'{"model":"m","input":"hi"}', writer.said))
    assert kept[-1] == {"role": "assistant", "content": "yes", "reasoning_content": "hm"}


def test_an_end_that_is_none_is_incomplete():
    _, events = spoken(chunk(content="half"), chunk("length"), DONE)
    assert events[-1]["type"] == "response.incomplete"
    assert events[-1]["response"]["incomplete_details"] == {"reason": "max_output_tokens"}


def test_a_failure_keeps_what_arrived_and_says_what_happened():
    _, events = spoken(chunk(content="half"), {**Refusal("upstream_lost", route="P").body(), "isthmus": TOLD})
    failed = events[-1]["response"]
    assert (events[-1]["type"], failed["status"], failed["error"]["code"]) == (
        "response.failed", "failed", "upstream_lost"
    )  # fmt: skip
    assert failed["output"][0]["content"][0]["text"] == "half"


def test_the_models_own_refusal_has_events_of_its_own():
    _, events = spoken(chunk(refusal="no"), chunk("stop"), DONE)
    assert "response.refusal.delta" in [e["type"] for e in events]
    assert events[-1]["response"]["output"][0]["content"] == [{"type": "refusal", "refusal": "no"}]


def test_an_end_before_any_beginning_says_nothing():
    assert spoken(DONE)[1] == []
