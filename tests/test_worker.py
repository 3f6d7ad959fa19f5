"""One gateway worker: its listener, its chores, and what it says of errors."""

import asyncio
import contextlib
import json
import os
import resource
import signal
import socket
import sys
from datetime import UTC, date, datetime
from types import SimpleNamespace

import msgspec
import pytest

from isthmus import worker
from isthmus.core.clock import FakeClock
from isthmus.core.errors import Refusal
from isthmus.gateway.build import Settings

SETTINGS = Settings(
    home="/nowhere", host="127.0.0.1", port=0, shard="w0", engine=("127.0.0.1", 9), engine_key="k", model="m"
)


class Counted:
    """Anything that is swept, read or drained: counts how often."""

    def __init__(self, *, after=3, stop=None):
        self.count = 0
        self.open = {object()}
        self._after = after
        self._stop = stop

    def sweep(self):
        self.count += 1
        if self.count >= self._after:
            self.open.clear()


def test_a_listener_is_shared_by_several_workers():
    first = worker.listener("127.0.0.1", 0)
    port = first.getsockname()[1]
    second = worker.listener("127.0.0.1", port)
    assert second.getsockname()[1] == port
    assert not first.getblocking()
    first.close()
    second.close()


def test_a_listener_speaks_ipv6_where_the_address_does():
    try:
        opened = worker.listener("::1", 0)
    except OSError:
        pytest.skip("this machine has no IPv6")
    assert opened.family == socket.AF_INET6
    opened.close()


def test_a_core_file_is_never_written():
    worker.forbid_core_dumps()
    assert resource.getrlimit(resource.RLIMIT_CORE)[0] == 0


def test_without_a_certificate_there_is_no_tls_and_a_broken_one_is_named():
    assert worker.tls(SETTINGS) is None
    with pytest.raises(Refusal, match="usage") as caught:
        worker.tls(msgspec.structs.replace(SETTINGS, tls_cert="/nowhere/c.pem"))
    assert "certificate" in caught.value.sentence()


def test_an_error_nobody_handled_is_told_by_type_and_place_and_never_by_its_words(capsys):
    try:
        raise ValueError("a private word")
    except ValueError as error:
        worker.report(None, {"exception": error, "message": "a private word"})
    said = capsys.readouterr().err
    assert json.loads(said)["error"] == "ValueError"
    assert json.loads(said)["place"].startswith("test_worker.py:")
    assert "private" not in said


def test_a_message_without_an_error_is_not_repeated(capsys):
    worker.report(None, {"message": "a private word"})
    assert capsys.readouterr().err == ""


def test_draining_ends_when_the_last_connection_has_gone():
    doors = Counted()
    asyncio.run(worker.drained(doors))
    assert not doors.open


@pytest.mark.parametrize(("boundary", "stale"), [(date(2026, 9, 2), False), (date(2026, 9, 1), True)])
def test_chores_sweep_and_notice_a_day_on_which_the_law_changes(boundary, stale):
    async def live():
        doors, pool = Counted(), Counted()
        corridor = SimpleNamespace(
            pool=pool,
            meter=SimpleNamespace(observe=lambda *_: None),
            breakers=None,
            live=(),
            ledger=None,
            clock=FakeClock(datetime(2026, 9, 1, tzinfo=UTC)),
            table=SimpleNamespace(due=lambda day: day >= boundary, routes={}),
        )
        mark = asyncio.Event()
        quiet = SimpleNamespace(changed=lambda: False, apply=lambda *_: None)
        chores = asyncio.ensure_future(worker.keep_house(doors, corridor, mark, quiet))
        for _ in range(5):
            await asyncio.sleep(0)
        chores.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await chores
        return doors.count, pool.count, mark.is_set()

    assert asyncio.run(live()) == (1, 1, stale)


def test_streams_are_looked_at_whenever_the_accounts_had_news():
    seen = []

    class News:
        async def next(self):
            seen.append("news")

    async def live():
        def look():
            seen.append("look")
            if len(seen) == 4:
                raise asyncio.CancelledError

        corridor = SimpleNamespace(news=News(), live=[SimpleNamespace(look=look)])
        with contextlib.suppress(asyncio.CancelledError):
            await worker.keep_news(corridor)

    asyncio.run(live())
    assert seen == ["news", "look", "news", "look"]


def watch(chore):
    async def live():
        stop = asyncio.Event()
        watching = asyncio.ensure_future(worker.watched("house", chore, stop))
        await asyncio.wait({watching, asyncio.ensure_future(stop.wait())}, return_when=asyncio.FIRST_COMPLETED)
        return stop.is_set(), watching.done()

    return asyncio.run(live())


