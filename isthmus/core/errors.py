"""One table of everything that can be refused, for HTTP and for the command line.

A code is a promise to callers: it is never renamed. The message speaks to a person: what happened, which rule or
limit, what to do next. `{name}` is filled from the refusal's own fields, which are names, numbers and law, never
content and never an upstream's text.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec


class Row(NamedTuple):
    """HTTP status, OpenAI error `type`, exit code of the command line, and the sentence for a person."""

    status: int
    type: str
    exit: int
    message: str


# Exit codes: 0 done, 1 failed, 2 wrong usage, 3 refused by law or policy, 4 not authorised, 5 a partner or engine
# did not answer, 6 damaged data, 7 nothing running.
_CALLER = "invalid_request_error"
_LAW = "policy_error"
_AUTH = "authentication_error"
_DOWN = "upstream_error"

TABLE: dict[str, Row] = {
    # the caller's bytes
    "bad_request": Row(400, _CALLER, 2, "The request is not valid HTTP: {reason}. Mend the client."),
    "bad_json": Row(400, _CALLER, 2, "The body is not valid JSON ({reason}). Send one JSON object."),
    "bad_field": Row(400, _CALLER, 2, "Field {field} is not acceptable: {reason}."),
    "bad_header": Row(400, _CALLER, 2, "Header {field} is not acceptable: {reason}."),
    "unknown_region": Row(400, _CALLER, 2, "Region {region} is not known. Known: {known}."),
    "region_not_allowed": Row(
        403, "permission_error", 4, "This key does not serve region {region}. It serves: {known}."
    ),
    "unknown_model": Row(
        404, _CALLER, 2, "Model {model} is not known. GET /v1/models lists what this key may ask for."
    ),
    "not_found": Row(404, _CALLER, 2, "Nothing is served at this path. The API is under /v1."),
    "method_not_allowed": Row(405, _CALLER, 2, "This path does not take {method}. Use {allowed}."),
    "request_timeout": Row(408, _CALLER, 1, "The request did not arrive within {limit} s. Send it faster or smaller."),
    "length_required": Row(411, _CALLER, 2, "A body needs Content-Length or chunked transfer coding."),
    "body_too_large": Row(413, _CALLER, 2, "The body is larger than {limit} bytes. Send less."),
    "unsupported_media": Row(415, _CALLER, 2, "The body must be application/json, without content coding."),
    "headers_too_large": Row(431, _CALLER, 2, "The request line or headers are larger than {limit}. Send fewer."),
    "rate_limited": Row(429, "rate_limit_error", 1, "This key has used its {limit}. Try again in {retry_after} s."),
    "budget_spent": Row(
        429,
        "insufficient_quota",
        1,
        "This request does not fit into what is left of {limit}. It opens anew in {retry_after} s, or when raised.",
    ),
    "price_unknown": Row(
        503,
        "server_error",
        3,
        "{route} has no known price, and a budget of money binds this key. The operator must add one.",
    ),
    "quota_unavailable": Row(
        503,
        "server_error",
        5,
        "The budgets of this key cannot be read, so nothing is spent. Try again in {retry_after} s.",
    ),
    # who is asking
    "accounts_unavailable": Row(
        503, "server_error", 5, "The accounts do not answer now. Nothing was charged. Try again in {retry_after} s."
    ),
    "missing_key": Row(401, _AUTH, 4, "No key was sent. Use the header: Authorization: Bearer <key>."),
    "invalid_key": Row(401, _AUTH, 4, "This key is not known. `isthmus keys list` shows the keys that exist."),
    "revoked_key": Row(401, _AUTH, 4, "This key was revoked on {since}. Ask its owner for a new one."),
    "not_permitted": Row(403, "permission_error", 4, "Role {role} may not do this; it needs {needs}. Ask an owner."),
    "session_ended": Row(401, _AUTH, 4, "This session has ended. Sign in again; nothing was lost."),
    "sign_in_failed": Row(401, _AUTH, 4, "Signing in did not work. {reason} Begin again at the console."),
    "sign_in_unavailable": Row(
        503, _DOWN, 5, "The identity provider does not answer as it should. Try again, or sign in with a token."
    ),
    "csrf": Row(
        403, "permission_error", 4, "The header isthmus-csrf is missing or not this session's. Reload the page."
    ),
    # law and house policy
    "no_lawful_route": Row(451, _LAW, 3, "No model may answer this here. {reason}"),
    "feature_forbidden": Row(451, _LAW, 3, "{feature} is not allowed for this person here. {reason}"),
    "consent_required": Row(
        403,
        _LAW,
        3,
        "{reason} Give consent (POST /v1/consents), then repeat the request with the header isthmus-consent.",
    ),
    "consent_invalid": Row(403, _LAW, 3, "This consent does not cover the request: {reason}. Ask the person again."),
    "guardian_required": Row(403, _LAW, 3, "{reason} A guardian must agree (POST /v1/consents with kind guardian)."),
    "age_required": Row(403, _LAW, 3, "{reason} Send the header isthmus-age."),
    "content_blocked": Row(
        400, _LAW, 3, "This question cannot be processed here (category {category}). Rephrase it. {reason}"
    ),
    "tool_not_allowed": Row(
        403,
        "permission_error",
        4,
        "Tool number {place} is not one that this key may use. Leave it out, or ask its owner.",
    ),
    "not_judged": Row(
        503, _LAW, 3, "The question could not be judged in time by {judge}, and nothing passes unjudged. Try again."
    ),
    "answer_not_judged": Row(
        503, _LAW, 3, "The answer could not be judged in time by {judge}, and nothing is shown unjudged. Ask again."
    ),
    "suspended": Row(
        403, _LAW, 3, "This person is suspended until {until}, after repeated forbidden questions ({reason})."
    ),
    "bad_file": Row(400, _CALLER, 2, "This {container} cannot be read: {reason}."),
    "export_incomplete": Row(403, _LAW, 3, "This export lacks what the region asks for: {reason}."),
    # those who answer
    "upstream_unavailable": Row(
        503, _DOWN, 5, "{route} did not answer. You were not charged. Try again in {retry_after} s."
    ),
    "upstream_timeout": Row(504, _DOWN, 5, "{route} did not begin to answer within {limit} s. You were not charged."),
    "upstream_refused": Row(
        502, _DOWN, 5, "{route} refused the request ({status}). The route or its key needs the operator."
    ),
    "upstream_rejected": Row(
        400, _CALLER, 2, "{route} does not accept this request ({status}). Check the fields and the length."
    ),
    "upstream_busy": Row(429, "rate_limit_error", 5, "{route} is at its limit. Try again in {retry_after} s."),
    "upstream_broken": Row(502, _DOWN, 5, "{route} sent an answer that is not valid. You were not charged."),
    "upstream_lost": Row(502, _DOWN, 5, "{route} broke off in the middle of its answer. What arrived is incomplete."),
    "stream_ended": Row(403, _LAW, 3, "The stream was stopped: {reason}."),
    "overloaded": Row(503, "overloaded_error", 5, "Isthmus is at its limit. Try again in {retry_after} s."),
    "internal": Row(
        500, "server_error", 1, "Isthmus failed on this request. The operator finds it as receipt {receipt}."
    ),
    # what is remembered
    "ledger_failed": Row(
        503,
        "server_error",
        6,
        "Receipts cannot be written ({reason}), so nothing is served. Free or mend the disk, then start again.",
    ),
    "ledger_busy": Row(503, "server_error", 1, "Another process writes shard {shard} of the ledger. Stop it first."),
    "unknown_receipt": Row(404, _CALLER, 2, "No receipt here has the id {id}. It may not be written yet."),
    "unknown_key": Row(404, _CALLER, 2, "No key here has the id {id}. `isthmus keys list` shows the keys that exist."),
    "unknown_budget": Row(
        404, _CALLER, 2, "No budget here has the id {id}. `isthmus budget list` shows those that exist."
    ),
    "unknown_consent": Row(
        404, _CALLER, 2, "No consent here has the id {id}. `isthmus consent list` shows those that exist."
    ),
    "unknown_object": Row(404, _CALLER, 2, "There is no {kind} {id} here."),
    "already_there": Row(409, _CALLER, 2, "{kind} {id} exists already."),
    "not_law": Row(409, _CALLER, 2, "These files cannot become law here: {reason}"),
    "not_now": Row(409, _CALLER, 2, "This cannot be done now: {reason}"),
    # the command line
    "usage": Row(400, _CALLER, 2, "{reason}"),
    "data_damaged": Row(500, "server_error", 6, "{reason}"),
    "not_running": Row(503, _DOWN, 7, "Nothing answers at {url}. Start it with `make up` or `isthmus up`."),
    "model_unavailable": Row(503, _DOWN, 5, "Model {model} could not be had. {reason}"),
    "engine_unavailable": Row(503, _DOWN, 5, "No llama-server was found. {reason}"),
    "fleet_token": Row(
        401,
        _AUTH,
        4,
        "The fleet does not start without token authentication. {reason} `isthmus fleet token` makes one.",
    ),
    "fleet_unavailable": Row(503, _DOWN, 5, "The fleet does not answer. {reason}"),
    "bad_law": Row(500, "server_error", 6, "{reason}"),
}


class Refusal(Exception):
    """A request that ends here, with an enumerated code.

    `fields` fill the message; `extra` is added to the error object as it is (law, consent sheet). Neither ever
    holds content.
    """

    def __init__(self, code: str, /, extra: dict[str, Any] | None = None, **fields: object) -> None:
        super().__init__(code)
        self.code = code
        self.fields = fields
        self.extra = extra

    @property
    def row(self) -> Row:
        return TABLE[self.code]

    def sentence(self) -> str:
        """The message for a person."""
        return self.row.message.format_map(_Gaps(self.fields)).strip()

    def body(self) -> dict[str, Any]:
        """The OpenAI-shaped error object, as a dict."""
        field = self.fields.get("field")
        error: dict[str, Any] = {"message": self.sentence(), "type": self.row.type, "param": field, "code": self.code}
        if self.extra:
            error["isthmus"] = self.extra
        return {"error": error}

    def encode(self) -> bytes:
        """The same as JSON bytes."""
        return msgspec.json.encode(self.body())


class _Gaps(dict[str, object]):
    """A missing field shows as a dash, never as a traceback in front of a caller."""

    def __missing__(self, key: str) -> str:
        return "-"
