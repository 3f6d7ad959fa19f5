from isthmus.core.errors import Refusal
from isthmus.gateway.doors import chat
from isthmus.gateway.doors.sse import translate

STREAM = b': isthmus {"a":1}\n\ndata: {"x":1}\n\ndata: [DONE]\n\n'


class Noting(chat.Writer):
    __slots__ = ("noted",)

    def note(self, comment):
        self.noted = comment


def test_a_chat_callers_stream_stays_what_it_is_to_the_byte():
    writer = Noting()
    assert translate(writer, STREAM) == STREAM
    assert writer.noted == b': isthmus {"a":1}'


def test_the_chat_door_changes_nothing():
    assert chat.read(b"{}") == b"{}"
    assert chat.write(b"{}", b"") == b"{}"
    assert chat.refusal(Refusal("bad_json")) == Refusal("bad_json").encode()
