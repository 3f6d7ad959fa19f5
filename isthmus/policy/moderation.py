"""Moderation: a question with a forbidden word is refused, an answer stops before its first character.

Rules of this room:
1. What may be shown is shown at once; only what could still become a forbidden word waits (policy/terms).
2. After a hit nothing more of the model's text leaves on any channel; the region's own sentence closes the answer.
3. Receipts and errors name the category and the law, never the text.
4. A list shorter than the law asks for is refused in production; a rehearsal goes on, and `isthmus doctor` says so.
5. A category may ask for less than blocking: mask covers the word both ways, flag only tells the receipt.
6. A long question, and one of some size that must be looked at letter by letter, is read in pieces, between which
   other requests are served.
Source: CN Interim Measures Arts 4, 14; Deep Synthesis Art 10; GB/T 45654-2025; AI Act Art 5; 18 USC 2258A.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Collection, Mapping, Sequence

from isthmus.core.decision import Awaited, Obligation, OnEvent, OnRequest, Route, Stage
from isthmus.core.errors import Refusal
from isthmus.core.exchange import Exchange
from isthmus.core.operator import REHEARSAL
from isthmus.core.wire import rewrite_texts
from isthmus.policy import strikes, term_lists
from isthmus.policy.allow import letters
from isthmus.policy.escapes import open_end, plain
from isthmus.policy.house import House
from isthmus.policy.term_index import ACTIONS, Index, OncePer, build
from isthmus.policy.term_lists import TermLists
from isthmus.policy.terms import LATER, PATIENCE, Hit, TermScanner, tail
from isthmus.policy.wording import language_for, law_line, words

VERBS = ("scan",)
NAME = "moderation"
COVER = "＊"  # stands for each character of a word that is masked
_TOLD = (NAME, "told")
_SOFT = "moderation soft"
_LATER = (NAME, "later")
_NOTHING = ("", "")  # what a channel keeps back, and the folded character it showed last
_LONG = 16_384  # bytes of a question from which on it is read in pieces
_PIECE = 1_024  # characters of one piece
_STRIDE = 8_192  # bytes scanned in one go
_indexes: dict[str, Index] = {}
_KEPT = 4


class _Scanners:
    """What one side of a route scans with. `soft` looks for what is masked or flagged; None when nothing is."""

    __slots__ = ("hard", "soft")

    def __init__(self, index: Index, names: Collection[str]) -> None:
        self.hard = TermScanner(index, names, ACTIONS[:1])
        soft = TermScanner(index, names, ACTIONS[1:])
        self.soft = None if soft.is_idle else soft


_made: OncePer[dict[frozenset[str], _Scanners]] = OncePer(lambda _: {})


def compile(obligations: Sequence[Obligation], route: Route, house: House) -> Stage | None:
    """One scanner per side over all taxonomies that are owed there; all sides and routes share one index."""
    del route
    refusal = _too_short(obligations, house)
    if refusal is not None:
        return Stage(NAME, on_request=refusal)
    sides = {side: [owed for owed in obligations if side in owed.values["side"]] for side in ("input", "output")}
    on_request, awaited = _question(sides["input"], house) if sides["input"] else (None, None)
    on_event = _answer(sides["output"], house) if sides["output"] else None
    return Stage(NAME, on_request=on_request, awaited=awaited, on_event=on_event)


def _scanners(owed: Sequence[Obligation], house: House) -> _Scanners:
    names = {str(one.values["taxonomy"]) for one in owed}
    if isinstance(house.terms, TermLists):
        index = house.terms.index
        for name in names - index.counts.keys():
            term_lists.starter(name)  # there is none: refused
    else:
        for name in names - house.terms.keys():
            term_lists.starter(name)
        index = _indexed({**term_lists.starters(), **house.terms})
    return _shared(index, frozenset(names))


def _shared(index: Index, names: frozenset[str]) -> _Scanners:
    """Most routes of most regions look for the same: what they scan with is made once."""
    made = _made(index)
    found = made.get(names)
    if found is None:
        found = made[names] = _Scanners(index, names)
    return found


def _indexed(lists: Mapping[str, Mapping[str, str]]) -> Index:
    """Lists that a house brought as they are: compiled once for the same words."""
    place = repr(sorted((name, sorted(listed.items())) for name, listed in lists.items()))
    known = _indexes.get(place)
    if known is None:
        while len(_indexes) >= _KEPT:
            _indexes.pop(next(iter(_indexes)))
        known = _indexes[place] = build(
            {name: {term: (category, ACTIONS[0]) for term, category in own.items()} for name, own in lists.items()}
        )
    return known


def _terms(taxonomy: str, house: House) -> Mapping[str, str]:
    """The house's list, or the starter list where the house brought none: no list at all would let everything pass."""
    return house.terms.get(taxonomy) or term_lists.starter(taxonomy)


def _size(taxonomy: str, house: House) -> int:
    if isinstance(house.terms, TermLists):
        return house.terms.count(taxonomy)
    return len(_terms(taxonomy, house))


