"""The batches door: /v1/batches. A journal per batch, sealed on disk, so that a crash loses no answer that was had.

A batch is asked line by line in the priority class `batch`, each line as the request it is: with the key's decision,
duties, budget and receipt. What was asked and not yet written when a process died is asked again: at least once.
Source: OpenAI API reference, "Batch".
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from isthmus.core.clock import Clock
from isthmus.core.errors import Refusal
from isthmus.gateway.doors.files import Files
from isthmus.gateway.doors.shape import decode
from isthmus.gateway.doors.vault import Vault

PATH = b"/v1/batches"
ENDPOINTS = ("/v1/chat/completions", "/v1/responses", "/v1/messages", "/v1/embeddings")
WINDOW = 24 * 3600  # seconds
LINES = 50_000
OPEN = ("validating", "in_progress", "finalizing", "cancelling")
_ID = re.compile(r"batch_[0-9a-f]{24}")


class Wanted(msgspec.Struct):
    """The body of POST /v1/batches."""

    input_file_id: str
    endpoint: str
    completion_window: str
    metadata: dict[str, str] | None = None


class Counts(msgspec.Struct):
    total: int = 0
    completed: int = 0
    failed: int = 0


class Batch(msgspec.Struct, omit_defaults=False):
    """What the batch API says of a batch. Times are seconds since 1970."""

    id: str
    endpoint: str
    input_file_id: str
    completion_window: str
    created_at: int
    expires_at: int
    metadata: dict[str, str] | None = None
    object: str = "batch"
    status: str = "validating"
    errors: dict[str, Any] | None = None
    output_file_id: str | None = None
    error_file_id: str | None = None
    in_progress_at: int | None = None
    finalizing_at: int | None = None
    completed_at: int | None = None
    failed_at: int | None = None
    expired_at: int | None = None
    cancelling_at: int | None = None
    cancelled_at: int | None = None
    request_counts: Counts = msgspec.field(default_factory=Counts)


class Whose(msgspec.Struct):
    """On whose behalf a batch runs: the key's id and the `isthmus-*` headers it came with. Never the key itself."""

    tenant: str
    key_id: str
    headers: dict[str, str] = {}


class Line(msgspec.Struct):
    """One request of the input file."""

    custom_id: str
    method: str
    url: str
    body: msgspec.Raw


class Result(msgspec.Struct):
    """What became of the line `at`: status 200 and the answer, or another status and the error."""

    at: int
    custom_id: str
    status: int
    body: msgspec.Raw
    id: str = ""


class Entry(msgspec.Struct, omit_defaults=True):
    """One record of a journal: the batch as it began, a state it came to, or a result."""

    batch: Batch | None = None
    whose: Whose | None = None
    state: str = ""
    at: int = 0
    said: dict[str, Any] = {}
    result: Result | None = None


