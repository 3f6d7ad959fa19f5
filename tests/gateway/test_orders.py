from __future__ import annotations

from datetime import UTC, datetime

from corridor_parts import route

from isthmus.core.clock import FakeClock
from isthmus.gateway.orders import NAME, Inbox, Orders, write
from isthmus.routing.breaker import Breakers


def test_a_worker_hears_orders_once(tmp_path):
    inbox = Inbox(tmp_path)
    assert not inbox.changed()
    write(tmp_path, Orders(("doubao",), "packaged"))
    assert inbox.changed()
    assert inbox.orders == Orders(("doubao",), "packaged")
    assert not inbox.changed()


def test_the_same_orders_are_not_written_again(tmp_path):
    write(tmp_path, Orders(("doubao",)))
    before = (tmp_path / NAME).stat().st_mtime_ns
    write(tmp_path, Orders(("doubao",)))
    assert (tmp_path / NAME).stat().st_mtime_ns == before


def test_orders_that_stand_at_the_start_are_known(tmp_path):
    write(tmp_path, Orders((), "0123456789ab"))
    assert Inbox(tmp_path).orders.law == "0123456789ab"


def test_a_file_that_holds_no_orders_changes_nothing(tmp_path):
    write(tmp_path, Orders(("doubao",)))
    inbox = Inbox(tmp_path)
    (tmp_path / NAME).write_bytes(b"{")
    assert not inbox.changed()
    assert inbox.orders.drained == ("doubao",)


def test_a_drained_partners_routes_rest_and_come_back(tmp_path):
    breakers = Breakers(FakeClock(datetime(2026, 11, 22, tzinfo=UTC)))
    routes = [route("doubao/pro"), route("doubao/lite"), route("local/m")]
    write(tmp_path, Orders(("doubao",)))
    Inbox(tmp_path).apply(breakers, routes)
    assert breakers.any_open
    assert [each.name for each in routes if breakers.is_open(each.name)] == ["doubao/pro", "doubao/lite"]
    breakers.failed("local/m")
    breakers.answered("local/m")
    assert breakers.any_open
    write(tmp_path, Orders())
    Inbox(tmp_path).apply(breakers, routes)
    assert not breakers.any_open