def _too_short(obligations: Sequence[Obligation], house: House) -> OnRequest | None:
    """In production, a list below the law's size serves nobody."""
    if house.operator.mode == REHEARSAL:
        return None
    for owed in obligations:
        need = owed.values.get("terms_min", 0)
        have = _size(owed.values["taxonomy"], house)
        if have < need:
            values = {"taxonomy": owed.values["taxonomy"], "have": have, "need": need, "law": law_line(owed.law)}
            return _refuse(owed, values)
    return None


def _refuse(owed: Obligation, values: Mapping[str, object]) -> OnRequest:
    def on_request(ex: Exchange) -> None:
        said = words("moderation", language_for(ex.language, owed.region), owed.region)
        raise Refusal("no_lawful_route", extra={"rule": owed.rule}, reason=said["short"].format_map(values))

    return on_request


def _question(owed: Sequence[Obligation], house: House) -> tuple[OnRequest, Awaited]:
    scanners = _scanners(owed, house)
    examine = scanners.hard.examine
    soft = scanners.soft
    exceptions = house.allowed
    clock = house.clock
    first = owed[0]
    law = law_line(cited for one in owed for cited in one.law)

    def refuse(ex: Exchange, category: str) -> None:
        ex.blocked = category
        strikes.struck(ex, clock.now())
        said = words("moderation", language_for(ex.language, first.region), first.region)
        reason = said["reason"].format(law=law)
        raise Refusal("content_blocked", extra={"rule": first.rule}, category=category, reason=reason)

    def passed(ex: Exchange) -> None:
        ex.met.append(NAME)
        if ex.subject:
            strikes.passed(ex)

    def on_request(ex: Exchange) -> None:
        data = ex.in_text or ex.text()
        if len(data) > _LONG:
            return  # awaited, below
        allowed = _allowed(ex, house) if exceptions else ()
        hit, ex.personal = examine(data, allowed)
        if hit is not None:
            if hit is LATER:
                ex.held[_LATER] = True
                return  # awaited, below
            refuse(ex, hit.category)
        if soft is not None and soft.find(data, allowed) is not None:
            _cover_question(ex, soft, allowed)
        if NAME not in ex.met:
            ex.met.append(NAME)
            if ex.subject:
                strikes.passed(ex)

    def awaited(ex: Exchange) -> Awaitable[None] | None:
        return slowly(ex) if _LATER in ex.held or len(ex.in_text or ex.text()) > _LONG else None

    async def slowly(ex: Exchange) -> None:
        allowed = _allowed(ex, house)
        hit = await _find_slowly(scanners.hard, ex.text(), allowed)
        if hit is not None:
            refuse(ex, hit.category)
        if soft is not None and await _find_slowly(soft, ex.text(), allowed) is not None:
            _cover_question(ex, soft, allowed)
        if NAME not in ex.met:
            passed(ex)

    return on_request, awaited


def _allowed(ex: Exchange, house: House) -> Collection[str]:
    tenant = ex.caller.tenant
    return letters(house.allowed, tenant, house.clock.now().date()) if tenant in house.allowed else ()


async def _find_slowly(scanner: TermScanner, data: bytes, allowed: Collection[str]) -> Hit | None:
    """As `find`, in pieces: the same hit for any split (policy/terms rule 3). Places are those of the text as read."""
    if len(data) > PATIENCE and await _is_plain(scanner, data):
        return None
    text = data.decode("utf-8", "surrogatepass")
    pending = before = rest = ""
    for at in range(0, len(text) + 1, _PIECE):
        last = at + _PIECE > len(text)
        rest += text[at : at + _PIECE]
        waits = 0 if last or "\\" not in rest else open_end(rest, json=False)
        read, rest = rest[: len(rest) - waits], rest[len(rest) - waits :]
        piece = pending + (plain(read, json=False)[0] if "\\u" in read else read)
        hit, shown = scanner.look(before, piece, allowed, last=last)
        if hit is not None:
            return hit
        before, pending = tail(before, piece[:shown]), piece[shown:]
        await asyncio.sleep(0)
    return None


async def _is_plain(scanner: TermScanner, data: bytes) -> bool:
    """Whether a long text holds neither a term nor any sign of a disguise."""
    reach = scanner.reach
    for at in range(0, len(data), _STRIDE):
        if not scanner.is_plain(data[at : at + _STRIDE + reach]):
            return False
        await asyncio.sleep(0)
    return True


def _cover_question(ex: Exchange, soft: TermScanner, allowed: Collection[str]) -> None:
    """What is to be masked leaves masked; what is to be flagged is told."""
    seen: dict[str, int] = {}

    def change(text: str) -> str:
        covered, hits = cover(soft, text, allowed)
        for hit in hits:
            seen[f"{hit.action}:{hit.category}"] = seen.get(f"{hit.action}:{hit.category}", 0) + 1
        return covered

    rewritten = rewrite_texts(ex.rewritten or ex.ask.fields["messages"], change)
    if any(name.startswith("mask:") for name in seen):
        ex.rewritten = rewritten
    _tell(ex, seen)


