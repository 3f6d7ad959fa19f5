"""The pages of files and batches, as Starlette routes; `gateway.serve` hands every path that is not hot to them.

POST /v1/files                 keep an upload (multipart: purpose, file)
GET  /v1/files                 what there is; {id}: one; {id}/content: its bytes; DELETE {id}
POST /v1/batches               begin a batch; GET: what there is; {id}: one; {id}/cancel: end it
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from isthmus.core.exchange import Caller
from isthmus.gateway.doors.batches import Batches, Whose
from isthmus.gateway.doors.multipart import Field, parse

Who = Callable[[Request], Awaitable[Caller]]
_NOTHING = Field("", b"")
_PAGE = 20
_MOST = 100


def routes(batches: Batches, who: Who) -> list[Route]:
    """Every route of this room. `who` finds the caller; refusals are for the app's own handler."""
    pages = _Pages(batches, who)
    return [
        Route("/v1/files", pages.upload, methods=["POST"]),
        Route("/v1/files", pages.files, methods=["GET"]),
        Route("/v1/files/{id}", pages.file, methods=["GET"]),
        Route("/v1/files/{id}", pages.remove, methods=["DELETE"]),
        Route("/v1/files/{id}/content", pages.content, methods=["GET"]),
        Route("/v1/batches", pages.create, methods=["POST"]),
        Route("/v1/batches", pages.batches, methods=["GET"]),
        Route("/v1/batches/{id}", pages.batch, methods=["GET"]),
        Route("/v1/batches/{id}/cancel", pages.cancel, methods=["POST"]),
    ]


class _Pages:
    def __init__(self, batches: Batches, who: Who) -> None:
        self._batches = batches
        self._files = batches.files
        self._who = who

    async def upload(self, request: Request) -> Response:
        caller = await self._who(request)
        fields = parse(request.headers.get("content-type", ""), await request.body())
        file, purpose = fields.get("file", _NOTHING), fields.get("purpose", _NOTHING).value.decode("utf-8", "replace")
        return _json(await run_in_threadpool(self._files.add, caller.tenant, file.filename, purpose, file.value))

    async def files(self, request: Request) -> Response:
        caller = await self._who(request)
        return _json(_page(await run_in_threadpool(self._files.all, caller.tenant), request))

    async def file(self, request: Request) -> Response:
        caller = await self._who(request)
        return _json(await run_in_threadpool(self._files.find, caller.tenant, request.path_params["id"]))

    async def remove(self, request: Request) -> Response:
        caller = await self._who(request)
        return _json(await run_in_threadpool(self._files.remove, caller.tenant, request.path_params["id"]))

    async def content(self, request: Request) -> Response:
        caller = await self._who(request)
        found = await run_in_threadpool(self._files.content, caller.tenant, request.path_params["id"])
        return Response(found, media_type="application/octet-stream")

    async def create(self, request: Request) -> Response:
        caller = await self._who(request)
        headers = {name: value for name, value in request.headers.items() if name.startswith("isthmus-")}
        headers.pop("isthmus-priority", None)
        whose = Whose(caller.tenant, caller.key_id, headers)
        return _json(await run_in_threadpool(self._batches.create, await request.body(), whose))

    async def batches(self, request: Request) -> Response:
        caller = await self._who(request)
        return _json(_page(await run_in_threadpool(self._batches.all, caller.tenant), request))

    async def batch(self, request: Request) -> Response:
        caller = await self._who(request)
        return _json(await run_in_threadpool(self._batches.find, caller.tenant, request.path_params["id"]))

    async def cancel(self, request: Request) -> Response:
        caller = await self._who(request)
        return _json(await run_in_threadpool(self._batches.cancel, caller.tenant, request.path_params["id"]))


def _page(found: list[Any], request: Request) -> dict[str, Any]:
    """A page of a list, as the API reference has it: `after` is the last id of the page before."""
    word = request.query_params.get("limit", "")
    limit = max(1, min(_MOST, int(word))) if word.isdigit() and len(word) < 6 else _PAGE
    after = request.query_params.get("after", "")
    names = [each.id for each in found]
    start = names.index(after) + 1 if after in names else 0
    page = found[start : start + limit]
    more = start + limit < len(found)
    ends = {"first_id": page[0].id if page else None, "last_id": page[-1].id if page else None}
    return {"object": "list", "data": page, **ends, "has_more": more}


def _json(document: Any) -> Response:
    return Response(msgspec.json.encode(document), media_type="application/json")
