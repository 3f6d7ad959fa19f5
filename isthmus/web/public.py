"""The public pages: everything on the gateway's port that is not hot. Never the admin API.

GET  /                    the phone app; its parts are /app/*, /sw.js and /manifest.webmanifest
GET  /app/models          models that a browser may fetch; /app/models/{digest}: one of them, in ranges
POST /v1/preview          what exactly would leave for a partner, and the sheet that asks for it
GET  /v1/decision         why an answer may come from where it comes
GET  /v1/regions          the regions of the caller's key, and what stands beside answers there
POST /v1/consents         a person agreed: keep it, and give back its id
DELETE /v1/consents/{id}  the person changed their mind
GET  /v1/ledger/key       the public key that the ledger's checkpoints are signed with (Ed25519, base64)
GET  /v1/receipts/{id}    one receipt of the caller's own tenant; {id}/proof: that it is in the ledger
"""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Literal, TypeVar

import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from isthmus.core.consent import Consent
from isthmus.core.decision import FEATURES
from isthmus.core.errors import Refusal
from isthmus.core.exchange import Caller
from isthmus.gateway.doors import batch_pages
from isthmus.gateway.doors.batches import Batches
from isthmus.gateway.relay import Corridor, identify
from isthmus.ledger import checkpoint, consents, proof, read
from isthmus.ledger.accounts import Accounts
from isthmus.ledger.receipt import ConsentReceipt, Receipt
from isthmus.web import models, static
from isthmus.web.preview import Wanted, preview, question_of
from isthmus.web.why import regions, why

LOOKS = (0.02, 0.1, 0.0)  # seconds after each look for a receipt; a group is written within 10 ms
ALWAYS_DAYS = 180
ONCE_MINUTES = 10


class ConsentGiven(msgspec.Struct, forbid_unknown_fields=True):
    """The body of POST /v1/consents; the sheet in the refusal says what to send."""

    kind: Literal["separate", "sensitive", "guardian", "label_duty"]
    recipient: str = ""
    region: str = ""
    feature: str = "*"
    scope: Literal["once", "always"] = "once"
    subject: str = ""
    language: str = ""


class Desk:
    """Answers the slow paths with the corridor's keys, the accounts and the ledger."""

    def __init__(self, corridor: Corridor, accounts: Accounts, home: Path) -> None:
        self.corridor = corridor
        self.accounts = accounts
        self.home = home
        self.files = static.read_files()

    async def caller(self, request: Request) -> Caller:
        """Who asks. Raises Refusal missing_key, invalid_key or revoked_key."""
        caller = await identify(self.corridor, request.headers.get("authorization", "").encode("latin-1"))
        if caller.revoked:
            raise Refusal("revoked_key", since=caller.revoked_on)
        return caller

    async def page(self, request: Request) -> Response:
        """One of the app's files. Raises Refusal not_found."""
        found = static.serve(self.files, request)
        if found is None:
            raise Refusal("not_found")
        return found

    async def models(self, request: Request) -> Response:
        """The models of this node that a browser may fetch, for whoever has a key."""
        await self.caller(request)
        found = await run_in_threadpool(models.listing, self.home / "models")
        return answer({"models": found})

    async def model(self, request: Request) -> Response:
        """A piece of one model. Raises Refusal not_found or bad_field."""
        await self.caller(request)
        return await run_in_threadpool(models.piece, self.home / "models", request)

    async def preview(self, request: Request) -> Response:
        """What would leave for a partner; nothing is sent, and nothing of it is kept."""
        caller = await self.caller(request)
        wanted = decode(await request.body(), Wanted)
        return answer(preview(self.corridor.table, caller, wanted))

    async def decision(self, request: Request) -> Response:
        """Why: the decision for the question in the query (region, feature, age, data), in words."""
        caller = await self.caller(request)
        asked = request.query_params
        table = self.corridor.table
        question = question_of(
            table,
            caller,
            asked.get("region", ""),
            asked.get("feature", "assistant"),
            asked.get("age", ""),
            asked.get("data", "personal"),
        )
        return answer(why(table, question))

    async def regions(self, request: Request) -> Response:
        """The regions of the caller's key."""
        caller = await self.caller(request)
        return answer({"regions": regions(self.corridor.table, caller)})

    async def give(self, request: Request) -> Response:
        """Keep a consent. 201 with {"id", "until"}."""
        caller = await self.caller(request)
        given = decode(await request.body(), ConsentGiven)
        consent = self.consent(caller, given)
        c = self.corridor
        await run_in_threadpool(consents.give, self.accounts, c.ledger, consent, c.clock)
        c.consents[consent.id] = consent
        return answer({"id": consent.id, "until": consent.until, "kind": consent.kind, "scope": consent.scope}, 201)

    async def withdraw(self, request: Request) -> Response:
        """Withdraw a consent; streams that run on it stop at their next event."""
        caller = await self.caller(request)
        known = self.corridor.consents.get(request.path_params["id"])
        if known is None or known.tenant != caller.tenant:
            raise Refusal("not_found")
        known.withdrawn = True  # first of all: a stream that rests on it stops, whatever the disk says
        c = self.corridor
        await run_in_threadpool(consents.withdraw, self.accounts, c.ledger, known.id, c.clock)
        return answer({"id": known.id, "withdrawn": True})

    async def receipt(self, request: Request) -> Response:
        """One receipt, for the tenant it belongs to. Waits until what is queued is on disk."""
        found = await self.find(request)
        return Response(msgspec.json.encode(found), media_type="application/json")

    async def proof(self, request: Request) -> Response:
        """The proof that the receipt is in the ledger (RFC 9162, 2.1.3), to be checked by whoever holds it."""
        found = await self.find(request)
        proven = await run_in_threadpool(proof.prove, self.home / "ledger", found.id)
        return Response(msgspec.json.encode(proven), media_type="application/json")

    async def ledger_key(self, request: Request) -> Response:
        """The name of this node's ledger, and the key that its checkpoints are signed with."""
        await self.caller(request)
        node, public = await run_in_threadpool(checkpoint.public_key, self.home / "ledger")
        return answer({"node": node, "public": b64encode(public).decode()})

    async def find(self, request: Request) -> Receipt | ConsentReceipt:
        """The receipt that the path names, where it is the caller's own. Raises Refusal not_found."""
        caller = await self.caller(request)
        await self.corridor.ledger.durable()
        folder, wanted = self.home / "ledger", request.path_params["id"]
        for wait in LOOKS:
            try:
                found = await run_in_threadpool(read.find, folder, wanted)
                break
            except Refusal:
                await asyncio.sleep(wait)  # another worker may be about to write it
        else:
            raise Refusal("not_found")
        if not isinstance(found, (Receipt, ConsentReceipt)) or found.tenant != caller.tenant:
            raise Refusal("not_found")
        return found

    def consent(self, caller: Caller, given: ConsentGiven) -> Consent:
        """The consent as it is stored. Raises Refusal bad_field or region_not_allowed."""
        region = given.region or caller.region
        if region not in caller.regions:
            raise Refusal("region_not_allowed", region="-", known=", ".join(caller.regions))
        if given.feature != "*" and given.feature not in FEATURES:
            raise Refusal("bad_field", field="feature", reason="one of *, " + ", ".join(FEATURES))
        if bool(given.recipient) != (given.kind == "separate"):
            raise Refusal("bad_field", field="recipient", reason="a separate consent names one, other kinds none")
        now = self.corridor.clock.now()
        lasts = timedelta(minutes=ONCE_MINUTES) if given.scope == "once" else timedelta(days=ALWAYS_DAYS)
        return Consent(
            id="",
            tenant=caller.tenant,
            kind=given.kind,
            recipient=given.recipient,
            region=region,
            feature=given.feature,
            scope=given.scope,
            subject=given.subject[:200],
            language=given.language[:16],
            given_at=now,
            until=now + lasts,
        )


