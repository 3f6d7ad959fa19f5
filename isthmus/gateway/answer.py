"""What goes back to the caller: the answer with its `isthmus` object, as JSON and as headers.

Read typed, rewrite generic, splice when nothing changed: an answer that no policy changed keeps its bytes, and only the
last brace gives way to the `isthmus` object.
"""

from __future__ import annotations

from typing import Any, NamedTuple
from urllib.parse import quote

import msgspec

from isthmus.core.decision import Decision, Plan
from isthmus.core.exchange import Before, Exchange
from isthmus.core.wire import KNOWN_SAID, Answer, FirstPart, Origin, Said
from isthmus.partners.finish import finish
from isthmus.policy import privacy
from isthmus.policy.estimate import hear

_generic = msgspec.json.Decoder()
_encode = msgspec.json.Encoder().encode


def origin(ex: Exchange) -> Origin:
    """The `isthmus` object, as far as it is known now."""
    plan = ex.plan
    decision = ex.decision
    assert plan is not None
    assert decision is not None
    route = plan.route
    return Origin(
        route=route.name,
        model=route.model,
        source=route.tier,
        badge=route.badge,
        rehearsal=route.rehearsal,
        region=" ".join(decision.question.regions),
        decision=decision.digest,
        receipt=ex.id,
        label=ex.label,
        label_at=ex.label_at,
        notices=ex.notices,
        masked=ex.masks,
        blocked=ex.blocked,
        dropped=ex.dropped or msgspec.UNSET,
        continued=msgspec.UNSET if ex.before is None else _first_part(ex.before),
        unreturned=(ex.masks and privacy.unreturned(ex)) or msgspec.UNSET,
    )


def _first_part(before: Before) -> list[FirstPart]:
    return [FirstPart(before.route, before.badge, before.characters)]


def header_lines(ex: Exchange) -> bytes:
    """The same as response headers. Text that is not ASCII is percent-encoded UTF-8 (RFC 3986, 2.1)."""
    return b"%b%b\r\n" % (seal(ex).lines, ex.id.encode())


def dressed(ex: Exchange, body: bytes) -> tuple[bytes, bytes]:
    """`body`, a JSON object, with `"isthmus": {...}` as its last member, and the header lines that say the same."""
    made = seal(ex)
    end = -1 if body[-1] == _BRACE else len(body.rstrip()) - 1
    number = ex.id.encode()
    lines = b"%b%b\r\n" % (made.lines, number)
    if ex.masks or ex.blocked or ex.dropped or ex.before is not None:
        return b'%b,"isthmus":%b}' % (body[:end], _encode(origin(ex))), lines
    return b'%b,"isthmus":%b%b%b}' % (body[:end], made.before, number, made.after), lines


class Seal(NamedTuple):
    """What all answers of one plan with one label and the same notices share: the response headers up to the receipt's
    id, and the `isthmus` object before and after it. `plan` and `decision` are what it was made of.
    """

    plan: Plan
    decision: Decision
    lines: bytes
    before: bytes
    after: bytes


_ID = b'"receipt":"'
_SEALS = 1024
_seals: dict[tuple[object, ...], Seal] = {}


def seal(ex: Exchange) -> Seal:
    """The seal for what `ex` is now, found by identity; it is kept with its plan, so that an id is never another's."""
    plan, decision = ex.plan, ex.decision
    key = (id(plan), id(decision), ex.label, ex.label_at, *ex.notices)
    found = _seals.get(key)
    if found is not None:
        return found
    assert plan is not None
    assert decision is not None
    route = plan.route
    words = (route.name, route.model, route.tier, route.badge, ex.label, "; ".join(ex.notices))
    written = _encode(origin(msgspec.structs.replace(ex, masks={}, blocked="", id="", dropped=(), before=None)))
    before, _, after = written.partition(_ID)
    if len(_seals) >= _SEALS:
        _seals.clear()
    made = _seals[key] = Seal(plan, decision, _LINES % tuple(map(_ascii, words)), before + _ID, after)
    return made


_LINES = (
    b"isthmus-route: %b\r\nisthmus-model: %b\r\nisthmus-source: %b\r\nisthmus-badge: %b\r\n"
    b"isthmus-label: %b\r\nisthmus-notices: %b\r\nisthmus-receipt: "
)
_SAFE = " !#$&'()*+,-./:;<=>?@[]^_`{|}~"


def _ascii(text: str) -> bytes:
    return quote(text, safe=_SAFE).encode()


def apply(ex: Exchange, plan: Plan, said: Said, *, last: bool) -> dict[str, Any]:
    """Run the plan's on_event stages over every text in `said`. Returns only what changed, by channel.

    Channels: content, reasoning_content, tool:<index>. With `last`, channels that still hold text are flushed even when
    this piece says nothing on them.
    """
    changed: dict[str, Any] = {}
    pieces = texts(said)
    if last:
        for key in ex.held:
            if type(key) is tuple and (key[1] in _FLUSHED or key[1].startswith("tool:")):
                pieces.setdefault(key[1], "")
        if "content" not in pieces:
            pieces["content"] = ""
    for channel, text in pieces.items():
        in_one = last
        if channel.startswith(_WHOLE):
            if ex.blocked:
                continue
            in_one = True
        released = text
        for stage in plan.on_event:
            released = stage(ex, channel, released, in_one)
        if released is not text and released != text:
            changed[channel] = released
    return changed


