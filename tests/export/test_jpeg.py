import io

import pytest
from PIL import Image

from isthmus.core.errors import Refusal
from isthmus.export import jpeg

MARK = {"AIGC": '{"Label":"1"}'}


def test_the_packet_stands_after_exif_and_other_segments_stay(picture):
    data = picture("jpeg", exif=b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0", comment=b"a comment")
    marked = jpeg.write(data, MARK)
    assert marked.index(b"Exif") < marked.index(b"ns.adobe.com") < marked.index(b"a comment")
    assert jpeg.read(marked).marks == MARK
    assert jpeg.essence(marked) == jpeg.essence(data)
    shown = jpeg.show(marked, "AI")
    assert jpeg.read(shown).marks == MARK
    image = Image.open(io.BytesIO(shown))
    assert (image.info["comment"], "exif" in image.info) == (b"a comment", True)


def test_content_credentials_are_told_and_stay(picture):
    data = picture("jpeg")
    held = data[:2] + b"\xff\xeb\x00\x10JP\0\1\0\0\0\1jumb\0\0" + data[2:]
    assert "C2PA" in jpeg.read(held).others
    assert b"jumb" in jpeg.show(held, "AI")


def test_a_colour_profile_and_grey_and_cmyk_are_drawn(picture):
    for mode in ("L", "CMYK"):
        assert Image.open(io.BytesIO(jpeg.show(picture("jpeg", mode), "AI"))).size == (320, 240)


def test_fill_bytes_before_a_marker_are_passed(picture):
    data = picture("jpeg")
    assert jpeg.read(data[:2] + b"\xff" + data[2:]).marks == {}


def test_a_packet_without_room_is_refused(picture):
    data = jpeg.write(picture("jpeg"), {"AIGC": "x" * 32_000})
    with pytest.raises(Refusal, match="bad_file"):
        jpeg.write(data, {"Provenance": "y" * 32_767})


@pytest.mark.parametrize(
    "tail", [b"\xff", b"\xff\xe1\x00\x00\x00", b"\x00\x00\x00\x00", b"\xff\xd9\x00\x00", b"\xff\xe1\xff\xff\x00"]
)
def test_a_broken_file_is_refused(tail):
    with pytest.raises(Refusal, match="bad_file"):
        jpeg.read(b"\xff\xd8" + tail)
