"""Labelling a file: marks for machines, a label for people, a signature over both, and a check of the result.

Rules of this room:
1. Nothing leaves that lacks what the region asks for: `add` checks its own result and refuses.
2. What others marked stays. Of their AIGC object only empty fields are filled.
3. The signature (Ed25519, the node's key) covers the fields and the essence of the file: what is seen, heard or read.
4. What no program can see is not claimed: a watermark counts only when the operator states it, and the mark says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from hashlib import sha256

import msgspec

from isthmus.core.errors import Refusal
from isthmus.export import containers
from isthmus.export.containers import Container
from isthmus.export.demand import Demand
from isthmus.export.mark import AIGC, PROVENANCE, Found, decode, encode, faults, joined
from isthmus.ledger.checkpoint import Signer, stamped

_SIGNED = {AIGC: ("ReservedCode1", "ReservedCode2"), PROVENANCE: ("sig",)}
_TOKEN = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\\W\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")
OURS, OTHERS, BROKEN, NONE = "ours", "another's", "broken", "none"


class Key(msgspec.Struct, frozen=True):
    """Whose signature counts as ours: the node's name and Ed25519 public key (32 bytes)."""

    node: str
    public: bytes


class Report(msgspec.Struct, frozen=True):
    """What a file says of itself. `marks`: fields by key. `signature`: by key, ours | another's | broken | none.

    `others`: marks of others, by name. `label`: the words for people that are there, as far as a program can tell, or
    as our signed mark says (`label_by` content | mark | ""). `missing`: what the region asks for and is not there.
    """

    container: str
    modality: str
    marks: dict[str, dict[str, str]]
    signature: dict[str, str]
    others: tuple[str, ...] = ()
    label: str = ""
    label_by: str = ""
    missing: tuple[str, ...] = ()


def add(data: bytes, demand: Demand, signer: Signer, id: str, at: datetime, stated: Iterable[str] = ()) -> bytes:
    """`data` with all that `demand` asks for. `id` is the receipt's; `stated`: means that the operator vouches for.

    Raises Refusal bad_file, usage (an extra or ffmpeg is missing), export_incomplete (the result lacks something).
    """
    container = containers.of(data)
    key = Key(signer.node, signer.public)
    before = check(data, Demand(demand.regions, "", "", ""), key, label=demand.label)
    found = container.read(data).marks
    if demand.label and before.label != demand.label:
        data = container.show(data, demand.label)
    essence = sha256(container.essence(data)).hexdigest()
    fill = {"{ledger_id}": id, "{time}": at.isoformat(timespec="seconds")}
    own = {"system": demand.system, "provider": demand.provider, "id": "{ledger_id}", "time": "{time}"}
    own |= {"region": " ".join(demand.regions), "label": demand.label, "stated": " ".join(stated), "sig": "{sig}"}
    wanted = {**demand.marks, PROVENANCE: {**own, **demand.marks.get(PROVENANCE, {})}}
    # A picture or video that was drawn anew may have lost what others wrote: it is written again.
    marks = {name: text for name, text in found.items() if name not in wanted}
    for name, fields in wanted.items():
        filled = {each: fill.get(value, value) for each, value in fields.items()}
        old = {} if name == PROVENANCE else decode(found.get(name, ""))
        marks[name] = encode(_signed(name, joined(old, filled), essence, signer))
    done = container.write(data, marks)
    missing = check(done, demand, key).missing
    if missing:
        raise Refusal("export_incomplete", reason="; ".join(missing))
    return done


def check(data: bytes, demand: Demand, key: Key | None, label: str = "") -> Report:
    """What the file says, and what it lacks of `demand`. `label`: words to look for (default: those of the demand)."""
    container = containers.of(data)
    found = container.read(data)
    marks = {name: decode(text) for name, text in found.marks.items()}
    essence = sha256(container.essence(data)).hexdigest() if marks else ""
    signature = {name: _whose(name, fields, essence, key) for name, fields in marks.items()}
    words, by = _label(container, data, label or demand.label, marks, signature)
    report = Report(container.NAME, container.MODALITY, marks, signature, found.others, words, by)
    if demand.over_tokens and _is_short(container, data, demand.over_tokens):
        demand = msgspec.structs.replace(demand, means=())
    return msgspec.structs.replace(report, missing=tuple(_missing(report, demand, found)))


