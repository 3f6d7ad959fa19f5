"""A backup: one tar.gz whose first member lists every file with its SHA-256, so that a restore is whole or refused.

Rules of this room:
1. The accounts are copied as one moment had them, never as a file under a writer: SQLite by its own online backup,
   PostgreSQL row by row in one snapshot. Either way the archive holds them as a SQLite file.
2. A log of the ledger is copied up to the last checkpoint that was signed before the copy began; what came later is
   another backup's. So every proof that could be given then can be given from the copy.
3. A restore goes into an empty home, checks every digest before anything has its name, and verifies the ledger.
"""

from __future__ import annotations

import io
import os
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from hashlib import file_digest, sha256
from pathlib import Path

import msgspec
from sqlalchemy import make_url

from isthmus import __version__
from isthmus.core.clock import Clock
from isthmus.core.config import Config
from isthmus.core.errors import Refusal
from isthmus.ledger import accounts_copy, verify
from isthmus.ledger.database import Database, address

MANIFEST = "MANIFEST.json"
KEPT = (
    "operator.toml", "demo.key", "owner.token", "accounts.pepper", "leases.url",
    "terms", "allow", "regions", "partners",
)  # fmt: skip
# The order matters: a checkpoint in heads/ and node/ vouches for entries, so these are copied before the entries.
LEDGER = ("node.key", "node.pub", "CHECKPOINT", "node", "heads", "shards")
NEVER = ("lock",)


class File(msgspec.Struct, frozen=True):
    """One file: its place in the home, its length and SHA-256 (hex)."""

    name: str
    size: int
    sha256: str
    mode: int


class Manifest(msgspec.Struct, frozen=True):
    """What a backup holds, when it was made (ms since 1970 UTC), by which version. `entries` of a restored ledger."""

    version: str
    made: int
    files: list[File]
    entries: int = 0

    @property
    def bytes(self) -> int:
        return sum(each.size for each in self.files)


def write(config: Config, file: Path, clock: Clock, progress: Callable[[int, int], None]) -> Manifest:
    """Write a backup of `config.home` to `file`. Raises Refusal usage, data_damaged; OSError."""
    if not config.home.exists():
        raise Refusal("usage", reason=f"{config.home}: there is no house here.")
    with tempfile.TemporaryDirectory(dir=file.absolute().parent) as place:
        copy = Path(place)
        _copy_ledger(config.ledger, copy / "ledger")
        _copy_accounts(config.accounts, copy / config.accounts.name)
        for name in KEPT:
            _copy_kept(config.home / name, copy / name)
        _check_ledger(copy / "ledger")
        files = [_described(copy, path) for path in sorted(copy.rglob("*")) if path.is_file()]
        made = Manifest(__version__, clock.epoch_ms(), files)
        draft = file.with_name(f".{file.name}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
            _pack(out, copy, made, progress)
            out.flush()
            os.fsync(out.fileno())
        draft.replace(file)
    return made


def restore(file: Path, home: Path, database: str = "") -> Manifest:
    """Bring a backup into `home`, which must be empty or missing; its accounts into the empty database that the URL
    `database` names, else into a SQLite file there. Raises Refusal usage, data_damaged.
    """
    if home.exists() and any(home.iterdir()):
        raise Refusal("usage", reason=f"{home} is not empty. Restore into a new folder: ISTHMUS_HOME=/another/folder.")
    home.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home.parent) as place:
        copy = Path(place) / "home"
        try:
            _unpack(file, copy)
            manifest = msgspec.json.decode((copy / MANIFEST).read_bytes(), type=Manifest)
        except (OSError, EOFError, tarfile.TarError, msgspec.MsgspecError) as error:
            raise Refusal("data_damaged", reason=f"{file} is not a whole backup ({type(error).__name__}).") from None
        (copy / MANIFEST).unlink()
        found = {str(path.relative_to(copy)) for path in copy.rglob("*") if path.is_file()}
        if found != {each.name for each in manifest.files}:
            raise Refusal("data_damaged", reason=f"{file} does not hold the files that it lists.")
        for each in manifest.files:
            path = copy / each.name
            if _digest(path) != each.sha256:
                raise Refusal("data_damaged", reason=f"{each.name} in {file} is not what was backed up.")
            path.chmod(each.mode & 0o777)
        report = _check_ledger(copy / "ledger")
        if database:
            _move_accounts(copy, database)
        if home.exists():
            home.rmdir()
        copy.chmod(0o700)
        copy.rename(home)
    return msgspec.structs.replace(manifest, entries=report.entries)


