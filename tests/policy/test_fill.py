from isthmus.core.decision import Route
from isthmus.core.operator import Facts, Operator
from isthmus.policy.fill import fill

ROUTE = Route(
    name="p/m", partner="p", model="m", tier="partner", dialect="openai_chat", host="h", port=443, tls=True, path="/",
    wire_model="m", key_env="K", rehearsal=False, badge="P", title="Model M", legal_name="P Ltd",
    facts={"cn_filing_no": "F-1", "region": "CN"},
)  # fmt: skip


def test_names_and_numbers_are_filled_before_any_request():
    facts = Facts(producer_code="001", complaints="c@example.org", registration="R-2", representative="Rep")
    text = (
        "{model_name} {cn_filing_no} {partner} {legal_name} {operator_name} {complaints} {cn_code} {cn_registration_no}"
    )
    found = fill({"text": text}, facts, Operator(name="Acme"), ROUTE)
    assert found["text"] == "Model M F-1 p P Ltd Acme c@example.org 001 R-2"


def test_what_only_the_answer_knows_stays_open():
    found = fill({"fields": {"id": "{ledger_id}", "by": "{legal_name}"}}, Facts(), Operator(), ROUTE)
    assert found["fields"] == {"id": "{ledger_id}", "by": "P Ltd"}


def test_what_nobody_stated_stays_open():
    assert fill({"text": "{cn_code}"}, Facts(), Operator(), ROUTE)["text"] == "{cn_code}"


def test_retention_that_the_operator_sets_becomes_a_number_or_goes():
    assert fill({"max_days": "{operator}"}, Facts(log_max_days=30), Operator(), None) == {"max_days": 30}
    assert fill({"max_days": "{operator}"}, Facts(log_max_days="rehearsal"), Operator(), None) == {}


def test_without_a_route_texts_stay_as_they_are_and_other_values_pass():
    values = {"text": "{model_name}", "at": ("about",), "reply_days": 3}
    assert fill(values, Facts(), Operator(), None) == values