def _is_short(container: Container, data: bytes, tokens: int) -> bool:
    """Whether what can be read is no longer than `tokens`: a word counts as one, and so does a CJK character."""
    words = getattr(container, "words", None)
    if words is None:
        return False
    return sum(1 for _ in _TOKEN.finditer(words(data))) <= tokens


def _missing(report: Report, demand: Demand, found: Found) -> Iterable[str]:
    own = report.marks.get(PROVENANCE, {})
    for name, wanted in demand.marks.items():
        cited = f" ({demand.law['mark']})" if demand.law.get("mark") else ""
        fields = report.marks.get(name)
        if fields is None:
            yield f"the mark {name}{cited}"
            continue
        wrong = faults(fields) if name == AIGC else [f"{each} is missing" for each in wanted if not fields.get(each)]
        wrong += [f"{each} is not known to the operator" for each, value in fields.items() if _is_gap(value)]
        if wrong:
            yield f"an exact mark {name}: {', '.join(wrong)}{cited}"
        if report.signature.get(name) == BROKEN:
            yield f"a mark {name} that fits the content: its signature does not"
    stated = own.get("stated", "").split() if report.signature.get(PROVENANCE) == OURS else []
    for means in demand.means:
        if means in stated:
            continue
        if means == "signed_metadata" and ("C2PA" in found.others or report.signature.get(PROVENANCE) == OURS):
            continue
        if means == "latent" and own:
            continue
        yield f"{means.replace('_', ' ')} ({demand.law.get('mark', '')})"
    if demand.label and report.label != demand.label:
        yield f"the label {demand.label} for people ({demand.law.get('label', '')})"


def _label(
    container: Container,
    data: bytes,
    text: str,
    marks: Mapping[str, Mapping[str, str]],
    signature: Mapping[str, str],
) -> tuple[str, str]:
    """The label that is there, and how that is known."""
    shown = getattr(container, "shown", None)
    if shown is not None:
        return (text, "content") if text and shown(data, text) else ("", "")
    said = marks.get(PROVENANCE, {}).get("label", "")
    return (said, "mark") if said and signature.get(PROVENANCE) == OURS else ("", "")


def _is_gap(value: str) -> bool:
    return value.startswith("{") and value.endswith("}")


def _signed(name: str, fields: dict[str, str], essence: str, signer: Signer) -> dict[str, str]:
    """`fields` with every {sig} filled by one signature over the others."""
    stamp = signer.stamp(_statement(name, fields, essence))
    return {each: stamp if value == "{sig}" else value for each, value in fields.items()}


def _statement(name: str, fields: Mapping[str, str], essence: str) -> bytes:
    """What is signed: one fact a line, without the places of signatures."""
    facts = [f"{each}={value}" for each, value in fields.items() if each not in _SIGNED.get(name, ())]
    return "\n".join(("isthmus mark 1", name, *facts, f"sha256={essence}", "")).encode()


def _whose(name: str, fields: Mapping[str, str], essence: str, key: Key | None) -> str:
    """Whose signature a mark carries: `ours` only when it fits fields and essence."""
    states = []
    for place in _SIGNED.get(name, ()):
        stamp = fields.get(place, "")
        if not stamp:
            states.append(NONE)
        elif key is None or not stamp.startswith(f"{key.node} "):
            states.append(OTHERS)
        else:
            states.append(OURS if stamped(stamp, _statement(name, fields, essence), key.node, key.public) else BROKEN)
    return next((state for state in (BROKEN, OURS, OTHERS) if state in states), NONE)
