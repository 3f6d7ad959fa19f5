"""Replicas behind one route: the board is followed, silence is noticed, a request is repeated once at most."""

import asyncio
from datetime import UTC, datetime

import msgspec
import pytest

from isthmus.core.clock import FakeClock
from isthmus.gateway.admission import HEADER
from isthmus.gateway.replica_measures import file_of, joined
from isthmus.gateway.replicas import BUDGET, ONCE, ROUNDS, SPARE, Replicas, Stay
from isthmus.routing.picker import Picker
from isthmus.routing.probe import Board, Listed, Load, Names
from isthmus.routing.seat import Ask, Replica

KEY = "the-engines-key"
NAMES = Names(running="e:running", waiting="e:waiting")


class Engine:
    """A server that answers probes as an engine does, and says when it was asked `enough` times."""

    def __init__(self, status=200, enough=2):
        self.status = status
        self.heads = []
        self.enough = enough
        self.asked = asyncio.Event()

    async def __aenter__(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self.server.close()

    async def serve(self, reader, writer):
        page = b"e:running 2\ne:waiting 1\n"
        try:
            while True:
                self.heads.append(await reader.readuntil(b"\r\n\r\n"))
                writer.write(b"HTTP/1.1 %d x\r\nContent-Length: %d\r\n\r\n%b" % (self.status, len(page), page))
                if len(self.heads) >= self.enough:
                    self.asked.set()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()


def listed(port, **facts):
    return Listed(name=f"r-{port}", pool="r", host="127.0.0.1", port=port, model="m", engine="e", names=NAMES, **facts)


def publish(path, *replicas):
    path.write_bytes(msgspec.json.encode(Board(cell="c", jurisdiction="DE", replicas=replicas)))


@pytest.fixture
def picker():
    return Picker(FakeClock(datetime(2026, 9, 1, tzinfo=UTC)))


@pytest.fixture
def board(tmp_path):
    return tmp_path / "board.json"


async def kept(replicas, *engines):
    """Run `keep` until every engine was asked often enough."""
    task = asyncio.create_task(replicas.keep())
    for engine in engines:
        await asyncio.wait_for(engine.asked.wait(), 10)
    await asyncio.wait_for(replicas_settled(replicas), 10)
    return task


async def replicas_settled(replicas):
    """Let one more round of the keeper pass."""
    before = replicas.rounds
    while replicas.rounds < before + 2:  # noqa: ASYNC110 - rounds are the room's own clock
        await asyncio.sleep(0)


async def ended(task):
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    for _ in range(5):
        await asyncio.sleep(0)  # transports close in the loop's next turns


def test_a_listed_replica_is_probed_with_the_key_and_then_used(picker, board):
    async def run():
        async with Engine() as engine:
            publish(board, listed(engine.port))
            replicas = Replicas(board, KEY, picker)
            task = await kept(replicas, engine)
            assert picker.pick([], 10).name == f"r-{engine.port}"
            assert picker.seat(f"r-{engine.port}").load.running == 2
            assert f"Bearer {KEY}".encode() in engine.heads[0]
            await ended(task)

    asyncio.run(run())


def test_a_replica_that_is_still_loading_gets_nothing(picker, board):
    async def run():
        async with Engine(status=503) as engine:
            publish(board, listed(engine.port))
            task = await kept(Replicas(board, KEY, picker), engine)
            assert picker.pick([], 10) is None
            await ended(task)

    asyncio.run(run())


def test_an_engine_that_closes_kept_connections_keeps_its_place_and_its_cache(picker, board):
    class Closing(Engine):
        async def serve(self, reader, writer):
            self.heads.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
            writer.close()
            if len(self.heads) == 1:
                picker.stored(f"r-{self.port}", [1, 2, 3])
            if len(self.heads) >= self.enough:
                self.asked.set()

    async def run():
        async with Closing(enough=4) as engine:
            publish(board, listed(engine.port))
            task = await kept(Replicas(board, KEY, picker), engine)
            assert picker.index_blocks() == 3
            await ended(task)

    asyncio.run(run())


def test_an_engine_that_only_its_health_page_speaks_for_is_busy_not_gone(picker, board):
    class Deep(Engine):
        async def serve(self, reader, writer):
            try:
                head = await reader.readuntil(b"\r\n\r\n")
                if head.startswith(b"GET /health"):
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                    self.asked.set()
                await reader.read()
            except (ConnectionError, asyncio.CancelledError):
                pass
            finally:
                writer.close()

    async def run():
        async with Deep() as engine:
            publish(board, listed(engine.port))
            task = await kept(Replicas(board, KEY, picker), engine)
            assert picker.pick([], 10).name == f"r-{engine.port}"
            await ended(task)

    asyncio.run(run())


def test_a_replica_that_drains_or_left_the_board_gets_nothing(picker, board):
    async def run():
        async with Engine() as one, Engine() as two:
            publish(board, listed(one.port), listed(two.port, draining=True))
            replicas = Replicas(board, KEY, picker)
            task = await kept(replicas, one, two)
            assert {picker.pick([at], 10).name for at in range(3)} == {f"r-{one.port}"}
            publish(board, listed(two.port))
            await asyncio.wait_for(replicas_settled(replicas), 10)
            assert [seat.replica.name for seat in picker.seats()] == [f"r-{two.port}"]
            await ended(task)

    asyncio.run(run())


def test_a_board_that_cannot_be_read_changes_nothing(picker, board):
    async def run():
        async with Engine() as engine:
            publish(board, listed(engine.port))
            replicas = Replicas(board, KEY, picker)
            task = await kept(replicas, engine)
            board.write_text("{")
            await asyncio.wait_for(replicas_settled(replicas), 10)
            assert len(picker.seats()) == 1
            await ended(task)

    asyncio.run(run())


def test_a_request_that_was_sent_is_repeated_once_and_one_that_was_not_freely(picker, board):
    replicas = Replicas(board, KEY, picker)
    assert replicas.may_repeat(sent=True, repeats=0)
    assert not replicas.may_repeat(sent=True, repeats=ONCE)
    assert all(replicas.may_repeat(sent=False, repeats=9) for _ in range(100))


def test_repeats_are_at_most_a_tenth_of_requests_beyond_what_was_saved(picker, board):
    replicas = Replicas(board, KEY, picker)
    allowed = sum(replicas.may_repeat(sent=True, repeats=0) for _ in range(100))
    assert allowed == int(SPARE)
    for _ in range(55):
        replicas.count()
    assert sum(replicas.may_repeat(sent=True, repeats=0) for _ in range(100)) == int(55 * BUDGET)


def test_a_fleet_at_zero_is_woken_by_a_touch(picker, board):
    Replicas(board, KEY, picker).wake()
    assert board.with_suffix(".wake").exists()


def test_what_a_worker_sees_lies_beside_the_board_while_it_runs(picker, board):
    async def run():
        async with Engine(enough=ROUNDS + 2) as engine:
            publish(board, listed(engine.port))
            task = await kept(Replicas(board, KEY, picker), engine)
            seen = joined(board.parent, file_of(board).stat().st_mtime)
            assert seen[f"r-{engine.port}"]["isthmus_replica_num_requests_running"] == 2
            await ended(task)
            assert not file_of(board).exists()

    asyncio.run(run())


def test_requests_of_one_turn_are_placed_together(picker, board):
    async def run():
        for name in "ab":
            picker.add(Replica(name, room=50, speed=0.001))
            picker.heard(name, Load())
        picker.stored("a", [1, 2, 3])
        replicas = Replicas(board, KEY, picker)
        cold, warm = await asyncio.gather(replicas.place(Ask([9], 700)), replicas.place(Ask([1, 2, 3], 1600)))
        assert (cold.name, warm.name) == ("b", "a")

    asyncio.run(run())


def test_a_caller_who_leaves_while_being_placed_holds_no_seat(picker, board):
    async def run():
        picker.add(Replica("a"))
        replicas = Replicas(board, KEY, picker)
        before, after = (asyncio.create_task(replicas.place(Ask([], 10))) for _ in range(2))
        await asyncio.sleep(0)
        before.cancel()
        after.get_loop().call_soon(after.cancel)  # behind the deal, in the same turn
        ends = await asyncio.gather(before, after, return_exceptions=True)
        assert [type(end) for end in ends] == [asyncio.CancelledError] * 2
        assert picker.seat("a").inside == 0

    asyncio.run(run())


class Fleet:
    """One replica of four slots, whose limit is ten, so that there are twelve places, and requests of a class for it."""

    def __init__(self, picker, board, clock):
        self.picker = picker
        self.clock = clock
        self.replicas = Replicas(board, KEY, picker)
        picker.add(Replica("a", slots=4))
        picker.heard("a", Load())
        self.replicas.measure(0.0)

    def stay(self, kind):
        return Stay(self.replicas._room, {HEADER: kind}, self.clock)

    async def seat(self, kind, patience=0.0):
        return await self.replicas.seat(self.clock, [], 10, self.stay(kind), set(), self.clock.monotonic() + patience)


@pytest.fixture
def fleet(board):
    clock = FakeClock(datetime(2026, 9, 1, tzinfo=UTC))
    return Fleet(Picker(clock), board, clock)


def test_a_class_fills_the_fleet_when_nobody_above_it_needs_a_place(fleet):
    async def run():
        tickets = [await fleet.seat(b"batch") for _ in range(11)]
        assert [ticket is not None for ticket in tickets] == [True] * 10 + [False]

    asyncio.run(run())


def test_places_that_people_will_need_are_not_given_to_lower_classes(fleet):
    for _ in range(60):  # ten people a second, 0.6 s each: six places, and two standard deviations more
        stay = fleet.stay(b"interactive")
        assert stay.enter()
        fleet.clock.advance(0.6)
        stay.leave()
        fleet.replicas.measure(0.1)

    async def run():
        tickets = [await fleet.seat(b"batch") for _ in range(3)]
        assert [ticket is not None for ticket in tickets] == [True, True, False]
        assert await fleet.seat(b"interactive") is not None

    asyncio.run(run())


def test_at_the_limit_a_person_waits_for_a_seat_and_all_others_hear_so_at_once(fleet):
    async def run():
        tickets = [await fleet.seat(b"interactive") for _ in range(10)]
        person = asyncio.create_task(fleet.seat(b"interactive", patience=1.0))
        while not fleet.replicas._waiting:  # noqa: ASYNC110 - turns of this very loop
            await asyncio.sleep(0)
        assert await fleet.seat(b"assist", patience=1.0) is None
        fleet.picker.done(tickets[0])
        assert await fleet.seat(b"assist", patience=1.0) is None  # the person came first
        assert (await person).name == "a"

    asyncio.run(run())


def test_a_place_is_taken_once_and_given_back_once(fleet):
    stay = fleet.stay(b"assist")
    assert stay.enter()
    assert stay.enter()
    assert fleet.replicas._room.inside == 1
    stay.leave()
    stay.leave()
    assert fleet.replicas._room.inside == 0
