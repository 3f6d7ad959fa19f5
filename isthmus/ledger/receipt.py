"""What the ledger remembers: one entry per answer, refusal, consent or operator's act. Never a word of content.

An entry is stored as one JSON object, so that it can be read with any tool, for as long as the law wants it kept.
`kind` says which of the structs it is. A field is never renamed and never changes its meaning; new fields are added
with a default, and `v` goes up when a reader must know (docs/ledger.md lists every field).
"""

from __future__ import annotations

import msgspec

from isthmus.core.exchange import Attempt
from isthmus.core.wire import Usage

SCHEMA = 1


class Receipt(msgspec.Struct, tag_field="kind", tag="answer", omit_defaults=True, gc=False):
    """How one query was answered or refused.

    `at` is when it arrived, in ms since 1970-01-01 UTC; `us_first` and `us_whole` count from there, in microseconds,
    to the first content and to the end (0: never came). `masks` counts masked details by type, `notices` counts the
    notices shown, `met` names the obligations that were met. `keep_min` and `keep_max` are days that the law sets for
    keeping this entry (0: it sets none). `cost` is decimal text with its currency, such as "0.000182 USD"; `estimated`
    says that tokens, and so the cost, were counted here because the partner's count did not arrive. `route` and those
    after it are empty when no route answered. `withdrawn` is the consent whose withdrawal ended the stream.
    """

    id: str
    at: int
    key_id: str
    tenant: str
    regions: tuple[str, ...]
    feature: str
    modality: str
    event: str
    age: str
    data: str
    content: str
    decision: str
    verdict: str
    outcome: str
    refusal: str = ""
    route: str = ""
    partner: str = ""
    model: str = ""
    tier: str = ""
    rehearsal: bool = False
    attempts: list[Attempt] = []
    label: str = ""
    label_at: str = ""
    notices: int = 0
    met: list[str] = []
    masks: dict[str, int] = {}
    blocked: str = ""
    consent: str = ""
    usage: Usage | None = None
    cost: str = ""
    stream: bool = False
    finish: str = ""
    us_first: int = 0
    us_whole: int = 0
    keep_min: int = 0
    keep_max: int = 0
    estimated: bool = False
    withdrawn: str = ""
    v: int = SCHEMA


class ConsentReceipt(msgspec.Struct, tag_field="kind", tag="consent", omit_defaults=True, gc=False):
    """One consent that was given or withdrawn. `act` is "given" or "withdrawn"; `consent` is the consent's id.

    `subject` is a commitment (hex) to the person, never the person's own name: see ledger.accounts. Where a device
    signed: its public key and `signature` (Ed25519, base64) over core.consent.statement, `sheet` the SHA-256 (hex) of
    the words it showed; `given` is the time in that statement, in ms.
    """

    id: str
    at: int
    act: str
    consent: str
    tenant: str
    consent_kind: str
    recipient: str
    region: str
    feature: str
    scope: str
    language: str
    subject: str = ""
    until: int = 0
    device: str = ""
    signature: str = ""
    sheet: str = ""
    given: int = 0
    keep_min: int = 0
    keep_max: int = 0
    v: int = SCHEMA


class Export(msgspec.Struct, tag_field="kind", tag="export", omit_defaults=True, gc=False):
    """One file that was labelled to leave the house. Nothing of its content or name is here.

    `of` is the receipt of the answer it came from, "" when unknown. `event` is export, publish or export_plain;
    `container` the file's format, `marks` the marks written, `label` the words for people, `stated` what the operator
    vouched for. `consent`: the agreement to an export without the visible label, `recipient` who got it (Labelling
    Measures Art 9).
    """

    id: str
    at: int
    of: str
    regions: tuple[str, ...]
    event: str
    container: str
    route: str = ""
    marks: tuple[str, ...] = ()
    label: str = ""
    stated: tuple[str, ...] = ()
    consent: str = ""
    recipient: str = ""
    decision: str = ""
    tenant: str = ""
    keep_min: int = 0
    keep_max: int = 0
    v: int = SCHEMA


class Law(msgspec.Struct, tag_field="kind", tag="law", omit_defaults=True, gc=False):
    """What the decisions with the digest `decision` were made from: written when a table of law comes into force.

    `regions` and `partners`: the digest of each file by its id. `day`: the day whose law counts. `operator`: digest of
    operator.toml's facts. `version`: of Isthmus.
    """

    id: str
    at: int
    decision: str
    day: str
    version: str
    regions: dict[str, str] = {}
    partners: dict[str, str] = {}
    operator: str = ""
    tenant: str = ""
    keep_min: int = 0
    keep_max: int = 0
    v: int = SCHEMA


class Retired(msgspec.Struct, tag_field="kind", tag="retired", omit_defaults=True, gc=False):
    """Entries of this log that were deleted because the law says how long they may be kept: those before `until`.

    `chain` is the chain hash (hex) before entry number `until`, `days` the law's most days.
    """

    id: str
    at: int
    until: int
    chain: str
    days: int
    keep_min: int = 0
    keep_max: int = 0
    v: int = SCHEMA


class ActReceipt(msgspec.Struct, tag_field="kind", tag="act", omit_defaults=True, gc=False):
    """One act of a person who runs the house. `by` is that person's id, `role` what they were then.

    `act` is the permission's word and the verb ("keys.change POST"), `object` the id of what it was done to, `said` the
    SHA-256 (hex) of the request's body, `status` the HTTP status of the answer. `tenant` where it was done for one.
    """

    id: str
    at: int
    by: str
    role: str
    act: str
    object: str
    status: int
    said: str = ""
    tenant: str = ""
    region: str = ""
    keep_min: int = 0
    keep_max: int = 0
    v: int = SCHEMA


Entry = Receipt | ConsentReceipt | Export | Law | Retired | ActReceipt


class Written:
    """A receipt that is encoded already (policy.receipt), with the days that the law sets for keeping it."""

    __slots__ = ("keep_max", "keep_min", "payload")

    def __init__(self, payload: bytes, keep_min: int, keep_max: int) -> None:
        self.payload = payload
        self.keep_min = keep_min
        self.keep_max = keep_max


encode = msgspec.json.Encoder().encode
_decoder = msgspec.json.Decoder(Entry)


def decode(payload: bytes) -> Entry:
    """The entry in `payload`. Raises msgspec.ValidationError or msgspec.DecodeError when it is none."""
    entry: Entry = _decoder.decode(payload)
    return entry
