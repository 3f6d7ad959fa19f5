"""Fingerprints on disk: under a key, by the day, found again, and without a word of what was said."""

from __future__ import annotations

import pickle
import random
from datetime import UTC, datetime

import pytest

from isthmus.ledger import prints
from isthmus.ledger.prints import Printed, Prints

DAY = 24 * 3600 * 1000
NOW = int(datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp() * 1000)


def drawn(seed, count=64):
    draw = random.Random(seed)
    return sorted(draw.randrange(1 << 32) for _ in range(count))


@pytest.fixture
def keep(tmp_path, make):
    """A function that keeps the print of a receipt: number of the receipt, its fingerprint, fields of the receipt."""
    held = Prints(tmp_path, "w0")

    def keep(number, numbers, **fields):
        held.keep([Printed(make(f"w0-1-{number}", **{"at": NOW, "route": "r/one", **fields}), lambda: numbers)])

    return keep


def test_what_was_kept_is_found_with_its_receipt_and_route(tmp_path, keep):
    for number in range(50):
        keep(number, drawn(number), route=f"r/{number % 3}")
    found = prints.find(tmp_path, [drawn(7)])
    assert found == ("w0-1-7", NOW, "r/1", 1.0, 64)


def test_a_part_in_common_is_enough_and_less_is_not(tmp_path, keep):
    keep(1, drawn(1))
    assert prints.find(tmp_path, [drawn(1)[:12] + drawn(2, 52)]).tokens == 12
    assert prints.find(tmp_path, [drawn(1)[:11] + drawn(2, 53)]) is None
    assert prints.find(tmp_path, [drawn(1)[:9]]) is None
    assert prints.find(tmp_path, [drawn(3)]) is None


def test_the_best_of_several_is_told_over_every_shard(tmp_path, keep, make):
    keep(1, drawn(1)[:40] + drawn(2, 24))
    other = Prints(tmp_path, "w1")
    other.keep([Printed(make("w1-3-9", at=NOW, route="r/two"), lambda: drawn(1))])
    heard = []
    found = prints.find(tmp_path, [drawn(5), drawn(1)], lambda done, total: heard.append((done, total)))
    assert found.receipt == "w1-3-9"
    assert heard == [(280, 560), (560, 560)]


def test_a_short_print_is_no_token_of_zeros(tmp_path, keep):
    keep(1, drawn(1, 30))
    assert prints.find(tmp_path, [drawn(1, 30)]).tokens == 30
    assert prints.find(tmp_path, [[0] * 64]) is None


def test_nothing_is_made_for_a_text_without_numbers(tmp_path, keep):
    keep(1, [])
    assert not (tmp_path / "prints").exists()
    assert prints.find(tmp_path, [drawn(1)]) is None


def test_the_file_says_nothing_without_the_key(tmp_path, keep):
    keep(1, drawn(1))
    (path,) = (tmp_path / "prints" / "w0").glob("*.prints")
    block = path.read_bytes()
    assert len(block) == prints.RECORD
    assert not any(number.to_bytes(4, "big") in block for number in drawn(1))
    assert (tmp_path / "prints" / "key").stat().st_mode & 0o777 == 0o600


def test_a_torn_print_is_cut_before_the_next(tmp_path, keep):
    keep(1, drawn(1))
    (path,) = (tmp_path / "prints" / "w0").glob("*.prints")
    path.write_bytes(path.read_bytes() + b"torn")
    keep(2, drawn(2))
    assert path.stat().st_size == 2 * prints.RECORD
    assert prints.find(tmp_path, [drawn(2)]).receipt == "w0-1-2"


def test_days_go_when_they_reach_their_age(tmp_path, keep):
    keep(1, drawn(1), keep_max=30)
    keep(2, drawn(2))
    keep(3, drawn(3), at=NOW + 32 * DAY)
    left = sorted(path.name for path in (tmp_path / "prints" / "w0").glob("*.prints"))
    assert left == ["20261122_0.prints", "20261224_0.prints"]
    keep(4, drawn(4), at=NOW + 500 * DAY)
    assert len(list((tmp_path / "prints" / "w0").glob("*.prints"))) == 1


def test_the_oldest_go_when_there_is_too_much(tmp_path, keep, monkeypatch):
    monkeypatch.setattr(prints, "LIMIT", 2 * prints.RECORD)
    for number in range(4):
        keep(number, drawn(number), at=NOW + number * DAY)
    left = sorted(path.name[:8] for path in (tmp_path / "prints" / "w0").glob("*.prints"))
    assert left == ["20261124", "20261125"]


def test_routes_keep_their_lines_over_a_restart(tmp_path, keep, make):
    keep(1, drawn(1), route="a")
    keep(2, drawn(2), route="b")
    again = Prints(tmp_path, "w0")
    again.keep([Printed(make("w0-2-1", at=NOW, route="b"), lambda: drawn(3))])
    assert prints.find(tmp_path, [drawn(3)]).route == "b"
    assert (tmp_path / "prints" / "w0" / "routes").read_text() == "a\nb\n"


def test_a_route_whose_line_is_gone_is_not_known(tmp_path, keep):
    keep(1, drawn(1))
    (tmp_path / "prints" / "w0" / "routes").unlink()
    assert prints.find(tmp_path, [drawn(1)]).route == ""


def test_what_holds_content_is_neither_shown_nor_pickled(make):
    printed = Printed(make("w0-1-1"), lambda: [1])
    assert repr(printed) == "<Printed>"
    with pytest.raises(TypeError):
        pickle.dumps(printed)
