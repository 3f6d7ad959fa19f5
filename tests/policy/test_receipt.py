from datetime import UTC, date, datetime

import msgspec
import pytest

from isthmus.core.clock import FakeClock
from isthmus.core.consent import Consent
from isthmus.core.decision import Citation, Decision, Obligation, Plan, Question, Route
from isthmus.core.errors import Refusal
from isthmus.core.exchange import Attempt, Caller, Exchange
from isthmus.core.operator import Facts, Operator, rehearsal
from isthmus.core.wire import Usage, decode_ask
from isthmus.ledger.prints import Printed
from isthmus.ledger.receipt import decode, encode
from isthmus.partners import load as partners
from isthmus.policy import fingerprint, receipt, supposed
from isthmus.policy.house import House
from isthmus.regions import load as regions

LAW = (Citation("csl", "Cybersecurity Law", "23", "law", date(2026, 1, 1)),)
ROUTE = Route("doubao/pro", "doubao", "pro", "partner", "openai", "h", 443, True, "/", "w", "K", True, "badge", "Pro")
PLAN = Plan(ROUTE, (), (), (), (), (), ())
DECISION = Decision(Question(("CN", "EU"), "write", "text", "export", "14-15", "none"), "serve", (PLAN,), (), "d1gest")
CANARY = "canary-5f1e"


@pytest.fixture
def clock():
    return FakeClock(datetime(2026, 11, 22, tzinfo=UTC))


@pytest.fixture
def exchange(clock):
    ex = Exchange("w0-1-1", Caller("k1", "acme", ("CN",), "CN"), clock.monotonic())
    ex.ask = decode_ask(msgspec.json.encode({"model": "m", "messages": [{"role": "user", "content": CANARY}]}))
    return ex


def owed(region="CN", **values):
    return Obligation("log.keep", values, region, "logs", "Keep logs.", LAW, date(2026, 1, 1))


def house(clock, **facts):
    return House(Operator(region={region: Facts(log_max_days=days) for region, days in facts.items()}), clock, {}, {})


def span(clock, exchange, *obligations, **facts):
    stage = receipt.compile(obligations, ROUTE, house(clock, **facts))
    assert (stage.on_response, stage.on_event, stage.awaited) == (None, None, None)
    stage.on_request(exchange)
    stage.on_request(exchange)
    assert exchange.met == ["receipt"]
    made = receipt.compose(exchange, clock)
    return made.keep_min, made.keep_max


def test_a_served_exchange_leaves_a_receipt_of_all_that_happened(exchange, clock):
    exchange.decision, exchange.plan, exchange.outcome = DECISION, PLAN, "answered"
    exchange.attempts.append(Attempt("doubao/pro", "answered", "", 900))
    exchange.label, exchange.label_at, exchange.notices = "内容由AI生成", "end", ["n1", "n2"]
    exchange.met, exchange.masks, exchange.consent_id = ["CN.label"], {"phone": 2}, "cns_1"
    exchange.usage, exchange.stream, exchange.finish = Usage(3, 4, 7), True, "stop"
    clock.advance(0.25)
    exchange.first_at = clock.monotonic()
    clock.advance(1)
    made = receipt.compose(exchange, clock)
    assert (made.id, made.key_id, made.tenant) == ("w0-1-1", "k1", "acme")
    assert made.at == int(datetime(2026, 11, 22, tzinfo=UTC).timestamp() * 1000)
    assert (made.regions, made.feature, made.event, made.age, made.data) == (
        ("CN", "EU"), "write", "export", "14-15", "none",
    )  # fmt: skip
    assert (made.modality, made.content, made.decision, made.verdict) == ("text", "ordinary", "d1gest", "serve")
    assert (made.route, made.partner, made.model, made.tier, made.rehearsal) == (
        "doubao/pro", "doubao", "pro", "partner", True,
    )  # fmt: skip
    assert made.attempts == [Attempt("doubao/pro", "answered", "", 900)]
    assert (made.label, made.label_at, made.notices) == ("内容由AI生成", "end", 2)
    assert (made.met, made.masks, made.consent) == (["CN.label"], {"phone": 2}, "cns_1")
    assert (made.usage, made.stream, made.finish) == (Usage(3, 4, 7), True, "stop")
    assert (made.us_first, made.us_whole) == (250_000, 1_250_000)
    assert decode(encode(made)) == made


def test_a_refusal_before_any_decision_leaves_one_too(exchange, clock):
    exchange.outcome, exchange.refusal_code, exchange.blocked = "refused", "revoked_key", "violence"
    made = receipt.compose(exchange, clock)
    assert (made.outcome, made.refusal, made.blocked) == ("refused", "revoked_key", "violence")
    assert (made.regions, made.decision, made.route, made.us_first) == ((), "", "", 0)
    assert decode(encode(made)) == made


