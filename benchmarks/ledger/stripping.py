"""What is left of a label after a file was saved again in common tools. Tools that are not installed are left out."""

from __future__ import annotations

import io
import shutil
import struct
import subprocess
import tempfile
import wave
from datetime import UTC, datetime
from pathlib import Path

import docx
import pypdf
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from PIL import Image

from isthmus.core.errors import Refusal
from isthmus.export import label
from isthmus.export.demand import Demand
from isthmus.export.label import Key
from isthmus.export.mark import KEYS
from isthmus.ledger.checkpoint import Signer

COUNT = 1
SIGNER = Signer("isthmus/0011aabb", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
DEMAND = Demand(
    ("CN",), "r", "m", "p", marks={"AIGC": dict.fromkeys(KEYS, "1") | {"ReservedCode2": "{sig}"}}, label="AI生成"
)

# (kind of file, tool, command); {in} and {out} are files of that kind
COMMANDS = (
    ("png", "ImageMagick", "convert {in} -resize 90% {out}"),
    ("png", "ImageMagick -strip", "convert {in} -strip {out}"),
    ("png", "exiftool -all=", "exiftool -q -all= -o {out} {in}"),
    ("png", "to JPEG by ImageMagick", "convert {in} {out}.jpg"),
    ("jpg", "ImageMagick", "convert {in} -resize 90% {out}"),
    ("jpg", "ImageMagick -strip", "convert {in} -strip {out}"),
    ("jpg", "exiftool -all=", "exiftool -q -all= -o {out} {in}"),
    ("jpg", "ffmpeg", "ffmpeg -v error -i {in} {out}"),
    ("webp", "ImageMagick", "convert {in} -resize 90% {out}"),
    ("wav", "ffmpeg -c copy", "ffmpeg -v error -i {in} -c copy {out}"),
    ("wav", "to MP3 by ffmpeg", "ffmpeg -v error -i {in} {out}.mp3"),
    ("mp3", "ffmpeg -c copy", "ffmpeg -v error -i {in} -c copy {out}"),
    ("mp3", "ffmpeg -map_metadata -1", "ffmpeg -v error -i {in} -map_metadata -1 -c copy {out}"),
    ("mp4", "ffmpeg -c copy", "ffmpeg -v error -i {in} -c copy {out}"),
    (
        "mp4",
        "ffmpeg -c copy -movflags use_metadata_tags",
        "ffmpeg -v error -i {in} -c copy -movflags use_metadata_tags {out}",
    ),
    ("mp4", "ffmpeg, encoded anew", "ffmpeg -v error -i {in} -crf 30 {out}"),
    ("mp4", "exiftool -all=", "exiftool -q -all= -o {out} {in}"),
    ("pdf", "exiftool -all=", "exiftool -q -all= -o {out} {in}"),
)


def run(count):
    del count
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        files = {}
        for kind, data in samples(place).items():
            try:
                files[kind] = label.add(data, DEMAND, SIGNER, "w0-1-1", datetime(2026, 11, 22, tzinfo=UTC))
            except Refusal as refusal:
                found[kind] = f"not labelled here: {refusal.sentence()}"
        for kind, tool, command in COMMANDS:
            program = command.partition(" ")[0]
            if kind in files and (shutil.which(program) or program == "convert"):
                found[f"{kind}: {tool}"] = left(saved(place, kind, files[kind], command))
        for kind, tool, act in libraries():
            if kind in files:
                found[f"{kind}: {tool}"] = left(act(files[kind]))
    return found


def left(data):
    """What a saved file still says, in words."""
    if not data:
        return "the tool failed"
    told = label.check(data, Demand((), "", "", ""), Key(SIGNER.node, SIGNER.public), label=DEMAND.label)
    if "AIGC" not in told.marks:
        by = "; the words stay" if told.label_by == "content" else ""
        return f"mark gone{by}"
    whole = "all seven keys" if tuple(told.marks["AIGC"]) == KEYS else "keys changed"
    return f"mark stays, {whole}, signature {told.signature['AIGC']}"


def saved(place, kind, data, command):
    magick = next((name for name in ("convert-im6", "magick", "convert") if shutil.which(name)), "convert")
    command = command.replace("convert ", f"{magick} ", 1) if command.startswith("convert ") else command
    for path in place.glob("s.*"):
        path.unlink()
    before, after = place / f"s.in.{kind}", place / f"s.out.{kind}"
    before.write_bytes(data)
    words = [word.replace("{in}", str(before)).replace("{out}", str(after)) for word in command.split()]
    subprocess.run(words, check=False, capture_output=True)  # fixed commands over files of our own
    made = sorted(place.glob("s.out.*"))
    return made[0].read_bytes() if made else b""


def samples(place):
    made = {}
    for kind, form in (("png", "png"), ("jpg", "jpeg"), ("webp", "webp")):
        out = io.BytesIO()
        Image.effect_noise((320, 240), 60).convert("RGB").save(out, format=form)
        made[kind] = out.getvalue()
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(struct.pack("<h", 900) * 16_000)
    made["wav"] = out.getvalue()
    if shutil.which("ffmpeg"):
        (place / "a.wav").write_bytes(made["wav"])
        for kind, options in (("mp3", ["-i", "a.wav"]), ("mp4", ["-f", "lavfi", "-i", "testsrc=d=4:s=160x160:r=5"])):
            subprocess.run(["ffmpeg", "-v", "error", *options, f"b.{kind}"], cwd=place, check=True)
            made[kind] = (place / f"b.{kind}").read_bytes()
    writer, out = pypdf.PdfWriter(), io.BytesIO()
    writer.add_blank_page(300, 200)
    writer.write(out)
    made["pdf"] = out.getvalue()
    document, out = docx.Document(), io.BytesIO()
    document.add_paragraph("Hello")
    document.save(out)
    made["docx"] = out.getvalue()
    return made


def libraries():
    """Saving again in Python's libraries, as web services do."""

    def pillow(form):
        def act(data):
            out = io.BytesIO()
            Image.open(io.BytesIO(data)).save(out, format=form)
            return out.getvalue()

        return act

    def word(data):
        out = io.BytesIO()
        docx.Document(io.BytesIO(data)).save(out)
        return out.getvalue()

    def pages(data):
        writer, out = pypdf.PdfWriter(), io.BytesIO()
        for page in pypdf.PdfReader(io.BytesIO(data)).pages:
            writer.add_page(page)
        writer.write(out)
        return out.getvalue()

    return (
        ("png", "Pillow", pillow("png")),
        ("jpg", "Pillow", pillow("jpeg")),
        ("webp", "Pillow", pillow("webp")),
        ("docx", "python-docx", word),
        ("pdf", "pypdf, page by page", pages),
    )
