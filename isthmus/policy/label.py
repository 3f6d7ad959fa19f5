"""Label: people see, and machines can read, that an answer is AI-made.

Rules of this room:
1. The label is always in the answer's metadata (`isthmus.label`).
2. Where the rule says near_content, end or persistent it follows the text, once, after the last piece.
3. A structured answer (response_format) and tool calls stay parseable: there the label is metadata only.
4. A caller that declared that it shows the label itself (label_at "metadata" beforehand) keeps clean text.
Source: Labelling Measures Arts 4-5, GB 45438-2025; AI Act Art 50(2), 50(4).
"""

from __future__ import annotations

from collections.abc import Sequence

from isthmus.core.decision import Obligation, OnEvent, Route, Stage
from isthmus.core.errors import Refusal
from isthmus.core.exchange import Exchange
from isthmus.policy.house import House
from isthmus.policy.wording import language_for, law_line, words

VERBS = ("label.show", "label.embed")
NAME = "label"
_AFTER_TEXT = frozenset(("near_content", "end", "persistent"))
_SEEN = (NAME, "seen")
_PUT = (NAME, "put")


def compile(obligations: Sequence[Obligation], route: Route, house: House) -> Stage | None:
    """The visible texts joined, and whether they go after the text, before it, or into the metadata only."""
    del route
    shown = [owed for owed in obligations if owed.verb == "label.show"]
    embedded = [owed for owed in obligations if owed.verb == "label.embed"]
    text = " · ".join(dict.fromkeys(str(owed.values["text"]) for owed in shown))
    region = obligations[0].region
    if not text:
        text = words("label", language_for("", region), region)["machine"]
    places = {place for owed in shown for place in owed.values.get("at", ())}
    where = "near_content" if places & _AFTER_TEXT else "top" if "top" in places else "metadata"
    incomplete = [refusal for owed in embedded if (refusal := _incomplete(owed, house)) is not None]

    def on_request(ex: Exchange) -> None:
        if incomplete:
            raise Refusal("export_incomplete", reason=incomplete[0])
        ex.label = text
        ex.label_at = "metadata" if ex.label_at == "metadata" or not _is_prose(ex) else where
        if NAME not in ex.met:
            ex.met.append(NAME)

    if where == "metadata":
        return Stage(NAME, on_request=on_request)
    on_event = _at_top(text) if where == "top" else _after(text)
    return Stage(NAME, on_request=on_request, on_event=on_event, on_response=_say_where)


def _say_where(ex: Exchange) -> None:
    """An answer without text (a tool call) has nothing to stand beside: its label is metadata."""
    if _PUT not in ex.held:
        ex.label_at = "metadata"


def _after(text: str) -> OnEvent:
    suffix = "\n\n" + text

    def on_event(ex: Exchange, channel: str, piece: str, last: bool) -> str:
        if channel != "content" or ex.label_at != "near_content":
            return piece
        if last:
            if piece or _SEEN in ex.held:
                ex.held.pop(_SEEN, None)
                ex.held[_PUT] = True
                return piece + suffix
            return piece
        if piece:
            ex.held[_SEEN] = True
        return piece

    return on_event


def _at_top(text: str) -> OnEvent:
    prefix = text + "\n\n"

    def on_event(ex: Exchange, channel: str, piece: str, last: bool) -> str:
        del last
        if channel != "content" or ex.label_at != "top" or not piece or _SEEN in ex.held:
            return piece
        ex.held[_SEEN] = ex.held[_PUT] = True
        return prefix + piece

    return on_event


def _is_prose(ex: Exchange) -> bool:
    """Ordinary text was asked for, not JSON by response_format."""
    form = ex.ask.fields.get("response_format")
    return form is None or b"json" not in bytes(form)


def _incomplete(owed: Obligation, house: House) -> str | None:
    """Why an export's metadata cannot be complete: the provider code is the operator's to give (GB 45438, annex E)."""
    fields = owed.values.get("fields") or {}
    wants_code = any("{cn_code}" in str(value) for value in fields.values())
    if wants_code and not house.operator.facts(owed.region).producer_code:
        return f"operator.toml has no producer_code for {owed.region} ({law_line(owed.law)})"
    return None
