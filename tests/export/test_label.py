"""A label added to each kind of file is read back by programs that are not ours."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import xml.etree.ElementTree as ET  # what is read here was written by this test

import docx
import msgspec
import pypdf
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from mutagen.id3 import ID3
from PIL import Image

from isthmus.core.errors import Refusal
from isthmus.export import containers, label
from isthmus.export.demand import Demand
from isthmus.export.label import Key
from isthmus.export.mark import KEYS
from isthmus.ledger.checkpoint import Signer

EVERY = ("png", "jpeg", "webp", "wav", "mp3", "mp4", "pdf", "docx", "markdown", "html")
NEEDS_FFMPEG = ("mp3", "mp4")
WORDS = "内容由AI生成"


@pytest.fixture
def labelled(sample, signer, china, now):
    """A function that labels a sample as China asks; without its visible label where that needs ffmpeg."""

    def add(name):
        return label.add(sample(name), china("" if name in NEEDS_FFMPEG else WORDS), signer, "w0-1-17", now)

    return add


@pytest.fixture
def ours(signer):
    return Key(signer.node, signer.public)


def tool(name):
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed, so this file is not read back by it")
    return found


def exif(data, tmp_path, *options):
    path = tmp_path / "file"
    path.write_bytes(data)
    done = subprocess.run([tool("exiftool"), "-j", "-G1", *options, str(path)], capture_output=True, check=True)
    return json.loads(done.stdout)[0]


def exact(text):
    fields = json.loads(text)
    assert tuple(fields) == KEYS
    assert fields["Label"] == "1"
    assert fields["ProduceID"] == fields["PropagateID"] == "w0-1-17"
    assert fields["ContentProducer"] == fields["ContentPropagator"] == "001191110000000000000X00001"
    assert fields["ReservedCode1"].startswith("isthmus/0011aabb ")
    return True


@pytest.mark.parametrize("name", EVERY)
def test_every_container_says_what_was_written_into_it(labelled, china, ours, name):
    found = label.check(labelled(name), china("" if name in NEEDS_FFMPEG else WORDS), ours)
    assert (found.container, found.missing) == (name, ())
    assert found.signature == {"AIGC": "ours", "Provenance": "ours"}
    assert tuple(found.marks["AIGC"]) == KEYS
    if name not in NEEDS_FFMPEG:
        assert found.label == WORDS


@pytest.mark.parametrize("name", ["png", "jpeg", "webp", "wav", "pdf"])
def test_exiftool_reads_the_seven_keys_from_xmp(labelled, tmp_path, name):
    assert exact(exif(labelled(name), tmp_path)["XMP-TC260:Aigc"])


def test_exiftool_reads_the_seven_keys_of_a_video_and_of_a_page(labelled, tmp_path):
    video = exif(labelled("mp4"), tmp_path)
    assert exact(video["Keys:AIGC"])
    assert exact(video["XMP-TC260:Aigc"])
    assert exact(exif(labelled("html"), tmp_path)["HTML:AIGC"])


def test_exiftool_reads_the_seven_keys_of_sound(labelled, tmp_path):
    said = exif(labelled("mp3"), tmp_path, "-a")["ID3v2_4:UserDefinedText"]
    key, _, text = said.partition(" ")
    assert key in ("(AIGC)", "(Provenance)")
    assert json.loads(text)


@pytest.mark.parametrize(("name", "suffix"), [("mp3", "mp3"), ("mp4", "mp4"), ("wav", "wav")])
def test_ffprobe_reads_the_seven_keys_of_sound_and_video(labelled, tmp_path, name, suffix):
    path = tmp_path / f"file.{suffix}"
    path.write_bytes(labelled(name))
    done = subprocess.run(
        [tool("ffprobe"), "-v", "error", "-show_entries", "format_tags", "-of", "json", str(path)],
        capture_output=True,
        check=True,
    )
    tags = json.loads(done.stdout)["format"]["tags"]
    assert exact(tags["AIGC"])
    if name != "wav":
        assert tags["title"] == "hello"


def test_mutagen_reads_the_seven_keys_of_mp3(labelled):
    tags = ID3(io.BytesIO(labelled("mp3")))
    assert exact(str(tags["TXXX:AIGC"]))


@pytest.mark.parametrize("name", ["mp3", "mp4", "wav"])
def test_ffmpeg_decodes_what_was_marked_without_a_word(labelled, tmp_path, name):
    path = tmp_path / f"file.{name}"
    path.write_bytes(labelled(name))
    done = subprocess.run(
        [tool("ffmpeg"), "-v", "error", "-i", str(path), "-f", "null", "-"], capture_output=True, check=True
    )
    assert done.stderr == b""


def test_python_docx_reads_the_document_and_its_last_paragraph(labelled):
    data = labelled("docx")
    made = docx.Document(io.BytesIO(data))
    assert made.paragraphs[-1].text == WORDS
    assert made.core_properties.author == "somebody"
    part = next(part for part in made.part.package.iter_parts() if str(part.partname) == "/docProps/custom.xml")
    properties = ET.fromstring(part.blob)
    (said,) = [each for each in properties if each.get("name") == "AIGC"]
    assert exact(said[0].text)


def test_pypdf_reads_the_information_and_the_label(labelled):
    reader = pypdf.PdfReader(io.BytesIO(labelled("pdf")))
    assert exact(reader.metadata["/AIGC"])
    assert reader.metadata["/Author"] == "somebody"
    assert WORDS in reader.pages[0].extract_text()


@pytest.mark.parametrize("name", ["png", "jpeg", "webp"])
def test_pillow_decodes_what_was_labelled(labelled, sample, name):
    image = Image.open(io.BytesIO(labelled(name)))
    image.load()
    assert image.size == Image.open(io.BytesIO(sample(name))).size


def test_front_matter_stays_and_holds_the_mark(labelled):
    lines = labelled("markdown").decode().split("\n")
    assert lines[:2] == ["---", "title: A day"]
    assert exact(lines[2].removeprefix("AIGC: "))
    assert lines[-2] == WORDS


@pytest.mark.parametrize("name", EVERY)
def test_marking_twice_changes_nothing_but_our_own_mark(labelled, signer, china, now, name):
    once = labelled(name)
    twice = label.add(once, china("" if name in NEEDS_FFMPEG else WORDS), signer, "w0-1-18", now)
    container = containers.of(once)
    before, after = container.read(once).marks, container.read(twice).marks
    assert before["AIGC"] == after["AIGC"]
    assert json.loads(after["Provenance"])["id"] == "w0-1-18"
    assert container.essence(once) == container.essence(twice)


@pytest.mark.parametrize("name", EVERY)
def test_a_changed_content_breaks_the_signature(labelled, sample, china, ours, name):
    other = {"png": "jpeg", "jpeg": "png"}.get(name)
    data = labelled(name)
    container = containers.of(data)
    marks = container.read(data).marks
    changed = changed_content(name, sample)
    moved = container.write(changed, marks)
    found = label.check(moved, china(""), ours)
    assert found.signature["AIGC"] == "broken", other
    assert any("does not" in each for each in found.missing)


def changed_content(name, sample):
    data = sample(name)
    at = {"wav": -2, "mp3": -200, "mp4": -50}.get(name)
    if at is not None:
        container = containers.of(data)
        end = len(data) + at if name != "mp4" else data.rfind(b"mdat") + 100
        assert container.essence(data)
        return data[:end] + bytes([data[end] ^ 1]) + data[end + 1 :]
    if name in ("png", "jpeg", "webp"):
        out = io.BytesIO()
        Image.new("RGB", (320, 240), "red").save(out, format=name)
        return out.getvalue()
    if name == "pdf":
        made, out = pypdf.PdfWriter(), io.BytesIO()
        made.add_blank_page(301, 200)
        made.write(out)
        return out.getvalue()
    if name == "docx":
        made, out = docx.Document(), io.BytesIO()
        made.add_paragraph("Something else")
        made.save(out)
        return out.getvalue()
    return data.replace(b"Hello", b"Hullo")


def test_a_partners_object_stays_and_only_its_gaps_are_filled(sample, signer, china, now, ours):
    container = containers.of(sample("png"))
    theirs = {"Label": "1", "ContentProducer": "their code", "ProduceID": "their id", "ReservedCode1": "their hash"}
    data = container.write(sample("png"), {"AIGC": json.dumps(theirs)})
    found = label.check(label.add(data, china(), signer, "w0-1-17", now), china(), ours)
    fields = found.marks["AIGC"]
    assert {key: fields[key] for key in theirs} == theirs
    assert fields["PropagateID"] == "w0-1-17"
    assert (found.missing, found.signature["AIGC"]) == ((), "ours")


def test_a_partners_whole_object_is_anothers(sample, signer, china, now, ours):
    container = containers.of(sample("png"))
    data = container.write(sample("png"), {"AIGC": json.dumps(dict.fromkeys(KEYS, "1"))})
    found = label.check(label.add(data, china(), signer, "w0-1-17", now), china(), ours)
    assert (found.marks["AIGC"], found.signature["AIGC"]) == (dict.fromkeys(KEYS, "1"), "another's")


def test_an_export_that_lacks_what_the_region_asks_is_refused(sample, signer, now):
    demand = Demand(("EU",), "r", "m", "p", means=("signed_metadata", "watermark"), law={"mark": "AI Act 50.2"})
    with pytest.raises(Refusal) as refusal:
        label.add(sample("png"), demand, signer, "w0-1-1", now)
    assert refusal.value.sentence() == "This export lacks what the region asks for: watermark (AI Act 50.2)."


def test_what_no_program_can_see_counts_when_it_is_stated_and_the_mark_says_so(sample, signer, now, ours):
    demand = Demand(("EU",), "r", "m", "p", means=("signed_metadata", "watermark"))
    data = label.add(sample("png"), demand, signer, "w0-1-1", now, ("watermark",))
    found = label.check(data, demand, ours)
    assert (found.missing, found.marks["Provenance"]["stated"]) == ((), "watermark")
    assert "watermark" in label.check(data, demand, None).missing[1]


def test_fields_that_the_operator_does_not_know_are_missing(sample, signer, china, now):
    fields = {**china().marks["AIGC"], "ContentProducer": "{cn_code}"}
    demand = msgspec.structs.replace(china(), marks={"AIGC": fields})
    with pytest.raises(Refusal, match="export_incomplete") as refusal:
        label.add(sample("png"), demand, signer, "w0-1-1", now)
    assert "ContentProducer is not known to the operator" in refusal.value.sentence()


def test_a_file_without_marks_lacks_them_all(sample, china, ours):
    found = label.check(sample("png"), china(), ours)
    assert (found.marks, found.signature, found.label) == ({}, {}, "")
    assert len(found.missing) == 2


def test_a_picture_without_words_for_people_lacks_them(sample, signer, china, now, ours):
    data = label.add(sample("png"), china(""), signer, "w0-1-1", now)
    assert label.check(data, china(), ours).missing == (f"the label {WORDS} for people ()",)


def test_latent_fields_that_are_not_there_are_missing(sample, signer, now, ours):
    fields = {"provider": "P", "id": "{ledger_id}", "time": "{time}"}
    demand = Demand(("US-CA",), "r", "m", "", marks={"Provenance": fields}, means=("latent",))
    data = label.add(sample("png"), demand, signer, "w0-1-9", now)
    found = label.check(data, demand, ours)
    assert (found.missing, found.marks["Provenance"]["id"]) == ((), "w0-1-9")
    container = containers.of(data)
    poor = container.write(data, {"Provenance": '{"id":"x"}'})
    assert label.check(poor, demand, ours).missing == (
        "an exact mark Provenance: provider is missing, time is missing",
    )


def test_another_nodes_signature_is_anothers(labelled, china):
    other = Signer("isthmus/ffff0000", Ed25519PrivateKey.generate())
    found = label.check(labelled("png"), china(), Key(other.node, other.public))
    assert found.signature["AIGC"] == "another's"
    assert found.label == ""


def test_a_mark_of_others_survives_where_the_picture_is_drawn_anew(sample, signer, now, ours):
    tool("ffmpeg")
    theirs = json.dumps(dict.fromkeys(KEYS, "1"))
    for name in ("mp4", "png"):
        container = containers.of(sample(name))
        demand = Demand(("IN",), "r", "m", "p", label="AI-generated")
        done = label.add(container.write(sample(name), {"AIGC": theirs}), demand, signer, "w0-1-1", now)
        assert label.check(done, demand, ours).marks["AIGC"] == dict.fromkeys(KEYS, "1")


@pytest.mark.parametrize("text", ["word " * 200, "人" * 200, "word " * 100 + "人" * 100])
def test_a_short_text_needs_no_watermark_and_a_long_one_does(signer, now, ours, text):
    demand = Demand(("EU",), "r", "m", "p", means=("watermark",), over_tokens=200)
    assert label.check(label.add(text.encode(), demand, signer, "w0-1-1", now), demand, ours).missing == ()
    with pytest.raises(Refusal, match="export_incomplete"):
        label.add((text + " more").encode(), demand, signer, "w0-1-1", now)
