import io

import pypdf
import pypdf.generic
import pytest

from isthmus.core.errors import Refusal
from isthmus.export import pdf, xmp

MARK = {"AIGC": '{"Label":"1"}', "Provenance": '{"id":"x"}'}


def made(**how):
    writer, out = pypdf.PdfWriter(), io.BytesIO()
    for _ in range(how.get("pages", 1)):
        writer.add_blank_page(300, 200)
    if "password" in how:
        writer.encrypt(how["password"])
    if "packet" in how:
        stream = pypdf.generic.StreamObject()
        stream.set_data(how["packet"])
        writer.root_object[pypdf.generic.NameObject("/Metadata")] = writer._add_object(stream)
    if "signed" in how:
        form = {pypdf.generic.NameObject("/SigFlags"): pypdf.generic.NumberObject(3)}
        writer.root_object[pypdf.generic.NameObject("/AcroForm")] = pypdf.generic.DictionaryObject(form)
    writer.write(out)
    return out.getvalue()


def test_every_byte_stays_and_our_own_update_is_replaced():
    data = made()
    once = pdf.write(data, MARK)
    assert once.startswith(data.rstrip())
    twice = pdf.write(once, MARK)
    assert len(twice) == len(once)
    assert pdf.read(twice).marks == MARK
    assert pdf.essence(twice) == pdf.essence(data)


def test_what_a_packet_says_already_stays():
    packet = xmp.write(None, {"AIGC": "old"}).replace(b"</rdf:RDF>", b"<rdf:Description/></rdf:RDF>")
    marked = pdf.write(made(packet=packet), {"Provenance": "{}"})
    assert pdf.read(marked).marks == {"AIGC": "old", "Provenance": "{}"}


def test_the_label_stands_on_the_last_page_and_the_first_is_as_it_was():
    shown = pdf.show(made(pages=3), "内容由AI生成")
    reader = pypdf.PdfReader(io.BytesIO(shown))
    assert [page.extract_text() for page in reader.pages] == ["", "", "内容由AI生成"]
    assert pdf.shown(shown, "内容由AI生成")
    assert not pdf.shown(shown, "AI-generated")
    again = pdf.show(shown, "AI-generated")
    assert pdf.shown(again, "内容由AI生成")
    assert pdf.shown(again, "AI-generated")


def test_a_mark_after_the_label_keeps_both():
    marked = pdf.write(pdf.show(made(), "AI"), MARK)
    assert pdf.shown(marked, "AI")
    assert pdf.read(marked).marks == MARK


@pytest.mark.parametrize("how", [{"password": "x"}, {"signed": True}, {"pages": 0}])
def test_what_may_not_be_touched_is_refused(how):
    with pytest.raises(Refusal, match="bad_file"):
        pdf.write(made(**how), MARK)


@pytest.mark.parametrize("data", [b"%PDF-1.7", b"%PDF-1.7\n%%EOF", b"%PDF-1.7\nstartxref\n9999999\n%%EOF"])
def test_a_broken_file_is_refused(data):
    with pytest.raises(Refusal, match="bad_file"):
        pdf.write(data, MARK)


def test_a_claim_of_too_many_objects_is_refused(monkeypatch):
    monkeypatch.setattr(pdf, "_OBJECTS", 1)
    with pytest.raises(Refusal, match="bad_file"):
        pdf.write(made(), MARK)


def test_without_pypdf_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pypdf", None)
    with pytest.raises(Refusal, match="usage"):
        pdf.read(made())
