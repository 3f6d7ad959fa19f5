"""Demand from receipts."""

import msgspec
import pytest

from isthmus.core.clock import SystemClock
from isthmus.core.errors import Refusal
from isthmus.core.wire import Usage
from isthmus.ledger.receipt import ConsentReceipt, Receipt, encode
from isthmus.ledger.segments import Ledger
from isthmus.planner import receipts
from isthmus.planner.scenario import Scenario

DAY_MS = 86_400_000
START = 1_793_000_000_000 // DAY_MS * DAY_MS


def receipt(at, region="CN", outcome="answered", into=1000, out=200, id="w0-1-1"):
    words = ("key", "acme", (region,), "assistant", "text", "answer", "adult", "personal", "ordinary", "d", "serve")
    return Receipt(id, at, *words, outcome, usage=Usage(into, out, into + out))


def two_days():
    """Every hour of two days one receipt, and nine more at five in the morning (UTC)."""
    for day in range(2):
        for hour in range(24):
            at = START + day * DAY_MS + hour * 3_600_000
            yield from (receipt(at, "CN" if n % 4 else "IT", into=1000 + n) for n in range(100 if hour == 5 else 10))


def test_volume_regions_hours_and_lengths_come_from_the_receipts():
    found = receipts.seen(two_days())
    asked = receipts.scenario(found, Scenario())
    assert found.receipts == 2 * (23 * 10 + 100)
    assert asked.queries == pytest.approx(found.receipts / found.days)
    assert set(asked.regions) == {"CN", "EU"}  # Italy's questions are served beside the Union's
    assert asked.share("EU") == pytest.approx(0.28, abs=0.01)
    assert asked.curve.index(max(asked.curve)) == 5
    assert sum(share * out for share, _, out in asked.classes) == pytest.approx(200)
    assert "ledger" in asked.source


def test_refusals_consents_and_regions_without_sites_are_no_demand_there():
    entries = [
        receipt(START),
        receipt(START, outcome="refused"),
        msgspec.structs.replace(receipt(START, outcome="aborted"), regions=()),  # who left before anything was decided
        receipt(START, region="CH"),
        ConsentReceipt("c", START, "given", "cns_1", "acme", "separate", "doubao", "CN", "*", "once", "en"),
    ]
    found = receipts.seen(entries)
    assert (found.receipts, found.elsewhere, found.regions) == (2, 1, {"CN": 1})
    assert receipts.scenario(found, Scenario()).curve == ()


def test_few_receipts_do_not_draw_a_curve():
    found = receipts.seen(receipt(START + n * 3_600_000) for n in range(48))
    assert receipts.scenario(found, Scenario()).curve == ()


def test_a_ledger_without_answers_is_refused():
    with pytest.raises(Refusal, match="usage"):
        receipts.seen([receipt(START, outcome="refused")])


def test_a_real_ledger_and_its_exported_lines_say_the_same(tmp_path):
    ledger = Ledger.open(tmp_path / "ledger", "w0", SystemClock())
    entries = [receipt(START + n, id=ledger.next_id()) for n in range(5)]
    for entry in entries:
        ledger.append(entry)
    ledger.close()
    lines = tmp_path / "lines.jsonl"
    lines.write_bytes(b"".join(encode(entry) + b"\n" for entry in entries))
    one, two = (receipts.seen(receipts.entries(path)) for path in (tmp_path / "ledger", lines))
    assert one == two
    assert one.receipts == 5


@pytest.mark.parametrize("text", [b"not json\n", b'{"kind": "unheard of"}\n'])
def test_what_is_no_ledger_is_refused(tmp_path, text):
    path = tmp_path / "x.jsonl"
    path.write_bytes(text)
    with pytest.raises(Refusal, match="usage"):
        receipts.seen(receipts.entries(path))


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(Refusal, match="usage"):
        receipts.seen(receipts.entries(tmp_path / "none"))
