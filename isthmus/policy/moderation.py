"""Moderation: a question with a forbidden word is refused, an answer stops before its first character.

Rules of this room:
1. What may be shown is shown at once; only what could still become a forbidden word waits (policy/terms).
2. After a hit nothing more of the model's text leaves on any channel; the region's own sentence closes the answer.
3. Receipts and errors name the category and the law, never the text.
4. A list shorter than the law asks for is refused in production; a rehearsal goes on, and `isthmus doctor` says so.
Source: CN Interim Measures Arts 4, 14; Deep Synthesis Art 10; GB/T 45654-2025; AI Act Art 5; 18 USC 2258A.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from isthmus.core.decision import Obligation, OnEvent, OnRequest, Route, Stage
from isthmus.core.errors import Refusal
from isthmus.core.exchange import Exchange
from isthmus.core.operator import REHEARSAL
from isthmus.policy import strikes, term_lists
from isthmus.policy.allow import letters
from isthmus.policy.house import House
from isthmus.policy.terms import TermScanner, tail
from isthmus.policy.wording import language_for, law_line, words

VERBS = ("scan",)
NAME = "moderation"
_TOLD = (NAME, "told")
_NOTHING = ("", "")  # what a channel keeps back, and the folded character it showed last
_scanners: dict[tuple[int, tuple[str, ...]], tuple[Mapping[str, Mapping[str, str]], TermScanner]] = {}
_KEPT = 8


def compile(obligations: Sequence[Obligation], route: Route, house: House) -> Stage | None:
    """One scanner per side over all taxonomies that are owed there."""
    del route
    refusal = _too_short(obligations, house)
    if refusal is not None:
        return Stage(NAME, on_request=refusal)
    sides = {side: [owed for owed in obligations if side in owed.values["side"]] for side in ("input", "output")}
    on_request = _question(sides["input"], house) if sides["input"] else None
    on_event = _answer(sides["output"], house) if sides["output"] else None
    return Stage(NAME, on_request=on_request, on_event=on_event)


def _scanner(owed: Sequence[Obligation], house: House) -> TermScanner:
    """Scanners are shared by all routes with the same taxonomies, and live as long as their lists."""
    names = tuple(sorted({str(one.values["taxonomy"]) for one in owed}))
    place = (id(house.terms), names)
    known = _scanners.get(place)
    if known is None:
        merged: dict[str, str] = {}
        for name in names:
            merged |= {term: f"{name}.{category}" for term, category in _terms(name, house).items()}
        while len(_scanners) >= _KEPT:
            _scanners.pop(next(iter(_scanners)))
        known = _scanners[place] = (house.terms, TermScanner(merged))
    return known[1]


def _terms(taxonomy: str, house: House) -> Mapping[str, str]:
    """The house's list, or the starter list where the house brought none: no list at all would let everything pass."""
    return house.terms.get(taxonomy) or term_lists.starter(taxonomy)


def _too_short(obligations: Sequence[Obligation], house: House) -> OnRequest | None:
    """In production, a list below the law's size serves nobody."""
    if house.operator.mode == REHEARSAL:
        return None
    for owed in obligations:
        need = owed.values.get("terms_min", 0)
        have = len(_terms(owed.values["taxonomy"], house))
        if have < need:
            values = {"taxonomy": owed.values["taxonomy"], "have": have, "need": need, "law": law_line(owed.law)}
            return _refuse(owed, values)
    return None


def _refuse(owed: Obligation, values: Mapping[str, object]) -> OnRequest:
    def on_request(ex: Exchange) -> None:
        said = words("moderation", language_for(ex.language, owed.region), owed.region)
        raise Refusal("no_lawful_route", extra={"rule": owed.rule}, reason=said["short"].format_map(values))

    return on_request


def _question(owed: Sequence[Obligation], house: House) -> OnRequest:
    find = _scanner(owed, house).find
    clock = house.clock
    exceptions = house.allowed
    first = owed[0]
    law = law_line(cited for one in owed for cited in one.law)

    def on_request(ex: Exchange) -> None:
        tenant = ex.caller.tenant
        hit = find(ex.text(), letters(exceptions, tenant, clock.now().date()) if tenant in exceptions else ())
        if hit is not None:
            ex.blocked = hit.category
            strikes.struck(ex, clock.now())
            said = words("moderation", language_for(ex.language, first.region), first.region)
            reason = said["reason"].format(law=law)
            raise Refusal("content_blocked", extra={"rule": first.rule}, category=hit.category, reason=reason)
        if NAME not in ex.met:
            ex.met.append(NAME)
            strikes.passed(ex)

    return on_request


def _answer(owed: Sequence[Obligation], house: House) -> OnEvent:
    scanner = _scanner(owed, house)
    look = scanner.look
    find = scanner.find
    exceptions = house.allowed
    clock = house.clock
    closing = owed[0].region

    def on_event(ex: Exchange, channel: str, piece: str, last: bool) -> str:
        if ex.blocked:
            said = ex.held.get((NAME, channel), _NOTHING)[1]
            return _close(ex, closing, after=bool(said)) if last and channel == "content" else ""
        tenant = ex.caller.tenant
        allowed = letters(exceptions, tenant, clock.now().date()) if tenant in exceptions else ()
        held = ex.held.get((NAME, channel))
        if held is None:
            if last:
                hit = find(piece.encode("utf-8", "surrogatepass"), allowed) if piece else None
                return piece if hit is None else _stop(ex, hit.category, piece[: hit.start], closing, channel, "")
            pending = before = ""
            text = piece
        else:
            pending, before = held
            text = pending + piece if pending else piece
        hit, show = look(before, text, allowed, last=last)
        if hit is not None:
            ex.held[(NAME, channel)] = ("", tail(before, text[:show]))
            return _stop(ex, hit.category, text[:show], closing, channel if last else "", before)
        if show == len(text):
            ex.held[(NAME, channel)] = ("", tail(before, text))
            return text
        shown = text[:show]
        ex.held[(NAME, channel)] = (text[show:], tail(before, shown))
        return shown

    return on_event


def _stop(ex: Exchange, category: str, shown: str, region: str, channel: str, before: str) -> str:
    """Nothing after `shown` leaves. A whole answer is closed here, a stream by its last piece."""
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
