from datetime import UTC, date, datetime, timedelta

from isthmus.core.clock import FakeClock, SystemClock, today

START = datetime(2026, 11, 22, 23, 59, 59, tzinfo=UTC)


def test_a_fake_clock_moves_only_when_told_and_in_both_readings():
    clock = FakeClock(START)
    assert (clock.monotonic(), clock.now()) == (0.0, START)
    clock.advance(1.5)
    assert (clock.monotonic(), clock.now()) == (1.5, START + timedelta(seconds=1.5))


def test_epoch_ms_is_the_calendar_time():
    clock = FakeClock(START)
    assert clock.epoch_ms() == int(START.timestamp()) * 1000


def test_the_system_clock_tells_one_time_in_two_forms():
    clock = SystemClock()
    before = int(clock.now().timestamp() * 1000)
    assert before <= clock.epoch_ms() + 1
    assert clock.now().tzinfo is UTC
    assert clock.monotonic() <= clock.monotonic()


def test_today_is_the_day_in_utc():
    clock = FakeClock(START)
    assert today(clock) == date(2026, 11, 22)
    clock.advance(1)
    assert today(clock) == date(2026, 11, 23)
