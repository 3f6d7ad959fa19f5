import io
import struct
import wave

import pytest

from isthmus.core.errors import Refusal
from isthmus.export import riff, tone, wav
from isthmus.export.riff import Chunk

MARK = {"AIGC": '{"Label":"1"}', "Provenance": '{"id":"x"}'}


def test_both_places_hold_the_mark_and_other_tags_stay(waves):
    info = Chunk(b"LIST", b"INFO" + riff.join([Chunk(b"INAM", b"a name\0"), Chunk(b"AIGC", b"old\0")]))
    data = riff.build(b"WAVE", [*riff.chunks(waves(), "wav"), info, Chunk(b"C2PA", b"x")], "wav")
    assert (wav.read(data).marks, wav.read(data).others) == ({"AIGC": "old"}, ("C2PA",))
    marked = wav.write(data, MARK)
    assert wav.read(marked).marks == MARK
    assert (marked.count(b"a name"), marked.count(b"old\0")) == (1, 0)
    assert wav.essence(marked) == wav.essence(data)


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_the_rhythm_is_heard_before_the_sound(waves, width):
    data = waves(width)
    assert not wav.shown(data, "AI")
    shown = wav.show(data, "AI")
    assert wav.shown(shown, "AI")
    with wave.open(io.BytesIO(shown)) as after, wave.open(io.BytesIO(data)) as before:
        frames = len(tone.samples(8000))
        assert after.getnframes() == before.getnframes() + frames
        after.setpos(frames)
        assert after.readframes(100) == before.readframes(100)


def test_samples_in_floating_point_and_the_extensible_form_are_met():
    form = struct.pack("<HHIIHH", 3, 1, 8000, 32000, 4, 32)
    data = riff.build(b"WAVE", [Chunk(b"fmt ", form), Chunk(b"data", b"\0" * 8)], "wav")
    assert wav.shown(wav.show(data, ""), "")
    form = struct.pack("<HHIIHHHHIH", 0xFFFE, 1, 8000, 16000, 2, 16, 22, 16, 0, 1) + bytes(14)
    data = riff.build(b"WAVE", [Chunk(b"fmt ", form), Chunk(b"data", b"\0" * 8)], "wav")
    assert wav.shown(wav.show(data, ""), "")


@pytest.mark.parametrize(
    "form", [b"", struct.pack("<HHIIHH", 85, 1, 8000, 8000, 1, 0), struct.pack("<HHIIHH", 1, 0, 0, 0, 0, 16)]
)
def test_compressed_or_nameless_sound_takes_no_tone(form):
    data = riff.build(b"WAVE", [Chunk(b"fmt ", form), Chunk(b"data", b"\0" * 8)], "wav")
    with pytest.raises(Refusal, match="bad_file"):
        wav.show(data, "")


def test_a_file_without_sound_takes_no_mark():
    with pytest.raises(Refusal, match="bad_file"):
        wav.write(riff.build(b"WAVE", [], "wav"), MARK)
