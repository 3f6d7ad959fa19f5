"""May a service elsewhere read this text? What the law says of places binds whoever judges as it binds who answers.

A judge reads a question, or an answer, as a partner does. So each `residency` rule that is owed on the route is asked
of the judge as well: it reads in the places that the rule names, or on a basis that operator.toml records under the
judge's own name, and where the rule wants a contract, there is one. The model on this machine asks nobody.
Source: PIPL Art 38; GDPR Arts 28, 44; docs/guard.md, "Where a judge may be".
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from isthmus.core.decision import Obligation
from isthmus.core.errors import Refusal
from isthmus.core.operator import REHEARSAL, Facts, Operator
from isthmus.core.places import EVERYWHERE, within
from isthmus.policy.judge import Judge
from isthmus.policy.lawful import counts
from isthmus.policy.wording import law_line


def objection(
    name: str, judge: Judge, obligations: Iterable[Obligation], regions: Collection[str], operator: Operator
) -> Refusal | None:
    """Why the judge `name` may not read what is said in `regions`; None when it may."""
    places = judge.places
    if places is None:
        return None
    for owed in obligations:
        if owed.verb == "residency":
            held = [operator.facts(region) for region in dict.fromkeys((owed.region, *regions))]
            reason = _against(name, places or (EVERYWHERE,), owed, held, operator)
            if reason:
                law = law_line(owed.law)
                return Refusal("no_lawful_route", extra={"rule": owed.rule}, reason=f"{reason} ({law}).")
    return None


def _against(name: str, places: tuple[str, ...], owed: Obligation, held: list[Facts], operator: Operator) -> str:
    values = owed.values
    wanted = values["process"]
    if not (within(places, wanted) and within(places, values.get("store", wanted))):
        bases = values.get("or_basis", ())
        named = [facts.transfer.get(name, "") for facts in held]
        if not any(counts(basis, operator) and basis in (*bases, REHEARSAL) for basis in named if bases):
            here = "a place nobody named" if EVERYWHERE in places else ", ".join(places)
            return f"The judge {name} reads in {here}, not in {', '.join(wanted)}, on no recorded basis"
    if values.get("dpa") and not operator.rehearsing and not any(name in facts.entrusted for facts in held):
        return f"There is no processing contract with the judge {name}: list it under entrusted in operator.toml"
    return ""
