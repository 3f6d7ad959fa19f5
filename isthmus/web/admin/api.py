"""The admin API as an ASGI app: every operation passes one authorise step, every change leaves a receipt.

operations (people, lawdesk, partners, ...)  --routes-->  Starlette
GET /metrics        the counters, for Prometheus (permission measures.read)
GET /health         says that this process lives
GET /               the console; its parts are /app/*
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from hashlib import sha256
from typing import Any, NamedTuple

import msgspec
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from isthmus.core.errors import Refusal
from isthmus.ledger.receipt import ActReceipt
from isthmus.web import static
from isthmus.web.admin import (
    lawdesk,
    ledgerdesk,
    money,
    oidc,
    openapi,
    overview,
    partners,
    people,
    planning,
    prometheus,
    questions,
)
from isthmus.web.admin.access import ANYBODY, COOKIE, SELF, Credential, Person, authorise
from isthmus.web.admin.office import Call, Office
from isthmus.web.admin.operation import PREFIX, Operation

OPERATIONS: tuple[Operation, ...] = (
    *overview.OPERATIONS,
    *questions.OPERATIONS,
    *lawdesk.OPERATIONS,
    *partners.OPERATIONS,
    *money.OPERATIONS,
    *planning.OPERATIONS,
    *ledgerdesk.OPERATIONS,
    *people.OPERATIONS,
)
BODY_LIMIT = 1 << 20
KEEP_DAYS = 186  # a receipt of an operator's act is kept six months, as the longest law for logs asks (CN CSL Art 23)
_SESSION_ROUTE = f"{PREFIX}/session"


class SignIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of POST /admin/v1/session."""

    token: str


class SignedIn(msgspec.Struct, frozen=True):
    """Who is signed in, what they may do, the word that changes must repeat, until when (ms since 1970 UTC)."""

    person: Person
    may: list[str]
    csrf: str
    until: int


class Asking(NamedTuple):
    """One request before it was let in: the operation, and what it showed."""

    operation: Operation
    request: Request
    body: bytes


Handler = Callable[[Request], Awaitable[Response]]


class Api:
    """Routes over one office. `secure`: cookies are sent over TLS alone."""

    def __init__(self, office: Office, *, secure: bool = False) -> None:
        self.office = office
        self.secure = secure
        self.files = static.read_files(static.FOLDER.parent / "console_static")
        self.document = msgspec.json.encode(openapi.document(OPERATIONS))

    def person(self, request: Request, permission: str) -> Person | None:
        """The one step before everything. Raises Refusal."""
        store = self.office.store
        return authorise(permission, credential(request), store.by_token, store.by_session)

    def handler(self, operation: Operation) -> Handler:
        """The Starlette endpoint of one operation."""

        async def run(request: Request) -> Response:
            asking = Asking(operation, request, await request.body())
            return await run_in_threadpool(self.answer, asking)

        return guarded(run)

    def answer(self, asking: Asking) -> Response:
        """Authorise, decode, run, and leave the receipt of a change, whatever came of it."""
        operation, request, body = asking
        person = self.person(request, operation.needs)
        assert person is not None
        if not operation.changes:
            return encoded(self.run(operation, request, body, person), operation.status)
        self.office.ledger.check()
        status, result = operation.status, None
        try:
            result = self.run(operation, request, body, person)
        except Refusal as refusal:
            status = refusal.row.status
            raise
        finally:
            self.note(operation, request, body, person, status, result)
        return encoded(result, status)

    def run(self, operation: Operation, request: Request, body: bytes, person: Person) -> Any:
        """The operation itself. Raises Refusal."""
        query = convert(dict(request.query_params), operation.query)
        document = decode(body, operation.body) if operation.body is not None else None
        return operation.run(self.office, Call(person, request.path_params, query, document))

    def note(
        self, operation: Operation, request: Request, body: bytes, person: Person, status: int, result: Any
    ) -> None:
        """The receipt of an act: who, as what, did what, to which object; of the body only its hash."""
        office = self.office
        made = getattr(result, "id", "") or getattr(result, "version", "") or getattr(result, "active", "")
        about = next(iter(request.path_params.values()), "") or str(made)
        office.ledger.append(
            ActReceipt(
                id=office.ledger.next_id(),
                at=office.clock.epoch_ms(),
                by=person.id,
                role=person.role,
                act=f"{operation.needs} {operation.method} {operation.path}",
                object=about[:64] if about.isprintable() else "-",
                status=status,
                said=sha256(body).hexdigest() if body else "",
                keep_min=KEEP_DAYS,
            )
        )

    # the session

    async def sign_in(self, request: Request) -> Response:
        """Exchange a token for a session cookie. The browser keeps it from scripts and from other sites."""
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":  # another site's form cannot say so, and so signs nobody in
            raise Refusal("unsupported_media")
        asked = decode(await request.body(), SignIn)
        person = await run_in_threadpool(self.office.store.by_token, asked.token)
        if person is None:
            raise Refusal("invalid_key")
        return await run_in_threadpool(self.open, person)

    def open(self, person: Person) -> Response:
        """A session for a person who has proved who they are."""
        session, secret = self.office.store.open_session(person)
        answer = encoded(SignedIn(person, self.permissions(person), session.csrf, session.until), 201)
        age = (session.until - self.office.clock.epoch_ms()) // 1000
        answer.set_cookie(COOKIE, secret, max_age=age, httponly=True, samesite="strict", secure=self.secure)
        return answer

    async def whoami(self, request: Request) -> Response:
        person = await run_in_threadpool(self.person, request, SELF)
        assert person is not None
        session = await run_in_threadpool(self.office.store.by_session, request.cookies.get(COOKIE, ""))
        csrf, until = ("", 0) if session is None else (session.csrf, session.until)
        return encoded(SignedIn(person, self.permissions(person), csrf, until))

    async def sign_out(self, request: Request) -> Response:
        await run_in_threadpool(self.person, request, SELF)
        await run_in_threadpool(self.office.store.close_session, request.cookies.get(COOKIE, ""))
        answer = Response(None, 204)
        answer.delete_cookie(COOKIE, httponly=True, samesite="strict", secure=self.secure)
        return answer

    @staticmethod
    def permissions(person: Person) -> list[str]:
        from isthmus.web.admin.access import CHANGE, READ, may

        return [word for word in (*READ, *CHANGE) if may(person, word)]

    # what is not an operation

    async def metrics(self, request: Request) -> Response:
        await run_in_threadpool(self.person, request, "measures.read")
        text = await run_in_threadpool(overview.metrics, self.office)
        return Response(text, media_type=prometheus.TYPE)

    async def described(self, request: Request) -> Response:
        self.person(request, ANYBODY)
        return Response(self.document, media_type="application/json")

    async def page(self, request: Request) -> Response:
        found = static.serve(self.files, request)
        if found is None:
            raise Refusal("not_found")
        return found


