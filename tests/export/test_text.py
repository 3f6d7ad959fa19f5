import pytest

from isthmus.core.errors import Refusal
from isthmus.export import text


def test_a_byte_order_mark_is_taken_off():
    assert text.decoded("\ufeffhi".encode(), "markdown") == "hi"


@pytest.mark.parametrize("data", [b"\xff\xfe", b"a\0b"])
def test_what_is_no_text_is_refused(data):
    with pytest.raises(Refusal, match="bad_file"):
        text.decoded(data, "markdown")


def test_too_much_is_refused(monkeypatch):
    monkeypatch.setattr(text, "LIMIT", 3)
    with pytest.raises(Refusal, match="bad_file"):
        text.decoded(b"four", "markdown")
