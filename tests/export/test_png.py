import io
import struct
import zlib

import pytest
from PIL import Image, PngImagePlugin

from isthmus.core.errors import Refusal
from isthmus.export import png

MARK = {"AIGC": '{"Label":"1"}'}


def with_text(picture, key, value, **how):
    info = PngImagePlugin.PngInfo()
    info.add_itxt(key, value, **how)
    return picture("png", pnginfo=info)


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def test_a_text_chunk_of_another_tool_is_read(picture):
    info = PngImagePlugin.PngInfo()
    info.add_text("AIGC", '{"Label":"3"}')
    assert png.read(picture("png", pnginfo=info)).marks == {"AIGC": '{"Label":"3"}'}
    assert png.read(with_text(picture, "AIGC", '{"Label":"2"}')).marks == {"AIGC": '{"Label":"2"}'}


def test_a_compressed_packet_is_read_and_one_that_explodes_is_refused(picture):
    packet = png.xmp.write(None, MARK).decode()
    assert png.read(with_text(picture, "XML:com.adobe.xmp", packet, zip=True)).marks == MARK
    with pytest.raises(Refusal, match="bad_file"):
        png.read(with_text(picture, "XML:com.adobe.xmp", "<" * (3 << 20), zip=True))


def test_the_manifest_of_content_credentials_is_told_and_stays(picture):
    data = picture("png")
    held = data[:-12] + chunk(b"caBX", b"a manifest") + data[-12:]
    marked = png.write(held, MARK)
    assert png.read(marked).others == ("C2PA", "IPTC DigitalSourceType") or "C2PA" in png.read(marked).others
    assert b"a manifest" in png.show(marked, "AI")


def test_what_follows_the_end_stays(picture):
    assert png.write(picture("png") + b"tail", MARK).endswith(b"tail")


def test_the_label_keeps_exif_transparency_and_marks(picture):
    data = png.write(picture("png", "RGBA", exif=b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0"), MARK)
    shown = png.show(data, "AI")
    image = Image.open(io.BytesIO(shown))
    assert (image.mode, "exif" in image.info) == ("RGBA", True)
    assert png.read(shown).marks == MARK
    assert png.essence(shown) != png.essence(data)


@pytest.mark.parametrize(
    "bend",
    [
        lambda data: data[:8] + data[33:],
        lambda data: data[:20] + b"\xff" + data[21:],
        lambda data: data[:33] + chunk(b"IEND", b""),
        lambda data: data[:33] + chunk(b"iTXt", b"XML:com.adobe.xmp\0\1") + data[33:],
        lambda data: data[:33] + chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0nonsense") + data[33:],
    ],
)
def test_a_broken_file_is_refused(picture, bend):
    with pytest.raises(Refusal, match="bad_file"):
        png.read(bend(picture("png")))
