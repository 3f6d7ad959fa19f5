"""Judges are asked before anything is sent: each with its deadline, and with a rule for the case that it is silent.

Answers are judged by the same judges, in policy/judged_answer.

Rules of this room:
1. A judge sees what a partner would see: details are masked. What the operator itself wrote (system prompts) it does
   not see. One that may not read what is said here (policy/judge_places) is not asked, and counts as silent.
2. A silent judge counts as the operator says (`on_error`), else as the region's rule says: where that is "block",
   nothing passes unjudged.
3. Receipts and errors name the judge and the category, never the text.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from isthmus.core.decision import Obligation, Question
from isthmus.core.errors import Refusal
from isthmus.core.exchange import Exchange
from isthmus.policy import services, strikes
from isthmus.policy.attack_model import AttackModel
from isthmus.policy.guards import Guard, Guards, Judged
from isthmus.policy.house import House
from isthmus.policy.judge import Judge, JudgeError, Verdict
from isthmus.policy.judge_places import objection
from isthmus.policy.wording import language_for, law_line, words

MODEL = "attack_model"
_OWN = ("system", "developer")
_json = msgspec.json.Decoder()


def load(home: Path, guards: Guards, environment: Mapping[str, str]) -> dict[str, Judge]:
    """The judges that `guards` name. Raises Refusal bad_law for one that there is not, or that lacks its keys."""
    found: dict[str, Judge] = {}
    for name in dict.fromkeys(judged.name for guard in guards.values() for judged in guard.judge):
        found[name] = AttackModel.load() if name == MODEL else services.load(home, name, environment)
    return found


async def ask(ex: Exchange, guard: Guard, house: House, owed: Obligation, *, strict: bool) -> None:
    """Ask every judge of `guard` in turn. `strict`: without an answer nothing passes, unless the guard says otherwise.

    Raises Refusal content_blocked, not_judged; no_lawful_route where a judge may not be asked.
    """
    texts: list[str] | None = None
    for judged in chosen(ex, guard, "question"):
        barred = kept_out(ex, judged, house)
        texts = as_sent(ex) if texts is None else texts
        found = await verdicts(judged, house, texts) if barred is None else None
        if found is None:
            if blocks(judged, strict=strict):
                raise barred or Refusal("not_judged", judge=judged.name)
            note(ex, f"unjudged:{judged.name}")
            continue
        _act(ex, judged, found, house, owed)


def chosen(ex: Exchange, guard: Guard, side: str) -> list[Judged]:
    """The judges of `guard` that are asked about this side of this exchange, in order."""
    if not guard.judge:
        return []
    question = ex.decision.question if ex.decision is not None else Question(())
    regions = {*question.regions, *(owed.region for owed in _owed(ex))}  # a country has its union's rules among its own
    return [judged for judged in guard.judge if judged.is_for(side, regions, question.feature)]


def kept_out(ex: Exchange, judged: Judged, house: House) -> Refusal | None:
    """Why the law of the place keeps this judge from reading; None when it may."""
    regions = ex.decision.question.regions if ex.decision is not None else ()
    return objection(judged.name, house.judges[judged.name], _owed(ex), regions, house.operator)


def _owed(ex: Exchange) -> Sequence[Obligation]:
    return ex.plan.obligations if ex.plan is not None else ()


async def verdicts(judged: Judged, house: House, texts: Sequence[str], *, answer: bool = False) -> list[Verdict] | None:
    """What one judge says of `texts` within its deadline; None when it is silent."""
    try:
        async with asyncio.timeout(judged.deadline_ms / 1000):
            return await house.judges[judged.name].judge(texts, answer=answer)
    except (TimeoutError, JudgeError):
        return None


def blocks(judged: Judged, *, strict: bool) -> bool:
    """Whether nothing passes while this judge is silent."""
    return (judged.on_error or ("block" if strict else "pass")) == "block"


def _act(ex: Exchange, judged: Judged, verdicts: list[Verdict], house: House, owed: Obligation) -> None:
    for category, own in verdicts:
        action = judged.actions.get(category, own)
        if action == "block":
            ex.blocked = f"{judged.name}.{category}"
            strikes.struck(ex, house.clock.now())
            said = words("moderation", language_for(ex.language, owed.region), owed.region)
            reason = said["reason"].format(law=law_line(owed.law))
            raise Refusal("content_blocked", extra={"rule": owed.rule}, category=ex.blocked, reason=reason)
        if action == "flag":
            note(ex, f"flag:{judged.name}.{category}")


def note(ex: Exchange, what: str) -> None:
    """Tell the receipt, once."""
    if what not in ex.met:
        ex.met.append(what)


def as_sent(ex: Exchange) -> list[str]:
    """The texts of a question as they leave, without the operator's own prompts."""
    texts: list[str] = []
    for message in _json.decode(ex.rewritten or ex.ask.fields["messages"]):
        if message["role"] not in _OWN:
            texts += _texts(message.get("content"))
    return texts


def _texts(content: Any) -> list[str]:
    if isinstance(content, str):
        return [content] if content else []
    return [part["text"] for part in content or () if isinstance(part.get("text"), str)]
