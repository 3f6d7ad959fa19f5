"""Privacy: private details are masked before a partner sees them, and restored on the way back.

Rules of this room:
1. Moderation's own pass tells that nothing can be there (policy/terms.examine); else one more pass asks which kinds
   could be, and only then does the exact look begin.
2. Everything a model reads is masked: messages, names, tools, formats, stops (policy/outgoing). Masking starts from the
   caller's own question each time, with the same map: another route, the same placeholders.
3. An answer is restored on every channel and across any split; inside JSON the value is escaped again.
4. What looks like a placeholder and is not ours stays, and is told in a notice. How many of the details never came back
   is told in numbers: in the receipt among what was met, and to the caller.
5. A long question is looked at in stretches, between which other requests are served.
Source: docs/decisions/002-masking-is-a-rule.md; GDPR Art 5(1)(c); PIPL Art 6.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

import msgspec

from isthmus.core.decision import Obligation, Route, Stage
from isthmus.core.exchange import Exchange
from isthmus.policy import guards, outgoing
from isthmus.policy.detect import STRETCH, apart, kinds, moved, places, stretches, suspect
from isthmus.policy.house import House
from isthmus.policy.names import names
from isthmus.policy.numbers import Detail, Place
from isthmus.policy.placeholders import Placeholders
from isthmus.policy.wording import language_for, words

VERBS = ("mask",)
NAME = "privacy"
FIELDS = (NAME, "fields")  # in `held`: the question's fields as the caller wrote them, where some leave changed
UNRETURNED = "unreturned"  # in `met`, with how many: details that the answer did without
_MAP = (NAME, "map")
_DONE = (NAME, "done")
_LONG = 16_384  # bytes of a question from which on it is looked at in stretches

Find = Callable[[str], Sequence[Place]]


def compile(obligations: Sequence[Obligation], route: Route, house: House) -> Stage | None:
    """The same stage for every route that owes masking. Who asked for names has them looked for, too (guard.toml)."""
    del route
    asked = house.guards
    region = obligations[0].region

    def on_response(ex: Exchange) -> None:
        made: Placeholders | None = ex.held.get(_MAP)
        if made is None:
            return
        if made.unreturned and not ex.blocked:
            ex.met.append(f"{UNRETURNED}:{made.unreturned}")
        if made.lost:
            said = words("privacy", language_for(ex.language, region), region)
            ex.notices.append(said["lost"].format(n=made.lost))

    def on_request(ex: Exchange) -> None:
        guard = guards.of(asked, ex.caller)
        if guard is None or not guard.names:
            _mask(ex)
        elif len(ex.text()) <= _LONG:
            if NAME not in ex.met:
                ex.met.append(NAME)
            _leave(ex, with_names, ex.ask.alone())

    def awaited(ex: Exchange) -> Awaitable[None] | None:
        guard = guards.of(asked, ex.caller)
        if guard is None or not guard.names:
            return _mask_long(ex)
        return _leave_slowly(ex, with_names) if len(ex.text()) > _LONG else None

    if any(guard.names for guard in asked.values()):
        return Stage(NAME, on_request=on_request, awaited=awaited, on_event=_restore, on_response=on_response)
    return Stage(NAME, on_request=_mask, awaited=_mask_long, on_event=_restore, on_response=on_response)


def with_names(text: str) -> list[Detail]:
    """As `details`, and names and addresses."""
    return [Detail(*place) for place in apart([*places(text), *names(text)])]


class _Done(msgspec.Struct, frozen=True):
    """One question as it leaves: what it was made from, its messages, the other fields that changed, the counts."""

    source: bytes
    messages: bytes
    fields: Mapping[str, msgspec.Raw]
    counts: Mapping[str, int]


def _mask(ex: Exchange) -> None:
    if NAME not in ex.met:
        ex.met.append(NAME)
    if not ex.personal:
        return
    data = ex.text()
    if len(data) > _LONG:
        return  # awaited, below
    present = kinds(data)
    if present:
        texts = ex.ask.alone()
        if texts is not None and len(texts) == 1:
            _leave(ex, lambda text: places(text, present if text is texts[0] else None), texts, data)
        else:
            _leave(ex, places, texts)


def _mask_long(ex: Exchange) -> Awaitable[None] | None:
    data = ex.in_text or ex.text()
    return _leave_slowly(ex, places) if len(data) > _LONG and suspect(data) else None


async def _leave_slowly(ex: Exchange, find: Find) -> None:
    known: dict[str, Sequence[Place]] = {}
    if _DONE not in ex.held:
        for text in (*ex.ask.texts(), *ex.ask.beside()):
            if len(text) > STRETCH and "-----BEGIN" not in text:
                known[text] = await _details_slowly(text, find)
    _leave(ex, lambda text: known[text] if text in known else find(text), None)


async def _details_slowly(text: str, find: Find) -> list[Place]:
    found: list[Place] = []
    for start, end in stretches(text):
        found += moved(find(text[start:end]), start)
        await asyncio.sleep(0)
    return found


def _leave(ex: Exchange, find: Find, texts: list[str] | None, plain: bytes = b"") -> None:
    """Let the question leave masked. What was made for an earlier route is used again.

    `texts`: it has no others; `plain` is the only one of them, as UTF-8.
    """
    source = ex.rewritten or bytes(ex.ask.fields["messages"])
    done: _Done | None = ex.held.get(_DONE)
    if done is None or done.source != source:
        made = ex.held.get(_MAP)
        if made is None:
            form = ex.ask.fields.get("response_format")
            made = Placeholders(escaped=form is not None and b"json" in bytes(form))
        texts = None if ex.rewritten else texts
        done = ex.held[_DONE] = masked_question(source, ex.held.get(FIELDS, ex.ask.fields), made, find, texts, plain)
        if len(made):
            ex.held[_MAP] = made
    if done.counts:
        ex.rewritten = done.messages
        ex.masks = dict(done.counts)
        if done.fields:
            own = ex.held.setdefault(FIELDS, ex.ask.fields)
            ex.ask.fields = {**own, **done.fields}


def masked_question(
    source: bytes, fields: Mapping[str, msgspec.Raw], made: Placeholders, find: Find = places,
    texts: list[str] | None = None, plain: bytes = b"",
) -> _Done:  # fmt: skip
    """`source` (messages as JSON) and the other `fields` of a request, with placeholders of `made` for details.

    `texts` are those of the messages, where they hold nothing else; `plain` is the only one of them, as UTF-8.
    """
    kinds: dict[str, str] = {}

    def change(text: str) -> str:
        return masked(text, made, kinds, find)

    changed: Mapping[str, msgspec.Raw] = {}
    if texts is not None and outgoing.NUMBERS.issuperset(fields):
        messages = outgoing.alone(source, texts, change, plain)
    else:
        both = outgoing.Change(change, lambda text: masked(text, made, kinds, find, bare=True))
        messages = outgoing.messages(source, both) if texts is None else outgoing.alone(source, texts, change)
        changed = outgoing.fields(fields, both)
    counts: dict[str, int] = {}
    for kind in kinds.values():
        counts[kind] = counts[kind] + 1 if kind in counts else 1
    return _Done(source, messages, changed, counts)


def masked(
    text: str, made: Placeholders, kinds: dict[str, str], find: Find = places, *, bare: bool = False
) -> str:  # fmt: skip
    """`text` with its private details replaced; `kinds` learns the kind of each placeholder; `bare` drops brackets."""
    found = find(text)
    return made.masked(text, found, kinds, bare=bare) if found else text


def unreturned(ex: Exchange) -> int:
    """How many of the question's masked details the answer did without: for the `isthmus` object."""
    made: Placeholders | None = ex.held.get(_MAP)
    return 0 if made is None else made.unreturned


def own_fields(ex: Exchange) -> None:
    """Give the question its own fields back, for a route that owes no masking (gateway.relay.renew)."""
    own = ex.held.get(FIELDS)
    if own is not None:
        ex.ask.fields = own


def _restore(ex: Exchange, channel: str, piece: str, last: bool) -> str:
    held = ex.held
    made: Placeholders | None = held.get(_MAP)
    if made is None:
        return piece
    place = (NAME, channel)
    pending = held.get(place)
    text = pending + piece if pending else piece
    if made.is_apart(text):
        if pending:
            held[place] = ""
        return text
    keep = 0 if last else made.keep(text)
    held[place] = text[len(text) - keep :] if keep else ""
    escape = made.escaped if channel == "content" else channel.startswith("tool:")
    return made.restore(text[: len(text) - keep] if keep else text, escape=escape)
