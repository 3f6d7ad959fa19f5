"""A node reads the law anew while it serves, and drops nothing."""

import threading

import httpx
import pytest

from isthmus.core.clock import SystemClock
from isthmus.core.operator import REHEARSAL_TOML


@pytest.fixture
def own(scripted):
    """operator.toml of the scripted node, put back afterwards."""
    path = scripted.home / "operator.toml"
    yield path
    put(path, REHEARSAL_TOML)
    scripted.node.reload()
    assert until(lambda: lawful(scripted, "doubao") == 200)


def put(path, text):
    """In one step, as an editor saves: a reload never reads half a file."""
    fresh = path.with_suffix(".new")
    fresh.write_text(text, "utf-8")
    fresh.replace(path)


def until(check, seconds=20.0):
    clock, pause = SystemClock(), threading.Event()
    end = clock.monotonic() + seconds
    while clock.monotonic() < end:
        if check():
            return True
        pause.wait(0.05)
    return False


def lawful(place, model):
    return place.ask("hi", model=model, headers={"isthmus_data": "none"}).status_code


def test_a_filing_that_is_withdrawn_rules_the_route_out_after_a_reload_and_no_request_fails(scripted, own):
    seen = []
    stop = threading.Event()

    def knock():
        with httpx.Client(headers={"Authorization": f"Bearer {scripted.key}"}, timeout=30) as client:
            while not stop.is_set():
                body = {"model": "private", "messages": [{"role": "user", "content": "hi"}]}
                seen.append(client.post(f"{scripted.base_url}/chat/completions", json=body).status_code)

    assert lawful(scripted, "doubao") == 200
    caller = threading.Thread(target=knock)
    caller.start()
    put(own, own.read_text("utf-8").replace('doubao = "rehearsal"', 'doubao = ""'))
    assert until(lambda: seen)  # somebody asks already
    scripted.node.reload()
    try:
        assert until(lambda: lawful(scripted, "doubao") == 451)
    finally:
        stop.set()
        caller.join()
    assert set(seen) == {200}
    assert len(seen) > 3


def test_a_file_that_cannot_be_read_leaves_the_running_law_in_force(scripted, own):
    put(own, "mode = 'holiday'")
    scripted.node.reload()
    log = scripted.home / "run" / "w0.log"
    assert until(lambda: "law_not_reloaded" in log.read_text("utf-8"))
    assert lawful(scripted, "private") == 200
