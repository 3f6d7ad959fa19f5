"""One connection to the real door, without a network: bytes go in, whole requests and answers come out."""

from __future__ import annotations

from isthmus.gateway.door import Door, Doors
from isthmus.gateway.head import Request

BODY_LIMIT = 1 << 20


class Line:
    """A transport that keeps what the door says and whether it hung up."""

    def __init__(self):
        self.said = []
        self.closed = False

    def write(self, data):
        self.said.append(data)

    def close(self):
        self.closed = True

    abort = write_eof = close

    def can_write_eof(self):
        return True

    def set_write_buffer_limits(self, high):
        pass

    def pause_reading(self):
        pass

    def resume_reading(self):
        pass


def kept(request):
    """A request as it is now."""
    copied = Request(request.method, request.path, request.query, request.version, dict(request.headers))
    for name in ("length", "body", "seen", "keep_alive"):
        setattr(copied, name, getattr(request, name))
    return copied


class Dialogue:
    """Every request is answered as soon as it is whole. `requests` came through; `refusal` ended the connection."""

    def __init__(self, limit=BODY_LIMIT):
        self.requests = []
        self.line = Line()
        self._doors = Doors(self, self._serve, lambda path: limit)
        self.door = Door(self._doors)
        self.door.connection_made(self.line)

    # What a door asks of its loop: a clock that stands still, and tasks that this dialogue runs itself.
    def time(self):
        return 0.0

    def create_task(self, task):
        return task

    def call_soon(self, act):
        act()

    def _serve(self, request, door):
        self.requests.append(kept(request))  # a connection uses it again for its next one
        return self

    def send(self, value):
        """What is served waits for ever; `say` answers in its place."""

    def say(self, data):
        """Bytes arrive. What comes after the door hung up is never read."""
        door = self.door
        if self.line.closed:
            return self
        door.data_received(data)
        while door.task is not None and not self.line.closed:
            door.write(b"HTTP/1.1 204 No Content\r\n\r\n")
            door.finish(self.requests[-1].keep_alive)
        return self

    @property
    def status(self):
        """Status of the last answer that is not interim; 0 before there is one."""
        for said in reversed(self.line.said):
            number = int(said[9:12])
            if number >= 200:
                return number
        return 0

    @property
    def refused(self):
        return self.status >= 400
