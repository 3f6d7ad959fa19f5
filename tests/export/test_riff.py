import pytest

from isthmus.core.errors import Refusal
from isthmus.export import riff
from isthmus.export.riff import Chunk


def test_chunks_of_odd_length_are_padded():
    data = riff.build(b"WAVE", [Chunk(b"one ", b"1"), Chunk(b"two ", b"22")], "wav")
    assert len(data) % 2 == 0
    assert list(riff.chunks(data, "wav")) == [(b"one ", b"1"), (b"two ", b"22")]


def test_a_cut_file_and_a_long_chunk_are_refused():
    data = riff.build(b"WAVE", [Chunk(b"one ", b"1234")], "wav")
    with pytest.raises(Refusal, match="bad_file"):
        list(riff.chunks(data[:-2], "wav"))
    with pytest.raises(Refusal, match="bad_file"):
        list(riff.inside(b"one \xff\0\0\0", "wav"))


def test_chunks_without_number_are_refused(monkeypatch):
    monkeypatch.setattr(riff, "LIMIT", 2)
    with pytest.raises(Refusal, match="bad_file"):
        list(riff.inside(b"none\0\0\0\0" * 4, "wav"))
