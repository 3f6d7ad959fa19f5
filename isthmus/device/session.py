"""A conversation on the device: prompt, stream, append, clone; tools; answers of a given shape; a bounded context.

Source: W3C Prompt API (draft): prompt, promptStreaming, append, clone, measureContextUsage, contextUsage,
contextWindow, responseConstraint, message prefix; tools with name, description, inputSchema, execute.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from isthmus.core.errors import Refusal
from isthmus.core.secret import Withheld
from isthmus.device import chunks, language, schema
from isthmus.device.features.assistant import FEATURE, Conversation
from isthmus.device.result import Draft, Result
from isthmus.device.task import Abort, Message, Task, read_options
from isthmus.device.voice import Called

if TYPE_CHECKING:
    from isthmus.device.device import Device

ROUNDS = 4  # of tool calls for one prompt


class Tool(msgspec.Struct, frozen=True):
    """Something the model may call: `execute` gets the arguments by name and returns what is to be told (text or JSON).

    `input_schema` is the JSON schema of the arguments' object.
    """

    name: str
    description: str
    input_schema: dict[str, Any]
    execute: Callable[..., Any]

    def described(self) -> dict[str, Any]:
        """The tool on the chat wire."""
        function = {"name": self.name, "description": self.description, "parameters": self.input_schema}
        return {"type": "function", "function": function}


Said = str | Sequence[Mapping[str, Any]]


class Session(Withheld):
    """One conversation. `context_window` is in tokens; `dropped` counts old messages that no longer fitted."""

    def __init__(self, device: Device, messages: Sequence[Message], tools: Sequence[Tool]) -> None:
        self.context_window = device.context_window
        self.dropped = 0
        self._device = device
        self._messages = [dict(message) for message in messages]
        self._tools = {tool.name: tool for tool in tools}

    @property
    def messages(self) -> list[Message]:
        """The conversation so far, as a copy."""
        return [dict(message) for message in self._messages]

    @property
    def context_usage(self) -> int:
        """Tokens of the context window that the conversation takes."""
        return self._device.count(self._messages) if self._messages else 0

    def measure_context_usage(self, said: Said) -> int:
        """Tokens that `said` would take."""
        return self._device.count(_messages(said))

    def append(self, said: Said) -> None:
        """Add to the conversation without an answer."""
        self._messages += _messages(said)

    def clone(self) -> Session:
        """The same conversation, from here on on its own."""
        return Session(self._device, self._messages, list(self._tools.values()))

    def prompt(self, said: Said, *, signal: Abort | None = None, mode: str = "", **options: Any) -> Result[Any]:
        """Say something, get the answer. Options: responseConstraint, maxTokens, samplingMode. Raises Refusal."""
        *_, last = self.stream(said, signal=signal, mode=mode, **options)
        assert last.result is not None
        return last.result

    def stream(
        self, said: Said, *, signal: Abort | None = None, mode: str = "", **options: Any
    ) -> Iterator[Draft[Any]]:
        """The same as snapshots; the last has `result`. The conversation keeps the exchange only when it ends well."""
        turn = [*self._messages, *_messages(said)]
        given = {**options, "tools": [tool.described() for tool in self._tools.values()]}
        chosen = read_options(Conversation, given)
        for _ in range(ROUNDS):
            result = yield from self._once(self._fitted(turn, chosen), chosen, signal or Abort(), mode)
            called = result.value
            if not (isinstance(called, list) and called and isinstance(called[0], Called)):
                self._messages = _with_answer(turn, result.text)
                yield Draft(text=result.text, value=result.value, source=result.source, result=result)
                return
            turn += self._answered(called)
        raise Refusal("upstream_broken", route="The model (it only calls tools)")

    def _once(
        self, turn: list[Message], options: Any, abort: Abort, mode: str
    ) -> Generator[Draft[Any], None, Result[Any]]:
        """One question of the model's; drafts that may be a tool call are not shown."""
        text = "\n".join(map(_text, turn))
        spoken = language.primary(next((_text(each) for each in reversed(turn) if each["role"] == "user"), text))
        task = Task(FEATURE, text, options, given=turn, language=spoken, target=spoken)
        work = self._device.solve(task, mode, abort)
        while True:
            try:
                draft = next(work)
            except StopIteration as end:
                result: Result[Any] = end.value
                return result
            if not (self._tools and draft.text.lstrip()[:1] in {"{", "`", ""}):
                yield draft

    def _answered(self, called: Sequence[Called]) -> list[Message]:
        """The calls as the model made them, and what each tool says."""
        made = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in called
        ]
        told: list[Message] = [{"role": "assistant", "content": "", "tool_calls": made}]
        answers = ({"role": "tool", "tool_call_id": call.id, "content": self._execute(call)} for call in called)
        return [*told, *answers]

    def _execute(self, call: Called) -> str:
        tool = self._tools.get(call.name)
        if tool is None:
            return f"There is no tool {call.name}."
        try:
            arguments = msgspec.json.decode(call.arguments or "{}", type=dict[str, Any])
        except msgspec.DecodeError:
            return "The arguments are not a JSON object."
        problem = schema.problem_of(tool.input_schema, arguments)
        if problem:
            return f"The arguments do not fit: {problem}."
        found = tool.execute(**arguments)
        return found if isinstance(found, str) else msgspec.json.encode(found).decode()

    def _fitted(self, turn: list[Message], options: Any) -> list[Message]:
        """`turn` without its oldest messages where it does not fit beside the answer.

        The system's words stay, and all from the last question on. What a tool said goes with the call of it.
        """
        room = self.context_window - options.max_tokens
        asked = max((place for place, message in enumerate(turn) if message["role"] == "user"), default=len(turn) - 1)
        kept, now = list(turn[:asked]), list(turn[asked:])
        while _size(kept) + _size(now) > room:
            oldest = next((place for place, message in enumerate(kept) if message["role"] != "system"), None)
            if oldest is None:
                raise Refusal("bad_field", field="messages", reason=f"they are longer than {room} tokens")
            end = oldest + 1
            while end < len(kept) and kept[end]["role"] == "tool":
                end += 1
            self.dropped += end - oldest
            del kept[oldest:end]
        return kept + now


def _size(messages: Sequence[Message]) -> int:
    return sum(chunks.tokens(_text(message)) + 8 for message in messages)


def _text(message: Message) -> str:
    return str(message.get("content") or "")


def _with_answer(turn: list[Message], answer: str) -> list[Message]:
    """The conversation with its answer, which goes on where the last message is what it begins with."""
    begun = turn[-1]
    if begun["role"] == "assistant" and "tool_calls" not in begun:
        return [*turn[:-1], {**begun, "content": _text(begun) + answer}]
    return [*turn, {"role": "assistant", "content": answer}]


def _messages(said: Said) -> list[Message]:
    """Messages on the chat wire. A last assistant message with `prefix` is what the answer begins with."""
    if isinstance(said, str):
        return [{"role": "user", "content": said}]
    return [{name: value for name, value in message.items() if name != "prefix"} for message in said]
