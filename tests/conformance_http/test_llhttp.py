"""llhttp's own request cases against the door: 131 of them, with llhttp's verdict and ours.

llhttp.json holds the bytes of nodejs/llhttp 9.4.2, test/request/*.md (MIT), as facts: `theirs` counts the messages that
llhttp completes, `lenient` says that it does so only with a lenience switched on, `ours` counts the requests that the door
takes, and `status` is its last word. A case without a Host got one: without it the door refuses each of them. What is to
be read with a pause or at the end of a connection (test types pause and finish) is llhttp's own interface and left out.
"""

import json
from pathlib import Path

import pytest
from dialogue import Dialogue

CASES = json.loads((Path(__file__).parent / "llhttp.json").read_text("ascii"))

# Why the door takes less than llhttp does. Each stricter case must be one of these.
STRICTER = {
    400: "a form that other readers understand differently",
    405: "a method that no path here takes: CONNECT, QUERY, SOURCE and other extensions",
    411: "a POST without Content-Length or chunked coding",
    0: "waits for the rest of a body that llhttp was told not to expect, or for a line end",
}


def raw(case):
    return case["bytes"].encode("latin-1")


@pytest.mark.parametrize("case", CASES, ids=[f"{case['file']}: {case['case']}" for case in CASES])
def test_a_case_of_llhttp_is_taken_or_refused_as_the_table_says(case):
    dialogue = Dialogue().say(raw(case))
    assert (len(dialogue.requests), dialogue.status) == (case["ours"], case["status"])


@pytest.mark.parametrize("case", CASES, ids=[f"{case['file']}: {case['case']}" for case in CASES])
def test_a_case_of_llhttp_is_read_the_same_byte_by_byte(case):
    dialogue = Dialogue()
    for byte in raw(case):
        dialogue.say(bytes((byte,)))
    assert len(dialogue.requests) == case["ours"]
    if case["status"]:
        assert dialogue.status // 100 == case["status"] // 100


def test_the_door_never_takes_more_than_llhttp_and_each_stricter_verdict_has_its_reason():
    assert all(case["ours"] <= case["theirs"] for case in CASES)
    stricter = [case for case in CASES if case["ours"] < case["theirs"]]
    assert {case["status"] for case in stricter} <= set(STRICTER)
    assert len(stricter) == 40


def test_what_llhttp_takes_only_leniently_is_refused_but_for_a_connection_that_ends():
    lenient = [case for case in CASES if case["lenient"]]
    assert {case["case"] for case in lenient if case["status"] == 204} == {
        "Resetting flags when keep-alive is off (1.0, lenient)"
    }
