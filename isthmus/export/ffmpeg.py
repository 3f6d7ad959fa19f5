"""ffmpeg, where it is installed: the label at a video's start, the rhythm before compressed sound.

It runs as a process of its own, on temporary files, with files and pipes as its only protocols, and for at most LIMIT
seconds. Nothing of the file's name or content is part of the command.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from io import BytesIO
from pathlib import Path

from isthmus.core.errors import Refusal
from isthmus.export import picture, riff, tone
from isthmus.export.mark import bad_file
from isthmus.export.riff import Chunk

LIMIT = 1800  # seconds
SHOWN = 3  # seconds at the start; GB 45438-2025 asks for 2 at least
_RATE = 44_100


def seen(data: bytes, text: str) -> bytes:
    """A video with `text` in the picture for its first SHOWN seconds. Raises Refusal usage, bad_file."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "in.mp4").write_bytes(data)
        width, height = _size(place)
        plate = picture.plate_for((width, height), text)
        picture_bytes = BytesIO()
        plate.save(picture_bytes, format="png")
        (place / "label.png").write_bytes(picture_bytes.getvalue())
        at = f"x=W-w:y=H-h:enable='lte(t,{SHOWN})'"
        _run(
            place,
            "ffmpeg",
            *("-i", "in.mp4", "-i", "label.png", "-filter_complex", f"[0:v:0][1:v]overlay={at}[v]"),
            *("-map", "[v]", "-map", "0:a?", "-c:a", "copy", "-c:v", "libx264", "-crf", "18", "-pix_fmt", "yuv420p"),
            *("-map_metadata", "0", "-movflags", "+faststart", "out.mp4"),
        )
        return (place / "out.mp4").read_bytes()


def heard(data: bytes, container: str) -> bytes:
    """Compressed sound with the rhythm before it. Raises Refusal usage, bad_file."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / f"in.{container}").write_bytes(data)
        form = (1).to_bytes(2, "little") + (1).to_bytes(2, "little") + _RATE.to_bytes(4, "little")
        form += (_RATE * 2).to_bytes(4, "little") + (2).to_bytes(2, "little") + (16).to_bytes(2, "little")
        said = tone.pcm(_RATE, 1, 16, floating=False)
        parts = [Chunk(b"fmt ", form), Chunk(b"data", said)]
        (place / "label.wav").write_bytes(riff.build(b"WAVE", parts, "wav"))
        _run(
            place,
            "ffmpeg",
            *("-i", "label.wav", "-i", f"in.{container}"),
            *("-filter_complex", "[0:a:0][1:a:0]concat=n=2:v=0:a=1[a]", "-map", "[a]", "-map_metadata", "1"),
            *("-b:a", "192k", f"out.{container}"),
        )
        return (place / f"out.{container}").read_bytes()


def _size(place: Path) -> tuple[int, int]:
    said = _run(
        place, "ffprobe", "-select_streams", "v:0", "-show_entries", "stream=width,height", "-of", "csv=p=0", "in.mp4"
    )
    words = said.strip().partition("\n")[0].rstrip(",").split(",")
    if len(words) != 2 or not all(word.isdigit() for word in words):
        raise bad_file("mp4", "it holds no video")
    return int(words[0]), int(words[1])


def _run(place: Path, tool: str, *arguments: str) -> str:
    program = shutil.which(tool)
    if program is None:
        raise Refusal("usage", reason=f"This label needs {tool}, which is not installed here.")
    try:
        done = subprocess.run(  # noqa: S603  # a fixed command over files of our own naming
            [program, "-v", "error", "-protocol_whitelist", "file,pipe", *arguments],
            cwd=place,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise bad_file("media", f"{tool} did not end within {LIMIT} s") from None
    if done.returncode:
        raise bad_file("media", f"{tool} cannot read it")
    return done.stdout
