"""The OpenAI chat wire, as far as Isthmus must read it.

Rule of this file: read typed, rewrite generic, splice when nothing changed. A request's top level is split into raw
fields once; only the fields a policy needs are decoded, strictly. Fields that Isthmus does not know stay raw and pass
on only when the partner's allow-list has them.
Source: OpenAI API reference, "Create chat completion" and "Streaming".
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, Literal, NamedTuple, get_args

import msgspec

from isthmus.core.errors import Refusal
from isthmus.core.secret import Withheld


class PromptDetails(msgspec.Struct, omit_defaults=True):
    """Of the prompt's tokens, those that the partner read from its cache."""

    cached_tokens: int | None = None


class CompletionDetails(msgspec.Struct, omit_defaults=True):
    """Of the answer's tokens, those of its reasoning."""

    reasoning_tokens: int | None = None


class Usage(msgspec.Struct, omit_defaults=True):
    """Tokens of one answer, in the partner's own count. The details are parts of the counts above them."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0
    prompt_tokens_details: PromptDetails | None = None
    completion_tokens_details: CompletionDetails | None = None


class Part(Withheld, msgspec.Struct):
    """One piece of a message's content; `text` for type "text", other types carry no text."""

    type: str
    text: str | None = None


class CalledFunction(Withheld, msgspec.Struct, omit_defaults=True):
    name: str | None = None
    arguments: str | None = None


class ToolCall(Withheld, msgspec.Struct, omit_defaults=True):
    id: str | None = None
    type: str | None = None
    function: CalledFunction | None = None
    index: int | None = None


Role = Literal["system", "developer", "user", "assistant", "tool", "function"]


class Message(Withheld, msgspec.Struct, omit_defaults=True):
    """One message of the conversation. `prefix` and `partial` ask DeepSeek and Qwen to go on with it.

    What is written to a partner is this struct, encoded anew: any other field would reach it unread, and a name given
    twice might be read as its first value there and as its last here. A content of null stays null (DeepSeek wants it
    beside tool calls); elsewhere null means absent.
    """

    role: Role
    content: str | list[Part] | msgspec.UnsetType | None = msgspec.UNSET
    name: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[ToolCall] | None = None
    tool_call_id: str | None = None
    prefix: bool | None = None
    partial: bool | None = None
    encrypted_content: Any = None

    def texts(self) -> Iterator[str]:
        """Every text of this message: name, content, reasoning, tool arguments."""
        if self.name:
            yield self.name
        content = self.content
        if isinstance(content, str):
            yield content
        elif isinstance(content, list):
            for part in content:
                if part.text is not None:
                    yield part.text
        if self.reasoning_content:
            yield self.reasoning_content
        if self.tool_calls is not None:
            for call in self.tool_calls:
                if call.function is not None and call.function.arguments:
                    yield call.function.arguments


class StreamOptions(msgspec.Struct):
    include_usage: bool = False


class Ask(Withheld):
    """A decoded chat request: raw top-level fields, and the few that are read.

    `model`, `stream`, `include_usage`, `messages` are decoded; `fields` holds every top-level field as raw JSON.
    """

    __slots__ = ("fields", "include_usage", "messages", "model", "stream")

    def __init__(
        self, fields: dict[str, msgspec.Raw], model: str, messages: list[Message], stream: bool, include_usage: bool
    ) -> None:
        self.fields = fields
        self.model = model
        self.messages = messages
        self.stream = stream
        self.include_usage = include_usage

    def texts(self) -> Iterator[str]:
        """Every text of the question, in order."""
        for message in self.messages:
            yield from message.texts()

    def alone(self) -> list[str] | None:
        """The texts of a question that holds nothing beside them: all of `texts` and `beside`. None: look there."""
        if not _SILENT.issuperset(self.fields):
            return None
        if len(self.messages) == 1:  # as most questions are
            only = self.messages[0]
            content = only.content
            if type(content) is not str or only.name or only.reasoning_content or only.tool_calls or only.tool_call_id:
                return None
            return [content]
        found = []
        asked = 0
        for message in self.messages:
            content = message.content
            if type(content) is not str or message.name or message.reasoning_content or message.tool_calls:
                return None
            if message.role == "user":
                asked += 1
            if asked > 1 or message.tool_call_id:
                return None
            found.append(content)
        return found

    def beside(self) -> Iterator[str]:
        """What else a model reads, or reads as one: names and ids of calls, arguments as their escapes mean them, parts
        of a message joined, what a person says over several messages, every text of all other fields."""
        said = ""
        for message in self.messages:
            content = message.content
            if isinstance(content, list) and len(content) > 1:
                content = "".join(part.text for part in content if part.text is not None)
                yield content
            if message.role == "user" and len(self.messages) > 1 and isinstance(content, str):
                if said:
                    yield f"{said}\n{content[:_SEAM]}"
                said = (f"{said}\n{content}" if said else content)[-_SEAM:]
            if message.tool_call_id:
                yield message.tool_call_id
            if message.tool_calls is not None:
                yield from _of_calls(message.tool_calls)
        for name in self.fields.keys() - _SILENT:
            raw = bytes(self.fields[name])
            if b'"' in raw:
                yield from _strings(_generic.decode(raw))