def test_nothing_that_was_said_is_in_a_receipt(exchange, clock):
    exchange.decision, exchange.plan = DECISION, PLAN
    exchange.text()
    exchange.held["mask"] = {CANARY: "x"}
    exchange.rewritten = CANARY.encode()
    assert CANARY.encode() not in encode(receipt.compose(exchange, clock))


def test_the_longest_minimum_binds(exchange, clock):
    assert span(clock, exchange, owed(min_months=6)) == (186, 0)
    assert span(clock, exchange, owed(min_months=6), owed("IN", min_days=365)) == (365, 0)


def test_the_shortest_maximum_binds_and_the_operator_may_be_the_one_who_knows_it(exchange, clock):
    assert span(clock, exchange, owed("EU", max_days=90), owed("IT", max_days=30)) == (0, 30)
    assert span(clock, exchange, owed("EU", max_days="{operator}"), EU=45) == (0, 45)
    assert span(clock, exchange, owed("EU", max_days="{operator}"), owed("IT", max_days=60), EU="rehearsal") == (0, 60)
    assert span(clock, exchange, owed("EU", max_days="{operator}")) == (0, 0)


def test_a_minimum_above_the_maximum_is_an_error_that_names_both(clock):
    with pytest.raises(Refusal) as refusal:
        receipt.compile([owed(min_months=6), owed("EU", max_days=30)], ROUTE, house(clock))
    assert refusal.value.code == "bad_law"
    assert "CN logs, EU logs" in refusal.value.sentence()
    assert "186 days at least and 30 days at most" in refusal.value.sentence()


def test_this_duty_meets_one_verb():
    assert receipt.VERBS == ("log.keep",)


def test_a_stream_that_a_withdrawal_ended_names_the_consent(exchange, clock):
    consent = Consent("cns_7", "acme", "separate", "doubao", "CN", "*", "always", "", "zh-CN", clock.now(), clock.now())
    exchange.decision, exchange.plan, exchange.relies = DECISION, PLAN, (consent,)
    exchange.outcome, exchange.refusal_code = "interrupted", "stream_ended"
    assert receipt.compose(exchange, clock).withdrawn == ""
    consent.withdrawn = True
    assert receipt.compose(exchange, clock).withdrawn == "cns_7"
    exchange.refusal_code = "upstream_lost"
    assert receipt.compose(exchange, clock).withdrawn == ""


def test_where_a_detector_is_owed_the_fingerprint_goes_with_the_receipt_and_the_text_stays_nowhere(exchange, clock):
    exchange.decision, exchange.plan, exchange.outcome = DECISION, PLAN, "answered"
    said = " ".join(f"{CANARY}{each}" for each in range(40))
    exchange.held[fingerprint.SAID] = [said]
    made = receipt.compose(exchange, clock)
    assert isinstance(made, Printed)
    assert (made.draw(), made.entry.route) == (fingerprint.numbers(said), "doubao/pro")
    assert CANARY.encode() not in encode(made.entry)
    assert fingerprint.SAID not in exchange.held


def test_a_refusal_keeps_no_fingerprint_and_lets_go_of_the_text(exchange, clock):
    exchange.decision, exchange.outcome = DECISION, "refused"
    exchange.held[fingerprint.SAID] = ["some text"]
    assert isinstance(receipt.compose(exchange, clock), receipt.Receipt)
    assert fingerprint.SAID not in exchange.held


@pytest.mark.parametrize(
    ("values", "binds"), [({"min_months": 6}, True), ({"min_days": 1}, True), ({"max_days": 3}, False)]
)
def test_an_answer_may_go_without_a_receipt_only_where_no_law_keeps_it(values, binds):
    assert receipt.binds_log(msgspec.structs.replace(PLAN, obligations=(owed(**values),))) is binds
    assert receipt.binds_log(None)


def test_a_table_in_force_tells_which_files_made_it():
    known, operator = partners.load(), rehearsal()
    table = supposed.table(regions.load(), known, operator, {}, date(2026, 11, 22))
    law = receipt.enacted(table, known, operator, "w0-1-1", 5)
    assert (law.decision, law.day, law.id, law.at) == (table.digest, "2026-11-22", "w0-1-1", 5)
    assert set(law.regions) == set(table.regions)
    assert len(law.partners["doubao"]) == 16
    other = msgspec.structs.replace(operator, name="another")
    assert receipt.enacted(table, known, other, "w0-1-1", 5).operator != law.operator
    assert decode(encode(law)) == law
