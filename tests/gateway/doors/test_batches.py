"""Files and batches, spoken to by the official client over the real pages; a scripted asker stands for the corridor."""

import asyncio
import datetime as dt
import json

import httpx
import openai
import pytest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.testclient import TestClient

from isthmus.core.clock import FakeClock
from isthmus.core.errors import Refusal
from isthmus.core.exchange import Caller
from isthmus.gateway.doors import batch_pages, batch_run
from isthmus.gateway.doors.batches import Batches, Whose
from isthmus.gateway.doors.files import DAYS, Files

CHAT = "/v1/chat/completions"


def line(custom, text="hi", url=CHAT, **more):
    body = {"model": "auto", "messages": [{"role": "user", "content": text}], **more}
    return json.dumps({"custom_id": custom, "method": "POST", "url": url, "body": body})


class House:
    """Batches in a folder, a fake clock, and someone who answers lines: `status` and `fails` by custom word."""

    def __init__(self, folder):
        self.folder = folder
        self.clock = FakeClock(dt.datetime(2026, 11, 22, tzinfo=dt.UTC))
        self.asked = []
        self.reopen()

    def reopen(self):
        """As another process would find it."""
        self.files = Files(self.folder, self.clock)
        self.batches = Batches(self.folder, self.files, self.clock)

    async def ask(self, whose, path, body):
        self.asked.append(json.loads(body)["messages"][0]["content"])
        self.whose, self.path = whose, path
        status = 400 if self.asked[-1] == "bad" else 200
        return status, json.dumps({"said": self.asked[-1]}).encode()

    async def sleep(self, seconds):
        self.clock.advance(seconds)

    def begin(self, *lines, tenant="t", endpoint=CHAT):
        file = self.files.add(tenant, "in.jsonl", "batch", "\n".join(lines).encode())
        wanted = {"input_file_id": file.id, "endpoint": endpoint, "completion_window": "24h"}
        return self.batches.create(json.dumps(wanted).encode(), Whose(tenant, "k1", {"isthmus-region": "EU"}))

    def work(self, ask=None):
        return asyncio.run(batch_run.work_once(self.batches, ask or self.ask, self.sleep))

    def rows(self, name):
        return [json.loads(row) for row in self.files.content("t", name).splitlines()]


@pytest.fixture
def house(tmp_path):
    return House(tmp_path / "batches")


@pytest.fixture
def client(house):
    async def who(request):
        tenant = request.headers["authorization"].removeprefix("Bearer ")
        return Caller("k1", tenant, ("EU",), "EU")

    async def refused(request, refusal):
        return Response(refusal.encode(), refusal.row.status, media_type="application/json")

    app = Starlette(routes=batch_pages.routes(house.batches, who), exception_handlers={Refusal: refused})
    with TestClient(app, base_url="http://test") as http:
        transport = httpx.MockTransport(lambda request: _relayed(http, request))
        made = httpx.Client(transport=transport)
        with openai.OpenAI(base_url="http://test/v1", api_key="t", http_client=made, max_retries=0) as talk:
            yield talk


def _relayed(http, request):
    headers = {n: v for n, v in request.headers.items() if n not in ("host", "content-length", "connection")}
    got = http.request(request.method, str(request.url), content=request.read(), headers=headers)
    return httpx.Response(got.status_code, content=got.content, headers={"content-type": got.headers["content-type"]})


def test_the_official_client_uploads_begins_waits_and_reads(client, house):
    file = client.files.create(file=("in.jsonl", f"{line('a')}\n{line('b', 'bad')}\n".encode()), purpose="batch")
    made = client.batches.create(input_file_id=file.id, endpoint=CHAT, completion_window="24h", metadata={"who": "me"})
    assert (made.status, made.metadata) == ("validating", {"who": "me"})
    assert house.work() == 1
    done = client.batches.retrieve(made.id)
    assert (done.status, done.request_counts.completed, done.request_counts.failed) == ("completed", 1, 1)
    (good,) = [json.loads(row) for row in client.files.content(done.output_file_id).text.splitlines()]
    (bad,) = [json.loads(row) for row in client.files.content(done.error_file_id).text.splitlines()]
    assert (good["custom_id"], good["response"]["status_code"], good["response"]["body"]) == ("a", 200, {"said": "hi"})
    assert (bad["custom_id"], bad["response"]["status_code"]) == ("b", 400)
    assert [batch.id for batch in client.batches.list()] == [made.id]
    assert {each.purpose for each in client.files.list()} == {"batch", "batch_output"}
    assert client.files.delete(file.id).deleted


def test_a_line_is_asked_on_the_keys_behalf_with_the_batchs_own_headers(house):
    house.begin(line("a"))
    house.work()
    assert (house.whose.key_id, house.whose.headers, house.path) == ("k1", {"isthmus-region": "EU"}, CHAT)


def test_nobody_reads_another_tenants_files_or_batches(client, house):
    made = house.begin(line("a"), tenant="other")
    for call in (lambda: client.batches.retrieve(made.id), lambda: client.files.content(made.input_file_id),
                 lambda: client.files.delete(made.input_file_id), lambda: client.batches.cancel(made.id)):  # fmt: skip
        with pytest.raises(openai.NotFoundError):
            call()
    assert client.batches.list().data == []


@pytest.mark.parametrize("name", ["batch_x", "../../key", "batch_" + "0" * 24])
def test_a_made_up_name_finds_nothing(house, name):
    for find in (house.batches.find, house.files.find):
        with pytest.raises(Refusal) as caught:
            find("t", name)
        assert caught.value.code == "unknown_object"


