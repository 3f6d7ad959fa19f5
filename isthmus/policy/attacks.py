"""Prompt attacks: what tools and documents say is marked as data, a leaking system prompt ends the answer, tools are
those of the key's list, and judges are asked where the operator wants it (policy/guards, policy/judges).

Rules of this room:
1. All of it is off unless <home>/guard.toml asks for it; then only for the tenants and keys it names.
2. Untrusted text stands between marks with a number that nobody can foresee, so that it cannot close them itself; one
   sentence in the system prompt says what the marks mean. It is changed after it was masked, never before.
3. The canary is looked for in every channel of the answer, as the caller would see it. At a hit the answer ends as at a
   forbidden word, with the category attack.canary.
4. A tool that is not on the list is refused where it is offered, and ends the answer where a model calls it anyhow.
Source: Hines et al., "Defending Against Indirect Prompt Injection Attacks With Spotlighting", arXiv 2403.14720 (2024).
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from isthmus.core.decision import Obligation, Route, Stage
from isthmus.core.errors import Refusal
from isthmus.core.exchange import Exchange
from isthmus.policy import guards, judges
from isthmus.policy.canary import Canary
from isthmus.policy.guards import Guard
from isthmus.policy.house import House
from isthmus.policy.moderation import stop
from isthmus.policy.wording import language_for, words

VERBS = ("scan",)
NAME = "attacks"
LEAKED = "attack.canary"
CALLED = "attack.tool"
MARK = "\ue000"  # stands for each blank of a text that is datamarked: a private character, which no text holds
_CANARY = (NAME, "canary")
_NONCE = (NAME, "nonce")
_BLANKS = re.compile(r"\s+")
_json = msgspec.json.Decoder()

Asking = Callable[[Exchange], Awaitable[None]]


def compile(obligations: Sequence[Obligation], route: Route, house: House) -> Stage | None:
    """The same functions for every route; None where no guard is asked for."""
    del route
    asked = house.guards
    if not asked:
        return None
    region = obligations[0].region
    strict = any(owed.values.get("on_error") == "block" for owed in obligations)

    def on_request(ex: Exchange) -> None:
        guard = guards.of(asked, ex.caller)
        if guard is None:
            return
        if guard.tools is not None:
            check_tools(ex, guard.tools)
        if guard.mark or guard.canary:
            _mark(ex, guard, region)
        if NAME not in ex.met:
            ex.met.append(NAME)

    async def awaited(ex: Exchange) -> None:
        guard = guards.of(asked, ex.caller)
        if guard is not None and guard.judge:
            await judges.ask(ex, guard, house, obligations[0], strict=strict)

    def on_event(ex: Exchange, channel: str, piece: str, last: bool) -> str:
        if ex.blocked:
            return piece
        if channel.startswith("name:"):
            guard = guards.of(asked, ex.caller)
            if guard is None or guard.tools is None or piece in guard.tools:
                return piece
            return stop(ex, CALLED, "", region, "", "")
        canary: Canary | None = ex.held.get(_CANARY)
        return piece if canary is None else _watch(ex, canary, channel, piece, region, last=last)

    waits = any(one.judge for one in asked.values())
    return Stage(NAME, on_request=on_request, awaited=awaited if waits else None, on_event=on_event)


def check_tools(ex: Exchange, allowed: Sequence[str]) -> None:
    """Raises Refusal tool_not_allowed when a tool is offered, or called in the history, that is not on the list."""
    raw = ex.ask.fields.get("tools")
    offered = _json.decode(raw) if raw is not None else []
    for place, tool in enumerate(offered if isinstance(offered, list) else [], 1):
        function = tool.get("function") if isinstance(tool, dict) else None
        name = function.get("name") if isinstance(function, dict) else None
        if name not in allowed:
            raise Refusal("tool_not_allowed", place=place)


def _mark(ex: Exchange, guard: Guard, region: str) -> None:
    """Mark what is untrusted, and write what the marks mean, and the canary, into the system prompt."""
    messages = _json.decode(ex.rewritten or ex.ask.fields["messages"])
    said = words(NAME, language_for(ex.language, region), region)
    notes = []
    if guard.mark:
        nonce = ex.held.setdefault(_NONCE, secrets.token_hex(4))
        if spotlight(messages, guard, nonce):
            notes.append(said["untrusted"].format(open=_open(nonce), close=_close(nonce)))
            if guard.mark == "datamark":
                notes.append(said["datamark"].format(mark=MARK))
    prompt = next((one for one in messages if one["role"] in ("system", "developer")), None)
    if guard.canary and prompt is not None:
        canary: Canary = ex.held.setdefault(_CANARY, Canary.draw())
        notes.append(said["canary"].format(mark=canary.mark))
    if not notes:
        return
    if prompt is None:
        messages.insert(0, {"role": "system", "content": "\n".join(notes)})
    elif isinstance(prompt["content"], list):
        prompt["content"].append({"type": "text", "text": "\n" + "\n".join(notes)})
    else:
        prompt["content"] = "\n\n".join((prompt["content"] or "", "\n".join(notes))).lstrip()
    ex.rewritten = msgspec.json.encode(messages)


def _open(nonce: str) -> str:
    return f"<<data {nonce}>>"


def _close(nonce: str) -> str:
    return f"<<end {nonce}>>"


def spotlight(messages: list[dict[str, Any]], guard: Guard, nonce: str) -> int:
    """Put the texts of tools and documents between marks; returns how many there were."""

    def marked(text: str) -> str:
        inside = _BLANKS.sub(MARK, text) if guard.mark == "datamark" else text
        return f"{_open(nonce)}\n{inside}\n{_close(nonce)}"

    count = 0
    for message in messages:
        if message["role"] not in ("tool", "function") and message.get("name") not in guard.documents:
            continue
        content = message.get("content")
        if isinstance(content, str) and content:
            message["content"] = marked(content)
            count += 1
        elif isinstance(content, list):
            for part in content:
                if isinstance(part.get("text"), str):
                    part["text"] = marked(part["text"])
                    count += 1
    return count


def _watch(ex: Exchange, canary: Canary, channel: str, piece: str, region: str, *, last: bool) -> str:
    place = (NAME, channel)
    pending: str
    pending, before = ex.held.get(place, ("", False))
    text = pending + piece
    found, shown = canary.look(text)
    if found:
        ex.held[place] = ("", True)
        return stop(ex, LEAKED, text[:shown], region, channel if last else "", "x" if before else "")
    shown = len(text) if last else shown
    ex.held[place] = (text[shown:], before or shown > 0)
    return text[:shown]