_SEAM = 64  # characters on either side of the border between two messages


def _of_calls(calls: list[ToolCall]) -> Iterator[str]:
    """Ids and names of calls, and the strings of arguments in which characters are written as escapes."""
    for call in calls:
        if call.id:
            yield call.id
        if call.function is not None:
            if call.function.name:
                yield call.function.name
            written = call.function.arguments
            if written and "\\" in written:
                try:
                    yield from _strings(_generic.decode(written))
                except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                    continue  # no JSON: it was read as the text it is


class _Read(Withheld, msgspec.Struct):
    """The fields that are read, decoded in one pass."""

    model: str
    messages: list[Message]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: int | None = None


_top = msgspec.json.Decoder(dict[str, msgspec.Raw])
_read = msgspec.json.Decoder(_Read)
_generic = msgspec.json.Decoder()
_encode = msgspec.json.Encoder().encode
_NULL = msgspec.Raw(b"null")


def decode_ask(body: bytes) -> Ask:
    """The chat request in `body` (JSON bytes). Raises Refusal bad_json or bad_field; reasons never quote content."""
    try:
        fields = _top.decode(body)
        read = _read.decode(body)
        names = tuple(fields)
        shape = _shapes.get(names) or _meet(names)
        messages = read.messages
        plain = True
        for message in messages:
            if message.encrypted_content is not None:
                _keep_sealed(message)
            if type(message.content) is list:
                plain = False
        written = _encode(messages)
        if not _is_plain(body, fields, written, shape):
            _check_shape(body)
        fields["messages"] = msgspec.Raw(written)
        for name in shape.read:
            fields[name] = msgspec.Raw(_encode(_generic.decode(fields[name])))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise _objection(error) from None
    if not messages:
        raise Refusal("bad_field", field="messages", reason="it must hold at least one message")
    if read.n is not None and read.n != 1:
        raise Refusal("bad_field", field="n", reason="one answer per request; send the request again for another")
    if body.find(b"null") >= 0 and _NULL in fields.values():
        # Some official clients (Ark's) send null for what the caller left out: null means absent.
        fields = {name: raw for name, raw in fields.items() if raw != _NULL}
    if not plain and any(part.type != "text" for m in messages if isinstance(m.content, list) for part in m.content):
        # Nothing here can look into an image, a sound or a file yet, and what is not looked at does not leave.
        raise Refusal("bad_field", field="messages", reason="only text parts are taken yet")
    options = read.stream_options
    return Ask(fields, read.model, messages, read.stream is True, options is not None and options.include_usage)


# Ark seals in base64; partners.sealed writes DIALECT.BASE64: once, or several times.
_SEALED = re.compile(r"[A-Za-z0-9+/=_.:-]+\Z")


def _keep_sealed(message: Message) -> None:
    """What a partner sealed goes back to it (partners.sealed); a sentence in its place would leave unread."""
    if not (isinstance(message.encrypted_content, str) and _SEALED.match(message.encrypted_content)):
        message.encrypted_content = None


DEPTH = 64  # objects and arrays inside each other


# Fields that can only be numbers, words or flags, or lists of words: no name stands inside them.
_FLAT = frozenset(
    (
        "model", "messages", "stream", "stream_options", "n", "max_tokens", "max_completion_tokens", "temperature",
        "top_p", "presence_penalty", "frequency_penalty", "seed", "top_logprobs", "logprobs", "stop", "user", "store",
        "parallel_tool_calls", "reasoning_effort",
    )
)  # fmt: skip
_OPTIONS = frozenset((b'{"include_usage":true}', b'{"include_usage":false}', b"{}", b"null"))


