import pytest

from isthmus.export import markdown

MARK = {"AIGC": '{"Label":"1"}'}


def test_a_text_without_front_matter_gets_some():
    assert markdown.write(b"# Hi\n", MARK) == b'---\nAIGC: {"Label":"1"}\n---\n# Hi\n'


def test_other_lines_of_front_matter_stay_in_order():
    data = b"---\n# a note\ntitle: x\ntags:\n  - a\n- b\nAIGC:\n  Label: '2'\n---\nbody\n"
    assert markdown.write(data, MARK) == (
        b'---\n# a note\ntitle: x\ntags:\n  - a\n- b\nAIGC: {"Label":"1"}\n---\nbody\n'
    )


def test_the_block_form_of_other_tools_is_read():
    data = b"""---
AIGC:
  Label: "1"
  ContentProducer: 'it''s'
  ProduceID: plain-id
  ReservedCode1: "bad \\x"
  not a field
---
"""
    assert markdown.read(data).marks == {"AIGC": '{"Label":"1","ContentProducer":"it\'s","ProduceID":"plain-id"}'}


@pytest.mark.parametrize("data", [b"", b"---", b"---\nno end\n", b"text\n---\nAIGC: {}\n---\n"])
def test_a_line_of_dashes_alone_opens_nothing(data):
    assert markdown.read(data).marks == {}
    assert markdown.essence(data) == data


def test_the_label_is_the_last_paragraph():
    assert markdown.show(b"# Hi\n\n\n", "AI") == b"# Hi\n\nAI\n"
    assert markdown.shown(b"# Hi\n\nAI\n", "AI")
    assert not markdown.shown(b"---\nt: AI\n---\nHi\n", "AI")


def test_windows_line_ends_and_a_byte_order_mark_are_met():
    data = b"\xef\xbb\xbf---\r\ntitle: x\r\n---\r\nbody\r\n"
    marked = markdown.write(data, MARK)
    assert markdown.read(marked).marks == MARK
    assert markdown.essence(marked) == markdown.essence(data)
