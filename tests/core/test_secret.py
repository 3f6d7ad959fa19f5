import copy
import logging
import pickle

import pytest

from isthmus.core.secret import ContentLeakError, Withheld

CANARY = "canary-91aa"


class Said(Withheld):
    __slots__ = ("text",)

    def __init__(self, text):
        self.text = text


def test_a_repr_shows_the_type_and_nothing_else():
    assert repr(Said(CANARY)) == "<Said: content withheld>"
    assert CANARY not in f"{[Said(CANARY)]!r}"


@pytest.mark.parametrize(
    "leak",
    [
        str,
        "{}".format,
        lambda said: f"{said}",
        lambda said: f"{said:>10}",
        lambda said: "%s" % said,  # noqa: UP031  # the oldest way out is a way out
        pickle.dumps,
        lambda said: pickle.dumps(said, protocol=0),
        copy.copy,
        copy.deepcopy,
        lambda said: said.__reduce__(),
    ],
)
def test_every_way_out_is_closed(leak):
    with pytest.raises(ContentLeakError) as error:
        leak(Said(CANARY))
    assert CANARY not in str(error.value)


def test_a_log_line_does_not_carry_it(caplog, monkeypatch):
    monkeypatch.setattr(logging, "raiseExceptions", False)
    logging.getLogger("t").warning("said %r", Said(CANARY))
    assert CANARY not in caplog.text