class _Shape(NamedTuple):
    """What the names of a request's fields say by themselves; callers send the same few sets of names again and again.

    `flat`: no name can stand inside a field. `frame`: bytes of the body beside the values, when it is written without
    blanks. `read`: the fields beside the messages that are written anew. `options`: there may be stream_options.
    """

    flat: bool
    frame: int
    read: tuple[str, ...]
    options: bool


_shapes: dict[tuple[str, ...], _Shape] = {}
_SHAPES = 512  # sets of names; callers may invent them


def _meet(names: tuple[str, ...]) -> _Shape:
    if len(_shapes) >= _SHAPES:
        _shapes.clear()
    made = _shapes[names] = _Shape(
        _FLAT.issuperset(names),
        sum(map(len, names)) + 4 * len(names) + 1,
        tuple(name for name in _READ_RAW if name in names),
        "stream_options" in names,
    )
    return made


def _is_plain(body: bytes, fields: dict[str, msgspec.Raw], written: bytes, shape: _Shape) -> bool:
    """Whether no name can stand twice and nothing is nested deeply: seen from lengths alone, without another reading.

    What was read, written without blanks, is as long as the body only if nothing was dropped from it. Anything else
    (blanks, escapes, unknown fields, tools) is looked at well.
    """
    if not shape.flat or len(written) != len(fields["messages"]):
        return False
    if shape.options and bytes(fields["stream_options"]) not in _OPTIONS:
        return False
    return shape.frame + sum(map(len, fields.values())) == len(body)


def _check_shape(body: bytes) -> None:
    """RFC 8259, 4: readers differ in which of two equal names they believe, so neither is. Raises Refusal bad_json."""
    # Numbers stay text: only names and depth matter here, and a number of many digits has no int.
    document = json.loads(body, object_pairs_hook=_once, parse_int=str, parse_float=str)
    level = [document]
    for _ in range(DEPTH):
        level = [
            inner
            for found in level
            for inner in (found.values() if isinstance(found, dict) else found)
            if isinstance(inner, (dict, list))
        ]
        if not level:
            return
    raise Refusal("bad_json", reason=f"it is nested more than {DEPTH} levels deep")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Refusal("bad_json", reason="a name is given twice in one object")
    return found


# Fields beside the messages that hold texts; what was read of them is what goes on, too.
_READ_RAW = ("tools", "tool_choice", "response_format", "stop", "reasoning_effort")


_SILENT = _FLAT - {"stop"}  # no text stands there, or it is read elsewhere


def _strings(document: Any) -> Iterator[str]:
    """Every string of a JSON document, names and whole numbers included, in any depth and in no promised order."""
    waiting = [document]
    while waiting:
        found = waiting.pop()
        if isinstance(found, str):
            yield found
        elif isinstance(found, dict):
            waiting.extend(found)
            waiting.extend(found.values())
        elif isinstance(found, list):
            waiting.extend(found)
        elif isinstance(found, int):
            yield str(found)


_PLACE = re.compile(r" - at `\$\.?([a-z_]*)[^`]*`\Z")  # at the end: what a caller wrote may look like one
_NOTHING = ("Expected `str`, got `null`", "Expected `array`, got `null`")
_MISSING = re.compile(r"missing required field `([a-z_]+)`")


def _objection(error: Exception) -> Refusal:
    """Why the body cannot be read. msgspec's words name types, fields and offsets, and never quote content."""
    if not isinstance(error, msgspec.ValidationError):
        reason = str(error) if isinstance(error, msgspec.DecodeError) else "it is not UTF-8 or nested too deeply"
        return Refusal("bad_json", reason=reason)
    words = str(error)
    missing = _MISSING.search(words)
    if missing is not None and " - at " not in words:
        return Refusal("bad_field", field=missing[1], reason="it is required")
    place = _PLACE.search(words)
    if place is not None and words.startswith(_NOTHING) and " - at `$.messages[" not in words:
        return Refusal("bad_field", field=place[1], reason="it is required")
    if place is None or not place[1]:
        return Refusal("bad_json", reason="the top level must be an object")
    if words.startswith("Invalid enum value"):  # the only words of msgspec's that quote the caller
        words = "role is one of " + ", ".join(get_args(Role))
    return Refusal("bad_field", field=place[1], reason=words)


