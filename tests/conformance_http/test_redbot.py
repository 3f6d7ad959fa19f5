"""What redbot's linter (httplint) says of the answers that the door writes: nothing bad, and its warnings are known."""

import pytest

pytest.importorskip("httplint", reason="httplint is not installed: it has no wheel to lock (pip install httplint)")
from httplint import HttpResponseLinter
from httplint.note import levels

from isthmus.core.errors import Refusal
from isthmus.gateway.door import answer_bytes, refusal_bytes

ANSWERS = {
    "an answer": answer_bytes(200, b"{}", keep_alive=True),
    "the last answer": answer_bytes(200, b"{}", keep_alive=False),
    "a page that is not there": answer_bytes(404, b"{}", keep_alive=True),
    "a refusal at the door": refusal_bytes(Refusal("bad_request", reason="x"), keep_alive=False),
    "too much at once": refusal_bytes(Refusal("overloaded", retry_after=1), keep_alive=False),
}
KNOWN = {
    "DATE_CLOCKLESS",  # RFC 9110, 6.6.1: a gateway adds a Date to what has none; caches do not serve answers to POST
    "FRESHNESS_HEURISTIC",
    "STATUS_BAD_REQUEST",
}


@pytest.mark.parametrize("raw", ANSWERS.values(), ids=ANSWERS.keys())
def test_redbot_finds_nothing_bad(raw):
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *fields = head.split(b"\r\n")
    linter = HttpResponseLinter()
    linter.process_response_topline(*first.split(b" ", 2))
    linter.process_headers([tuple(field.split(b": ", 1)) for field in fields])
    linter.feed_content(body)
    linter.finish_content(True)
    found = {type(note).__name__: note.level for note in linter.notes}
    assert found["CL_CORRECT"] == levels.GOOD
    assert levels.BAD not in found.values()
    assert {name for name, level in found.items() if level == levels.WARN} <= KNOWN
