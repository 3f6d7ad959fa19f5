"""Judges are asked before anything is sent: each with its deadline, and with a rule for the case that it is silent.

Rules of this room:
1. A judge sees what a partner would see: details are masked. What the operator itself wrote (system prompts) it does
   not see.
2. A silent judge counts as the operator says (`on_error`), else as the region's rule says: where that is "block",
   nothing passes unjudged.
3. Receipts and errors name the judge and the category, never the text.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from isthmus.core.decision import Obligation
from isthmus.core.errors import Refusal
from isthmus.core.exchange import Exchange
from isthmus.policy import services, strikes
from isthmus.policy.attack_model import AttackModel
from isthmus.policy.guards import Guard, Guards, Judged
from isthmus.policy.house import House
from isthmus.policy.judge import Judge, JudgeError, Verdict
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

    Raises Refusal content_blocked, not_judged.
    """
    texts = as_sent(ex)
    for judged in guard.judge:
        try:
            async with asyncio.timeout(judged.deadline_ms / 1000):
                verdicts = await house.judges[judged.name].judge(texts)
        except (TimeoutError, JudgeError):
            if (judged.on_error or ("block" if strict else "pass")) == "block":
                raise Refusal("not_judged", judge=judged.name) from None
            _note(ex, f"unjudged:{judged.name}")
            continue
        _act(ex, judged, verdicts, house, owed)


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
            _note(ex, f"flag:{judged.name}.{category}")


def _note(ex: Exchange, what: str) -> None:
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