def rewrite_texts(raw_messages: bytes | msgspec.Raw, change: Callable[[str], str]) -> bytes:
    """`messages` as JSON with `change` applied to every text that Ask.texts() yields; all other fields stay."""
    messages = _generic.decode(raw_messages)
    for message in messages:
        if message.get("name"):
            message["name"] = change(message["name"])
        content = message.get("content")
        if isinstance(content, str):
            message["content"] = change(content)
        elif content is not None:
            for part in content:
                if isinstance(part.get("text"), str):
                    part["text"] = change(part["text"])
        if message.get("reasoning_content"):
            message["reasoning_content"] = change(message["reasoning_content"])
        for call in message.get("tool_calls") or ():
            function = call.get("function")
            if function is not None and function.get("arguments"):
                function["arguments"] = change(function["arguments"])
    return msgspec.json.encode(messages)


class Said(Withheld, msgspec.Struct):
    """What a model said, whole (a message) or in part (a delta)."""

    content: str | None = None
    reasoning_content: str | None = None
    refusal: str | None = None
    tool_calls: list[ToolCall] | None = None


class OnlySaid(Said, forbid_unknown_fields=True):
    """The same, and nothing that no stage reads. `role` is a word, `encrypted_content` is sealed by its partner."""

    role: Literal["assistant"] | None = None
    encrypted_content: Any = None
    function_call: None = None
    audio: None = None
    annotations: list[None] | None = None


KNOWN_SAID = frozenset(("role", *Said.__struct_fields__, "encrypted_content"))


class Choice(Withheld, msgspec.Struct):
    """`moderation_hit_type` is Ark's word for what its own moderation met; it comes with finish content_filter."""

    message: Said = msgspec.field(default_factory=Said)
    finish_reason: str | None = None
    moderation_hit_type: str | None = None


class Answer(Withheld, msgspec.Struct):
    """An unstreamed answer, as far as policies read it. `foreign`: a message says more than any stage reads."""

    choices: list[Choice]
    usage: Usage | None = None
    foreign: bool = False


class ExactChoice(Choice):
    message: OnlySaid = msgspec.field(default_factory=OnlySaid)


class ExactAnswer(Answer):
    """An answer whose messages hold only what stages read."""

    choices: list[ExactChoice]  # type: ignore[assignment]  # read, never written to


class ChunkChoice(Withheld, msgspec.Struct):
    delta: Said = msgspec.field(default_factory=Said)
    finish_reason: str | None = None
    moderation_hit_type: str | None = None


class Chunk(Withheld, msgspec.Struct):
    """One event of a streamed answer. `error` is set when a partner reports a failure inside a 200 stream, `foreign`
    when a delta says more than any stage reads.
    """

    choices: list[ChunkChoice] = []
    usage: Usage | None = None
    error: Any = None
    foreign: bool = False


class ExactChunkChoice(ChunkChoice):
    delta: OnlySaid = msgspec.field(default_factory=OnlySaid)


class ExactChunk(Chunk):
    """An event whose delta holds only what stages read."""

    choices: list[ExactChunkChoice] = []  # type: ignore[assignment]  # read, never written to


class FirstPart(msgspec.Struct):
    """Who said the first `characters` of an answer that another route went on with, as shown to the caller."""

    route: str
    badge: str
    characters: int


class Origin(msgspec.Struct):
    """The `isthmus` object of every answer: who answered, under which decision, with what owed to the reader.

    `source` is device, private or partner. `badge` is the words to show. `receipt` finds the proof. `dropped` names the
    request's fields that the route's wire has no word for, `continued` who said the first part of an answer that broke
    off and went on elsewhere, `unreturned` how many masked details the answer did without; they stand there only when
    there are any.
    """

    route: str
    model: str
    source: str
    badge: str
    rehearsal: bool
    region: str
    decision: str
    receipt: str
    label: str = ""
    label_at: str = ""
    notices: list[str] = []
    masked: dict[str, int] = {}
    blocked: str = ""
    dropped: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET
    continued: list[FirstPart] | msgspec.UnsetType = msgspec.UNSET
    unreturned: int | msgspec.UnsetType = msgspec.UNSET
