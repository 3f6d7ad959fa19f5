"""The keeper: makes the replicas that should be, lists those that serve, forgets nothing that matters."""

import os
from datetime import UTC, datetime

import msgspec
import pytest

from isthmus.core.clock import FakeClock
from isthmus.core.errors import Refusal
from isthmus.fleet.cell import Cell, Pool
from isthmus.fleet.change import DRAIN_S
from isthmus.fleet.keeper import Keeper, board_file, give_order, orders_file, read_orders, wake_file
from isthmus.fleet.scale import Rules
from isthmus.routing.probe import Board, Load

RULES = Rules(least=2, most=4, tokens=1000.0, calm_s=10.0, idle_s=60.0)
POOL = Pool(program="/p", model="/m/one.gguf", tokens=500.0, rules=RULES)
CELL = Cell(jurisdiction="DE", ports=(18100, 18109), pool={"chat": POOL})


@pytest.fixture
def clock():
    return FakeClock(datetime(2026, 9, 1, tzinfo=UTC))


@pytest.fixture
def keeper(tmp_path, hand, look, clock):
    return Keeper(CELL, tmp_path, hand, look, clock)


def settle(keeper, hand, clock, times=4):
    for _ in range(times):
        keeper.step()
        hand.loading.clear()
        clock.advance(DRAIN_S)


def board(folder):
    return msgspec.json.decode(board_file(folder).read_bytes(), type=Board)


def test_a_new_cell_gets_its_least_and_no_more(keeper, hand, clock):
    settle(keeper, hand, clock)
    assert hand.names() == ["chat-18100", "chat-18101"]


def test_what_is_being_made_is_not_made_twice(keeper, hand):
    hand.silent = {"chat-18100", "chat-18101"}
    for _ in range(3):
        keeper.step()
    assert len(hand.names()) == 2


def test_a_replica_is_listed_once_its_model_is_loaded(keeper, hand, tmp_path):
    keeper.step()
    keeper.step()
    assert board(tmp_path).replicas == ()
    hand.loading.clear()
    keeper.step()
    shown = board(tmp_path)
    assert [each.port for each in shown.replicas] == [18100, 18101]
    assert (shown.jurisdiction, shown.replicas[0].model, shown.replicas[0].pool) == ("DE", "one.gguf", "chat")


def test_a_replica_that_falls_silent_is_taken_off_the_board_and_comes_back(keeper, hand, clock, tmp_path):
    settle(keeper, hand, clock)
    hand.silent = {"chat-18100"}
    keeper.step()
    assert [each.port for each in board(tmp_path).replicas] == [18101]
    hand.silent = set()
    keeper.step()
    assert len(board(tmp_path).replicas) == 2


def test_load_raises_the_number_at_once_and_calm_lowers_it_later(keeper, hand, look, clock):
    settle(keeper, hand, clock)
    look.loads = {18100: Load(running=4, waiting=1), 18101: Load(running=3)}
    settle(keeper, hand, clock, 2)
    assert len(hand.names()) == 4
    look.loads = {}
    settle(keeper, hand, clock, 3)
    assert len(hand.names()) == 4
    settle(keeper, hand, clock, 16)
    assert len(hand.names()) == 2


def test_a_replica_that_leaves_is_shown_as_draining_first(keeper, hand, clock, tmp_path):
    settle(keeper, hand, clock)
    give_order(tmp_path, scale={"chat": 1})
    keeper.step()
    assert sorted(each.draining for each in board(tmp_path).replicas) == [False, True]
    assert True in hand.drained.values()
    assert hand.stopped == []
    settle(keeper, hand, clock)
    assert len(hand.stopped) == 1


def test_a_model_change_replaces_all_and_never_lists_fewer(keeper, hand, clock, tmp_path):
    settle(keeper, hand, clock)
    give_order(tmp_path, model={"chat": "/m/two.gguf"})
    for _ in range(20):
        settle(keeper, hand, clock, 1)
        assert sum(not each.draining for each in board(tmp_path).replicas) >= 2
    assert {each.model for each in board(tmp_path).replicas} == {"two.gguf"}
    assert len(hand.names()) == 2


def test_a_model_change_ends_also_where_ray_takes_its_time_to_make_who_gets_the_place_of_one_that_ended(
    keeper, hand, clock, tmp_path
):
    settle(keeper, hand, clock)
    give_order(tmp_path, model={"chat": "/m/two.gguf"})
    made: list = []
    for _ in range(30):
        made = [*made, [id(order) for order in hand.orders.values()]][-4:]
        hand.silent = {name for name, order in hand.orders.items() if id(order) not in made[0]}
        settle(keeper, hand, clock, 1)
    assert {each.model for each in board(tmp_path).replicas} == {"two.gguf"}
    assert len(hand.stopped) == 2


def test_a_keeper_that_starts_anew_adopts_what_is_there(keeper, hand, look, clock, tmp_path):
    settle(keeper, hand, clock)
    before = hand.names()
    settle(Keeper(CELL, tmp_path, hand, look, clock), hand, clock)
    assert hand.names() == before


def test_a_drain_outlives_the_keeper(keeper, hand, look, clock, tmp_path):
    settle(keeper, hand, clock)
    look.loads = {port: Load(running=1) for port in (18100, 18101)}
    give_order(tmp_path, drain=("chat-18100",))
    settle(keeper, hand, clock, 3)
    again = Keeper(CELL, tmp_path, hand, look, clock)
    again.step()
    assert [each.draining for each in board(tmp_path).replicas if each.port == 18100] == [True]


def test_a_follower_lists_and_changes_nothing(hand, look, clock, tmp_path, keeper):
    settle(keeper, hand, clock)
    before = hand.names()
    elsewhere = tmp_path / "gateway"
    elsewhere.mkdir()
    follower = Keeper(CELL, elsewhere, hand, look, clock, follows=True)
    give_order(elsewhere, scale={"chat": 4})
    settle(follower, hand, clock)
    assert hand.names() == before
    assert len(board(elsewhere).replicas) == 2


def test_a_pool_at_zero_comes_back_when_a_gateway_asks(hand, look, clock, tmp_path):
    rare = msgspec.structs.replace(POOL, rules=Rules(least=0, most=1, idle_s=60.0, calm_s=1.0))
    keeper = Keeper(msgspec.structs.replace(CELL, pool={"chat": rare}), tmp_path, hand, look, clock)
    settle(keeper, hand, clock)
    assert len(hand.names()) == 1
    clock.advance(120.0)
    settle(keeper, hand, clock, 8)
    assert hand.names() == []
    wake_file(tmp_path).touch()
    os.utime(wake_file(tmp_path), (clock.now().timestamp(),) * 2)
    keeper.step()
    assert len(hand.names()) == 1


def test_more_replicas_than_ports_is_said_not_guessed(hand, look, clock, tmp_path):
    narrow = msgspec.structs.replace(CELL, ports=(18100, 18100))
    with pytest.raises(Refusal) as caught:
        Keeper(narrow, tmp_path, hand, look, clock).step()
    assert "port" in caught.value.sentence()


def test_orders_add_up_and_a_damaged_file_orders_nothing(tmp_path):
    give_order(tmp_path, scale={"a": 1})
    give_order(tmp_path, scale={"b": 2}, drain=("x",))
    assert (read_orders(tmp_path).scale, read_orders(tmp_path).drain) == ({"a": 1, "b": 2}, ("x",))
    orders_file(tmp_path).write_text("{")
    assert read_orders(tmp_path).scale == {}