def drop_held(ex: Exchange) -> None:
    """Forget the text that stages hold back: its answer broke off, and another one begins."""
    for key in [key for key in ex.held if isinstance(key, tuple) and _is_channel(key[1])]:
        del ex.held[key]


def _is_channel(name: str) -> bool:
    return name in _FLUSHED or name.startswith("tool:")


_WHOLE = ("name:", "id:")  # these come in one piece
_FLUSHED = frozenset(("content", "reasoning_content", "refusal"))
_READ = _FLUSHED | {"role", "tool_calls"}


def texts(said: Said) -> dict[str, str]:
    """Every text of one message or delta, by channel, in the order a person meets them."""
    pieces = {}
    if said.reasoning_content:
        pieces["reasoning_content"] = said.reasoning_content
    if said.content:
        pieces["content"] = said.content
    if said.refusal:
        pieces["refusal"] = said.refusal
    if not said.tool_calls:
        return pieces
    for position, call in enumerate(said.tool_calls):
        if call.function is not None and call.function.arguments:
            pieces[f"tool:{position if call.index is None else call.index}"] = call.function.arguments
        for channel, word in (("name", call.function and call.function.name), ("id", call.id)):
            if word:  # a name or id that was masked on the way in comes back
                pieces[f"{channel}:{position if call.index is None else call.index}"] = word
    return pieces


def put(target: dict[str, Any], changed: dict[str, Any], *, by_place: bool = False) -> None:
    """Write changed texts into a generic message or delta. Calls of a message are told apart `by_place`, as `whole`
    numbered them; calls of a delta by their index.
    """
    for channel, text in changed.items():
        kind, _, number = channel.partition(":")
        if number:
            for position, call in enumerate(target.get("tool_calls") or ()):
                if (position if by_place else call.get("index", position)) == int(number):
                    if kind == "id":
                        call["id"] = text
                    else:
                        call["function"]["arguments" if kind == "tool" else "name"] = text
        else:
            target[channel] = text


def delta(released: dict[str, Any]) -> dict[str, Any]:
    """Released texts, by channel, as an OpenAI delta object."""
    said: dict[str, Any] = {channel: text for channel, text in released.items() if text and channel in _FLUSHED}
    calls = [
        {"index": int(channel[5:]), "function": {"arguments": text}}
        for channel, text in released.items()
        if text and channel.startswith("tool:")
    ]
    if calls:
        said["tool_calls"] = calls
    return said


def whole(ex: Exchange, plan: Plan, body: bytes, answer: Answer) -> bytes:
    """An unstreamed answer after every stage, before it is `dressed`."""
    choice = answer.choices[0]
    said = choice.message
    if said.tool_calls:
        for index, call in enumerate(said.tool_calls):
            call.index = index
    ex.usage = answer.usage
    if ex.usage is None:
        ex.heard = [(channel, [text]) for channel, text in texts(said).items()]
        for _, pieces in ex.heard:
            hear(ex, "".join(pieces))
    ex.finish = ended = finish(choice.finish_reason)
    if answer.foreign:
        body = only_known(body, "message")
    changed = apply(ex, plan, said, last=True) if plan.on_event else {}
    for respond in plan.on_response:
        respond(ex)
    if not ex.blocked and ended == choice.finish_reason:
        if not changed:
            return body
        spliced = lengthened(body, said, changed)
        if spliced:
            return spliced
    generic = _generic.decode(body)
    first = generic["choices"][0]
    put(first["message"], changed, by_place=True)
    first["finish_reason"] = ex.finish
    if ex.blocked:
        # What no stage reads (log-probabilities, fields unknown here) may repeat the forbidden words.
        message = {name: value for name, value in first["message"].items() if name in _READ}
        generic["choices"] = [{"index": 0, "message": message, "finish_reason": ex.finish}]
    return _encode(generic)


def lengthened(body: bytes, said: Said, changed: dict[str, Any]) -> bytes:
    """`body` with what the stages put after the message's content; empty where that is not the only change, or where
    the content does not stand there letter for letter.

    A quoted name with its colon cannot occur inside a JSON string, so the one occurrence is the right one; and what
    stands there as it was read, up to a quote, holds no escape.
    """
    content = said.content
    text = changed.get("content", "")
    if len(changed) != 1 or not content or not text.startswith(content):
        return b""
    start = body.find(_CONTENT) + len(_CONTENT)
    start += body[start] == _BLANK
    read = b'"%b"' % content.encode("utf-8", "surrogatepass")
    end = start + len(read) - 1
    if not body.startswith(read, start) or body.find(_CONTENT[:-1], end) >= 0:
        return b""
    return b"%b%b%b" % (body[:end], _encode(text[len(content) :])[1:-1], body[end:])


_CONTENT = b'"content":'
_BLANK = ord(" ")


def only_known(raw: bytes, place: str) -> bytes:
    """An answer or event whose messages or deltas (`place`) keep only what stages read, and what was sealed."""
    document = _generic.decode(raw)
    for choice in document.get("choices") or ():
        said = choice.get(place)
        if said:
            kept = choice[place] = {name: value for name, value in said.items() if name in KNOWN_SAID}
            if "role" in kept:
                kept["role"] = "assistant"
    return _encode(document)


def splice(body: bytes, ex: Exchange) -> bytes:
    """`body`, a JSON object, with `"isthmus": {...}` as its last member."""
    return dressed(ex, body)[0]


_BRACE = ord("}")