def test_what_was_answered_before_a_crash_is_not_asked_again(house):
    made = house.begin(*(line(str(n), f"q{n}") for n in range(10)))

    async def dies(whose, path, body):
        if len(house.asked) == 6:
            raise KeyboardInterrupt
        return await house.ask(whose, path, body)

    with pytest.raises(KeyboardInterrupt):
        house.work(dies)
    before = list(house.asked)
    house.reopen()
    kept = house.batches.find("t", made.id).request_counts.completed
    assert kept >= len(before) - batch_run.AT_ONCE
    house.asked = []
    house.work()
    assert len(house.asked) == 10 - kept
    done = house.batches.find("t", made.id)
    assert done.status == "completed"
    assert [row["custom_id"] for row in house.rows(done.output_file_id)] == [str(n) for n in range(10)]


def test_a_full_house_is_waited_for(house):
    answers = [(503, b"{}"), (429, b"{}"), (200, b'{"ok":1}')]

    async def busy(whose, path, body):
        return answers.pop(0)

    made = house.begin(line("a"))
    house.work(busy)
    assert house.batches.find("t", made.id).request_counts.completed == 1
    assert house.clock.monotonic() == batch_run.PAUSE * 3


def test_a_batch_that_is_cancelled_keeps_what_it_had_and_says_what_it_had_not(house):
    made = house.begin(*(line(str(n)) for n in range(9)))

    async def cancels(whose, path, body):
        if len(house.asked) == 4:
            assert house.batches.cancel("t", made.id).status == "cancelling"
        return await house.ask(whose, path, body)

    house.work(cancels)
    done = house.batches.find("t", made.id)
    assert done.status == "cancelled"
    had, unasked = house.rows(done.output_file_id), house.rows(done.error_file_id)
    assert len(had) + len(unasked) == 9
    assert {row["error"]["code"] for row in unasked} == {"batch_cancelled"}
    assert house.batches.cancel("t", made.id).status == "cancelled"
    assert house.work() == 0


def test_a_batch_ends_when_its_day_is_over(house):
    made = house.begin(line("a"), line("b"))
    house.clock.advance(24 * 3600)
    house.work()
    done = house.batches.find("t", made.id)
    assert (done.status, house.asked) == ("expired", [])
    assert {row["error"]["code"] for row in house.rows(done.error_file_id)} == {"batch_expired"}


@pytest.mark.parametrize(
    ("lines", "code", "at"),
    [
        ([line("a"), "{"], "invalid_json_line", 2),
        ([line("a"), line("a")], "duplicate_custom_id", 2),
        ([line("a", url="/v1/embeddings")], "mismatched_endpoint", 1),
        ([line("a", stream=True)], "invalid_request", 1),
        ([""], "empty_file", None),
    ],
)
def test_a_file_that_cannot_be_asked_fails_with_the_line_and_without_its_words(house, lines, code, at):
    made = house.begin(*lines)
    house.work()
    done = house.batches.find("t", made.id)
    assert (done.status, house.asked) == ("failed", [])
    (error,) = done.errors["data"]
    assert (error["code"], error["line"]) == (code, at)
    assert house.work() == 0


@pytest.mark.parametrize(
    "change",
    [{"endpoint": "/v1/files"}, {"completion_window": "1h"}, {"metadata": {str(n): "" for n in range(17)}}],
)
def test_a_wish_that_cannot_be_met_is_refused(house, change):
    file = house.files.add("t", "f", "batch", line("a").encode())
    wanted = {"input_file_id": file.id, "endpoint": CHAT, "completion_window": "24h", **change}
    with pytest.raises(Refusal) as caught:
        house.batches.create(json.dumps(wanted).encode(), Whose("t", "k1"))
    assert caught.value.code == "bad_field"


def test_nothing_of_a_batch_can_be_read_on_the_disk(house):
    house.begin(line("a", "unicorn-4711"))
    house.work()
    found = [path for path in house.folder.rglob("*") if path.is_file()]
    assert len(found) > 3
    assert not any(b"unicorn" in path.read_bytes() or b"unicorn" in str(path).encode() for path in found)


def test_a_tenants_room_is_bounded_and_old_files_go(house, monkeypatch):
    monkeypatch.setattr("isthmus.gateway.doors.files.LIMIT", 10)
    with pytest.raises(Refusal) as caught:
        house.files.add("t", "f", "batch", b"x" * 11)
    assert caught.value.code == "body_too_large"
    with pytest.raises(Refusal):
        house.files.add("t", "f", "assistants", b"x")
    house.files.add("t", "f", "batch", b"x")
    assert house.files.sweep() == 0
    house.clock.advance((DAYS + 20000) * 86400)
    assert house.files.sweep() == 1
    assert house.files.all("t") == []


def test_of_several_processes_one_works_batches_off(tmp_path):
    first, second = batch_run.Lock(tmp_path / "lock"), batch_run.Lock(tmp_path / "lock")
    assert first.take()
    assert first.take()
    assert not second.take()
    first.close()
    assert second.take()
    second.close()


def test_a_list_comes_in_pages(house, client):
    ids = []
    for _ in range(3):
        ids.append(house.begin(line("a")).id)
        house.clock.advance(1)
    first = client.batches.list(limit=2)
    assert [batch.id for batch in first.data] == ids[:0:-1]
    assert first.has_more
    assert [batch.id for batch in client.batches.list(limit=2, after=first.data[-1].id).data] == ids[:1]
