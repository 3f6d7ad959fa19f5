"""Disclosure: inside the conversation, people are told that they talk with AI, and reminded where the law says so.

First contact is a question without an earlier answer in it. Reminders count per person (tenant and subject) in this
process; without a subject the law's known minor is not known, and each question is reminded.
Source: AI Act Art 50(1), (5) and guidelines C(2026) 5054; California SB 243 (every three hours for known minors).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence

from isthmus.core.decision import Obligation, Route, Stage
from isthmus.core.exchange import Exchange
from isthmus.policy.house import House
from isthmus.policy.wording import language_for, words

VERBS = ("disclose", "remind")
NAME = "disclosure"
_PEOPLE = 100_000


def compile(obligations: Sequence[Obligation], route: Route, house: House) -> Stage | None:
    """One sentence per obligation, said before the stream begins."""
    del route
    says = [_disclose(owed, house) if owed.verb == "disclose" else _remind(owed, house) for owed in obligations]

    def on_request(ex: Exchange) -> None:
        for say in says:
            say(ex)
        if NAME not in ex.met:
            ex.met.append(NAME)

    return Stage(NAME, on_request=on_request)


def _disclose(owed: Obligation, house: House) -> Callable[[Exchange], None]:
    text = str(owed.values["text"])
    first_only = owed.values["at"] == "first_message"
    principal = ""
    if owed.values.get("agent_names_principal"):
        said = words("disclosure", language_for("", owed.region), owed.region)
        principal = said["principal"].format(name=house.operator.name)

    def say(ex: Exchange) -> None:
        assert ex.decision is not None
        if first_only and any(message.role == "assistant" for message in ex.ask.messages):
            return
        agent = principal and ex.decision.question.feature == "agent"
        _notice(ex, f"{text} {principal}" if agent else text)

    return say


def _remind(owed: Obligation, house: House) -> Callable[[Exchange], None]:
    text = str(owed.values["text"])
    every = 3600.0 * owed.values.get("every_hours", 3)
    told: OrderedDict[tuple[str, str], float] = OrderedDict()

    def say(ex: Exchange) -> None:
        now = house.clock.monotonic()
        person = (ex.caller.tenant, ex.subject)
        since = told.get(person) if ex.subject else None
        if since is not None and now - since < every:
            return
        told[person] = now
        told.move_to_end(person)
        if len(told) > _PEOPLE:
            told.popitem(last=False)
        _notice(ex, text)

    return say


def _notice(ex: Exchange, text: str) -> None:
    if text not in ex.notices:
        ex.notices.append(text)
