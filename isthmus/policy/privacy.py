"""Privacy: private details are masked before a partner sees them, and restored on the way back.

Rules of this room:
1. One pass tells that nothing is there (a few microseconds for a whole question); only then does the exact look begin.
2. Masking starts from the caller's own messages each time, with the same map: another route, the same placeholders.
3. An answer is restored on every channel and across any split; inside JSON the value is escaped again.
4. What looks like a placeholder and is not ours stays, and is told in a notice.
Source: docs/decisions/002-masking-is-a-rule.md; GDPR Art 5(1)(c); PIPL Art 6.
"""

from __future__ import annotations

from collections.abc import Sequence

from isthmus.core.decision import Obligation, Route, Stage
from isthmus.core.exchange import Exchange
from isthmus.core.wire import rewrite_texts
from isthmus.policy.detect import details, suspect
from isthmus.policy.house import House
from isthmus.policy.placeholders import Placeholders
from isthmus.policy.wording import language_for, words

VERBS = ("mask",)
NAME = "privacy"
_MAP = (NAME, "map")


def compile(obligations: Sequence[Obligation], route: Route, house: House) -> Stage | None:
    """The same stage for every route that owes masking."""
    del route, house
    region = obligations[0].region

    def on_response(ex: Exchange) -> None:
        made: Placeholders | None = ex.held.get(_MAP)
        if made is not None and made.lost:
            said = words("privacy", language_for(ex.language, region), region)
            ex.notices.append(said["lost"].format(n=made.lost))

    return Stage(NAME, on_request=_mask, on_event=_restore, on_response=on_response)


def _mask(ex: Exchange) -> None:
    if NAME not in ex.met:
        ex.met.append(NAME)
    if not suspect(ex.text()):
        return
    made = ex.held.get(_MAP)
    if made is None:
        form = ex.ask.fields.get("response_format")
        made = Placeholders(escaped=form is not None and b"json" in bytes(form))
    counts: dict[str, set[str]] = {}

    def change(text: str) -> str:
        return masked(text, made, counts)

    rewritten = rewrite_texts(ex.ask.fields["messages"], change)
    if len(made):
        ex.held[_MAP] = made
        ex.rewritten = rewritten
        ex.masks = {kind: len(values) for kind, values in counts.items()}


def masked(text: str, made: Placeholders, counts: dict[str, set[str]]) -> str:
    """`text` with its private details replaced; `counts` collects the placeholders by kind."""
    found = details(text)
    if not found:
        return text
    out = []
    at = 0
    for detail in found:
        placeholder = made.stand_in(detail.code, text[detail.start : detail.end])
        counts.setdefault(detail.kind, set()).add(placeholder)
        out.append(text[at : detail.start])
        out.append(placeholder)
        at = detail.end
    out.append(text[at:])
    return "".join(out)


def _restore(ex: Exchange, channel: str, piece: str, last: bool) -> str:
    made: Placeholders | None = ex.held.get(_MAP)
    if made is None:
        return piece
    place = (NAME, channel)
    pending = ex.held.get(place)
    text = pending + piece if pending else piece
    if "[" not in text:
        if pending:
            ex.held[place] = ""
        return text
    keep = 0 if last else made.keep(text)
    ex.held[place] = text[len(text) - keep :] if keep else ""
    escape = made.escaped if channel == "content" else channel.startswith("tool:")
    return made.restore(text[: len(text) - keep] if keep else text, escape=escape)
