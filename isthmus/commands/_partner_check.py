"""The conformance set that `isthmus partners check` runs against a real service: small questions, each with what must
come back. What is sent and read is the gateway's own code; only the connection is plain.
"""

from __future__ import annotations

import http.client
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any, NamedTuple

import msgspec

from isthmus.core.decision import Route, RouteSkipped
from isthmus.core.errors import Refusal
from isthmus.core.exchange import Caller, Exchange
from isthmus.core.sse import DONE, EventReader
from isthmus.core.wire import decode_ask
from isthmus.partners.finish import OPENAI, finish
from isthmus.partners.schema import Habits

SECONDS = 60.0
READ = 64 << 10
TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather in a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


class Finding(NamedTuple):
    """One check: `ok`, and in words what was seen or what was missing. Never what the model said."""

    check: str
    ok: bool
    seen: str


class Said(msgspec.Struct):
    """What came back, as far as a check looks."""

    status: int
    text: str = ""
    calls: list[tuple[str, str]] = []
    finish: str = ""
    word: str = ""
    prompt: int = 0
    completion: int = 0
    done: bool = False
    broken: str = ""


def run(route: Route, secret: str, told: Callable[[str], None]) -> list[Finding]:
    """Every check against `route`. `told` hears the name of each before it runs."""
    found = []
    for name, (question, must) in checks(route).items():
        told(name)
        try:
            said = ask(route, secret, question)
        except (OSError, http.client.HTTPException) as error:
            found.append(Finding(name, False, f"no answer: {type(error).__name__}"))
            continue
        except (Refusal, RouteSkipped) as refused:
            code = refused.refusal.sentence() if isinstance(refused, RouteSkipped) else refused.sentence()
            found.append(Finding(name, True, f"not asked: {code}"))
            continue
        missing = must(said)
        seen = f"HTTP {said.status}, {said.finish or said.word or '-'}, {said.prompt}+{said.completion} tokens"
        found.append(Finding(name, not missing, missing or seen))
    return found


def checks(route: Route) -> dict[str, tuple[dict[str, Any], Callable[[Said], str]]]:
    """The questions for this route by name, and what is missing of each answer ("": nothing)."""
    if not route.facts.get("prefill"):
        return CHECKS
    habits: Habits = route.facts.get("habits") or Habits()
    begun: dict[str, Any] = {"role": "assistant", "content": _BEGUN}
    if habits.prefill:
        begun[habits.prefill] = True
    return {**CHECKS, "continued": ({"messages": [*_COUNT, begun], "max_tokens": 16}, _continued)}


def ask(route: Route, secret: str, question: dict[str, Any]) -> Said:
    """One question. Raises OSError, HTTPException, Refusal or RouteSkipped."""
    dialect = import_module(f"isthmus.partners.{route.dialect}")
    ex = Exchange("check", Caller("check", "check", (), ""), 0.0)
    ex.ask = decode_ask(msgspec.json.encode({"model": "auto", "max_tokens": 64, **question}))
    if question.get("model") == MISNAMED:
        route = msgspec.structs.replace(route, wire_model=MISNAMED)
    body = dialect.write_body(ex, route)
    kind = http.client.HTTPSConnection if route.tls else http.client.HTTPConnection
    connection = kind(route.host, route.port, timeout=SECONDS)
    try:
        connection.request(
            "POST", dialect.path(route, stream=ex.ask.stream), body, _headers(dialect, route, secret, ex)
        )
        answer = connection.getresponse()
        if answer.status != 200:
            raw = answer.read(READ)
            return Said(answer.status, word=dialect.judge(answer.status, raw))
        return _stream(dialect, route, answer) if ex.ask.stream else _whole(dialect, answer.read())
    finally:
        connection.close()


MISNAMED = "no-such-model-for-sure"


def _headers(dialect: ModuleType, route: Route, secret: str, ex: Exchange) -> dict[str, str]:
    lines = dialect.head(route, secret, stream=ex.ask.stream).decode().split("\r\n")
    own = dict(line.split(": ", 1) for line in lines if line)
    return {"Content-Type": "application/json", "Accept": "application/json, text/event-stream", **own}