def test_a_chore_that_breaks_is_told_and_begun_again(monkeypatch, capsys):
    monkeypatch.setattr(worker, "SWEEP_SECONDS", 0)
    begun = []

    async def chore():
        begun.append(1)
        if len(begun) < 3:
            raise ValueError("a private word")

    assert watch(chore) == (False, True)
    said = capsys.readouterr().err
    assert len(begun) == 3
    lines = [json.loads(line) for line in said.splitlines()]
    assert [line["event"] for line in lines] == ["chore_broke", "unhandled"] * 2
    assert {(line["chore"], line["then"]) for line in lines[::2]} == {("house", "again")}
    assert "private" not in said


def test_a_chore_that_goes_on_breaking_ends_the_worker(monkeypatch, capsys):
    monkeypatch.setattr(worker, "SWEEP_SECONDS", 0)

    async def chore():
        raise OSError

    assert watch(chore)[0]
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["chore"] for line in lines if line.get("then") == "end"] == ["house"]


class Silent:
    """Doors that nobody comes through."""

    def __call__(self):
        return asyncio.Protocol()


def spare(folder, **more):
    given = msgspec.structs.replace(SETTINGS, home=str(folder), ready=str(folder / "ready"), spare=True, **more)
    (folder / "w2.json").write_bytes(msgspec.json.encode(given))
    return given


async def soon(true):
    while not true():  # noqa: ASYNC110 - a file that another thread writes
        await asyncio.sleep(0)


def test_a_spare_worker_says_that_it_is_ready_and_listens_once_it_is_called(tmp_path):
    opened = worker.listener("127.0.0.1", 0)
    settings = spare(tmp_path)

    async def live():
        stop = asyncio.Event()
        serving = asyncio.ensure_future(worker.serve(settings, tmp_path / "w2.json", Silent(), stop))
        await soon((tmp_path / "ready").exists)
        (tmp_path / "ready").unlink()
        taking = msgspec.structs.replace(settings, spare=False, listen_fd=os.dup(opened.fileno()))
        (tmp_path / "w2.json").write_bytes(msgspec.json.encode(taking))
        os.kill(os.getpid(), signal.SIGUSR1)
        await soon((tmp_path / "ready").exists)
        _, writer = await asyncio.open_connection(*opened.getsockname())
        writer.close()
        stop.set()
        await serving

    asyncio.run(live())
    opened.close()


def test_a_spare_worker_that_nobody_needed_ends_without_listening(tmp_path):
    settings = spare(tmp_path, port=1)  # listening there would fail

    async def live():
        stop = asyncio.Event()
        serving = asyncio.ensure_future(worker.serve(settings, tmp_path / "w2.json", Silent(), stop))
        await soon((tmp_path / "ready").exists)
        stop.set()
        await serving

    asyncio.run(live())


def test_law_is_read_anew_when_told_and_a_broken_file_is_named_without_ending_anything(monkeypatch, capsys):
    reads = []

    async def reload(corridor, settings):
        reads.append(settings)
        if len(reads) == 1:
            raise Refusal("bad_law", reason="operator.toml: mode is a word")

    monkeypatch.setattr(worker, "reload", reload)

    async def live():
        stale = asyncio.Event()
        keeping = asyncio.ensure_future(worker.keep_law(None, SETTINGS, stale))
        for _ in range(2):
            stale.set()
            for _ in range(3):
                await asyncio.sleep(0)
        keeping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await keeping

    asyncio.run(live())
    assert reads == [SETTINGS, SETTINGS]
    assert json.loads(capsys.readouterr().err)["reason"] == "operator.toml: mode is a word"


def test_what_a_busy_time_took_is_given_back_now_and_then(monkeypatch):
    settled = Counted()
    monkeypatch.setattr(worker, "SETTLE_SECONDS", 0.0)
    monkeypatch.setattr(worker.memory, "settle", settled.sweep)

    async def live():
        keeping = asyncio.ensure_future(worker.keep_small())
        await soon(lambda: not settled.open)
        keeping.cancel()

    asyncio.run(live())


def test_a_vocabulary_is_made_in_a_process_of_its_own(tmp_path):
    pytest.importorskip("regex")
    asyncio.run(worker.make_vocabulary("qwen", tmp_path))
    assert worker.is_kept("qwen", tmp_path)


def test_a_worker_runs_with_the_settings_of_its_file(monkeypatch, tmp_path):
    path = tmp_path / "w0.json"
    path.write_bytes(msgspec.json.encode(SETTINGS))
    monkeypatch.setattr(sys, "argv", ["worker", str(path)])
    ran = []
    monkeypatch.setattr(worker.uvloop, "run", ran.append)
    monkeypatch.setattr(worker, "run", lambda *given: given)
    worker.main()
    assert ran == [(SETTINGS, path)]
