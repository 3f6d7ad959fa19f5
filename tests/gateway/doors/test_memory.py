import datetime as dt

import pytest

from isthmus.core.clock import FakeClock
from isthmus.core.secret import ContentLeakError
from isthmus.gateway.doors import memory
from isthmus.gateway.doors.memory import Memory


@pytest.fixture
def clock():
    return FakeClock(dt.datetime(2026, 11, 22, tzinfo=dt.UTC))


def test_what_one_tenant_keeps_no_other_can_name(clock):
    held = Memory(clock)
    held.keep("a", "resp_1", b"[1]")
    assert held.find("a", "resp_1") == b"[1]"
    assert held.find("b", "resp_1") is None


def test_it_is_gone_when_its_time_is_over(clock):
    held = Memory(clock, seconds=60)
    held.keep("a", "r", b"[]")
    clock.advance(60)
    assert held.find("a", "r") == b"[]"
    clock.advance(1)
    assert held.find("a", "r") is None
    assert not held.forget("a", "r")


def test_the_oldest_gives_way_when_the_room_is_full(clock):
    held = Memory(clock, room=10)
    for name in ("1", "2", "3"):
        held.keep("a", name, b"xxxx")
    assert [held.find("a", name) is not None for name in ("1", "2", "3")] == [False, True, True]
    held.keep("a", "4", b"x" * 11)
    assert held.find("a", "4") is None
    assert held.find("a", "3") is not None


def test_one_name_is_kept_once_and_its_room_is_given_back(clock):
    held = Memory(clock, room=10)
    for _ in range(20):
        held.keep("a", "r", b"xxxxxxxx")
    assert held.find("a", "r") == b"xxxxxxxx"
    assert held.forget("a", "r")
    held.keep("a", "other", b"xxxxxxxxxx")
    assert held.find("a", "other") is not None


def test_tenants_are_bounded_too(clock, monkeypatch):
    monkeypatch.setattr(memory, "TENANTS", 2)
    held = Memory(clock)
    for tenant in ("a", "b", "c"):
        held.keep(tenant, "r", b"[]")
    assert [held.find(tenant, "r") for tenant in ("a", "b", "c")] == [None, b"[]", b"[]"]


def test_what_is_kept_cannot_be_printed(clock):
    held = Memory(clock)
    held.keep("a", "r", b"secret")
    (kept,) = held._tenants["a"].values()
    assert "secret" not in repr(kept)
    with pytest.raises(ContentLeakError):
        str(kept)