def _whole(dialect: ModuleType, raw: bytes) -> Said:
    try:
        answer = dialect.read_answer(dialect.to_chat(raw) if hasattr(dialect, "to_chat") else raw)
    except dialect.BrokenAnswerError:
        return Said(200, word=dialect.judge(200, raw), broken="the answer is not of this wire")
    choice = answer.choices[0]
    said = Said(200, text=choice.message.content or "", finish=finish(choice.finish_reason), done=True)
    for call in choice.message.tool_calls or ():
        if call.function is not None:
            said.calls.append((call.function.name or "", call.function.arguments or ""))
    if answer.usage is not None:
        said.prompt, said.completion = answer.usage.prompt_tokens, answer.usage.completion_tokens
    return said


def _stream(dialect: ModuleType, route: Route, answer: http.client.HTTPResponse) -> Said:
    said = Said(200)
    events, reader = EventReader(), dialect.Reader(route) if hasattr(dialect, "Reader") else None
    calls: dict[int, list[str]] = {}
    try:
        while not said.done and not said.broken and (read := answer.read1(READ)):
            for event in events.feed(read):
                for each in reader.feed(event) if reader is not None else (event,):
                    _take(dialect, each, said, calls)
    except dialect.BrokenAnswerError:
        said.broken = "an event is not of this wire"
    said.calls = [(name, arguments) for name, arguments in calls.values()]
    return said


def _take(dialect: ModuleType, event: bytes, said: Said, calls: dict[int, list[str]]) -> None:
    if event == DONE:
        said.done = True
        return
    chunk = dialect.read_chunk(event)
    if chunk.error is not None:
        said.broken = "an error inside the stream"
    if chunk.usage is not None:
        said.prompt, said.completion = chunk.usage.prompt_tokens, chunk.usage.completion_tokens
    for choice in chunk.choices:
        said.text += choice.delta.content or ""
        said.finish = finish(choice.finish_reason) if choice.finish_reason else said.finish
        for call in choice.delta.tool_calls or ():
            one = calls.setdefault(call.index or 0, ["", ""])
            one[0] += (call.function.name or "") if call.function is not None else ""
            one[1] += (call.function.arguments or "") if call.function is not None else ""


# -- what must come back -------------------------------------------------------------------------------------


def _answered(said: Said) -> str:
    if said.status != 200:
        return f"HTTP {said.status} ({said.word})"
    if said.broken or not said.done:
        return said.broken or "the stream ended without its end mark"
    if said.finish not in OPENAI:
        return "the finish reason stands in no row of the table"
    return "" if said.prompt and said.completion else "usage is missing"


def _spoke(said: Said) -> str:
    return _answered(said) or ("" if said.text else "no text came")


def _called(said: Said) -> str:
    wrong = _answered(said)
    if wrong:
        return wrong
    if not said.calls or said.calls[0][0] != "weather":
        return "the tool was not called"
    try:
        msgspec.json.decode(said.calls[0][1], type=dict[str, Any])
    except msgspec.MsgspecError:
        return "the tool's arguments are no JSON object"
    return "" if said.finish == "tool_calls" else f"it ended in {said.finish}, not tool_calls"


def _limited(said: Said) -> str:
    return _answered(said) or ("" if said.finish == "length" else f"it ended in {said.finish}, not length")


def _continued(said: Said) -> str:
    wrong = "" if said.text else _answered(said) or "no text came"
    return wrong or ("it began anew instead of going on" if said.text.lstrip().startswith("1,") else "")


def _unknown(said: Said) -> str:
    if said.status == 200:
        return "a model that does not exist answered"
    return "" if said.word in ("elsewhere", "caller") else f"judged {said.word}"


_HELLO = [{"role": "user", "content": "Say hello in one word."}]
_COUNT = [{"role": "user", "content": "Count from 1 to 200, with commas."}]
_BEGUN = "1, 2, 3, "
_WEATHER: dict[str, Any] = {
    "messages": [{"role": "user", "content": "What is the weather in Paris? Use the tool."}],
    "tools": [TOOL],
    "max_tokens": 512,
}
CHECKS: dict[str, tuple[dict[str, Any], Callable[[Said], str]]] = {
    "plain": ({"messages": _HELLO, "max_tokens": 512}, _spoke),
    "stream": ({"messages": _HELLO, "max_tokens": 512, "stream": True}, _spoke),
    "tools": (_WEATHER, _called),
    "tools, streamed": ({**_WEATHER, "stream": True}, _called),
    "limit": ({"messages": _COUNT, "max_tokens": 16}, _limited),
    "limit, streamed": ({"messages": _COUNT, "max_tokens": 16, "stream": True}, _limited),
    "unknown model": ({"messages": _HELLO, "model": MISNAMED}, _unknown),
}
