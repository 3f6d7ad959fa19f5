from datetime import UTC, datetime

import pytest

from isthmus.core.errors import Refusal
from isthmus.core.wire import Usage
from isthmus.ledger import audit, checkpoint
from isthmus.ledger.audit import Selection
from isthmus.ledger.logs import Logs
from isthmus.ledger.receipt import ConsentReceipt, Export, Law, Retired, encode


def ms(*day):
    return int(datetime(*day, tzinfo=UTC).timestamp() * 1000)


@pytest.fixture
def folder(tmp_path, clock, make):
    logs = Logs(tmp_path, "w0", checkpoint.signer(tmp_path), clock)
    served = {"partner": "doubao", "model": "pro", "tier": "partner", "label": "L", "label_at": "end", "notices": 1}
    logs.commit(
        [
            make("w0-1-1", at=ms(2026, 10, 31), **served, usage=Usage(10, 5, 15), met=["label"], masks={"phone": 2}),
            make("w0-1-2", at=ms(2026, 11, 1), regions=("EU", "CN"), stream=True, rehearsal=True, masks={"phone": 1}),
            make(
                "w0-1-3", at=ms(2026, 11, 2), regions=("EU",), outcome="refused", refusal="content_blocked", blocked="x"
            ),
            ConsentReceipt(
                "w0-1-4", ms(2026, 11, 3), "given", "c", "acme", "separate", "doubao", "CN", "*", "once", "en"
            ),
            Retired("w0-1-5", ms(2026, 11, 4), 0, "", 30),
        ]
    )
    logs.close()
    return tmp_path


def ids(folder, *selection):
    return [entry.id for _, entry in audit.selected(folder, Selection(*selection))]


def test_everything_is_selected_when_nothing_is_asked(folder):
    assert ids(folder) == [f"w0-1-{number}" for number in range(1, 6)]


def test_a_region_selects_answers_and_consents_of_that_region(folder):
    assert ids(folder, "CN") == ["w0-1-1", "w0-1-2", "w0-1-4"]
    assert ids(folder, "EU") == ["w0-1-2", "w0-1-3"]


def test_a_time_selects_from_its_first_moment_to_before_its_last(folder):
    assert ids(folder, "", *audit.month("2026-10")) == ["w0-1-1"]
    assert ids(folder, "", audit.day("2026-11-01"), audit.day("2026-11-03")) == ["w0-1-2", "w0-1-3"]


def test_a_payload_is_handed_over_as_it_is_kept(folder):
    assert all(encode(entry) == payload for payload, entry in audit.selected(folder, Selection()))


def test_the_counts_are_those_of_the_entries(folder):
    found = audit.tally(folder, Selection())
    assert (found.region, found.since, found.until) == ("all", "", "")
    assert found.answers == 3
    assert found.outcomes == {"answered": 2, "refused": 1}
    assert found.refusals == {"content_blocked": 1}
    assert found.partners == {"doubao": 1}
    assert found.masked == {"phone": 3}
    assert found.met == {"label": 1}
    assert found.consents == {"separate given": 1}
    assert (found.labelled, found.noticed, found.rehearsal, found.streams) == (1, 1, 1, 1)
    assert (found.prompt_tokens, found.completion_tokens) == (10, 5)


def test_the_counts_name_their_region_and_time(folder):
    found = audit.tally(folder, Selection("EU", *audit.month("2026-11")))
    assert (found.region, found.since, found.until, found.answers) == ("EU", "2026-11-01", "2026-12-01", 2)


def test_december_ends_with_the_year():
    assert audit.month("2026-12") == (ms(2026, 12, 1), ms(2027, 1, 1))


@pytest.mark.parametrize(("read", "text"), [(audit.month, "2026-13"), (audit.month, "x"), (audit.day, "2026-02-30")])
def test_what_is_no_date_is_refused(read, text):
    with pytest.raises(Refusal, match="bad_field"):
        read(text)


def test_exports_are_counted_by_container_and_event_and_laws_belong_to_their_regions(tmp_path, clock):
    logs = Logs(tmp_path, "w0", checkpoint.signer(tmp_path), clock)
    logs.commit(
        [
            Export("w0-1-1", ms(2026, 11, 1), "", ("CN",), "export", "png"),
            Export("w0-1-2", ms(2026, 11, 2), "", ("CN", "IN"), "publish", "png"),
            Law("w0-1-3", ms(2026, 11, 3), "d", "2026-11-03", "0.1.0", {"CN": "aa"}),
        ]
    )
    logs.close()
    assert audit.tally(tmp_path, Selection("CN")).exports == {"png export": 1, "png publish": 1}
    assert ids(tmp_path, "IN") == ["w0-1-2"]
    assert ids(tmp_path, "CN") == ["w0-1-1", "w0-1-2", "w0-1-3"]
