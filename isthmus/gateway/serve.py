"""Which path goes where: hot endpoints to the corridor, everything else to the ASGI app."""

from __future__ import annotations

from collections.abc import Coroutine
from pathlib import Path
from time import monotonic, time
from typing import Any

import msgspec

from isthmus.core.errors import Refusal
from isthmus.core.exchange import Exchange
from isthmus.gateway.admission import Admission
from isthmus.gateway.again import PREFIX, take_up
from isthmus.gateway.asgi import App, serve_asgi
from isthmus.gateway.door import BODY_LIMIT, Door, answer_bytes, refusal_bytes
from isthmus.gateway.doors.memory import Memory
from isthmus.gateway.head import Request
from isthmus.gateway.kinds import KINDS, Kinds
from isthmus.gateway.origins import lines, options
from isthmus.gateway.relay import Corridor, check_standing, decide, meet, relay
from isthmus.gateway.voice import DOORS, Voice
from isthmus.policy.receipt import compose

CHAT = b"/v1/chat/completions"
MODELS = b"/v1/models"
HEALTH = b"/health"
OTHER_LIMIT = 64 << 10
FILES = b"/v1/files"
FILE_LIMIT = 16 << 20
INSIDE = 1024  # requests that one worker answers at the same time


def body_limit(path: bytes) -> int:
    """The largest body, in bytes, that `path` takes."""
    if path == FILES:
        return FILE_LIMIT
    return BODY_LIMIT if path == CHAT or path in DOORS or path in KINDS else OTHER_LIMIT


class Service:
    """One worker's paths. `serve` is what every door calls."""

    __slots__ = ("admission", "app", "corridor", "kinds", "memory", "run")

    def __init__(
        self,
        corridor: Corridor,
        app: App,
        admission: Admission | None = None,
        kinds: Kinds | None = None,
        run: Path = Path(),
    ) -> None:
        self.corridor = corridor
        self.app = app
        self.admission = admission or Admission(INSIDE)
        self.kinds = kinds
        self.run = run
        self.memory = Memory(corridor.clock)

    def serve(self, request: Request, door: Door) -> Coroutine[Any, Any, None]:
        """Answer one request, whatever it asks for."""
        if self.corridor.origins:
            door.adds = lines(request, self.corridor.origins)
        if request.method == b"POST":
            if request.path == CHAT:
                return self._ask(request, door, None)
            if request.path in DOORS:
                return self._ask(request, door, Voice(DOORS[request.path], self.memory))
            if request.path in KINDS and self.kinds is not None:
                return self._ask(request, door, Voice(KINDS[request.path], self.memory), self.kinds)
        return self._other(request, door)

    async def _ask(self, request: Request, door: Door, voice: Voice | None, kinds: Kinds | None = None) -> None:
        """A question, if there is room for it; a refusal for want of room costs no look-up and no receipt."""
        corridor = self.corridor
        try:
            if kinds is not None:
                corridor = await kinds.corridor(KINDS[request.path])
            rank = self.admission.enter(request.headers)
            began = monotonic()
        except Refusal as refusal:
            body = None if voice is None else voice.refusal(refusal)
            door.write(refusal_bytes(refusal, keep_alive=request.keep_alive, body=body))
            door.finish(request.keep_alive)
            return
        try:
            await relay(corridor, request, door, voice)
        finally:
            self.admission.leave(rank, monotonic() - began)

    async def _other(self, request: Request, door: Door) -> None:
        keep_alive = False
        try:
            if request.method == b"OPTIONS":
                door.write(options(request, self.corridor.origins, self._takes(request.path)))
                keep_alive = request.keep_alive
            elif request.path == CHAT or request.path in DOORS or request.path in KINDS:
                raise Refusal("method_not_allowed", method=request.method.decode("ascii"), allowed="POST")
            elif request.path == MODELS:
                keep_alive = await self._models(request, door)
            elif request.path.startswith(PREFIX) and request.method in (b"GET", b"DELETE"):
                keep_alive = await take_up(self.corridor, self.run, request, door)
            elif request.path == HEALTH:
                keep_alive = tell(request, door, answer_bytes(200, b'{"status":"ok"}', keep_alive=request.keep_alive))
            else:
                keep_alive = await serve_asgi(self.app, request, door)
        except Refusal as refusal:
            keep_alive = tell(request, door, refusal_bytes(refusal, keep_alive=request.keep_alive))
        finally:
            door.finish(keep_alive)

    def _takes(self, path: bytes) -> bytes:
        """The methods of `path`, for OPTIONS."""
        if path == CHAT or path in DOORS or path in KINDS:
            return b"POST, OPTIONS"
        return b"GET, HEAD, OPTIONS" if path in (MODELS, HEALTH) else b"GET, HEAD, POST, DELETE, OPTIONS"

    async def _models(self, request: Request, door: Door) -> bool:
        """GET /v1/models: what this key may ask for where it is, as OpenAI model objects."""
        if request.method not in (b"GET", b"HEAD"):
            raise Refusal("method_not_allowed", method=request.method.decode("ascii"), allowed="GET")
        c = self.corridor
        standing = await meet(c, request)
        check_standing(c, Exchange("", standing.caller, 0.0))
        decision = decide(c, standing, request)
        created = int(time())
        listed = [{"id": "auto", "object": "model", "created": created, "owned_by": "isthmus"}]
        for plan in decision.plans:
            route = plan.route
            about = {"route": route.name, "source": route.tier, "badge": route.badge, "rehearsal": route.rehearsal}
            entry = {"object": "model", "created": created, "owned_by": route.partner, "isthmus": about}
            listed += [{"id": name, **entry} for name in dict.fromkeys((*route.aliases, route.name))]
        body = msgspec.json.encode({"object": "list", "data": listed})
        return tell(request, door, answer_bytes(200, body, keep_alive=request.keep_alive))

    def refused(self, request: Request, refusal: Refusal) -> None:
        """The door refused a request whose head was valid: where its key is known, a receipt says so."""
        c = self.corridor
        try:
            caller = c.ring.find(request.headers.get(b"authorization"))
        except Refusal:
            return
        ex = Exchange(c.ledger.next_id(), caller, c.clock.monotonic())
        ex.outcome = "refused"
        ex.refusal_code = refusal.code
        c.ledger.append(compose(ex, c.clock))


def tell(request: Request, door: Door, answer: bytes) -> bool:
    """Write a whole answer; to HEAD its head alone, or what follows would be read as the next answer (RFC 9110, 9.3.2).

    Returns whether the connection may be kept.
    """
    door.write(answer[: answer.index(b"\r\n\r\n") + 4] if request.method == b"HEAD" else answer)
    return request.keep_alive