async def health(request: Request) -> Response:
    return encoded({"status": "ok"})


async def nothing_here(request: Request) -> Response:
    raise Refusal("not_found")


def admin_app(office: Office, *, secure: bool = False) -> Starlette:
    """The ASGI app of the control listener."""
    api = Api(office, secure=secure)
    pages = [
        Route("/", guarded(api.page), methods=["GET"]),
        Route("/app/{name}", guarded(api.page), methods=["GET"]),
        Route("/health", health, methods=["GET"]),
        Route("/metrics", guarded(api.metrics), methods=["GET"]),
        Route(f"{PREFIX}/openapi.json", guarded(api.described), methods=["GET"]),
        Route(_SESSION_ROUTE, session_handler(api), methods=["GET", "POST", "DELETE"]),
        *oidc.Desk(office).routes(guarded),
    ]
    by_path: dict[str, dict[str, Handler]] = {}
    for operation in OPERATIONS:
        by_path.setdefault(operation.path, {})[operation.method] = api.handler(operation)
    operations = [
        Route(PREFIX + path, by_method(handlers), methods=list(handlers)) for path, handlers in by_path.items()
    ]
    every = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
    return Starlette(routes=[*pages, *operations, Route("/{path:path}", guarded(nothing_here), methods=every)])


def by_method(handlers: Mapping[str, Handler]) -> Handler:
    """One endpoint for a path's methods; HEAD is GET without its body, which the door leaves out."""

    async def run(request: Request) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        return await handlers[method](request)

    return run


def session_handler(api: Api) -> Handler:
    """POST signs in, GET says who is signed in, DELETE signs out."""
    return by_method({"GET": guarded(api.whoami), "POST": guarded(api.sign_in), "DELETE": guarded(api.sign_out)})


def guarded(handler: Handler) -> Handler:
    """A refusal becomes its enumerated answer; a database that does not answer is `overloaded`, never a trace."""

    async def run(request: Request) -> Response:
        try:
            answer = await handler(request)
        except Refusal as refusal:
            answer = encoded(refusal.body(), refusal.row.status)
        except SQLAlchemyError:
            later = Refusal("overloaded", retry_after=5)
            answer = encoded(later.body(), later.row.status)
        answer.headers.setdefault("cache-control", "no-store")
        answer.headers.setdefault("x-content-type-options", "nosniff")
        return answer

    return run


def credential(request: Request) -> Credential:
    """What a request shows of itself."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    bearer = token.strip() if scheme.lower() == "bearer" else ""
    cookie, csrf = request.cookies.get(COOKIE, ""), request.headers.get("isthmus-csrf", "")
    return Credential(request.method, bearer, cookie, csrf)


def decode(body: bytes, type: type[Any]) -> Any:
    """The body as that type. Raises Refusal bad_json or bad_field."""
    try:
        return msgspec.json.decode(body, type=type)
    except msgspec.ValidationError as error:
        raise Refusal("bad_field", field="body", reason=str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Refusal("bad_json", reason="the body must be one JSON object") from None


def convert(words: Mapping[str, str], type: type[Any]) -> Any:
    """The query as that type. Raises Refusal bad_field."""
    try:
        return msgspec.convert(words, type, strict=False)
    except msgspec.ValidationError as error:
        raise Refusal("bad_field", field="query", reason=str(error)) from None


def encoded(document: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(document), status, media_type="application/json")
