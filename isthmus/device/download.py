"""Fetch a large file over an unsteady network: resumable, bounded, and never trusted.

Rules of this file. Bytes go to a `.part` file that survives a broken transfer; the next try asks for the rest with a
Range request. A host that does not connect costs at most `connect_s`. What arrived is only a claim: the caller checks
the digest. More bytes than expected end the transfer at once.
Source: RFC 9110, sections 14 (range requests) and 15.3.7, 15.5.17 (206, 416).
"""

from __future__ import annotations

import errno
import functools
import http.client
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import msgspec

Progress = Callable[[int], None]

READ_SIZE = 1 << 18


class Limits(msgspec.Struct, frozen=True):
    """Seconds to connect, seconds without a byte before a transfer counts as broken, and tries without progress."""

    connect_s: float = 5.0
    stall_s: float = 30.0
    tries: int = 3


class SourceError(Exception):
    """A source did not deliver; the argument says why, in words for a person."""


def fetch(url: str, part: Path, *, size: int | None, limits: Limits, progress: Progress) -> None:
    """Bring the file at `url` to `part`, beginning with the bytes that are already there.

    `size` is the length in bytes where it is known. `progress` is told the bytes that are there, after each read.
    Raises SourceError; `part` then keeps what can be resumed.
    """
    opener = _opener(limits)
    fruitless = 0
    while True:
        before = _length(part)
        if before == size:
            progress(before)
            return
        try:
            if _transfer(opener, url, part, size, progress):
                return
            reason = "the transfer ended early"
        except urllib.error.HTTPError as error:
            error.close()
            raise SourceError(f"it answered {error.code}") from None
        except (OSError, http.client.HTTPException) as error:
            reason = _why(error)
            if before == 0 and _length(part) == 0:
                raise SourceError(reason) from None
        fruitless = 0 if _length(part) > before else fruitless + 1
        if fruitless >= limits.tries:
            raise SourceError(f"{reason}, {limits.tries} times without progress")


def _transfer(
    opener: urllib.request.OpenerDirector, url: str, part: Path, size: int | None, progress: Progress
) -> bool:
    """One request. True when the file is whole as far as anyone said how long it is."""
    have = _length(part)
    request = urllib.request.Request(url, headers={"Accept-Encoding": "identity"})  # noqa: S310 - schemes: _opener
    if have:
        request.add_header("Range", f"bytes={have}-")
    try:
        response = opener.open(request)
    except urllib.error.HTTPError as error:
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and have:
            error.close()
            part.unlink()  # what is here is not a beginning of what is there
            return False
        raise
    with response:
        resumed = response.status == http.HTTPStatus.PARTIAL_CONTENT and _starts_at(response, have)
        have = have if resumed else 0
        claimed = response.headers.get("Content-Length")
        whole = size if size is not None else (have + int(claimed) if claimed and claimed.isdigit() else None)
        with part.open("ab" if resumed else "wb") as file:
            while piece := response.read(READ_SIZE):
                have += len(piece)
                if whole is not None and have > whole:
                    file.close()
                    part.unlink()
                    raise SourceError(f"it sent more than the {whole} bytes of this file")
                file.write(piece)
                progress(have)
    return whole is None or have == whole


def _starts_at(response: http.client.HTTPResponse, offset: int) -> bool:
    return response.headers.get("Content-Range", "").startswith(f"bytes {offset}-")


def _length(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _why(error: Exception) -> str:
    """What went wrong, without addresses or errno codes."""
    cause = error.reason if isinstance(error, urllib.error.URLError) and isinstance(error.reason, OSError) else error
    if isinstance(cause, TimeoutError):
        return "it did not answer in time"
    if isinstance(cause, ConnectionRefusedError):
        return "it refused the connection"
    if isinstance(cause, FileNotFoundError):
        return "the file is not there"
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror.lower()
    return "the transfer broke off"


def _reach(address: tuple[str, int], *_: object, within_s: float) -> socket.socket:
    """Connect to a host within `within_s` seconds over all its addresses: each gets its share of what is left.

    Without this, a blocked host with eight addresses would cost eight time-outs.
    """
    end = time.monotonic() + within_s
    found = socket.getaddrinfo(*address, type=socket.SOCK_STREAM)
    for left, (family, kind, protocol, _name, where) in zip(range(len(found), 0, -1), found, strict=True):
        attempt = socket.socket(family, kind, protocol)
        attempt.settimeout(max(0.01, (end - time.monotonic()) / left))
        try:
            attempt.connect(where)
        except OSError:
            attempt.close()
            if left == 1:
                raise
        else:
            attempt.settimeout(within_s)  # for the handshake of TLS
            return attempt
    raise OSError(errno.EADDRNOTAVAIL, "name or service not known")


def _opener(limits: Limits) -> urllib.request.OpenerDirector:
    """HTTP, HTTPS and file URLs, with the machine's proxies; connecting and reading have time limits of their own."""

    class Plain(http.client.HTTPConnection):
        def connect(self) -> None:
            self._create_connection = functools.partial(_reach, within_s=limits.connect_s)
            super().connect()
            self.sock.settimeout(limits.stall_s)

    class Secure(http.client.HTTPSConnection):
        def connect(self) -> None:
            self._create_connection = functools.partial(_reach, within_s=limits.connect_s)
            super().connect()
            self.sock.settimeout(limits.stall_s)

    class PlainHandler(urllib.request.HTTPHandler):
        def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
            return self.do_open(Plain, req)

    class SecureHandler(urllib.request.HTTPSHandler):
        def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
            return self.do_open(Secure, req)

    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        PlainHandler(),
        SecureHandler(),
        urllib.request.FileHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    return opener