def _unpack(file: Path, copy: Path) -> None:
    """The files of a backup into `copy`. Raises OSError, EOFError, TarError, which anything but a plain file inside is.

    Not `extractall`: what keeps its members inside the folder (PEP 706) came with Python 3.11.4.
    """
    copy.mkdir()
    with tarfile.open(file, "r:gz") as tar:
        for member in tar:
            target = copy / member.name
            source = tar.extractfile(member) if member.isreg() else None
            if source is None or not target.resolve().is_relative_to(copy.resolve()):
                raise tarfile.ReadError(member.name)
            target.parent.mkdir(parents=True, exist_ok=True)
            with source, target.open("xb") as out:
                shutil.copyfileobj(source, out)


def _copy_accounts(place: Path, target: Path) -> None:
    """The accounts of the house whose SQLite file is, or would be, `place`, as a SQLite file."""
    url = make_url(address(place))
    if url.get_backend_name() == "sqlite":
        source = Path(url.database or place)
        if not source.exists():
            return
        with (
            closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as old,
            closing(sqlite3.connect(target)) as new,
        ):
            old.backup(new)
    else:
        with closing(Database(address(place))) as server, closing(Database(f"sqlite:///{target}")) as file:
            accounts_copy.copy(server, file)
    target.chmod(0o600)


def _move_accounts(home: Path, database: str) -> None:
    """From the SQLite file in `home` into an empty database, which the house then uses."""
    place = home / "accounts.sqlite"
    with closing(Database(f"sqlite:///{place}")) as file, closing(Database(database)) as server:
        accounts_copy.copy(file, server)
    for each in home.glob("accounts.sqlite*"):
        each.unlink()
    told = place.with_suffix(".url")
    told.write_text(f"{database}\n", "utf-8")
    told.chmod(0o600)


def _copy_kept(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target)
    elif source.exists():
        shutil.copy2(source, target)


def _copy_ledger(source: Path, target: Path) -> None:
    """Checkpoints first, then what they vouch for; entries only ever grow, so the later copy holds at least those."""
    if not source.exists():
        return
    for name in LEDGER:
        _copy_kept_log(source / name, target / name)
    # A head that was signed while its own log had not been copied yet would vouch for more than is here: the second
    # copy of a checkpoint is the log's last one.
    for log in (target / "shards").glob("*"):
        _align(log, target / "heads" / log.name)
    _align(target / "node", target / "CHECKPOINT")


def _copy_kept_log(source: Path, target: Path) -> None:
    if not source.exists():
        return
    if source.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)
        return
    for path in _logs_in_order(source):
        place = target / path.relative_to(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, place)


def _logs_in_order(folder: Path) -> Iterator[Path]:
    """Files of a log folder: checkpoints before the nodes and segments that they vouch for."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name not in NEVER]
    return iter(
        sorted(files, key=lambda path: (path.name != "checkpoints", not path.name.startswith("tree."), str(path)))
    )


def _align(log: Path, head: Path) -> None:
    """Make a log's second copy of its last checkpoint the last whole one of the copied file."""
    notes = log / "checkpoints"
    if not notes.exists() or not head.exists():
        return
    from isthmus.ledger import checkpoint

    last, end = checkpoint.last(notes)
    if last is not None:
        with notes.open("r+b") as out:
            out.truncate(end)
        head.write_bytes(last.note)


def _check_ledger(folder: Path) -> verify.Report:
    report = verify.verify(folder) if folder.exists() else verify.Report()
    if not report.sound:
        first = report.damages[0]
        raise Refusal(
            "data_damaged", reason=f"The ledger's copy is not sound: {first.log}/{first.file}: {first.reason}."
        )
    return report


def _described(root: Path, path: Path) -> File:
    return File(str(path.relative_to(root)), path.stat().st_size, _digest(path), path.stat().st_mode & 0o777)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, sha256).hexdigest()


def _pack(out: io.BufferedWriter, root: Path, made: Manifest, progress: Callable[[int, int], None]) -> None:
    done = 0
    with tarfile.open(fileobj=out, mode="w:gz", compresslevel=6) as tar:
        listing = msgspec.json.encode(made)
        member = tarfile.TarInfo(MANIFEST)
        member.size, member.mtime, member.mode = len(listing), made.made // 1000, 0o600
        tar.addfile(member, io.BytesIO(listing))
        for each in made.files:
            tar.add(root / each.name, each.name, recursive=False)
            done += each.size
            progress(done, made.bytes)
