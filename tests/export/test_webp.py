import io

import pytest
from PIL import Image

from isthmus.core.errors import Refusal
from isthmus.export import riff, webp
from isthmus.export.riff import Chunk

MARK = {"AIGC": '{"Label":"1"}'}


@pytest.mark.parametrize(("mode", "lossless"), [("RGB", False), ("RGB", True), ("RGBA", False), ("RGBA", True)])
def test_every_kind_of_picture_takes_a_mark_and_keeps_its_size(picture, mode, lossless):
    data = picture("webp", mode, lossless=lossless)
    marked = webp.write(data, MARK)
    image = Image.open(io.BytesIO(marked))
    image.load()
    assert (image.size, image.mode) == ((320, 240), Image.open(io.BytesIO(data)).mode)
    assert webp.read(marked).marks == MARK
    assert webp.essence(marked) == webp.essence(data)
    shown = webp.show(marked, "AI")
    assert webp.read(shown).marks == MARK
    assert Image.open(io.BytesIO(shown)).size == (320, 240)


def test_content_credentials_and_exif_stay(picture):
    data = picture("webp", exif=b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0")
    chunks = [*riff.chunks(data, "webp"), Chunk(b"C2PA", b"a manifest")]
    held = riff.build(b"WEBP", chunks, "webp")
    assert "C2PA" in webp.read(held).others
    shown = webp.show(held, "AI")
    assert b"a manifest" in shown
    assert "exif" in Image.open(io.BytesIO(shown)).info


@pytest.mark.parametrize(
    "chunks",
    [
        [Chunk(b"none", b"")],
        [Chunk(b"VP8 ", b"short")],
        [Chunk(b"VP8L", b"\x2f")],
        [Chunk(b"VP8X", b""), Chunk(b"VP8 ", b"x")],
        [Chunk(b"VP8 ", b"\0\0\0\x9d\x01\x2a\0\0\0\0")],
    ],
)
def test_a_file_without_a_picture_is_refused(chunks):
    with pytest.raises(Refusal, match="bad_file"):
        webp.write(riff.build(b"WEBP", chunks, "webp"), MARK)
