import httpx
import pytest

from isthmus.core.errors import Refusal
from isthmus.gateway.doors.multipart import Field, parse

TYPE = "multipart/form-data; boundary=b"


def test_an_upload_of_a_real_client_is_cut_as_it_was_made():
    content = b'{"a":1}\r\n--b\r\n\r\n{"b":2}\n'
    request = httpx.Request(
        "POST", "http://x", data={"purpose": "batch"}, files={"file": ("in put.jsonl", content, "text/plain")}
    )
    fields = parse(request.headers["content-type"], request.read())
    assert fields == {"purpose": Field("", b"batch"), "file": Field("in put.jsonl", content)}


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", b"{}"),
        ("multipart/form-data", b"--b--"),
        (TYPE, b""),
        (TYPE, b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n'),
        (TYPE, b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n' * 2 + b"--b--\r\n"),
        (TYPE, b"--b\r\n\r\nx\r\n--b--"),
        (TYPE, b'words\r\n--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n--b--'),
        (TYPE, b'--b\r\nContent-Disposition: form-data; name="a"\r\n--b--'),
    ],
)  # fmt: skip
def test_what_two_readers_could_cut_differently_is_refused(kind, body):
    with pytest.raises(Refusal) as caught:
        parse(kind, body)
    assert caught.value.row.status == 400
