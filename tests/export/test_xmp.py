import pytest

from isthmus.core.errors import Refusal
from isthmus.export import xmp

AIGC = '{"Label":"1"}'
THEIRS = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:T="http://www.tc260.org.cn/ns/AIGC/1.0/"
 xmlns:I="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" I:DigitalSourceType="theirs" T:AIGC="{&quot;Label&quot;:&quot;2&quot;}">
<dc:creator>somebody</dc:creator></rdf:Description></rdf:RDF></x:xmpmeta>"""


def test_a_new_packet_holds_the_mark_and_the_word_of_picture_agencies():
    packet = xmp.write(None, {"AIGC": AIGC})
    assert xmp.read(packet) == ({"AIGC": AIGC}, ("IPTC DigitalSourceType",))
    assert packet.count(b"trainedAlgorithmicMedia") == 1


def test_a_property_written_as_an_attribute_is_read_and_replaced():
    assert xmp.read(THEIRS).marks == {"AIGC": '{"Label":"2"}'}
    packet = xmp.write(THEIRS, {"AIGC": AIGC})
    assert xmp.read(packet).marks == {"AIGC": AIGC}
    assert b"somebody" in packet
    assert b'"theirs"' in packet
    assert b"trainedAlgorithmicMedia" not in packet


def test_writing_again_leaves_one_of_each_and_nothing_empty():
    once = xmp.write(None, {"AIGC": AIGC, "Provenance": "{}"})
    twice = xmp.write(once, {"AIGC": AIGC, "Provenance": "{}"})
    assert twice.count(b"<TC260:AIGC") == 1
    third = xmp.write(twice, {"AIGC": AIGC, "Provenance": "{}"})
    assert len(third) == len(twice)


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"no xml",
        b"<a>",
        b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
        b"<a/>" + b" " * (1 << 20),
        b"\xff\xfe<a/>",
    ],
)
def test_what_is_no_packet_is_refused(packet):
    with pytest.raises(Refusal, match="bad_file"):
        xmp.read(packet)


def test_a_packet_without_rdf_takes_no_mark():
    with pytest.raises(Refusal, match="bad_file"):
        xmp.write(b"<a/>", {"AIGC": AIGC})


@pytest.mark.parametrize("depth", [200, 100_000])
def test_a_packet_nested_without_end_is_refused(depth):
    with pytest.raises(Refusal, match="bad_file"):
        xmp.write(b"<a>" * depth + b"</a>" * depth, {"AIGC": AIGC})
