"""The chore that works batches off: one process of a node runs it, whoever holds the lock.

Rules of this room:
1. A result is in the journal before anything else is done with it; after a crash only lines without one are asked.
2. A line that meets a full house (429, 503) waits and is asked again; every other answer is its result.
3. A batch ends completed, failed (its file is wrong), cancelled or expired, with a file of answers and one of errors.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import secrets
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec

from isthmus.gateway.doors.batches import Batch, Batches, Entry, InvalidInputError, Line, Result, Whose
from isthmus.gateway.doors.vault import Appender

AT_ONCE = 4  # lines of one batch that are asked at the same time
WAITS = (429, 503)
PAUSE = 1.0  # seconds between two looks for work, and before a line is asked again
LONGEST = 30.0

Ask = Callable[[Whose, str, bytes], Awaitable[tuple[int, bytes]]]  # on whose behalf, path, body -> status, body
Sleep = Callable[[float], Awaitable[None]]


class Lock:
    """Of all processes of a node one works batches off; when it dies the lock is free."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)

    def take(self) -> bool:
        """Whether this process holds it now."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        os.close(self._file)


async def work(batches: Batches, lock: Lock, ask: Ask, sleep: Sleep = asyncio.sleep) -> None:
    """Run for as long as the process does; ends only by being cancelled."""
    while True:
        if lock.take():
            await work_once(batches, ask, sleep)
            batches.files.sweep()
        await sleep(PAUSE)


async def work_once(batches: Batches, ask: Ask, sleep: Sleep = asyncio.sleep) -> int:
    """Work off every batch that waits now; returns how many came to their end."""
    ended = 0
    for tenant, name in await asyncio.to_thread(lambda: list(batches.waiting())):
        await run(batches, tenant, name, ask, sleep)
        ended += 1
    return ended


async def run(batches: Batches, tenant: str, name: str, ask: Ask, sleep: Sleep = asyncio.sleep) -> Batch:
    """One batch from wherever it stands to its end."""
    batch, whose, results = await asyncio.to_thread(batches.replay, tenant, name)
    journal = batches.files.vault(tenant).append(f"{name}.batch")
    try:
        try:
            lines = await asyncio.to_thread(batches.lines, tenant, batch)
        except InvalidInputError as wrong:
            errors = {"object": "list", "data": wrong.wrong}
            _note(journal, batches, "failed", errors=errors)
            batches.ended(tenant, name)
            return batches.find(tenant, name)
        if batch.status == "validating":
            _note(journal, batches, "in_progress", total=len(lines))
        todo = [(at, line) for at, line in enumerate(lines) if at not in results]
        await _ask_all(batches, (tenant, name), journal, (whose, todo, results), ask, sleep)
        _finish(batches, tenant, journal, (batch, lines, results))
    finally:
        journal.close()
    return batches.find(tenant, name)


async def _ask_all(
    batches: Batches,
    which: tuple[str, str],
    journal: Appender,
    work: tuple[Whose, list[tuple[int, Line]], dict[int, Result]],
    ask: Ask,
    sleep: Sleep,
) -> None:
    """Ask every line that has no result, AT_ONCE at a time, until none is left, or the batch is cancelled or late."""
    whose, todo, results = work
    tenant, name = which
    batch = batches.find(tenant, name)
    waiting = iter(todo)

    def over() -> bool:
        return batches.is_cancelled(tenant, name) or batches.now() >= batch.expires_at

    async def one() -> None:
        for at, line in waiting:
            if over():
                return
            pause = PAUSE
            while True:
                status, body = await ask(whose, line.url, bytes(line.body))
                if status not in WAITS or over():
                    break
                await sleep(pause)
                pause = min(LONGEST, pause * 2)
            result = Result(
                at, line.custom_id, status, msgspec.Raw(body or b"null"), f"batch_req_{secrets.token_hex(8)}"
            )
            journal.add(msgspec.json.encode(Entry(result=result)))
            results[at] = result

    await asyncio.gather(*(one() for _ in range(min(AT_ONCE, len(todo)))))


def _finish(
    batches: Batches, tenant: str, journal: Appender, work: tuple[Batch, list[Line], dict[int, Result]]
) -> None:
    """Write both files, then the last state: whoever reads that state finds them."""
    batch, lines, results = work
    if len(results) == len(lines):
        state = "completed"
    else:
        state = "cancelled" if batches.is_cancelled(tenant, batch.id) else "expired"
    code = f"batch_{state}"
    good = [_answered(results[at]) for at in sorted(results) if results[at].status == 200]
    bad = [_answered(results[at]) for at in sorted(results) if results[at].status != 200]
    if state != "completed":
        bad += [_unasked(line, code) for at, line in enumerate(lines) if at not in results]
    said: dict[str, Any] = {}
    for field, found in (("output_file_id", good), ("error_file_id", bad)):
        if found:
            purpose = "batch_output"
            said[field] = batches.files.put(tenant, f"{batch.id}_{field[:-8]}.jsonl", purpose, _rows(found)).id
    _note(journal, batches, state, **said)
    batches.ended(tenant, batch.id)


def _rows(found: Iterable[dict[str, Any]]) -> Iterable[bytes]:
    return (msgspec.json.encode(row) + b"\n" for row in found)


def _answered(result: Result) -> dict[str, Any]:
    response = {"status_code": result.status, "request_id": result.id, "body": result.body}
    return {"id": result.id, "custom_id": result.custom_id, "response": response, "error": None}


def _unasked(line: Line, code: str) -> dict[str, Any]:
    error = {"code": code, "message": "The batch ended before this request was answered."}
    return {"id": f"batch_req_{secrets.token_hex(8)}", "custom_id": line.custom_id, "response": None, "error": error}


def _note(journal: Appender, batches: Batches, state: str, **said: Any) -> None:
    journal.add(msgspec.json.encode(Entry(state=state, at=batches.now(), said=said)))
