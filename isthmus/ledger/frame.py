"""The bytes of a segment: a header, then records. Pure functions; nothing here opens a file.

segment  = header record*
header   = magic(8) first(u64) made(u64, ms since 1970 UTC) chain(32) peak(32)* crc(u32)           big-endian
record   = length(u32) crc(u32) chain(32) payload(length)                                          big-endian
chain_i  = SHA-256(0x00 || chain_(i-1) || payload_i); chain_(-1) is 32 zeros, the header holds the one before it
leaf_i   = chain_i: in the words of RFC 9162, 2.1.1, entry i is the data chain_(i-1) || payload_i, so that one hash is
           both the link of the chain and the leaf of the tree
peak     = a perfect subtree of the Merkle tree over the `first` entries before this segment, largest first; there is
           one for each set bit of `first`
crc      = CRC-32 of chain || payload (record), of all before it (header)

The CRC tells a torn write from a whole one without hashing; the chain tells an altered one. Chain and peaks in the
header let each segment be checked, and the last one be continued, without reading those before it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from hashlib import sha256
from mmap import mmap
from typing import NamedTuple
from zlib import crc32

MAGIC = b"ISTHLGR1"
ORIGIN = bytes(32)
LIMIT = 1 << 20  # bytes of one payload
_HEADER = struct.Struct(">8sQQ32s")
_RECORD = struct.Struct(">II32s")
start_link = sha256(b"\x00").copy  # copying a started hash costs a third less than starting one
pack_record = struct.Struct(">II").pack  # length and crc; chain and payload follow
RECORD_SIZE = _RECORD.size


class Header(NamedTuple):
    """`first` is the sequence number of the first record; `chain` and `peaks` stand for all before it."""

    first: int
    made: int
    chain: bytes
    peaks: tuple[bytes, ...] = ()

    @property
    def size(self) -> int:
        """Length of this header, in bytes."""
        return header_size(self.first)


class Damage(NamedTuple):
    """Where a segment stops being one, as an offset in bytes, and why."""

    offset: int
    reason: str


class Record(NamedTuple):
    """One whole record: where it begins, its chain hash as written, its payload. The chain is not checked yet."""

    offset: int
    chain: bytes
    payload: bytes


class Hit(NamedTuple):
    """A record that a search found: its number in the segment (from 0), where it begins, its leaf and payload."""

    number: int
    offset: int
    leaf: bytes
    payload: bytes


class BrokenSegmentError(ValueError):
    """A segment's bytes are not what was written. `damage` names the place."""

    def __init__(self, damage: Damage) -> None:
        super().__init__(damage.reason)
        self.damage = damage


def header_size(first: int) -> int:
    """Length in bytes of the header of a segment that begins with entry `first`."""
    return _HEADER.size + 32 * first.bit_count() + 4


def write_header(header: Header) -> bytes:
    """The bytes of a segment's header."""
    block = _HEADER.pack(MAGIC, header.first, header.made, header.chain) + b"".join(header.peaks)
    return block + crc32(block).to_bytes(4, "big")


def read_header(block: bytes) -> Header:
    """The header at the start of `block`. Raises BrokenSegmentError."""
    if len(block) < _HEADER.size:
        raise BrokenSegmentError(Damage(0, "the header is cut"))
    magic, first, made, chain = _HEADER.unpack_from(block)
    start, stop = _HEADER.size, _HEADER.size + 32 * first.bit_count()
    if magic != MAGIC:
        raise BrokenSegmentError(Damage(0, "the header is damaged"))
    if len(block) < stop + 4:
        raise BrokenSegmentError(Damage(0, "the header is cut"))
    if int.from_bytes(block[stop : stop + 4], "big") != crc32(block[:stop]):
        raise BrokenSegmentError(Damage(0, "the header is damaged"))
    return Header(first, made, chain, tuple(block[at : at + 32] for at in range(start, stop, 32)))


def link(chain: bytes, payload: bytes) -> bytes:
    """The chain hash of an entry, which is its Merkle leaf; `chain` is that of the entry before it."""
    hashed = start_link()
    hashed.update(chain + payload)
    return hashed.digest()


def write_record(chain: bytes, payload: bytes) -> bytes:
    """The bytes of one record; `chain` is its own chain hash."""
    body = chain + payload
    return _RECORD.pack(len(payload), crc32(body), chain) + payload


def payloads(segment: bytes | mmap, offset: int, skip: int) -> Iterator[bytes]:
    """Payloads from the record at `offset` on, the first `skip` left out, nothing checked but the lengths."""
    for at, stop in _spans(segment, offset, skip):
        yield segment[at + RECORD_SIZE : stop]


def leaves(segment: bytes | mmap, offset: int, skip: int) -> Iterator[bytes]:
    """The same for the leaves, as they were written."""
    for at, _ in _spans(segment, offset, skip):
        yield segment[at + 8 : at + RECORD_SIZE]


def _spans(segment: bytes | mmap, offset: int, skip: int) -> Iterator[tuple[int, int]]:
    head, end = RECORD_SIZE, len(segment)
    while offset + head <= end:
        stop = offset + head + int.from_bytes(segment[offset : offset + 4], "big")
        if stop > end:
            return
        if skip:
            skip -= 1
        else:
            yield offset, stop
        offset = stop


def search(segment: bytes, start: int, needle: bytes) -> Iterator[Hit]:
    """Whole records whose payload holds `needle`, from the record at `start` on; few records are touched."""
    offset, number = start, 0
    while (at := segment.find(needle, offset)) >= 0:
        for offset, stop in _spans(segment, offset, 0):  # noqa: B007, B020  # the span that covers `at` stays
            number += 1
            if stop > at:
                break
        else:
            return
        hit = _hit(segment, offset, stop, number - 1)
        if hit is None:
            return
        if needle in hit.payload:
            yield hit
        offset = stop


def search_last(segment: bytes, start: int, end: int, needle: bytes) -> Hit | None:
    """The last record before `end` with `needle` in it; None when there is none, or when it is not whole."""
    at = segment.rfind(needle, start, end)
    for number, (offset, stop) in enumerate(_spans(segment, start, 0)):
        if offset <= at < stop:
            return _hit(segment, offset, stop, number)
    return None


def _hit(segment: bytes, offset: int, stop: int, number: int) -> Hit | None:
    try:
        record = next(records(segment[offset:stop], 0))
    except BrokenSegmentError:
        return None
    return Hit(number, offset, record.chain, record.payload)


def records(segment: bytes, start: int) -> Iterator[Record]:
    """Every whole record of `segment` from `start`. Raises BrokenSegmentError at the first that is not whole."""
    offset, end = start, len(segment)
    unpack, head = _RECORD.unpack_from, RECORD_SIZE
    while offset < end:
        if end - offset < head:
            raise BrokenSegmentError(Damage(offset, "a record is cut in its head"))
        length, crc, chain = unpack(segment, offset)
        if length > LIMIT:
            raise BrokenSegmentError(Damage(offset, "a record claims an impossible length"))
        stop = offset + head + length
        if stop > end:
            raise BrokenSegmentError(Damage(offset, "a record is cut in its payload"))
        if crc32(segment[offset + 8 : stop]) != crc:
            raise BrokenSegmentError(Damage(offset, "a record does not match its checksum"))
        yield Record(offset, chain, segment[offset + head : stop])
        offset = stop
