"""What replicas say of themselves, and what their silence means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.routing.probe import HUNG_S, SILENT_S, Load, Names, Watch, read

NAMES = Names(running="e:running", waiting="e:waiting", kv="e:kv", prompt="e:prompt_total", cached="e:hits_total")

PAGE = b"""# HELP e:running Requests that run.
# TYPE e:running gauge
e:running{model="m"} 3.0
e:waiting{model="m"} 2
e:kv 0.25
e:prompt_total{model="m",kind="a"} 100
e:prompt_total{model="m",kind="b"} 1.5e2
e:hits_total 40
e:running_other 99
"""


def test_a_page_is_read_by_the_engines_own_names():
    assert read(PAGE, NAMES) == Load(running=3, waiting=2, kv=0.25, prompt=250.0, cached=40.0)


def test_what_an_engine_does_not_count_is_nothing():
    assert read(PAGE, Names(running="e:running")) == Load(running=3)


def test_a_value_that_is_no_number_is_passed_over():
    assert read(b"e:running ee\ne:waiting 1\n", NAMES).waiting == 1


def test_a_share_stays_between_nothing_and_all():
    assert read(b"e:kv 7\n", NAMES).kv == 1.0


@given(st.binary(max_size=300))
def test_no_page_breaks_the_reader(page):
    assert isinstance(read(page, NAMES), Load)


@pytest.fixture
def watch():
    return Watch(0.0)


def test_nothing_is_sent_to_a_replica_that_was_never_heard(watch):
    assert not watch.usable(0.0)


def test_one_answer_makes_it_usable(watch):
    watch.answered(1.0)
    assert watch.usable(1.0)


def test_a_refused_connection_is_news_at_once(watch):
    watch.answered(1.0)
    watch.refused()
    assert not watch.usable(1.0)


def test_silence_means_something_only_after_a_while(watch):
    watch.answered(1.0)
    assert watch.usable(1.0 + SILENT_S / 2)
    assert not watch.usable(1.0 + SILENT_S)


def test_a_silent_replica_that_still_makes_tokens_is_not_hung(watch):
    watch.answered(0.0)
    watch.produced(HUNG_S)
    assert not watch.hung(HUNG_S + 1)
    assert watch.hung(2 * HUNG_S)


def test_a_replica_that_refuses_is_gone_not_hung(watch):
    watch.answered(0.0)
    watch.refused()
    assert not watch.hung(100 * HUNG_S)