Body = TypeVar("Body", bound=msgspec.Struct)


def decode(body: bytes, type: type[Body]) -> Body:
    """The body, a JSON object of that type. Raises Refusal bad_json or bad_field; reasons never quote content."""
    try:
        return msgspec.json.decode(body, type=type)
    except msgspec.ValidationError as error:
        raise Refusal("bad_field", field="body", reason=str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Refusal("bad_json", reason="the body must be one JSON object") from None


def answer(document: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(document), status, media_type="application/json")


Handler = Callable[[Request], Awaitable[Response]]


def refusing(handler: Handler) -> Handler:
    """A refusal becomes its enumerated answer."""

    async def run(request: Request) -> Response:
        try:
            return await handler(request)
        except Refusal as refusal:
            return answer(refusal.body(), refusal.row.status)

    return run


async def refused(request: Request, error: Exception) -> Response:
    """A refusal of a page that is not wrapped."""
    assert isinstance(error, Refusal)
    return answer(error.body(), error.row.status)


async def nothing_here(request: Request) -> Response:
    raise Refusal("not_found")


def public_app(corridor: Corridor, accounts: Accounts, home: Path, batches: Batches | None = None) -> Starlette:
    """The ASGI app for every path that the corridor does not serve itself."""
    desk = Desk(corridor, accounts, home)
    return Starlette(
        routes=[
            Route("/", refusing(desk.page), methods=["GET"]),
            Route("/sw.js", refusing(desk.page), methods=["GET"]),
            Route("/manifest.webmanifest", refusing(desk.page), methods=["GET"]),
            Route("/app/models", refusing(desk.models), methods=["GET"]),
            Route("/app/models/{digest}", refusing(desk.model), methods=["GET"]),
            Route("/app/{name}", refusing(desk.page), methods=["GET"]),
            Route("/v1/preview", refusing(desk.preview), methods=["POST"]),
            Route("/v1/decision", refusing(desk.decision), methods=["GET"]),
            Route("/v1/regions", refusing(desk.regions), methods=["GET"]),
            Route("/v1/consents", refusing(desk.give), methods=["POST"]),
            Route("/v1/consents/{id}", refusing(desk.withdraw), methods=["DELETE"]),
            Route("/v1/ledger/key", refusing(desk.ledger_key), methods=["GET"]),
            Route("/v1/receipts/{id}", refusing(desk.receipt), methods=["GET"]),
            Route("/v1/receipts/{id}/proof", refusing(desk.proof), methods=["GET"]),
            *(() if batches is None else batch_pages.routes(batches, desk.caller)),
            Route("/{path:path}", refusing(nothing_here), methods=["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]),
        ],
        exception_handlers={Refusal: refused},
    )
