"""News from the accounts: everything written before somebody asks is known when the answer comes."""

import asyncio
import json
import threading
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.exc import OperationalError

from isthmus.core.clock import FakeClock
from isthmus.core.consent import Consent
from isthmus.core.errors import Refusal
from isthmus.gateway import news as news_room
from isthmus.gateway.news import GAP_SECONDS, News
from isthmus.ledger.accounts import Accounts
from isthmus.policy.keys import KeyRing

NOW = datetime(2026, 9, 1, tzinfo=UTC)


class Ahead:
    """The running loop with a clock that can be set ahead, so that the gap between reads has always passed."""

    def __init__(self, step):
        self._loop = asyncio.get_running_loop()
        self._step = step
        self._ahead = 0.0

    def __getattr__(self, name):
        return getattr(self._loop, name)

    def time(self):
        self._ahead += self._step
        return self._loop.time() + self._ahead


class Counted(Accounts):
    """Accounts that count how often they are looked at."""

    looks = 0

    def version(self):
        self.looks += 1
        return super().version()


@pytest.fixture
def accounts(tmp_path):
    opened = Counted.open(tmp_path / "accounts.sqlite", FakeClock(NOW))
    yield opened
    opened.close()


def run(accounts, talk, step=GAP_SECONDS):
    async def whole():
        ring, consents = KeyRing(accounts), {}
        return await talk(News(accounts, ring, consents, Ahead(step)), ring, consents)

    return asyncio.run(whole())


def consent(**more):
    given = {
        "id": "", "tenant": "t", "kind": "separate", "recipient": "doubao", "region": "CN", "feature": "*",
        "scope": "once", "subject": "", "language": "", "given_at": NOW, "until": NOW + timedelta(days=1),
    }  # fmt: skip
    return Consent(**{**given, **more})


def test_a_key_that_another_process_made_is_known_after_a_read(accounts):
    async def talk(news, ring, consents):
        _, secret = accounts.create_key("t", ("CN",), "CN")
        with pytest.raises(Refusal):
            ring.find(secret.encode())
        await news.read()
        return ring.find(secret.encode()).tenant

    assert run(accounts, talk) == "t"


def test_a_revoked_key_reaches_the_caller_that_streams_run_under(accounts):
    caller, secret = accounts.create_key("t", ("CN",), "CN")

    async def talk(news, ring, consents):
        mine = ring.find(secret.encode())
        accounts.revoke_key(caller.key_id)
        await news.read()
        return mine.revoked

    assert run(accounts, talk) is True


def test_a_consent_that_another_process_kept_is_known_after_a_read(accounts):
    async def talk(news, ring, consents):
        given = consent()
        accounts.give_consent(given)
        await news.read()
        assert given.id in consents
        accounts.withdraw_consent(given.id)
        await news.read()
        return consents[given.id].withdrawn

    assert run(accounts, talk) is True


def test_a_consent_that_was_used_stays_used(accounts):
    async def talk(news, ring, consents):
        given = consent()
        accounts.give_consent(given)
        await news.spent(given.id)
        await news.read()
        return consents[given.id].used

    assert run(accounts, talk) is True


def test_all_who_ask_in_the_same_moment_share_one_look(accounts):
    async def talk(news, ring, consents):
        await asyncio.gather(*(news.read() for _ in range(50)))

    run(accounts, talk)
    assert accounts.looks == 1


def test_who_asks_while_a_look_is_under_way_gets_a_look_of_its_own(accounts):
    async def talk(news, ring, consents):
        first = asyncio.ensure_future(news.read())
        while not accounts.looks:  # noqa: ASYNC110
            await asyncio.sleep(0)  # the look runs on another thread
        await asyncio.gather(first, news.read())

    run(accounts, talk)
    assert accounts.looks == 2


def test_looks_keep_their_distance(accounts):
    async def talk(news, ring, consents):
        loop = asyncio.get_running_loop()
        begun = loop.time()
        for _ in range(3):
            await news.read()
        return loop.time() - begun

    assert run(accounts, talk, step=0.0) >= 2 * GAP_SECONDS


def test_one_who_leaves_does_not_take_the_news_from_the_others(accounts):
    async def talk(news, ring, consents):
        leaver, stayer = asyncio.ensure_future(news.read()), asyncio.ensure_future(news.read())
        await asyncio.sleep(0)
        leaver.cancel()
        await stayer
        return leaver.cancelled(), accounts.looks

    assert run(accounts, talk) == (True, 1)


def test_when_nothing_was_written_nothing_is_read_again(accounts, monkeypatch):
    async def talk(news, ring, consents):
        await news.read()
        monkeypatch.setattr(accounts, "callers", None)
        await news.read()

    run(accounts, talk)
    assert accounts.looks == 2


def test_accounts_that_cannot_be_read_leave_what_is_known_in_force(accounts, monkeypatch, capsys):
    def broken():
        raise OperationalError("select", {}, Exception("disk"))

    async def talk(news, ring, consents):
        await news.read()
        known = len(ring)
        monkeypatch.setattr(accounts, "version", broken)
        await news.read()
        return known == len(ring)

    assert run(accounts, talk)
    said = json.loads(capsys.readouterr().err)
    assert (said["event"], said["error"]) == ("accounts_unread", "OperationalError")


def stopped(accounts, monkeypatch, name):
    """A database that hangs: the call waits until the test is over."""
    over = threading.Event()
    monkeypatch.setattr(accounts, name, lambda *_: over.wait(30))
    monkeypatch.setattr(news_room, "PATIENCE_SECONDS", 0.01)
    return over


def test_who_waits_for_accounts_that_hang_hears_so_and_nobody_else_waits(accounts, monkeypatch):
    over = stopped(accounts, monkeypatch, "version")

    async def talk(news, ring, consents):
        with pytest.raises(Refusal) as refusal:
            await news.read()
        over.set()
        return refusal.value.code

    assert run(accounts, talk) == "accounts_unavailable"


def test_a_consent_whose_use_cannot_be_written_down_is_not_used(accounts, monkeypatch):
    over = stopped(accounts, monkeypatch, "mark_used")

    async def talk(news, ring, consents):
        with pytest.raises(Refusal) as refusal:
            await news.spent("c")
        over.set()
        return refusal.value.code

    assert run(accounts, talk) == "accounts_unavailable"


def test_without_a_bell_the_accounts_are_looked_at_all_the_same(accounts, monkeypatch):
    monkeypatch.setattr(news_room, "LOOK_SECONDS", 0.0)

    async def talk(news, ring, consents):
        news.listen()
        caller, secret = accounts.create_key("t", ("CN",), "CN")
        await news.next()
        return ring.find(secret.encode()).key_id == caller.key_id

    assert run(accounts, talk)


def test_the_bell_wakes_who_waits_for_news(postgres, monkeypatch):
    monkeypatch.setattr(news_room, "LOOK_SECONDS", 3600.0)
    here, there = (Accounts(url, b"p" * 32, FakeClock(NOW)) for url in [postgres.new()] * 2)

    async def whole():
        ring = KeyRing(here)
        news = News(here, ring, {}, asyncio.get_running_loop())
        news.listen()
        await news.next()  # the bell rings once when it hangs
        caller, secret = there.create_key("t", ("CN",), "CN")
        await news.next()
        mine = ring.find(secret.encode())
        there.revoke_key(caller.key_id)
        await news.next()
        return mine.revoked

    async def soon():
        return await asyncio.wait_for(whole(), 60)

    assert asyncio.run(soon()) is True
    here.close()
    there.close()
