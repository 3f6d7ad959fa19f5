"""What is not a conversation: vectors and pictures, under the same law and through the same corridor.

A decision for them is compiled from the partners that make them (partners.schema.doing), so each kind has a table, a
chooser and ways of its own; everything else (keys, ledger, budgets, connections) is the chat corridor's. A kind is
compiled when it is first asked for, and anew when the law changes.
"""

from __future__ import annotations

import asyncio
import copy
import os
from types import ModuleType

import msgspec

from isthmus.core.decision import Plan
from isthmus.core.exchange import Exchange
from isthmus.gateway import answer
from isthmus.gateway.build import Law, Settings, kind_table, read_law
from isthmus.gateway.door import Door, answer_bytes
from isthmus.gateway.doors import embeddings, images
from isthmus.gateway.failed import failed, judge
from isthmus.gateway.head import Request
from isthmus.gateway.relay import Corridor, send
from isthmus.gateway.voice import Voice
from isthmus.gateway.ways import ways
from isthmus.partners.openai_chat import BrokenAnswerError
from isthmus.partners.openai_embeddings import read_vectors
from isthmus.partners.openai_images import read_pictures
from isthmus.routing.choose import Chooser

KINDS: dict[bytes, ModuleType] = {embeddings.PATH: embeddings, images.PATH: images}
_OK = 200


class Kinds:
    """The corridors of one worker beside the chat corridor's."""

    def __init__(self, chat: Corridor, settings: Settings) -> None:
        self._chat = chat
        self._settings = settings
        self._made: dict[str, tuple[object, Corridor]] = {}
        self._turn = asyncio.Lock()

    async def corridor(self, door: ModuleType) -> Corridor:
        """The corridor for a door's kind. Raises Refusal bad_law."""
        kind: str = door.KIND
        async with self._turn:
            made = self._made.get(kind)
            if made is None or made[0] is not self._chat.table:
                law = self._chat.table
                loop = asyncio.get_running_loop()
                made = self._made[kind] = law, await loop.run_in_executor(None, self._make, door)
                self._chat.quota.price_also(made[1].table.routes.values())
            return made[1]

    def _make(self, door: ModuleType) -> Corridor:
        chat = self._chat
        law: Law = read_law(self._settings, chat.clock, chat.consents)
        table = kind_table(law, self._settings, door.KIND)
        made = copy.copy(chat)
        made.table = table
        made.chooser = Chooser(chat.breakers, table.models())
        made.ways = ways(table.routes, self._settings.engine_key, os.environ)
        made.asked = {}
        made.modality = getattr(door, "MODALITY", "text")
        made.attempt = attempt
        return made


async def attempt(c: Corridor, ex: Exchange, plan: Plan, request: Request, door: Door, voice: Voice | None) -> bool:
    """Ask one route for vectors or pictures. Returns whether the connection may be kept.

    Raises RouteFailed; Refusal when the fault is the caller's.
    """
    assert voice is not None
    route = plan.route
    way = c.ways[route.name]
    body = way.dialect.write_body(ex, route)
    got, _ = await send(c, ex, plan, b"%b%d\r\n\r\n%b" % (way.whole, len(body), body), request, door, voice)
    if isinstance(got, str):
        raise failed(route, got)
    if got.status != _OK:
        raise judge(way, route, got, c.clock.now())
    try:
        if c.modality == "image":
            read_pictures(got.body)
        else:
            ex.usage = read_vectors(got.body, len(ex.ask.messages)).usage
    except BrokenAnswerError:
        raise judge(way, route, got, c.clock.now()) from None
    ex.finish = "stop"
    ex.first_at = c.clock.monotonic()
    for respond in plan.on_response:
        respond(ex)
    whole = voice.made(got.body, msgspec.json.encode(answer.origin(ex)))
    door.write(answer_bytes(_OK, whole, keep_alive=request.keep_alive, extra=answer.header_lines(ex)))
    return request.keep_alive
