import io
import zipfile

import docx as python_docx
import pytest

from isthmus.core.errors import Refusal
from isthmus.export import docx

MARK = {"AIGC": '{"Label":"1"}', "Provenance": '{"id":"x"}'}


def repacked(data, **parts):
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            if name not in parts:
                new.writestr(name, old.read(name))
        for name, part in parts.items():
            if part is not None:
                new.writestr(name, part)
    return out.getvalue()


def test_custom_properties_of_others_stay(sample):
    once = docx.write(sample("docx"), {"AIGC": "old"})
    theirs = docx._parts(once)["docProps/custom.xml"].replace(b'name="AIGC"', b'name="Theirs"')
    held = repacked(once, **{"docProps/custom.xml": theirs})
    marked = docx.write(docx.write(held, MARK), MARK)
    part = docx._parts(marked)["docProps/custom.xml"]
    assert (part.count(b"Theirs"), part.count(b'name="AIGC"')) == (1, 1)
    assert (b'pid="2"' in part, b'pid="3"' in part, b'pid="4"' in part) == (True, True, True)
    assert docx.read(marked).marks == MARK


def test_the_package_is_declared_and_opens(sample):
    made = python_docx.Document(io.BytesIO(docx.write(sample("docx"), MARK)))
    assert made.paragraphs[0].text == "Hello 你好"


def test_the_same_file_makes_the_same_bytes(sample):
    data = sample("docx")
    assert docx.write(data, MARK) == docx.write(data, MARK)


def test_the_label_is_a_paragraph_before_the_section(sample):
    data = sample("docx")
    assert not docx.shown(data, "内容由AI生成")
    shown = docx.show(data, "内容由AI生成")
    assert docx.shown(shown, "内容由AI生成")
    assert docx._parts(shown)["word/document.xml"].rstrip().endswith(b"</w:sectPr></w:body></w:document>")


def test_a_signed_package_is_told(sample):
    assert docx.read(repacked(sample("docx"), **{"_xmlsignatures/sig1.xml": b"<a/>"})).others == ("signature",)


@pytest.mark.parametrize(
    "parts",
    [
        {"_rels/.rels": None},
        {"[Content_Types].xml": b"<a>"},
        {"_rels/.rels": b"<!DOCTYPE a><a/>"},
    ],
)
def test_a_broken_package_is_refused(sample, parts):
    with pytest.raises(Refusal, match="bad_file"):
        docx.write(repacked(sample("docx"), **parts), MARK)


def test_a_document_without_a_body_takes_no_label(sample):
    with pytest.raises(Refusal, match="bad_file"):
        docx.show(repacked(sample("docx"), **{"word/document.xml": b"<a/>"}), "AI")


def test_too_many_parts_are_refused(sample, monkeypatch):
    monkeypatch.setattr(docx, "_ENTRIES", 1)
    with pytest.raises(Refusal, match="bad_file"):
        docx.read(sample("docx"))
