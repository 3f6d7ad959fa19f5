"""Files of every container, small and real, and a demand like China's."""

from __future__ import annotations

import io
import struct
import wave
from datetime import UTC, datetime
from pathlib import Path

import docx
import pypdf
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from PIL import Image

from isthmus.export.demand import Demand
from isthmus.ledger.checkpoint import Signer

DATA = Path(__file__).parent / "data"
CODE = "001191110000000000000X00001"
LABEL = "内容由AI生成"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def saved(form, mode="RGB", **how):
    image = Image.effect_noise((320, 240), 60).convert(mode)
    out = io.BytesIO()
    image.save(out, format=form, **how)
    return out.getvalue()


def sound(width=2, channels=2):
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(8000)
        file.writeframes(struct.pack("<h", 1000) * 4000 * channels if width == 2 else b"\x81" * 4000 * channels * width)
    return out.getvalue()


def document():
    made, out = docx.Document(), io.BytesIO()
    made.core_properties.author = "somebody"
    made.add_paragraph("Hello 你好")
    made.save(out)
    return out.getvalue()


def page():
    made, out = pypdf.PdfWriter(), io.BytesIO()
    made.add_blank_page(300, 200)
    made.add_metadata({"/Author": "somebody"})
    made.write(out)
    return out.getvalue()


SAMPLES = {
    "png": lambda: saved("png"),
    "jpeg": lambda: saved("jpeg"),
    "webp": lambda: saved("webp"),
    "wav": sound,
    "mp3": (DATA / "tiny.mp3").read_bytes,
    "mp4": (DATA / "tiny.mp4").read_bytes,
    "pdf": page,
    "docx": document,
    "markdown": lambda: b"---\ntitle: A day\n---\n# Hello\n\nyou\n",
    "html": "<!doctype html>\n<html><head><title>Hi</title></head><body><p>Hello 你好</p></body></html>".encode,
}


@pytest.fixture
def sample():
    """A function that makes a small file of a container."""
    return lambda name: SAMPLES[name]()


@pytest.fixture
def picture():
    """A function that makes a small picture: Pillow's format, mode and options."""
    return saved


@pytest.fixture
def waves():
    """A function that makes a short WAV file: bytes of a sample, channels."""
    return sound


@pytest.fixture
def signer():
    return Signer("isthmus/0011aabb", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))


@pytest.fixture
def china():
    """What China asks of an exported file; `label` may be set aside."""

    def demand(label=LABEL):
        fields = {
            "Label": "1",
            "ContentProducer": CODE,
            "ProduceID": "{ledger_id}",
            "ReservedCode1": "{sig}",
            "ContentPropagator": CODE,
            "PropagateID": "{ledger_id}",
            "ReservedCode2": "{sig}",
        }
        return Demand(("CN",), "doubao/x", "Model X", "Maker", marks={"AIGC": fields}, label=label)

    return demand


@pytest.fixture
def now():
    return NOW
