from pathlib import Path

import pytest

from isthmus.core.errors import Refusal
from isthmus.export import ffmpeg, mp4

MARK = {"AIGC": '{"Label":"1"}', "Provenance": '{"id":"x"}'}
FRAGMENTED = Path(__file__).parent / "data" / "fragmented.mp4"
C2PA = (24 + 8).to_bytes(4, "big") + b"uuid" + bytes.fromhex("d8fec3d61b0e483c92975828877ec481") + bytes(8)


def offsets(data):
    """What each chunk offset of the file points at: the first bytes there."""
    found = []
    for moov in mp4._boxes(data, 0, len(data)):
        if moov.kind == b"moov":
            for table, _ in mp4._tables(data, moov.start, moov.stop, 0):
                count = int.from_bytes(data[table.start + 4 : table.start + 8], "big")
                for at in range(table.start + 8, table.start + 8 + 4 * count, 4):
                    place = int.from_bytes(data[at : at + 4], "big")
                    found.append(data[place : place + 16])
    return found


def test_offsets_follow_what_moved(sample):
    data = sample("mp4")
    assert data.index(b"moov") < data.index(b"mdat")
    marked = mp4.write(data, MARK)
    assert len(offsets(marked)) > 1
    assert offsets(marked) == offsets(data)
    assert mp4.read(marked).marks == MARK
    assert mp4.essence(marked) == mp4.essence(data)


def test_other_keys_stay_and_an_older_mark_goes(sample):
    once = mp4.write(sample("mp4"), MARK)
    key = next(box for box in mp4._boxes(once, 0, len(once)) if box.kind == b"moov")
    body = mp4._with_key(once, key, b"new")
    assert body.count(b"mdtaAIGC") == 1
    other = once.replace(b"mdtaAIGC", b"mdtaELSE")
    twice = mp4.write(other, MARK)
    assert [
        key for key, _ in mp4._keyed(twice, next(b for b in mp4._boxes(twice, 0, len(twice)) if b.kind == b"moov"))
    ] == [
        b"mdtaELSE",
        b"mdtaAIGC",
    ]
    assert mp4.read(once.replace(mp4._XMP, bytes(16))).marks == {"AIGC": MARK["AIGC"]}


def test_a_fragmented_file_gets_the_packet_only_and_keeps_its_bytes():
    data = FRAGMENTED.read_bytes()
    marked = mp4.write(data, MARK)
    assert mp4.read(marked).marks == MARK
    index = data.rindex(b"mfra") - 4
    assert marked.startswith(data[:index])
    assert marked.endswith(data[index:])


def test_content_credentials_are_told_and_stay(sample):
    data = sample("mp4") + C2PA
    assert mp4.read(data).others == ("C2PA",)
    assert C2PA in mp4.write(data, MARK)


def test_a_mark_that_stood_between_is_moved_to_the_end(sample):
    data = sample("mp4")
    head = mp4._boxes(data, 0, len(data))
    at = next(box.stop for box in head if box.kind == b"ftyp")
    packet = mp4._box(b"uuid", mp4._XMP + mp4.xmp.write(None, MARK))
    moved = data[:at] + packet + data[at:]
    marked = mp4.write(moved, MARK)
    assert marked.count(mp4._XMP) == 1
    assert mp4.essence(marked) == mp4.essence(data)


@pytest.mark.parametrize(
    "tail",
    [
        b"\0\0\0\4bad!",
        b"\xff\xff\xff\xffmdat",
        b"\0\0\0\1mdat" + b"\xff" * 8,
        b"\0\0\0",
        b"\0\0\0\x08mdat",
    ],
)
def test_a_broken_file_is_refused(tail):
    with pytest.raises(Refusal, match="bad_file"):
        mp4.write(b"\0\0\0\x10ftypisom\0\0\0\0" + tail, MARK)


def test_boxes_without_number_are_refused(monkeypatch):
    monkeypatch.setattr(mp4, "LIMIT", 3)
    with pytest.raises(Refusal, match="bad_file"):
        mp4.read(b"\0\0\0\x08free" * 5)


def test_the_label_is_seen_at_the_start_and_credentials_stay(sample):
    if ffmpeg.shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg is not installed, so no video is made")
    shown = mp4.show(sample("mp4") + C2PA, "内容由AI生成")
    assert C2PA in shown
    assert mp4.essence(shown) != mp4.essence(sample("mp4"))
