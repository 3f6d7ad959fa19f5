import shutil
import subprocess

import pytest

from isthmus.core.errors import Refusal
from isthmus.export import ffmpeg


@pytest.fixture
def tools():
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg is not installed, so no label is put into video or compressed sound")


def corner(data, second, tmp_path):
    """The bottom right corner of the frame at `second`, grey, as bytes."""
    (tmp_path / "video.mp4").write_bytes(data)
    return subprocess.run(
        [
            *("ffmpeg", "-v", "error", "-ss", str(second), "-i", str(tmp_path / "video.mp4"), "-frames:v", "1"),
            *("-vf", "crop=40:12:56:84,format=gray", "-f", "rawvideo", "-"),
        ],
        capture_output=True,
        check=True,
    ).stdout


def test_the_label_is_seen_for_two_seconds_at_least_and_then_goes(tools, sample, tmp_path):
    shown = ffmpeg.seen(sample("mp4"), "AI")
    differs = [
        sum(a != b for a, b in zip(corner(shown, s, tmp_path), corner(sample("mp4"), s, tmp_path), strict=True))
        for s in (0, 2, 3.6)
    ]
    assert differs[0] > 200
    assert differs[1] > 200
    assert differs[2] < differs[1]


def test_a_file_without_video_is_refused(tools, sample):
    with pytest.raises(Refusal, match="bad_file"):
        ffmpeg.seen(sample("mp3"), "AI")


def test_what_ffmpeg_cannot_read_is_refused(tools):
    with pytest.raises(Refusal, match="bad_file"):
        ffmpeg.heard(b"nothing", "mp3")


def test_without_ffmpeg_its_name_is_said(sample, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(Refusal) as refusal:
        ffmpeg.heard(sample("mp3"), "mp3")
    assert "needs ffmpeg" in refusal.value.sentence()


def test_a_file_on_which_it_does_not_end_is_refused(tools, sample, monkeypatch):
    monkeypatch.setattr(ffmpeg, "LIMIT", 0.001)
    with pytest.raises(Refusal, match="bad_file"):
        ffmpeg.heard(sample("mp3"), "mp3")
