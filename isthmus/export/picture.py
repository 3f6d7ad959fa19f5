"""The label that people see in a picture: bottom right, on a plate, in letters of at least 5 % of the shorter side.

Pillow is an extra (`pip install isthmus[label]`). The picture is drawn and encoded anew, so what stood beside it (Exif,
colour profile, XMP, the marks of others) is carried over by its container afterwards: see `dressed` there.
Source: GB 45438-2025 (text in pictures: height >= 5 % of the shorter side).
"""

from __future__ import annotations

import importlib
from io import BytesIO
from pathlib import Path
from typing import Any

from isthmus.core.errors import Refusal
from isthmus.export.mark import bad_file

FONT = Path(__file__).parent / "data" / "label.ttf"
SHARE = 0.05  # of the shorter side, GB 45438-2025
PIXELS = 100_000_000  # more are refused before anything is decoded
SMALLEST = 64  # pixels of the shorter side; in less, no label can be read
_PLATE, _INK = (0, 0, 0, 150), (255, 255, 255, 255)


def drawn(data: bytes, text: str, container: str, **how: Any) -> bytes:
    """The picture in `data` with `text` on it, encoded as `container` (png, jpeg, webp) with Pillow's options `how`.

    Raises Refusal bad_file, usage (Pillow is not installed).
    """
    image, pillow = _opened(data, container), pil("Image")
    icc = image.info.get("icc_profile")
    base = image.convert("RGBA" if _has_alpha(image) else "RGB")
    plate = plate_for(base.size, text)
    base = base.convert("RGBA")
    base.alpha_composite(plate, (base.width - plate.width, base.height - plate.height))
    if container == "jpeg" or not _has_alpha(image):
        base = base.convert("RGB")
    out = BytesIO()
    try:
        base.save(out, format=container, icc_profile=icc, **how)
    except (OSError, ValueError, pillow.DecompressionBombError):
        raise bad_file(container, "its picture cannot be written again") from None
    return out.getvalue()


def plate_for(size: tuple[int, int], text: str) -> Any:
    """The label as a picture (RGBA) for a frame of `size` (width, height), its lines broken to fit.

    Raises Refusal bad_file where the frame is too small for any label, usage where the font lacks a letter.
    """
    shorter = min(size)
    if shorter < SMALLEST:
        raise bad_file("image", f"a label cannot be read in fewer than {SMALLEST} pixels")
    check_letters(text)
    high = max(10, -(-shorter * 5 // 100))
    font = pil("ImageFont").truetype(str(FONT), _points(high))
    margin = high // 2
    room = size[0] - 2 * margin
    lines = _broken(text, font, room)
    step = int(high * 1.6)
    width = max(int(font.getlength(line)) for line in lines) + 2 * margin
    plate = pil("Image").new("RGBA", (min(size[0], width), step * len(lines) + margin), _PLATE)
    if plate.height > size[1]:
        raise bad_file("image", "the label does not fit into it")
    pen = pil("ImageDraw").Draw(plate)
    for number, line in enumerate(lines):
        pen.text((margin, margin // 2 + step * number + step // 2), line, font=font, fill=_INK, anchor="lm")
    return plate


def check_letters(text: str) -> None:
    """Raises Refusal usage when the label's own font lacks a letter of `text`."""
    missing = sorted(set(text) - set(letters()))
    if missing:
        raise Refusal("usage", reason=f"The label's font has no letter for {' '.join(missing)}.")


def letters() -> dict[str, tuple[int, int]]:
    """Every character of the label's font: glyph number and width in 1/1000 em."""
    import json

    return {char: (glyph, width) for char, (glyph, width) in json.loads(FONT.with_suffix(".json").read_text()).items()}


def pil(name: str) -> Any:
    """One module of Pillow. Raises Refusal usage when it is not installed."""
    try:
        return importlib.import_module(f"PIL.{name}")
    except ImportError:
        raise Refusal("usage", reason="A label in a picture needs Pillow: pip install 'isthmus[label]'") from None


def _opened(data: bytes, container: str) -> Any:
    pillow = pil("Image")
    try:
        image = pillow.open(BytesIO(data), formats=[container])
        if image.width * image.height > PIXELS:
            raise bad_file(container, f"it has more than {PIXELS:,} pixels")
        if getattr(image, "is_animated", False):
            raise bad_file(container, "it is animated, and a label can be put into still pictures only")
        image.load()
    except (OSError, ValueError, SyntaxError, EOFError, IndexError, pillow.DecompressionBombError):
        raise bad_file(container, "its picture cannot be decoded") from None
    return image


def _has_alpha(image: Any) -> bool:
    return "A" in image.mode or "a" in image.mode or "transparency" in image.info


def _points(high: int) -> int:
    """The font size at which a capital letter is `high` pixels high; in this font it has 0.733 em."""
    return -(-high * 1000 // 733)


def _broken(text: str, font: Any, room: int) -> list[str]:
    lines = [""]
    for char in text:
        if lines[-1] and font.getlength(lines[-1] + char) > room:
            lines.append("")
        lines[-1] += char
    return [line.strip() for line in lines]
