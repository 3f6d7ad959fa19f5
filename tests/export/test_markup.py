import pytest

from isthmus.core.errors import Refusal
from isthmus.export import markup


def test_a_part_is_read():
    assert markup.parsed(b"<a><b/></a>", "docx").documentElement.tagName == "a"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<a>",
        b"<!DOCTYPE a><a/>",
        b"\xff\xfe<\0a\0/\0>\0",
        b'<?xml version="1.0" encoding="none"?><a/>',
        b"<a>" * 101 + b"</a>" * 101,
        b"<a:b/>",
    ],
)
def test_what_harms_or_is_no_xml_is_refused(data):
    with pytest.raises(Refusal, match="bad_file"):
        markup.parsed(data, "docx")
