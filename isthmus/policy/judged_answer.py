"""Answers are judged: by the local model or a service elsewhere, before they are shown (guard.toml, `of = "answer"`).

Rules of this room:
1. Who is asked is settled before anything is sent: a judge that may not read what is said here (policy/judge_places)
   ends the question then, not the answer.
2. A judge sees what the partner said, before details come back; where the route owes masking, details that the partner
   brought itself are masked for the judge, too. Escapes are read (policy/escapes).
3. Judges are asked in turn about each piece (policy/pieces), each with its deadline; after one that blocks nobody else
   sees the piece. A silent one counts as the operator says, else as the region's rule for answers says.
4. At a hit the answer ends as at a forbidden word: the region's sentence, `content_filter`, the category in the
   receipt. Receipts name judges and categories, never the text.
Who holds a stream back meanwhile is gateway/judged.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from isthmus.core.decision import Obligation, Route, Stage
from isthmus.core.errors import Refusal
from isthmus.core.exchange import Exchange
from isthmus.policy import guards, judges, pieces, privacy
from isthmus.policy.detect import details
from isthmus.policy.escapes import plain
from isthmus.policy.guards import Guard, Judged
from isthmus.policy.house import House
from isthmus.policy.placeholders import Placeholders

VERBS = ("scan",)
NAME = "judged_answer"
AHEAD = 4  # pieces of one answer that are judged at once
_STOPPED = (NAME, "stopped")


class Hearing:
    """The judges of one answer on one route. `guard` says how it is cut."""

    __slots__ = ("_house", "_judges", "_strict", "guard")

    def __init__(self, guard: Guard, judged: Sequence[Judged], house: House, *, strict: bool) -> None:
        self.guard = guard
        self._judges = judged
        self._house = house
        self._strict = strict

    async def ask(self, ex: Exchange, piece: Mapping[str, str]) -> str:
        """The category for which the answer must stop; "" when the piece, texts by channel, may be shown.

        Raises Refusal answer_not_judged.
        """
        texts = self._seen(ex, piece)
        judges.note(ex, NAME)
        for judged in self._judges:
            found = await judges.verdicts(judged, self._house, texts, answer=True)
            if found is None:
                if judges.blocks(judged, strict=self._strict):
                    raise Refusal("answer_not_judged", judge=judged.name)
                judges.note(ex, f"unjudged_answer:{judged.name}")
                continue
            for category, own in found:
                action = judged.actions.get(category, own)
                if action == "block":
                    return f"{judged.name}.{category}"
                if action == "flag":
                    judges.note(ex, f"flag_answer:{judged.name}.{category}")
        return ""

    async def whole(self, ex: Exchange, texts: Mapping[str, str]) -> str:
        """The same for an answer that is not streamed, AHEAD pieces at once; the first piece in order counts."""
        waiting = list(pieces.whole(texts, self.guard.pieces))
        for start in range(0, len(waiting), AHEAD):
            now = [asyncio.ensure_future(self.ask(ex, piece)) for piece in waiting[start : start + AHEAD]]
            try:
                for asked in now:
                    category = await asked
                    if category:
                        return category
            finally:
                for asked in now:
                    asked.cancel()
                await asyncio.gather(*now, return_exceptions=True)
        return ""

    def _seen(self, ex: Exchange, piece: Mapping[str, str]) -> list[str]:
        """What judges see of a piece."""
        masks = privacy.NAME in ex.met
        find = privacy.with_names if self.guard.names else details
        made = Placeholders()
        seen = []
        for channel, text in piece.items():
            read = plain(text, json=channel.startswith("tool:"))[0] if "\\" in text else text
            seen.append(privacy.masked(read, made, {}, find) if masks else read)
        return seen


def compile(obligations: Sequence[Obligation], route: Route, house: House) -> Stage | None:
    """A stage that names the judges of an answer; None where no guard asks for any."""
    del route
    asked = house.guards
    if not any(judged.of != "question" for guard in asked.values() for judged in guard.judge):
        return None
    strict = any(
        owed.values.get("on_error") == "block" and "output" in owed.values.get("side", ()) for owed in obligations
    )

    def on_request(ex: Exchange) -> None:
        ex.judged = None
        guard = guards.of(asked, ex.caller)
        if guard is None:
            return
        may = [judged for judged in judges.chosen(ex, guard, "answer") if _may(ex, judged, house, strict=strict)]
        if may:
            ex.judged = Hearing(guard, may, house, strict=strict)

    return Stage(NAME, on_request=on_request, on_response=_say)


def _may(ex: Exchange, judged: Judged, house: House, *, strict: bool) -> bool:
    """Whether the judge may read the answer. Raises Refusal no_lawful_route where nothing passes without it."""
    barred = judges.kept_out(ex, judged, house)
    if barred is None:
        return True
    if judges.blocks(judged, strict=strict):
        raise barred
    judges.note(ex, f"unjudged_answer:{judged.name}")
    return False


def stop(ex: Exchange, category: str) -> None:
    """Nothing more of the model's text leaves; moderation's own stage closes the answer with the region's sentence."""
    ex.blocked = category
    ex.finish = "content_filter"
    ex.held[_STOPPED] = True


def _say(ex: Exchange) -> None:
    """Of a whole answer its partner's own reason was read after it was judged."""
    if _STOPPED in ex.held:
        ex.finish = "content_filter"
