"""Five callers (official clients, unchanged) on every partner wire: plain, streamed, tools, reasoning, errors."""

import json

import pytest
from callers import CALLERS, NAMES, ORIGIN_UNSEEN
from matrix_parts import DIALECTS, ORIGIN, Journey
from standin_wires import CALLS, SECRET

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # the clients' own are not ours to mend
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:Pydantic serializer warnings:UserWarning"),
]
MODES = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
ALL = pytest.mark.parametrize("dialect", DIALECTS)


@pytest.fixture(params=CALLERS, ids=lambda caller: caller.name)
def talk(request, dialect):
    """A caller and the journey of its queries to the partner of this case."""
    journey = Journey(dialect, request.param.http)
    with journey.client() as http:
        yield request.param(http), journey


@MODES
@ALL
def test_a_plain_question_is_answered_with_tokens_and_origin(talk, stream):
    caller, journey = talk
    heard = caller.ask(caller.question("plain"), stream=stream)
    assert heard.text == "Hello from the stand-in."
    assert heard.end == caller.ends["stop"]
    assert heard.usage == (3, 8)
    assert heard.calls == []
    assert heard.origin in (ORIGIN, ORIGIN_UNSEEN)
    assert b"wire-model" in journey.sent[0] or journey.route.dialect == "gemini"


@MODES
@ALL
def test_the_words_of_a_question_arrive_as_they_were_written(talk, stream):
    caller, _ = talk
    words = 'echo 会议 "at" 9\n\u2028\\n{"a":1}'
    assert caller.ask(caller.question(words), stream=stream).text == words[5:]


@MODES
@ALL
def test_a_limit_reached_is_a_length_and_no_end(talk, stream):
    caller, _ = talk
    heard = caller.ask(caller.question("limit"), limit=20 if "responses" in caller.name else 3, stream=stream)
    if len(heard.text) < 24:
        assert heard.end == caller.ends["length"]
    else:  # the Responses wire knows no limit below 16 tokens, and this answer is shorter
        assert heard.end == caller.ends["stop"]


@MODES
@ALL
def test_tools_are_called_in_their_order_and_their_results_go_back(talk, stream):
    caller, journey = talk
    asked = caller.question("twotools")
    heard = caller.ask(asked, tools=True, stream=stream)
    assert [call[:2] for call in heard.calls] == [("call_1", "weather"), ("call_2", "clock")]
    assert [_object(call[2]) for call in heard.calls] == [json.loads(call["arguments"]) for call in CALLS]
    assert heard.end == caller.ends["tools"]
    turns = [*asked, *caller.back(heard), *caller.results(heard.calls, ["sunny", "noon"])]
    assert caller.ask(turns, tools=True, stream=stream).text == "Hello from the stand-in."
    sent = journey.sent[1].decode()
    assert sent.index("weather") < sent.index("clock")
    assert sent.index("sunny") < sent.index("noon")
    assert sent.count("call_1") == sent.count("call_2") == 2
    assert [name for name in NAMES if name not in sent] == []


def _object(arguments):
    return json.loads(arguments) if isinstance(arguments, str) else arguments


@MODES
@ALL
def test_reasoning_is_heard_apart_from_the_answer_and_goes_back(talk, stream):
    caller, journey = talk
    asked = caller.question("reason")
    heard = caller.ask(asked, effort="medium", stream=stream)
    assert heard.text == "Hello from the stand-in."
    if not caller.sees_reasoning:
        return
    assert heard.reasoning == "Thinking."
    caller.ask([*asked, *caller.back(heard), *caller.question("plain")[-1:]], effort="medium", stream=stream)
    kept = [m for m in journey.chats[1]["messages"] if m["role"] == "assistant"]
    assert kept[0]["reasoning_content"] == "Thinking."


@MODES
@ALL
def test_what_the_partner_moderated_is_a_content_filter_and_no_end(talk, stream):
    caller, _ = talk
    heard = caller.ask(caller.question("hit"), stream=stream)
    assert heard.end == caller.ends["filter"]


@pytest.mark.parametrize("kind", ["moderated", "busy", "quota", "overloaded", "caller"])
@ALL
def test_a_refusal_is_an_error_of_the_callers_own_kind_without_the_partners_words(talk, kind):
    caller, journey = talk
    if (journey.route.dialect, kind) == ("gemini", "moderated"):
        assert caller.ask(caller.question(kind)).end == caller.ends["filter"]
        return
    with pytest.raises(caller.failures) as caught:
        caller.ask(caller.question(kind))
    assert SECRET not in str(caught.value)
    status = caught.value.status_code
    expected = {"busy": {429}, "quota": {502}, "overloaded": {429}, "caller": {400}, "moderated": {400}}[kind]
    assert status in expected


@ALL
def test_an_error_inside_a_stream_is_an_error_to_the_caller_and_never_silence(talk):
    caller, _ = talk
    with pytest.raises(caller.failures) as caught:
        caller.ask(caller.question("error200"), stream=True)
    assert SECRET not in str(caught.value)
