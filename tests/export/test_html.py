import pytest

from isthmus.export import html

MARK = {"AIGC": '{"Label":"1","ProduceID":"<&>"}'}


@pytest.mark.parametrize(
    "data",
    [
        b"<!doctype html><html><head></head><body>Hi</body></html>",
        b"<!doctype html><html><body>Hi</body></html>",
        b"<!doctype html><p>Hi",
        b"<body>Hi</body>",
        b"<html lang=zh>Hi",
    ],
)
def test_a_page_without_this_or_that_takes_the_mark(data):
    marked = html.write(data, MARK)
    assert html.read(marked).marks == MARK
    assert html.essence(marked) == html.essence(data)
    assert html.write(marked, MARK) == marked


def test_a_mark_of_another_tool_is_read_and_replaced():
    data = b"<html><head><META content='{&quot;Label&quot;:&quot;2&quot;}' name=AIGC ></head>"
    assert html.read(data).marks == {"AIGC": '{"Label":"2"}'}
    assert html.write(data, MARK).count(b"AIGC") == 1


def test_the_label_is_the_last_paragraph_of_the_body():
    shown = html.show(b"<html><body><p>x</p></body></html>", "内容由AI生成")
    assert shown.decode().endswith('<p class="ai-label">内容由AI生成</p>\n</body></html>')
    assert html.shown(shown, "内容由AI生成")
    assert html.shown(html.show(b"<p>x", "a<b"), "a<b")


def test_what_no_reader_sees_is_no_label():
    assert not html.shown(b"<html><title>AI</title><script>AI</script><style>AI</style><!-- AI -->", "AI")


def test_it_is_known_by_its_first_words():
    assert html.recognise(b"<?xml version='1.0'?>\n<!-- c --><html>")
    assert not html.recognise(b"a page about <html>")
