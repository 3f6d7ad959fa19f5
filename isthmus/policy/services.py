"""Moderation services elsewhere: one TOML file each says where it is, how it is signed and what its labels mean here.

Rules of this room:
1. A new service is a file of policy/data/services, or of <home>/services; a new way of signing is a function of
   policy/signing.
2. Keys are environment variables; a service whose keys are missing is refused when it is loaded.
3. Only TLS leaves this machine (policy/service_wire speaks it); where it goes to is written down, for the law of the
   place asks (policy/judge_places).
4. A text that is longer than a service takes is sent in several calls that overlap: what one cuts, the next one shows.
5. An answer that is not the service's own is no verdict: the judge failed.
"""

from __future__ import annotations

import secrets
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlencode, urlsplit

import msgspec

from isthmus.core.errors import Refusal
from isthmus.core.places import is_place
from isthmus.policy import signing
from isthmus.policy.judge import JudgeError, Verdict
from isthmus.policy.service_wire import Wire

FOLDER = Path(__file__).parent / "data" / "services"
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
OVERLAP = 100  # characters that two calls for one text share; of a service that takes little, a quarter
_json = msgspec.json.Decoder()


class Category(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What some of a service's labels are here. A label may end in `*`."""

    labels: tuple[str, ...]
    action: Literal["block", "flag"] = "block"


class Reply(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How an answer is read. `items` is a path of names and `*`.

    With `label`, each item is an object that names one label there; `score` and `least` drop the weak ones, `where` the
    ones without one of these words. Without it, each item is an object whose true members are the labels.
    `sound` must be so, else the service failed.
    """

    items: str
    label: str = ""
    score: str = ""
    least: float = 0.0
    where: dict[str, tuple[str, ...]] = {}
    nothing: tuple[str, ...] = ()
    sound: dict[str, Any] = {}


class Service(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file. In `body` and `inner`, "{text}" is the text, "{now}" the time (s), "{NAME}" an environment variable and
    "{NAME:int}" one that is a number; a member of `inner` is written as JSON inside a string. `answer` holds those
    members of `body` that are others for an answer. `places`: where it reads and keeps what it is sent (core.places);
    nothing where nobody says so.
    """

    title: str
    source: str
    url: str
    sign: Literal["bearer", "acs3", "volcengine"]
    keys: tuple[str, ...]
    longest: int
    reply: Reply
    category: dict[str, Category]
    encoding: Literal["json", "form"] = "json"
    query: dict[str, str] = {}
    options: dict[str, str] = {}
    body: dict[str, Any] = {}
    inner: dict[str, dict[str, Any]] = {}
    answer: dict[str, Any] = {}
    places: tuple[str, ...] = ()
    unknown: Literal["block", "flag", "pass"] = "flag"


def read(path: Path) -> Service:
    """One file. Raises Refusal bad_law naming the place."""
    try:
        found = msgspec.convert(tomllib.loads(path.read_text("utf-8")), Service)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise Refusal("bad_law", reason=f"{path}: {error}") from None
    address = urlsplit(found.url)
    if address.scheme != "https" and address.hostname not in _LOOPBACK:
        raise Refusal("bad_law", reason=f"{path}: only https leaves this machine")
    for place in found.places:
        if not is_place(place):
            raise Refusal("bad_law", reason=f"{path}: {place} is no place")
    return found


def load(home: Path, name: str, environment: Mapping[str, str]) -> Remote:
    """The service `name`, the operator's own file first. Raises Refusal bad_law."""
    known = [path for path in (home / "services" / f"{name}.toml", FOLDER / f"{name}.toml") if path.is_file()]
    if not name.replace("_", "").isalnum() or not known:
        raise Refusal("bad_law", reason=f"guard.toml names the judge {name}, and there is none of that name")
    service = read(known[0])
    wanted = {*service.keys, *_variables([service.body, service.inner, service.answer])}
    missing = sorted(variable for variable in wanted if not environment.get(variable))
    if missing:
        raise Refusal("bad_law", reason=f"the judge {name} needs {', '.join(missing)} in the environment")
    return Remote(service, {variable: environment[variable] for variable in wanted})


def _variables(document: Any) -> Iterator[str]:
    if isinstance(document, str) and document[:1] == "{" and document[1:2].isupper():
        yield document[1:-1].removesuffix(":int")
    elif isinstance(document, dict):
        for value in document.values():
            yield from _variables(value)
    elif isinstance(document, list):
        for value in document:
            yield from _variables(value)


class Remote:
    """A service as a judge (policy/judge)."""

    def __init__(self, service: Service, environment: Mapping[str, str]) -> None:
        self._service = service
        self._environment = environment
        self._keys = tuple(environment[name] for name in service.keys)
        address = urlsplit(service.url)
        self._host = address.netloc
        self._path = address.path or "/"
        self._wire = Wire(address)
        self.places = None if address.hostname in _LOOPBACK and not service.places else service.places

    async def judge(self, texts: Sequence[str], *, answer: bool = False) -> list[Verdict]:
        """See policy/judge. Calls for one long text go one after another, and end with the first to block."""
        longest = self._service.longest
        whole = "\n".join(texts)
        found: list[Verdict] = []
        start = 0
        while start < len(whole):
            headers, body, target = self.request(whole[start : start + longest], datetime.now(UTC), answer=answer)
            found += self.verdicts(await self._wire.post(target, headers, body))
            if any(one.action == "block" for one in found) or start + longest >= len(whole):
                break
            start += longest - min(OVERLAP, longest // 4)
        return found

    def close(self) -> None:
        """Let go of the connections that are kept for the next call."""
        self._wire.close()

    def request(self, text: str, now: datetime, *, answer: bool = False) -> tuple[dict[str, str], bytes, str]:
        """The headers, body and target of one call."""
        service = self._service
        members = {**service.body, **service.answer} if answer else service.body
        body: dict[str, Any] = self._filled(members, text, now)
        for name, inner in service.inner.items():
            body[name] = msgspec.json.encode(self._filled(inner, text, now)).decode()
        if service.encoding == "form":
            content_type, written = "application/x-www-form-urlencoded", urlencode(body).encode()
        else:
            content_type, written = "application/json", msgspec.json.encode(body)
        made = signing.Request(
            "POST", self._host, self._path, service.query, content_type, written, self._keys, now,
            secrets.token_hex(16), service.options,
        )  # fmt: skip
        headers = {"content-type": content_type, **signing.SCHEMES[service.sign](made)}
        line = signing.query_line(service.query)
        return headers, written, f"{self._path}?{line}" if line else self._path

    def _filled(self, document: Any, text: str, now: datetime) -> Any:
        if isinstance(document, dict):
            return {name: self._filled(value, text, now) for name, value in document.items()}
        if isinstance(document, list):
            return [self._filled(value, text, now) for value in document]
        if document == "{text}":
            return text
        if document == "{now}":
            return int(now.timestamp())
        for variable in _variables(document):
            value = self._environment[variable]
            return int(value) if document.endswith(":int}") else value
        return document

    def verdicts(self, said: bytes) -> list[Verdict]:
        """What the service's answer means here. Raises JudgeError."""
        service = self._service
        reply = service.reply
        try:
            document = _json.decode(said)
            if any(next(_at(document, path.split("."))) != value for path, value in reply.sound.items()):
                raise JudgeError("it says that it failed")
            items = list(_at(document, reply.items.split(".")))
        except (msgspec.DecodeError, UnicodeDecodeError, StopIteration, KeyError, TypeError) as error:
            raise JudgeError(type(error).__name__) from None
        return [verdict for item in items for label in self._labels(item) for verdict in self._category(label)]

    def _labels(self, item: Any) -> list[str]:
        reply = self._service.reply
        if not isinstance(item, dict):
            raise JudgeError("an answer of another shape")
        if not reply.label:
            return [name for name, value in item.items() if value is True]
        label = item.get(reply.label)
        if not isinstance(label, str):
            raise JudgeError("an answer of another shape")
        if label in reply.nothing or (reply.score and float(item.get(reply.score) or 0.0) < reply.least):
            return []
        return [label] if all(item.get(name) in wanted for name, wanted in reply.where.items()) else []

    def _category(self, label: str) -> list[Verdict]:
        for name, category in self._service.category.items():
            if any(fnmatchcase(label, pattern) for pattern in category.labels):
                return [Verdict(name, category.action)]
        unknown = self._service.unknown
        return [] if unknown == "pass" else [Verdict("other", unknown)]


def _at(document: Any, path: Sequence[str]) -> Iterator[Any]:
    """What stands at `path`; no list is an empty one. Raises KeyError or TypeError where a name leads nowhere."""
    if not path:
        yield document
    elif path[0] == "*":
        for inner in document or ():
            yield from _at(inner, path[1:])
    else:
        yield from _at(document[path[0]], path[1:])
