import io

import pytest
from PIL import Image, ImageChops

from isthmus.core.errors import Refusal
from isthmus.export import picture as room
from isthmus.regions import load


def test_every_label_of_every_region_can_be_drawn():
    known = set(room.letters())
    for region in load.load().values():
        for rule in region.rules:
            if rule.check == "label.show":
                assert set(rule.values["text"]) <= known, rule.id


@pytest.mark.parametrize("size", [(64, 64), (320, 240), (240, 1200), (4000, 300)])
def test_letters_are_a_twentieth_of_the_shorter_side_high(size):
    plate = room.plate_for(size, "AI")
    box = ImageChops.subtract(plate.convert("L"), Image.new("L", plate.size, 100)).getbbox()
    assert box[3] - box[1] >= 0.05 * min(size) - 1
    assert plate.width <= size[0]


def test_a_long_label_is_broken_into_lines():
    one, many = room.plate_for((320, 240), "AI"), room.plate_for((320, 240), "This text was generated using AI. " * 3)
    assert many.height > 2 * one.height


def test_the_corner_changes_and_the_rest_does_not(picture):
    before = Image.open(io.BytesIO(picture("png")))
    after = Image.open(io.BytesIO(room.drawn(picture("png"), "AI", "png")))
    assert after.mode == "RGB"
    same = Image.effect_noise((320, 240), 0)
    assert same.size == before.size
    box = (200, 200, 320, 240)
    assert after.crop(box).getextrema() != Image.new("RGB", (120, 40)).getextrema()


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "I;16", "RGBA"])
def test_every_mode_of_a_picture_is_drawn(mode):
    out = io.BytesIO()
    Image.new("RGB" if mode == "P" else mode, (100, 100)).convert(mode).save(out, format="png")
    assert Image.open(io.BytesIO(room.drawn(out.getvalue(), "AI", "png"))).size == (100, 100)


def test_small_animated_huge_and_broken_pictures_are_refused(picture, monkeypatch):
    with pytest.raises(Refusal, match="bad_file"):
        room.plate_for((63, 300), "AI")
    with pytest.raises(Refusal, match="bad_file"):
        room.plate_for((64, 64), "AI " * 300)
    frames = [Image.new("RGB", (100, 100), colour) for colour in ("red", "blue")]
    out = io.BytesIO()
    frames[0].save(out, format="webp", save_all=True, append_images=frames[1:])
    with pytest.raises(Refusal, match="bad_file"):
        room.drawn(out.getvalue(), "AI", "webp")
    with pytest.raises(Refusal, match="bad_file"):
        room.drawn(picture("png")[:400], "AI", "png")
    monkeypatch.setattr(room, "PIXELS", 10)
    with pytest.raises(Refusal, match="bad_file"):
        room.drawn(picture("png"), "AI", "png")


def test_a_letter_that_the_font_lacks_is_named():
    with pytest.raises(Refusal) as refusal:
        room.plate_for((320, 240), "AI ☃")
    assert "☃" in refusal.value.sentence()


def test_without_pillow_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "PIL.Image", None)
    with pytest.raises(Refusal, match="usage"):
        room.drawn(b"", "AI", "png")
