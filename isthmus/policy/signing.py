"""How requests to services are signed. Each scheme is one function from a request and its keys to its headers.

Sources: RFC 6750 (bearer); Alibaba Cloud, "V3 request body and signature" (ACS3-HMAC-SHA256); Volcengine, "Signature
method" (HMAC-SHA256, of the family of AWS Signature Version 4).
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import NamedTuple
from urllib.parse import quote


class Request(NamedTuple):
    """What is signed. `query` holds its parameters; `keys` the secrets in the order of the service's file."""

    method: str
    host: str
    path: str
    query: Mapping[str, str]
    content_type: str
    body: bytes
    keys: tuple[str, ...]
    now: datetime
    nonce: str
    options: Mapping[str, str]


Sign = Callable[[Request], dict[str, str]]


def query_line(query: Mapping[str, str]) -> str:
    """The parameters in order of their names, percent-encoded (RFC 3986, 2.3)."""
    return "&".join(f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in sorted(query.items()))


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _mac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def _canonical(request: Request, signed: Mapping[str, str], payload: str) -> tuple[str, str]:
    """The canonical request, and the names of the signed headers."""
    names = ";".join(sorted(signed))
    lines = "".join(f"{name}:{signed[name]}\n" for name in sorted(signed))
    parts = (request.method, request.path, query_line(request.query), lines, names, payload)
    return "\n".join(parts), names


def bearer(request: Request) -> dict[str, str]:
    """One key, shown as it is."""
    return {"authorization": f"Bearer {request.keys[0]}"}


def acs3(request: Request) -> dict[str, str]:
    """Alibaba Cloud, version 3. Keys: AccessKey id and secret. Options: action, version."""
    access, secret = request.keys
    payload = _digest(request.body)
    headers = {
        "host": request.host,
        "content-type": request.content_type,
        "x-acs-action": request.options["action"],
        "x-acs-version": request.options["version"],
        "x-acs-date": request.now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "x-acs-signature-nonce": request.nonce,
        "x-acs-content-sha256": payload,
    }
    canonical, names = _canonical(request, headers, payload)
    signature = _mac(secret.encode(), f"ACS3-HMAC-SHA256\n{_digest(canonical.encode())}").hex()
    headers["authorization"] = f"ACS3-HMAC-SHA256 Credential={access},SignedHeaders={names},Signature={signature}"
    return headers


def volcengine(request: Request) -> dict[str, str]:
    """Volcengine. Keys: access key id and secret. Options: region, service."""
    access, secret = request.keys
    stamp = request.now.strftime("%Y%m%dT%H%M%SZ")
    payload = _digest(request.body)
    headers = {
        "content-type": request.content_type,
        "host": request.host,
        "x-content-sha256": payload,
        "x-date": stamp,
    }
    canonical, names = _canonical(request, headers, payload)
    steps = (stamp[:8], request.options["region"], request.options["service"], "request")
    key = secret.encode()
    for step in steps:
        key = _mac(key, step)
    scope = "/".join(steps)
    signature = _mac(key, f"HMAC-SHA256\n{stamp}\n{scope}\n{_digest(canonical.encode())}").hex()
    headers["authorization"] = f"HMAC-SHA256 Credential={access}/{scope}, SignedHeaders={names}, Signature={signature}"
    return headers


SCHEMES: Mapping[str, Sign] = {"bearer": bearer, "acs3": acs3, "volcengine": volcengine}
