"""Models for browsers: which ones this node has on disk, and their bytes piece by piece.

Rules of this room:
1. A file is found by looking its digest up among the models that are whole; nothing of a path reaches the file system.
2. Bytes go out in ranges of at most PIECE: an answer never takes more memory than one piece, and a download that broke
   off goes on where it stopped. A longer range is answered in part, as RFC 9110 section 14.2 allows.
3. A file's name is its SHA-256, so it may be kept for ever; the browser computes the digest again.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from isthmus.core.errors import Refusal
from isthmus.device.catalogue import Entry, load
from isthmus.device.store import Store

PIECE = 4 << 20
_RANGE = re.compile(r"bytes=(\d{1,15})-(\d{0,15})")


def here(folder: Path) -> dict[str, tuple[str, Entry, Path]]:
    """Models that are whole in `folder`, by digest: id, catalogue entry, file. The smallest first."""
    store = Store(folder)
    found = [(name, entry, path) for name, entry in load().items() if (path := store.path(entry)) is not None]
    return {entry.sha256: (name, entry, path) for name, entry, path in sorted(found, key=lambda each: each[1].size)}


def listing(folder: Path) -> list[dict[str, Any]]:
    """What a person chooses from: sizes in bytes, context in tokens, languages as BCP 47 tags."""
    return [
        {
            "id": name,
            "title": entry.title,
            "publisher": entry.publisher,
            "licence": entry.licence,
            "languages": list(entry.languages),
            "size": entry.size,
            "sha256": digest,
            "context": entry.context,
            "url": f"/app/models/{digest}",
        }
        for digest, (name, entry, _) in here(folder).items()
    ]


def piece(folder: Path, request: Request) -> Response:
    """Bytes of the model whose digest the path ends with. Raises Refusal not_found or bad_field."""
    found = here(folder).get(request.path_params["digest"])
    if found is None:
        raise Refusal("not_found")
    _, entry, path = found
    asked = _RANGE.fullmatch(request.headers.get("range", ""))
    if asked is None:
        raise Refusal("bad_field", field="Range", reason=f"a model is read in pieces, as in bytes=0-{PIECE - 1}")
    first = int(asked[1])
    if first >= entry.size:
        return Response(None, 416, {"content-range": f"bytes */{entry.size}"})
    last = min(int(asked[2] or entry.size), first + PIECE - 1, entry.size - 1)
    if last < first:
        raise Refusal("bad_field", field="Range", reason="it ends before it begins")
    with path.open("rb") as file:
        file.seek(first)
        body = file.read(last - first + 1)
    headers = {
        "content-range": f"bytes {first}-{last}/{entry.size}",
        "accept-ranges": "bytes",
        "cache-control": "private, no-store",  # the browser keeps the whole in its own file store, checked
        "x-content-type-options": "nosniff",
        "cross-origin-resource-policy": "same-origin",
    }
    return Response(body, 206, headers, media_type="application/octet-stream")