def _tell(ex: Exchange, seen: Collection[str]) -> None:
    """The receipt lists what was masked and flagged by category, among the duties that were met."""
    ex.met.extend(name for name in seen if name not in ex.met)


def cover(soft: TermScanner, text: str, allowed: Collection[str] = ()) -> tuple[str, list[Hit]]:
    """`text` with every word that is to be masked covered, and all hits, in order."""
    hits: list[Hit] = []
    out: list[str] = []
    before, rest, at = "", text, 0
    while rest:
        hit, _ = soft.look(before, rest, allowed, last=True)
        if hit is None:
            break
        out.append(rest[: hit.start])
        word = rest[hit.start : hit.end]
        out.append(COVER * len(word) if hit.action == "mask" else word)
        hits.append(hit._replace(start=at + hit.start, end=at + hit.end))
        before, rest, at = tail(before, rest[: hit.end]), rest[hit.end :], at + hit.end
    out.append(rest)
    return "".join(out), hits


def _answer(owed: Sequence[Obligation], house: House) -> OnEvent:
    scanners = _scanners(owed, house)
    look = scanners.hard.look
    examine = scanners.hard.examine
    soft = scanners.soft
    exceptions = house.allowed
    closing = owed[0].region

    def on_event(ex: Exchange, channel: str, piece: str, last: bool) -> str:
        if ex.blocked:
            said = ex.held.get((NAME, channel), _NOTHING)[1]
            return _close(ex, closing, after=bool(said)) if last and channel == "content" else ""
        allowed = _allowed(ex, house) if exceptions else ()
        place = (NAME, channel)
        held = ex.held.get(place)
        if held is None:
            if last:
                if not piece:
                    return piece
                if "\\" not in piece:
                    hit = examine(piece.encode("utf-8", "surrogatepass"), allowed)[0]
                    if hit is LATER:
                        hit = look("", piece, allowed, last=True)[0]
                    if hit is not None:
                        return stop(ex, hit.category, piece[: hit.start], closing, channel, "")
                    return piece if soft is None else _soften(ex, soft, channel, piece, allowed, last=True)
            pending = before = ""
            text = piece
        else:
            pending, before = held
            text = pending + piece if pending else piece
        if "\\" in text:
            hit, show, after = _look_through(scanners.hard, before, text, allowed, channel, last=last)
        else:
            hit, show = look(before, text, allowed, last=last)
            after = tail(before, text[:show])
        shown = text[:show]
        ex.held[place] = (text[show:] if hit is None else "", after)
        if soft is not None:
            shown = _soften(ex, soft, channel, shown, allowed, last=last or hit is not None)
        if hit is not None:
            return stop(ex, hit.category, shown, closing, channel if last else "", before)
        return shown

    return on_event


def _look_through(
    scanner: TermScanner, before: str, text: str, allowed: Collection[str], channel: str, *, last: bool
) -> tuple[Hit | None, int, str]:
    """As `look`, where characters may be written as escapes (policy/escapes); with the character shown last."""
    json = channel.startswith("tool:")
    waits = 0 if last else open_end(text, json=json)
    view, at = plain(text[: len(text) - waits], json=json)
    hit, show = scanner.look(before, view, allowed, last=last)
    return hit, at[show], tail(before, view[:show])


def _soften(
    ex: Exchange, soft: TermScanner, channel: str, piece: str, allowed: Collection[str], *, last: bool
) -> str:  # fmt: skip
    """What may be shown of an answer, its masked words covered. It keeps its own words back, as `on_event` does."""
    pending, before = ex.held.get((_SOFT, channel), _NOTHING)
    rest = pending + piece
    out: list[str] = []
    seen: list[str] = []
    while True:
        hit, show = soft.look(before, rest, allowed, last=last)
        out.append(rest[:show])
        if hit is None:
            break
        word = rest[hit.start : hit.end]
        out.append(COVER * len(word) if hit.action == "mask" else word)
        seen.append(f"{hit.action}:{hit.category}")
        before, rest = tail(before, rest[: hit.end]), rest[hit.end :]
    ex.held[(_SOFT, channel)] = (rest[show:], tail(before, rest[:show]))
    _tell(ex, seen)
    return "".join(out)


def stop(ex: Exchange, category: str, shown: str, region: str, channel: str, before: str) -> str:
    """Nothing after `shown` leaves. A whole answer (channel "content") is closed here, a stream by its last piece.

    `before`: what was shown of it earlier, if anything.
    """
    ex.blocked = category
    ex.finish = "content_filter"
    return shown + _close(ex, region, after=bool(shown or before)) if channel == "content" else shown


def _close(ex: Exchange, region: str, *, after: bool) -> str:
    """The region's sentence, once; `after` something was shown it begins a paragraph."""
    if _TOLD in ex.held:
        return ""
    ex.held[_TOLD] = True
    sentence = words("moderation", language_for(ex.language, region), region)["refusal"]
    return "\n\n" + sentence if after else sentence
