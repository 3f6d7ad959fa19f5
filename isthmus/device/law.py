"""The region's law, applied on the device itself when no gateway stands between a person and the model.

Rules of this file. The same tables, duties and receipts as the gateway's: the device asks only about its own route. A
question passes the duties before the model sees it, an answer before the person does. What the region forbids is
refused with its rule. Without a region only the house's own words hold, and only in rehearsal.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence

import msgspec

from isthmus.core import operator
from isthmus.core.clock import Clock, SystemClock, today
from isthmus.core.config import Config
from isthmus.core.consent import Consent
from isthmus.core.decision import Decision, Plan, Question, RouteSkipped, age_band
from isthmus.core.errors import Refusal
from isthmus.core.exchange import Caller, Exchange
from isthmus.core.secret import Withheld
from isthmus.core.wire import Usage, decode_ask
from isthmus.device.task import Message
from isthmus.ledger.accounts import Accounts
from isthmus.ledger.segments import Ledger
from isthmus.partners import load as partner_files
from isthmus.policy import supposed, term_lists
from isthmus.policy.compile import Table
from isthmus.policy.house import House
from isthmus.policy.receipt import compose
from isthmus.policy.wording import language_for, words
from isthmus.regions import load as region_files
from isthmus.regions.schema import HOUSE_ID

TENANT = "device"
SHARDS = 16


class Law:
    """What `region` (ids joined by commas; "" none) says of answers made on this device for a person of `age`."""

    def __init__(
        self, config: Config, region: str = "", *, age: str = "", language: str = "", consent: str = "",
        clock: Clock | None = None,
    ) -> None:  # fmt: skip
        self.region = region.upper().replace(" ", ",")
        self._config = config
        self._clock = clock or SystemClock()
        self._language, self._consent = language, consent
        self._operator = operator.load_or_rehearsal(config.operator)
        self._table: Table | None = None
        self._ledger: Ledger | None = None
        self._lock = threading.Lock()
        try:
            self._age = age_band(age or None)
        except ValueError as error:
            raise Refusal("bad_field", field="age", reason=str(error)) from None
        if not self.region and not self._operator.rehearsing:
            raise Refusal("usage", reason="In production a region must be named, because its law applies.")

    def decision(self, feature: str) -> Decision | None:
        """What is decided for `feature` here; None without a region. Raises Refusal unknown_region."""
        if not self.region:
            return None
        with self._lock:
            if self._table is None or self._table.due(today(self._clock)):
                self._table = self._build()
            regions = tuple(filter(None, self.region.split(",")))
            found = self._table.decide(Question(regions=regions, feature=feature, age=self._age))
        # The table's verdict is about a gateway's routes; on the device only the device's own counts.
        return msgspec.structs.replace(found, verdict="serve" if found.device else "refuse")

    def admit(self, feature: str, messages: Sequence[Message]) -> Admission:
        """Let a question pass the duties of this region. Raises Refusal, citing the rule that forbids it."""
        decision = self.decision(feature)
        caller = Caller(key_id=TENANT, tenant=TENANT, regions=(self.region,), region=self.region, age=self._age)
        ex = Exchange(self._book().next_id(), caller, self._clock.monotonic())
        ex.ask = decode_ask(msgspec.json.encode({"model": TENANT, "messages": list(messages)}))
        ex.decision, ex.language, ex.consent_id, ex.label_at = decision, self._language, self._consent, "metadata"
        admission = Admission(self, ex)
        try:
            admission.enter(decision)
        except Refusal as refusal:
            ex.refusal_code = refusal.code
            admission.close("refused")
            raise
        return admission

    def close(self) -> None:
        """Write what is queued, and sign it."""
        with self._lock:
            if self._ledger is not None:
                self._ledger.close()
                self._ledger = None

    def remember(self, ex: Exchange) -> None:
        """Leave the receipt of `ex`, which holds no content."""
        self._book().append(compose(ex, self._clock))

    def house_label(self) -> str:
        """The label where no region asks for its own."""
        return words("label", language_for(self._language, self.region), self.region)["machine"]

    def _build(self) -> Table:
        regions = region_files.load()
        asked = [name for name in self.region.split(",") if name]
        for name in asked:
            if name not in regions or name == HOUSE_ID:
                known = ", ".join(sorted(set(regions) - {HOUSE_ID}))
                raise Refusal("unknown_region", region=name if len(name) < 32 else "-", known=known)
        partners = partner_files.load()
        house = House(
            operator=self._operator,
            clock=self._clock,
            consents=self._consents(),
            terms=term_lists.load(self._config.home),
        )
        mine = {name: regions[name] for name in (HOUSE_ID, *asked)}
        only = {name: partner for name, partner in partners.items() if partner.tier == TENANT}
        return Table.build(mine, only, house, {}, supposed.secrets(only, os.environ), today(self._clock))

    def _consents(self) -> dict[str, Consent]:
        if not self._config.accounts.exists():
            return {}
        accounts = Accounts.open(self._config.accounts, self._clock)
        try:
            return {each.id: each for each in accounts.list_consents(TENANT)}
        finally:
            accounts.close()

    def _book(self) -> Ledger:
        """The ledger, as a shard that no other process writes."""
        with self._lock:
            for number in range(SHARDS):
                if self._ledger is None:
                    try:
                        self._ledger = Ledger.open(self._config.ledger, f"{TENANT}{number or ''}", self._clock)
                    except Refusal as refusal:
                        if refusal.code != "ledger_busy" or number == SHARDS - 1:
                            raise
            assert self._ledger is not None
            return self._ledger


class Admission(Withheld):
    """One question that was let in: its answer goes through `release`, piece by piece, and ends with `close`."""

    __slots__ = ("_law", "_plan", "ex")

    def __init__(self, law: Law, ex: Exchange) -> None:
        self.ex = ex
        self._law = law
        self._plan: Plan | None = None

    def enter(self, decision: Decision | None) -> None:
        """Pass the duties on the way in. Raises Refusal."""
        if decision is None:
            self.ex.label = self._law.house_label()
            return
        if not decision.device:
            rules = "; ".join(
                dict.fromkeys(f"{out.rule or 'terms'}: {out.reason}" for out in decision.ruled_out if out.route)
            )
            law = [msgspec.to_builtins(cited) for out in decision.ruled_out for cited in out.law]
            raise Refusal("no_lawful_route", {"decision": decision.digest, "law": law}, reason=rules)
        self._plan = self.ex.plan = decision.device[0]
        try:
            for stage in self._plan.on_request:
                stage(self.ex)
        except RouteSkipped as skipped:
            raise skipped.refusal from None

    def release(self, piece: str, *, last: bool = False) -> str:
        """What of the answer may be shown now. Raises Refusal content_blocked when the rest may not be."""
        if self._plan is None:
            return piece
        for duty in self._plan.on_event:
            piece = duty(self.ex, "content", piece, last)
        if self.ex.blocked:
            raise Refusal("content_blocked", category=self.ex.blocked, reason="The answer was stopped.")
        return piece

    def answered(self, usage: dict[str, int], finish: str) -> None:
        """The answer is whole: what is said beside it is settled, and its receipt written."""
        ex = self.ex
        ex.finish = finish
        ex.usage = Usage(usage.get("prompt_tokens", 0), usage.get("completion_tokens", 0), usage.get("total_tokens", 0))
        if self._plan is not None:
            for duty in self._plan.on_response:
                duty(ex)
        if not ex.label:
            ex.label = self._law.house_label()
        self.close("answered")

    def close(self, outcome: str) -> None:
        """Leave the receipt, once."""
        if not self.ex.outcome:
            self.ex.outcome = outcome
            self._law.remember(self.ex)
