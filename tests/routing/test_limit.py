"""The gradient limit: grows while answers begin as fast as they can, shrinks when they get slower."""

from isthmus.routing.limit import DRIFT, GradientLimit


def grown(limit, delay=1.0, times=50):
    for _ in range(times):
        limit.observe(delay, limit.limit)


def test_it_starts_at_twice_what_the_replica_does_at_once():
    assert GradientLimit(4).limit == 8


def test_a_used_limit_grows_while_delay_stays_what_it_was():
    limit = GradientLimit(4)
    grown(limit)
    assert limit.limit > 8


def test_a_limit_that_nobody_uses_does_not_grow():
    limit = GradientLimit(4)
    for _ in range(50):
        limit.observe(1.0, 1)
    assert limit.limit == 8


def test_it_shrinks_when_answers_begin_much_later_than_before():
    limit = GradientLimit(2)
    grown(limit)
    before = limit.limit
    grown(limit, delay=10.0, times=5)
    assert limit.limit < before


def test_it_never_goes_below_its_floor_or_above_its_ceiling():
    limit = GradientLimit(3, ceiling=12)
    grown(limit, times=500)
    assert limit.limit == 12
    grown(limit, delay=1000.0, times=60)
    assert limit.limit == 3


def test_a_delay_within_tolerance_is_normal():
    limit = GradientLimit(2)
    grown(limit)
    before = limit.limit
    grown(limit, delay=1.5, times=3)
    assert limit.limit >= before


def test_a_delay_that_stays_becomes_the_new_normal():
    limit = GradientLimit(2)
    grown(limit)
    grown(limit, delay=10.0, times=20)
    low = limit.limit
    grown(limit, delay=10.0, times=int(3 / DRIFT))
    assert limit.limit > low


def test_a_queue_that_stays_never_becomes_normal():
    limit = GradientLimit(4)
    limit.observe(1.0, 4)
    for _ in range(5000):  # a line in which everyone waits for those before: delay grows with who is there
        limit.observe(float(max(1, limit.limit - 3)), limit.limit)
    assert limit.limit < 3 * limit.floor


def test_what_others_send_to_a_replica_never_becomes_normal_either():
    limit = GradientLimit(4)
    grown(limit, times=5)
    for _ in range(2000):
        limit.observe(10.0, limit.limit, crowd=40)
    assert limit.limit == limit.floor


def test_failures_for_want_of_room_shrink_it_too():
    limit = GradientLimit(2)
    grown(limit)
    before = limit.limit
    for _ in range(5):
        limit.failed()
    assert limit.limit < before


def test_a_delay_of_nothing_teaches_nothing():
    limit = GradientLimit(2)
    limit.observe(0.0, 4)
    assert limit.limit == 4