_wanted = msgspec.json.Decoder(Wanted)
_entry = msgspec.json.Decoder(Entry)
_line = msgspec.json.Decoder(Line)
_top = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Batches:
    """All batches under one folder; `files` holds what goes in and what comes out."""

    def __init__(self, folder: Path, files: Files, clock: Clock) -> None:
        self._folder = folder
        self.files = files
        self._clock = clock

    def now(self) -> int:
        return self._clock.epoch_ms() // 1000

    def create(self, body: bytes, whose: Whose) -> Batch:
        """Write down a new batch. Raises Refusal bad_json, bad_field or unknown_object."""
        wanted = decode(_wanted, body)
        if wanted.endpoint not in ENDPOINTS:
            raise Refusal("bad_field", field="endpoint", reason="one of " + ", ".join(ENDPOINTS))
        if wanted.completion_window != "24h":
            raise Refusal("bad_field", field="completion_window", reason="24h")
        if len(wanted.metadata or ()) > 16:
            raise Refusal("bad_field", field="metadata", reason="at most 16 pairs")
        self.files.find(whose.tenant, wanted.input_file_id)
        batch = Batch(
            id=f"batch_{secrets.token_hex(12)}",
            endpoint=wanted.endpoint,
            input_file_id=wanted.input_file_id,
            completion_window=wanted.completion_window,
            created_at=self.now(),
            expires_at=self.now() + WINDOW,
            metadata=wanted.metadata,
        )
        entry = Entry(batch=batch, whose=whose)
        self.files.vault(whose.tenant).write(f"{batch.id}.batch", [msgspec.json.encode(entry)])
        return batch

    def find(self, tenant: str, name: str) -> Batch:
        """A batch as it stands now. Raises Refusal unknown_object."""
        batch, _, _ = self.replay(tenant, name)
        return batch

    def all(self, tenant: str) -> list[Batch]:
        """Every batch of a tenant, newest first."""
        folder = self.files.vault(tenant).folder
        found = [self.find(tenant, path.stem) for path in folder.glob("batch_*.batch")]
        return sorted(found, key=lambda batch: (batch.created_at, batch.id), reverse=True)

    def cancel(self, tenant: str, name: str) -> Batch:
        """Ask for a batch to end; its runner reads the mark. Raises Refusal unknown_object."""
        batch = self.find(tenant, name)
        if batch.status in OPEN:
            (self.files.vault(tenant).folder / f"{name}.cancel").touch(mode=0o600)
        return self.find(tenant, name)

    def is_cancelled(self, tenant: str, name: str) -> bool:
        return (self.files.vault(tenant).folder / f"{name}.cancel").exists()

    def ended(self, tenant: str, name: str) -> None:
        """Mark a batch that came to its end, so that nobody looks for work in it again."""
        (self.files.vault(tenant).folder / f"{name}.ended").touch(mode=0o600)

    def replay(self, tenant: str, name: str) -> tuple[Batch, Whose, dict[int, Result]]:
        """A journal from its beginning: the batch, on whose behalf, and every result had so far, by line."""
        if _ID.fullmatch(name) is None:
            raise Refusal("unknown_object", kind="batch", id="-")
        results: dict[int, Result] = {}
        batch: Batch | None = None
        whose: Whose | None = None
        try:
            for record in self.files.vault(tenant).read(f"{name}.batch"):
                entry = _entry.decode(record)
                batch, whose = batch or entry.batch, whose or entry.whose
                if entry.result is not None:
                    results[entry.result.at] = entry.result
                elif entry.state and batch is not None:
                    arrive(batch, entry)
        except FileNotFoundError:
            raise Refusal("unknown_object", kind="batch", id=name) from None
        if batch is None or whose is None:
            raise Refusal("data_damaged", reason=f"{name} has no beginning. Delete it and send the batch again.")
        done = sum(result.status == 200 for result in results.values())
        batch.request_counts.completed = done
        batch.request_counts.failed = len(results) - done
        if batch.status in ("validating", "in_progress") and self.is_cancelled(tenant, name):
            batch.status = "cancelling"
        return batch, whose, results

    def waiting(self) -> Iterator[tuple[str, str]]:
        """Tenant and id of every batch that is not at its end, oldest first, over all tenants."""
        open_ones = []
        for path in self._folder.glob("*/batch_*.batch"):
            tenant = None if path.with_suffix(".ended").exists() else self._tenant(path)
            if tenant is not None:
                batch = self.find(tenant, path.stem)
                if batch.status in OPEN:
                    open_ones.append((batch.created_at, tenant, batch.id))
        for _, tenant, name in sorted(open_ones):
            yield tenant, name

    def _tenant(self, path: Path) -> str | None:
        """Whose journal this is: the folder does not say, its first record does."""
        first = next(Vault(path.parent).read(path.name), None)
        whose = _entry.decode(first).whose if first is not None else None
        return whose.tenant if whose is not None else None

    def lines(self, tenant: str, batch: Batch) -> list[Line]:
        """The requests of the input file. Raises InvalidInputError with every line that is wrong."""
        wrong: list[dict[str, Any]] = []
        lines: list[Line] = []
        seen: set[str] = set()
        for number, raw in enumerate(self.files.content(tenant, batch.input_file_id).splitlines(), 1):
            if raw.strip():
                said = _objection(raw, batch, seen)
                if isinstance(said, Line):
                    lines.append(said)
                else:
                    wrong.append({**said, "line": number})
        if not lines and not wrong:
            wrong.append({"code": "empty_file", "message": "The input file holds no request.", "line": None})
        if len(lines) > LINES:
            wrong.append({"code": "too_many_requests", "message": f"At most {LINES} requests.", "line": None})
        if wrong:
            raise InvalidInputError(wrong[:100])
        return lines


class InvalidInputError(ValueError):
    """The input file has lines that cannot be asked; `wrong` says which and why, without their words."""

    def __init__(self, wrong: list[dict[str, Any]]) -> None:
        super().__init__(len(wrong))
        self.wrong = wrong


def _objection(raw: bytes, batch: Batch, seen: set[str]) -> Line | dict[str, Any]:
    try:
        line = _line.decode(raw)
        body = _top.decode(line.body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return {"code": "invalid_json_line", "message": "A line is one JSON object: custom_id, method, url, body."}
    if line.custom_id in seen or not line.custom_id:
        return {"code": "duplicate_custom_id", "message": "Each line has a custom_id of its own.", "param": "custom_id"}
    if line.method != "POST" or line.url != batch.endpoint:
        return {
            "code": "mismatched_endpoint",
            "message": "method is POST, url is the batch's endpoint.",
            "param": "url",
        }
    if bytes(body.get("stream", msgspec.Raw(b"false"))) not in (b"false", b"null"):
        return {"code": "invalid_request", "message": "A batch does not stream.", "param": "stream"}
    seen.add(line.custom_id)
    return line


def arrive(batch: Batch, entry: Entry) -> None:
    """Take over a state from the journal, with its time and what it said."""
    batch.status = entry.state
    field = f"{entry.state}_at"
    if field in Batch.__struct_fields__:
        setattr(batch, field, entry.at)
    for name, value in entry.said.items():
        if name == "total":
            batch.request_counts.total = value
        else:
            setattr(batch, name, value)
