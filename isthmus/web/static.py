"""The phone app's files, as js/ built them into the folder `static`: read once, served from memory.

Rules of this room:
1. A path is looked up in a table made at start; nothing of a path ever reaches the file system.
2. Files under /app/ carry their content's hash in their name and may be kept for a year; the rest is asked for anew.
3. The page may load from here and from nowhere else, holds no inline script, and nothing may frame it. WebAssembly may
   be compiled, and a worker may be made of text that the page itself holds (the model's engine makes its own so).
4. Opener and embedder policies isolate the page, so that the engine may use several threads (SharedArrayBuffer).
5. Files that were packed when they were built (.gz) are large: they stay on disk and are read when asked for.
Source: CSP Level 3; HTML 7.1.4 (embedder policy); RFC 9111 section 5.2 (cache-control), RFC 8246 (immutable); W3C
Service Workers (/sw.js scope).
"""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

FOLDER = Path(__file__).parent / "static"
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
}
# Paths outside /app/, because the browser gives them a meaning: the page, the worker's scope, the manifest.
ROOT = {"/": "index.html", "/sw.js": "sw.js", "/manifest.webmanifest": "manifest.webmanifest"}
_YEAR = "public, max-age=31536000, immutable"
_SMALL = 860  # bytes; below one packet gzip gains nothing
POLICY = (
    "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "img-src 'self' data:; style-src 'self'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; "
    "worker-src 'self' blob:"
)


class File(NamedTuple):
    """One file: its bytes, or the same gzipped where that gains anything (else None), its type, its entity tag, how
    long it may be kept. A large file has neither, and stands gzipped at `stored`.
    """

    plain: bytes
    packed: bytes | None
    type: str
    etag: str
    keep: str
    stored: Path | None = None

    def bytes_for(self, *, gzipped: bool) -> tuple[bytes, bool]:
        """The bytes to send, and whether they are gzipped."""
        packed = self.packed if self.stored is None else self.stored.read_bytes()
        if packed is not None and gzipped:
            return packed, True
        return (self.plain if packed is None else gzip.decompress(packed)), False


def read_files(folder: Path = FOLDER) -> dict[str, File]:
    """Every served path and its file. Raises KeyError for a file whose type is not listed."""
    files = {path: _file(folder / name, "no-cache") for path, name in ROOT.items() if (folder / name).exists()}
    for path in sorted((folder / "app").glob("*")):
        files[f"/app/{path.name.removesuffix('.gz')}"] = _file(path, _YEAR)
    return files


def _file(path: Path, keep: str) -> File:
    body = path.read_bytes()
    if path.suffix == ".gz":
        return File(b"", None, TYPES[Path(path.stem).suffix], f'"{sha256(body).hexdigest()[:16]}"', keep, path)
    packed = gzip.compress(body, 9, mtime=0) if len(body) > _SMALL and path.suffix != ".png" else None
    tag = f'"{sha256(body).hexdigest()[:16]}"'
    return File(body if packed is None else b"", packed, TYPES[path.suffix], tag, keep)


def serve(files: Mapping[str, File], request: Request) -> Response | None:
    """The answer to a GET for a known path; None where there is no such file."""
    file = files.get(request.url.path)
    if file is None:
        return None
    headers = {
        "content-security-policy": POLICY,
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-embedder-policy": "require-corp",
        "cross-origin-resource-policy": "same-origin",
        "permissions-policy": "camera=(), geolocation=(), microphone=()",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
        "cache-control": file.keep,
        "etag": file.etag,
        "vary": "accept-encoding",
    }
    if request.headers.get("if-none-match") == file.etag:
        return Response(None, 304, headers)
    body, packed = file.bytes_for(gzipped="gzip" in request.headers.get("accept-encoding", ""))
    if packed:
        headers["content-encoding"] = "gzip"
    return Response(body, 200, headers, media_type=file.type)
