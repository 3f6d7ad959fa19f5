import datetime as dt

import msgspec
import pytest

from isthmus.core.clock import FakeClock
from isthmus.core.errors import Refusal
from isthmus.core.operator import parse, rehearsal
from isthmus.ledger.receipt import ConsentReceipt, Law, Receipt, encode
from isthmus.ledger.segments import Ledger
from isthmus.partners import load as partner_files
from isthmus.policy import supposed
from isthmus.policy.replay import count, day_of, replay
from isthmus.regions import load as region_files

REGIONS, PARTNERS = region_files.load(), partner_files.load()
NOW = dt.datetime(2026, 11, 22, 9, tzinfo=dt.UTC)
LEGACY = parse("[region.EU]\nmarket_date = 2026-01-01", "facts", over=rehearsal())


def receipt(**changes):
    given = {
        "id": "a-1-1",
        "at": int(NOW.timestamp() * 1000),
        "key_id": "k",
        "tenant": "t",
        "regions": ("EU",),
        "feature": "assistant",
        "modality": "text",
        "event": "answer",
        "age": "adult",
        "data": "personal",
        "content": "ordinary",
        "decision": "d",
        "verdict": "serve",
        "outcome": "answered",
        "route": "openai/gpt-5-mini@eu",
        "partner": "openai",
    }
    return Receipt(**{**given, **changes})


def table(day, operator=LEGACY, regions=REGIONS):
    return supposed.table(regions, PARTNERS, operator, {}, day)


def lines(tmp_path, *entries):
    path = tmp_path / "receipts.jsonl"
    path.write_bytes(b"\n".join(map(encode, entries)))
    return path


def report(counts, day=dt.date(2026, 12, 3), **changes):
    return replay(counts, supposed.ByDay(table).on, table(day, **changes))


def test_equal_answers_of_one_day_are_counted_together(tmp_path):
    counts, passed = count(lines(tmp_path, receipt(id="1"), receipt(id="2"), receipt(id="3", feature="write")))
    assert sorted(counts.values()) == [1, 2]
    assert passed == 0
    assert {day_of(asked.day) for asked in counts} == {NOW.date()}


def test_refusals_and_consents_are_passed_over(tmp_path):
    consent = ConsentReceipt(
        id="c", at=0, act="given", consent="x", tenant="t", consent_kind="separate", recipient="doubao", region="CN",
        feature="*", scope="once", language="en",
    )  # fmt: skip
    counts, passed = count(lines(tmp_path, receipt(outcome="refused", route=""), consent))
    assert not counts
    assert passed == 2


def test_a_ledger_is_read_where_it_lies(tmp_path):
    ledger = Ledger.open(tmp_path / "ledger", "w0", FakeClock(NOW))
    for _ in range(3):
        ledger.append(receipt(id=ledger.next_id()))
    ledger.close()
    counts, passed = count(tmp_path / "ledger")
    assert list(counts.values()) == [3]
    assert passed == 0


def test_what_is_no_receipt_is_damage(tmp_path):
    path = tmp_path / "receipts.jsonl"
    path.write_bytes(b"{")
    with pytest.raises(Refusal) as caught:
        count(path)
    assert caught.value.code == "data_damaged"


def test_a_ledger_that_is_not_there_is_named(tmp_path):
    with pytest.raises(Refusal) as caught:
        count(tmp_path / "absent")
    assert "absent" in caught.value.sentence()


def test_from_2026_12_02_a_legacy_system_marks_its_answers(tmp_path):
    counts, _ = count(lines(tmp_path, receipt(), receipt(feature="proofread")))
    found = report(counts)
    assert (found.answers, found.changed) == (2, 2)
    assert any(duty.startswith("label.embed EU.mark") for duty in found.features["assistant"].new_duties)
    assert not any(duty.startswith("label.embed") for duty in found.features["proofread"].new_duties)
    assert any(duty.startswith("scan EU.intimate") for duty in found.features["proofread"].new_duties)


def test_a_day_without_a_change_of_law_changes_nothing(tmp_path):
    counts, _ = count(lines(tmp_path, receipt()))
    assert report(counts, dt.date(2026, 12, 1)).changed == 0


def test_a_route_that_is_no_longer_lawful_is_counted_as_lost(tmp_path):
    counts, _ = count(lines(tmp_path, receipt(), receipt()))
    forbid = msgspec.structs.replace(REGIONS["IT"].own[1], values={"partner": ("openai",)})
    assert forbid.check == "route.forbid"
    eu = msgspec.structs.replace(REGIONS["EU"], rules=(*REGIONS["EU"].rules, forbid))
    found = report(counts, NOW.date(), regions={**REGIONS, "EU": eu})
    assert found.features["assistant"].lost == {"openai/gpt-5-mini@eu": 2}
    assert found.changed == 2


def test_a_new_consent_changes_when_an_answer_may_be_given(tmp_path):
    counts, _ = count(lines(tmp_path, receipt(age="14-15")))
    adult = msgspec.structs.replace(REGIONS["EU"], rules=tuple(r for r in REGIONS["EU"].rules if r.name != "child"))
    found = report(counts, NOW.date(), regions={**REGIONS, "EU": adult})
    assert found.features["assistant"].verdicts == {"serve": 1}
    assert any("EU.child" in duty for duty in found.features["assistant"].ended_duties)


def test_a_private_model_that_was_renamed_is_found_by_its_tier(tmp_path):
    counts, _ = count(lines(tmp_path, receipt(route="local/some-model", partner="local")))
    assert report(counts).features["assistant"].lost == {}


def test_an_answer_that_today_nobody_could_have_given_counts_as_unchanged(tmp_path):
    counts, _ = count(lines(tmp_path, receipt(route="gone/model", partner="gone")))
    assert report(counts).changed == 0


def test_a_region_that_is_no_longer_known_is_passed_over(tmp_path):
    counts, _ = count(lines(tmp_path, receipt(regions=("XX",))))
    assert report(counts).passed_over == 1


def test_entries_that_are_no_answers_are_passed_over_whatever_their_fields_mean(tmp_path):
    law = Law("a-1-9", 0, "d", "2026-11-22", "1", {"EU": "0" * 16}, {"openai": "0" * 16})
    counts, passed = count(lines(tmp_path, receipt(), law))
    assert (counts.total(), passed) == (1, 1)
