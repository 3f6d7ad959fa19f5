import pytest

from isthmus.core.errors import Refusal
from isthmus.core.operator import Operator, load, load_or_rehearsal, parse, rehearsal


def refused(text):
    with pytest.raises(Refusal) as caught:
        parse(text, "operator.toml")
    assert caught.value.code == "bad_law"
    return caught.value.sentence()


def test_the_first_start_rehearses_and_says_so_everywhere():
    operator = rehearsal()
    assert operator.rehearsing
    assert operator.facts("CN").registration == "rehearsal"
    assert operator.facts("CN").filing["doubao"] == "rehearsal"


def test_a_region_nobody_spoke_of_has_empty_facts():
    assert Operator().facts("XX").registration == ""


def test_a_market_date_is_a_toml_date_or_an_iso_text():
    operator = parse('[region.EU]\nmarket_date = 2026-08-02\n[region.VN]\nmarket_date = "2026-01-01"', "o")
    assert operator.facts("EU").market_date == "2026-08-02"
    assert operator.facts("VN").market_date == "2026-01-01"


def test_a_market_date_that_is_no_day_is_refused_with_its_place():
    assert "region.EU.market_date" in refused('[region.EU]\nmarket_date = "soon"')


@pytest.mark.parametrize("days", ['"soon"', "0", "-1"])
def test_retention_is_a_number_of_days(days):
    assert "log_max_days" in refused(f"[region.EU]\nlog_max_days = {days}")


def test_an_unknown_key_is_named():
    assert "licence" in refused("licence = 1")


def test_what_is_not_toml_is_refused_with_the_file():
    assert "operator.toml" in refused("mode = ")


def test_the_mode_is_one_of_two_words():
    assert "production" in refused('mode = "test"')


def test_facts_are_inherited_from_the_parent_where_the_region_says_nothing():
    operator = parse(
        """
[region.EU]
complaints = "eu@example.org"
log_max_days = 30
transfer = {openai="dpf", qwen="scc_tia"}
[region.IT]
complaints = "it@example.org"
transfer = {openai="scc_tia"}
entrusted = ["qwen"]
""",
        "o",
    )
    facts = operator.inherited(("IT", "EU"))
    assert facts.complaints == "it@example.org"
    assert facts.log_max_days == 30
    assert facts.transfer == {"openai": "scc_tia", "qwen": "scc_tia"}
    assert facts.entrusted == ("qwen",)


def test_facts_may_be_laid_over_an_operator_for_a_what_if():
    below = parse('name = "Acme"\n[region.EU]\nlog_max_days = 30\ncomplaints = "c"', "o")
    above = parse("[region.EU]\nlog_max_days = 10", "facts.toml", over=below)
    assert above.name == "Acme"
    assert above.facts("EU").log_max_days == 10
    assert above.facts("EU").complaints == "c"


def test_a_file_is_read_and_its_name_stands_in_errors(tmp_path):
    path = tmp_path / "operator.toml"
    path.write_text('mode = "production"\naccept_drafts = true', "utf-8")
    operator = load(path)
    assert not operator.rehearsing
    assert operator.accept_drafts
    with pytest.raises(Refusal, match="bad_law") as caught:
        load(tmp_path / "absent.toml")
    assert "absent.toml" in caught.value.sentence()


def test_without_a_file_the_house_rehearses(tmp_path):
    path = tmp_path / "operator.toml"
    assert load_or_rehearsal(path) == rehearsal()
    path.write_text('name = "Acme"', "utf-8")
    assert load_or_rehearsal(path).name == "Acme"


def test_the_ledger_acknowledges_as_the_operator_says() -> None:
    assert rehearsal().ledger.ack == "queued"
    assert parse('[ledger]\nack = "durable"', "here").ledger.ack == "durable"
    with pytest.raises(Refusal, match="bad_law"):
        parse('[ledger]\nack = "never"', "here")


def test_nobody_is_answered_from_memory_until_the_operator_names_a_tenant():
    assert rehearsal().cache.tenants == Operator().cache.tenants == ()


@pytest.mark.parametrize("words", ["seconds = 0", "seconds = 86401", "bytes = 0", "bytes = 9999999999"])
def test_memory_has_bounds_in_time_and_size(words):
    assert "cache.seconds is 1 to 86400" in refused(f"[cache]\n{words}")
