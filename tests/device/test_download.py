"""Fetching a file from a hub that breaks off, stalls, redirects and lies."""

from __future__ import annotations

import socket
import urllib.error
from collections.abc import Iterator
from pathlib import Path

import pytest

from isthmus.device import download
from isthmus.device.download import Limits, SourceError, fetch

BODY = bytes(range(256)) * 4096
PATIENT = Limits(connect_s=5.0, stall_s=10.0, tries=3)
IMPATIENT = Limits(connect_s=5.0, stall_s=0.3, tries=3)


def bring(url: str, part: Path, *, size: int | None = len(BODY), limits: Limits = PATIENT) -> list[int]:
    heard: list[int] = []
    fetch(url, part, size=size, limits=limits, progress=heard.append)
    return heard


@pytest.fixture
def part(tmp_path: Path, hub) -> Path:
    hub.files["/model"] = BODY
    return tmp_path / "model.part"


def test_a_whole_file_arrives_and_progress_is_told(hub, part: Path) -> None:
    heard = bring(hub.url("/model"), part)
    assert part.read_bytes() == BODY
    assert heard == sorted(heard)
    assert heard[-1] == len(BODY)


def test_a_redirect_keeps_the_range(hub, part: Path) -> None:
    part.write_bytes(BODY[:1000])
    hub.script = ["redirect"]
    bring(hub.url("/model"), part)
    assert part.read_bytes() == BODY
    assert hub.requests == [("/model", "bytes=1000-"), ("/cdn/model", "bytes=1000-")]


def test_a_transfer_that_breaks_off_goes_on_where_it_stopped(hub, part: Path) -> None:
    hub.script = ["cut:300000", "cut:200000"]
    bring(hub.url("/model"), part)
    assert part.read_bytes() == BODY
    assert [asked for _, asked in hub.requests] == ["", "bytes=300000-", "bytes=500000-"]


def test_a_host_that_falls_silent_is_asked_again_for_the_rest(hub, part: Path) -> None:
    hub.script = ["stall:300000"]
    bring(hub.url("/model"), part, limits=IMPATIENT)
    assert part.read_bytes() == BODY
    assert len(hub.requests) == 2


def test_a_host_that_stays_silent_is_given_up_and_the_beginning_kept(hub, part: Path) -> None:
    part.write_bytes(BODY[:1000])
    hub.script = ["stall:0"] * 9
    with pytest.raises(SourceError, match="did not answer in time, 3 times"):
        bring(hub.url("/model"), part, limits=IMPATIENT)
    assert part.read_bytes() == BODY[:1000]


def test_a_host_that_never_sends_a_byte_is_given_up_at_once(hub, part: Path) -> None:
    hub.script = ["stall:0"] * 9
    with pytest.raises(SourceError, match="did not answer in time"):
        bring(hub.url("/model"), part, limits=IMPATIENT)
    assert len(hub.requests) == 1


def test_a_host_that_knows_no_ranges_sends_all_again(hub, part: Path) -> None:
    part.write_bytes(b"x" * 1000)
    hub.script = ["no-range"]
    bring(hub.url("/model"), part)
    assert part.read_bytes() == BODY


def test_a_beginning_longer_than_the_file_is_thrown_away(hub, part: Path) -> None:
    part.write_bytes(b"x" * (len(BODY) + 5))
    bring(hub.url("/model"), part, size=None)
    assert part.read_bytes() == BODY


@pytest.mark.parametrize("status", [403, 404, 416, 500])
def test_an_error_answer_is_named_by_its_status(hub, part: Path, status: int) -> None:
    hub.script = [f"status:{status}"] * 9
    with pytest.raises(SourceError, match=f"answered {status}"):
        bring(hub.url("/model"), part)


def test_more_bytes_than_the_file_has_end_the_transfer(hub, part: Path) -> None:
    hub.script = ["more"]
    with pytest.raises(SourceError, match="more than"):
        bring(hub.url("/model"), part)
    assert not part.exists()


def test_a_file_of_unknown_length_ends_where_the_answer_ends(hub, part: Path) -> None:
    hub.script = ["no-length"]
    bring(hub.url("/model"), part, size=None)
    assert part.read_bytes() == BODY


def test_what_is_whole_already_is_not_asked_for(hub, part: Path) -> None:
    part.write_bytes(BODY)
    assert bring(hub.url("/model"), part) == [len(BODY)]
    assert hub.requests == []


def test_a_host_that_refuses_is_said_so(part: Path, closed_port: int) -> None:
    with pytest.raises(SourceError, match="refused the connection"):
        bring(f"http://127.0.0.1:{closed_port}/model", part)


@pytest.fixture
def black_hole() -> Iterator[int]:
    """A port whose queue is full: to connect there is to wait for ever, as behind a firewall that drops."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = []
        for _ in range(4):
            waiting.append(socket.socket())
            waiting[-1].setblocking(False)
            waiting[-1].connect_ex(listener.getsockname())
        yield listener.getsockname()[1]
        for one in waiting:
            one.close()


def resolving(monkeypatch: pytest.MonkeyPatch, *ports: int) -> None:
    """Every name leads to these ports on this machine, in this order."""
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)) for port in ports]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)


def test_a_blocked_address_costs_only_its_share_of_the_time(
    hub, part: Path, black_hole: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolving(monkeypatch, black_hole, black_hole, hub.server_port)
    bring("http://hub.test/model", part, limits=Limits(connect_s=0.9, stall_s=10.0))
    assert part.read_bytes() == BODY


def test_a_host_that_is_blocked_on_every_address_is_given_up(
    part: Path, black_hole: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolving(monkeypatch, black_hole, black_hole)
    with pytest.raises(SourceError, match="did not answer in time"):
        bring("http://hub.test/model", part, limits=Limits(connect_s=0.1))


def test_a_name_without_addresses_is_said_so(part: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    resolving(monkeypatch)
    with pytest.raises(SourceError, match="not known"):
        bring("http://hub.test/model", part)


def test_a_file_url_is_read_and_a_missing_one_named(tmp_path: Path, part: Path) -> None:
    (tmp_path / "there").write_bytes(BODY)
    bring((tmp_path / "there").as_uri(), part)
    assert part.read_bytes() == BODY
    part.unlink()
    with pytest.raises(SourceError):
        bring((tmp_path / "absent").as_uri(), part)


def test_other_schemes_are_not_opened(part: Path) -> None:
    with pytest.raises(SourceError):
        bring("ftp://127.0.0.1/model", part)


def test_https_is_checked_against_certificates(hub, part: Path) -> None:
    with pytest.raises(SourceError):
        bring(hub.url("/model").replace("http:", "https:"), part)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (TimeoutError(), "in time"),
        (urllib.error.URLError(ConnectionRefusedError()), "refused"),
        (FileNotFoundError(), "not there"),
        (OSError(28, "No space left on device"), "no space left on device"),
        (urllib.error.URLError("text"), "broke off"),
    ],
)
def test_reasons_are_words_for_a_person(error: Exception, words: str) -> None:
    assert words in download._why(error)
