"""An answer given where the law asks for a detector is known again; nothing of it lies on the disk."""

import threading

from isthmus.commands.detect import judge
from isthmus.core.clock import SystemClock


def told(topic):
    """A text of its own about a topic."""
    return " ".join(f"{topic}{number} meets {topic}{number * 7} at {topic}time" for number in range(60))


def judged(place, text, wanted, seconds=20.0):
    """The verdict, once the ledger's thread has drawn the fingerprint."""
    clock, pause = SystemClock(), threading.Event()
    end = clock.monotonic() + seconds
    while True:
        verdict = judge(text.encode(), place.home / "ledger")
        if verdict.produced_here == wanted or clock.monotonic() > end:
            return verdict
        pause.wait(0.1)


def test_an_answer_in_the_union_is_known_again_streamed_or_whole(scripted):
    _, key = scripted.new_key("EU")
    headers = {"isthmus-region": "EU", "isthmus-age": "30"}
    for stream in (False, True):
        said = told("harbourstreamed" if stream else "harbourwhole")
        body = {"model": "local", "stream": stream, "messages": [{"role": "user", "content": f"say:{said}"}]}
        answer = scripted.post(body, key=key, **headers)
        assert answer.status_code == 200, answer.text
        edited = said.replace(" meets ", " greets ", 6)
        verdict = judged(scripted, edited, "yes")
        assert (verdict.produced_here, verdict.receipt) == ("yes", answer.headers["isthmus-receipt"])
        assert verdict.route == answer.headers["isthmus-route"]
    raw = b"".join(path.read_bytes() for path in (scripted.home / "ledger").rglob("*") if path.is_file())
    assert b"harbour" not in raw


def test_an_answer_where_no_detector_is_owed_leaves_no_fingerprint(scripted):
    said = told("lantern")
    answer = scripted.ask(f"say:{said}", model="local")
    assert answer.status_code == 200
    assert judged(scripted, said, "unlikely").produced_here == "unlikely"
