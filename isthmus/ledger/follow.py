"""The end of a ledger, read as it grows: each log from where the last look stopped, at most so many bytes a look.

Rules of this room:
1. It never reads again what it gave out, and never gives out half a record: one that is being written is found whole by
   the next look.
2. What was there before the first look is passed over; a log that begins later is read from its beginning.
3. A log that is more than MOST looks behind is passed over up to its newest segment, and `skipped` says so in bytes:
   whoever must not miss an entry reads the ledger (ledger.read), not its end.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path

from isthmus.ledger import frame, read

LOOK = 4 << 20  # bytes of one log that one look reads
MOST = 16  # looks that a log may be behind


class Follower:
    """Follows every log of a ledger's folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._at: dict[str, tuple[str, int]] = {}
        self.skipped = 0
        for shard in read.shards(folder):
            for path in read.segments(folder, shard)[-1:]:
                self._at[shard] = (path.name, _end(path))

    def look(self) -> Iterator[bytes]:
        """Payloads that were written since the last look, log by log. Raises OSError."""
        for shard in read.shards(self._folder):
            room = LOOK
            for path in self._ahead(shard):
                room -= yield from self._read(shard, path, room)
                if room <= 0:
                    break

    def _ahead(self, shard: str) -> list[Path]:
        name, offset = self._at.get(shard, ("", 0))
        ahead = [path for path in read.segments(self._folder, shard) if path.name >= name]
        behind = sum(path.stat().st_size for path in ahead) - (offset if ahead and ahead[0].name == name else 0)
        if behind > MOST * LOOK and len(ahead) > 1:
            self.skipped += behind - ahead[-1].stat().st_size
            return ahead[-1:]
        return ahead

    def _read(self, shard: str, path: Path, room: int) -> Generator[bytes, None, int]:
        """The whole records of a segment that were not given out; returns their bytes."""
        name, offset = self._at.get(shard, ("", 0))
        if path.name != name:
            offset = frame.header_size(int(path.stem))
        with path.open("rb") as file:
            file.seek(offset)
            block = file.read(max(room, frame.LIMIT + frame.RECORD_SIZE))
        done = 0
        try:
            for record in frame.records(block, 0):
                done = record.offset + frame.RECORD_SIZE + len(record.payload)
                self._at[shard] = (path.name, offset + done)
                yield record.payload
        except frame.BrokenSegmentError:
            pass  # a record that is being written, or that the block cuts
        return done


def _end(path: Path) -> int:
    """Where the last whole record of a segment ends."""
    block = path.read_bytes()
    end = frame.header_size(int(path.stem))
    try:
        for record in frame.records(block, end):
            end = record.offset + frame.RECORD_SIZE + len(record.payload)
    except frame.BrokenSegmentError:
        pass
    return end
