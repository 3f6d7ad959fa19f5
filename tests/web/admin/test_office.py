"""What the admin API works with: workers by the sheets that they count in."""

from __future__ import annotations

from isthmus.core.measures import Sheet
from isthmus.web.admin.overview import needs


def count(desk, name, seconds_ago):
    """A sheet as a worker leaves it that was heard so many seconds ago."""
    sheet = Sheet(desk.home / "run" / f"{name}.cells")
    sheet.cells[sheet.row("worker", name)] = desk.clock.epoch_ms() - seconds_ago * 1000
    desk.office.look()


def test_a_worker_that_fell_silent_is_told_and_one_that_was_ended_in_order_is_not(desk):
    count(desk, "w0", 1)
    count(desk, "u0", 60)
    count(desk, "u1", 60)
    (desk.home / "run" / "u1.ready").touch()
    workers = sorted((each.name, each.alive) for each in desk.office.workers())
    assert workers == [("u1", False), ("w0", True)]
    said = [need.text for need in needs(desk.office) if need.title == "A worker is silent"]
    assert said == ["u1 was not heard for 5 s."]
