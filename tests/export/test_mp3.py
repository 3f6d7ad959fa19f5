import io

import mutagen.id3
import pytest

from isthmus.core.errors import Refusal
from isthmus.export import ffmpeg, mp3

MARK = {"AIGC": '{"Label":"1"}'}


def test_other_frames_stay_and_the_sound_too(sample):
    data = sample("mp3")
    marked = mp3.write(data, MARK)
    tag = mutagen.id3.ID3(io.BytesIO(marked))
    assert (tag["TIT2"].text, tag["TXXX:AIGC"].text) == (["hello"], ['{"Label":"1"}'])
    assert mp3.essence(marked) == mp3.essence(data)


def test_sound_without_a_tag_gets_one(sample):
    bare = mp3.essence(sample("mp3"))
    assert mp3.read(bare).marks == {}
    marked = mp3.write(bare + b"TAG" + bytes(125), MARK)
    assert mp3.read(marked).marks == MARK
    assert mp3.essence(marked) == bare


def test_content_credentials_are_told(sample):
    data, tag = io.BytesIO(sample("mp3")), mutagen.id3.ID3()
    tag.add(mutagen.id3.GEOB(encoding=0, mime="application/x-c2pa-manifest-store", desc="c2pa", data=b"x"))
    tag.save(data)
    assert mp3.read(mp3.write(data.getvalue(), MARK)).others == ("C2PA",)


@pytest.mark.parametrize(
    "data",
    [
        b"ID3\4\0\0\x7f\x7f\x7f\x7f",
        b"ID3\4\0\0\0\0\x7f\x7f",
        b"ID3\4\0\0\0\0\0\4abcd",
        b"ID3\4\0\0\0\0\0\0" + bytes(70_000),
        b"ID3\x09\0\0\0\0\0\x0aabcdefghij\xff\xfb\x90\0",
    ],
)
def test_a_broken_tag_or_no_sound_is_refused(data):
    with pytest.raises(Refusal, match="bad_file"):
        mp3.write(data, MARK)


def test_without_mutagen_the_extra_is_named(sample, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "mutagen.id3", None)
    with pytest.raises(Refusal) as refusal:
        mp3.read(sample("mp3"))
    assert "isthmus[label]" in refusal.value.sentence()


def test_the_rhythm_comes_first(sample):
    if ffmpeg.shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg is not installed, so no compressed sound is made")
    shown = mp3.show(sample("mp3"), "AI")
    assert mp3.recognise(shown)
    assert len(mp3.essence(shown)) > len(mp3.essence(sample("mp3")))
