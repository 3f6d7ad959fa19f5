"""One query's journey holds content, and keeps it to itself."""

import pickle

import pytest

from isthmus.core.exchange import Attempt, Caller, Exchange
from isthmus.core.secret import ContentLeakError
from isthmus.core.wire import decode_ask

CALLER = Caller("k1", "t", ("CN",), "CN")


def exchange(
    body=b'{"model":"auto","messages":[{"role":"system","content":"a"},{"role":"user","content":"\xe4\xbc\x9a"}]}',
):
    ex = Exchange("w0-1", CALLER, 1.5)
    ex.ask = decode_ask(body)
    return ex


def test_all_text_of_the_question_is_one_block_of_utf8():
    assert exchange().text() == "a\n会".encode()


def test_what_stands_beside_the_messages_is_part_of_the_block():
    body = b'{"model":"auto","messages":[{"role":"user","content":"a"}],"stop":["b"]}'
    assert exchange(body).text() == b"a\nb"


def test_the_block_is_made_once_and_shared_by_all_scanners():
    ex = exchange()
    assert ex.text() is ex.text()


def test_an_exchange_begins_with_nothing_answered_and_nothing_owed():
    ex = Exchange("w0-1", CALLER, 1.5)
    assert (ex.id, ex.caller, ex.received_at, ex.first_at) == ("w0-1", CALLER, 1.5, 0.0)
    assert (ex.outcome, ex.refusal_code, ex.blocked, ex.shown, ex.plan, ex.decision) == ("", "", "", False, None, None)


def test_two_exchanges_share_no_scratch_space():
    one, other = exchange(), exchange()
    for name in ("attempts", "held", "masks", "met", "notices"):
        assert getattr(one, name) is not getattr(other, name)


@pytest.mark.parametrize("way_out", [str, "{}".format, pickle.dumps], ids=["str", "format", "pickle"])
def test_an_exchange_refuses_every_way_out_of_the_process(way_out):
    with pytest.raises(ContentLeakError):
        way_out(exchange())


def test_a_traceback_shows_a_fixed_word_instead_of_content():
    assert repr(exchange()) == "<Exchange: content withheld>"


def test_an_attempt_is_written_once():
    with pytest.raises(AttributeError):
        Attempt("r", "answered").outcome = "lost"
