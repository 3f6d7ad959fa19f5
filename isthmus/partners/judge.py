"""What a partner's error means for the journey: one of four words, from its status and its own code.

    retry       it may pass: a limit, an overload, a lost moment. Another lawful route may answer now.
    elsewhere   this route or its key is at fault (no access, no credit, no such model). Another route may answer.
    caller      the request itself is at fault. No other route is tried.
    moderated   the partner's own moderation objected. Never taken elsewhere: shopping for a laxer judge is no failover.

A partner's message is read here to find its code and goes no further.
Sources: error pages of Ark (82379/1299023), DashScope, Qianfan, DeepSeek, Moonshot, GLM, MiniMax, OpenAI, Azure OpenAI,
Anthropic, Gemini and Mistral.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

RETRY = "retry"
ELSEWHERE = "elsewhere"
CALLER = "caller"
MODERATED = "moderated"

_generic = msgspec.json.Decoder()

CODES: dict[str, str] = {
    # Ark
    "RateLimitExceeded": RETRY,
    "ServerOverloaded": RETRY,
    "InternalServiceError": RETRY,
    "QuotaExceeded": ELSEWHERE,
    "AccountOverdueError": ELSEWHERE,
    "AccessDenied": ELSEWHERE,
    "AuthenticationError": ELSEWHERE,
    "InvalidEndpointOrModel": ELSEWHERE,
    "InvalidEndpoint": ELSEWHERE,
    "ModelNotOpen": ELSEWHERE,
    "OperationDenied": ELSEWHERE,
    "MissingParameter": CALLER,
    "InvalidParameter": CALLER,
    # DashScope
    "Throttling": RETRY,
    "LimitRequests": RETRY,
    "InternalError": RETRY,
    "RequestTimeOut": RETRY,
    "ServiceUnavailable": RETRY,
    "InvalidApiKey": ELSEWHERE,
    "Arrearage": ELSEWHERE,
    "ModelNotFound": ELSEWHERE,
    "Model": ELSEWHERE,
    "AllocationQuota": ELSEWHERE,
    "DataInspectionFailed": MODERATED,
    "data_inspection_failed": MODERATED,
    # ERNIE on Qianfan: numbers of the older interface, words of the newer
    "336100": RETRY,
    "336501": RETRY,
    "336502": RETRY,
    "18": RETRY,
    "4": RETRY,
    "2": RETRY,
    "336000": RETRY,
    "17": ELSEWHERE,
    "19": ELSEWHERE,
    "6": ELSEWHERE,
    "110": ELSEWHERE,
    "111": ELSEWHERE,
    "336001": CALLER,
    "336002": CALLER,
    "336003": CALLER,
    "336006": CALLER,
    "336007": CALLER,
    "336104": CALLER,
    "rpm_rate_limit_exceeded": RETRY,
    "tpm_rate_limit_exceeded": RETRY,
    "invalid_iam_token": ELSEWHERE,
    "coding_plan_hour_quota_exceeded": ELSEWHERE,
    # Moonshot, DeepSeek, OpenAI, Azure, Mistral
    "rate_limit_exceeded": RETRY,
    "rate_limit_error": RETRY,
    "rate_limit_reached_error": RETRY,
    "engine_overloaded_error": RETRY,
    "server_error": RETRY,
    "slow_down": RETRY,
    "insufficient_quota": ELSEWHERE,
    "exceeded_current_quota_error": ELSEWHERE,
    "billing_hard_limit_reached": ELSEWHERE,
    "invalid_api_key": ELSEWHERE,
    "invalid_authentication_error": ELSEWHERE,
    "incorrect_api_key_error": ELSEWHERE,
    "unsupported_country_region_territory": ELSEWHERE,
    "model_not_found": ELSEWHERE,
    "resource_not_found_error": ELSEWHERE,
    "DeploymentNotFound": ELSEWHERE,
    "context_length_exceeded": CALLER,
    "string_above_max_length": CALLER,
    "content_filter": MODERATED,
    "content_policy_violation": MODERATED,
    "moderation_blocked": MODERATED,
    "invalid_prompt": MODERATED,
    "ResponsibleAIPolicyViolation": MODERATED,
    # Anthropic
    "overloaded_error": RETRY,
    "api_error": RETRY,
    "timeout_error": RETRY,
    "authentication_error": ELSEWHERE,
    "billing_error": ELSEWHERE,
    "permission_error": ELSEWHERE,
    "not_found_error": ELSEWHERE,
    "request_too_large": CALLER,
    # Gemini (google.rpc.Code, and reasons of ErrorInfo)
    "RESOURCE_EXHAUSTED": RETRY,
    "UNAVAILABLE": RETRY,
    "INTERNAL": RETRY,
    "DEADLINE_EXCEEDED": RETRY,
    "PERMISSION_DENIED": ELSEWHERE,
    "UNAUTHENTICATED": ELSEWHERE,
    "NOT_FOUND": ELSEWHERE,
    "FAILED_PRECONDITION": ELSEWHERE,
    "API_KEY_INVALID": ELSEWHERE,
    "SAFETY": MODERATED,
    "PROHIBITED_CONTENT": MODERATED,
    "BLOCKLIST": MODERATED,
    # GLM
    "1302": RETRY,
    "1303": RETRY,
    "1305": RETRY,
    "1312": RETRY,
    "500": RETRY,
    "1000": ELSEWHERE,
    "1001": ELSEWHERE,
    "1003": ELSEWHERE,
    "1113": ELSEWHERE,
    "1211": ELSEWHERE,
    "1220": ELSEWHERE,
    "1304": ELSEWHERE,
    "1308": ELSEWHERE,
    "1210": CALLER,
    "1214": CALLER,
    "1261": CALLER,
    "1301": MODERATED,
    # MiniMax (base_resp.status_code, inside a 200); its 1000 and 1001 mean what GLM's do not, so they follow the status
    "1002": RETRY,
    "1024": RETRY,
    "1033": RETRY,
    "1041": RETRY,
    "1004": ELSEWHERE,
    "1008": ELSEWHERE,
    "2049": ELSEWHERE,
    "2056": ELSEWHERE,
    "1039": CALLER,
    "2013": CALLER,
    "1026": MODERATED,
    "1027": MODERATED,
}
# Where a partner has no code of its own for it, and says it in its message alone.
MESSAGES: dict[str, str] = {
    "content exists risk": MODERATED,  # DeepSeek
    "api key not valid": ELSEWHERE,  # Gemini, with INVALID_ARGUMENT
    "credit balance is too low": ELSEWHERE,  # Anthropic, with invalid_request_error
    "user location is not supported": ELSEWHERE,  # Gemini
}
_MODERATION = ("SensitiveContentDetected", "RiskDetection", "PolicyViolation")  # parts of Ark's many codes
_STATUS = {400: CALLER, 413: CALLER, 422: CALLER, 401: ELSEWHERE, 402: ELSEWHERE, 403: ELSEWHERE, 404: ELSEWHERE}
_NAMED = ("code", "error_code", "status", "reason", "type", "status_code")
_INSIDE = ("error", "innererror", "inner_error", "base_resp", "response", "output", "promptFeedback")


def judge(status: int, body: bytes) -> str:
    """One of the four words for an answer with `status` (200 for an error inside a stream) and JSON `body`."""
    try:
        document = _generic.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        document = None
    codes: list[str] = []
    messages: list[str] = []
    for name, value in _said(document):
        (messages if name == "message" else codes).append(value)
    words = [found for found in map(_of, codes) if found]
    words += [word for text in messages for sign, word in MESSAGES.items() if sign in text.lower()]
    for word in (MODERATED, ELSEWHERE):  # the graver reading of several: a quota that is used up hides in a 429
        if word in words:
            return word
    return words[0] if words else _STATUS.get(status, CALLER if 405 <= status < 500 and status not in _WAIT else RETRY)


_WAIT = frozenset((408, 409, 425, 429, 499))


def is_error(document: Any) -> bool:
    """Whether a decoded event or answer reports a failure in any partner's way, though its HTTP status says 200."""
    if not isinstance(document, dict):
        return False
    if document.get("error") or document.get("error_code"):
        return True
    base = document.get("base_resp")
    if isinstance(base, dict) and base.get("status_code"):
        return True
    return bool(document.get("code")) and "choices" not in document and "output" not in document


def _of(code: str) -> str:
    """The word for one code: whole, or its family before the first dot (RateLimitExceeded.EndpointRPMExceeded)."""
    if any(part in code for part in _MODERATION):
        return MODERATED
    found = CODES.get(code)
    if found is None and "." in code:
        family, _, kind = code.partition(".")
        found = CODES.get(kind) if CODES.get(kind) == MODERATED else CODES.get(family)
    return found or ""


def _said(document: Any, depth: int = 0) -> Iterator[tuple[str, str]]:
    """Every code and message of an error document, wherever the partner keeps them."""
    if isinstance(document, list):  # Gemini's stream without SSE, and `details`
        for each in document[:8]:
            yield from _said(each, depth + 1)
    if not isinstance(document, dict) or depth > 4:
        return
    for name in _NAMED:
        value = document.get(name)
        if isinstance(value, str | int) and not isinstance(value, bool):
            yield name, str(value)
    block = document.get("blockReason")
    if isinstance(block, str):
        yield "code", block
    message = document.get("message") or document.get("error_msg") or document.get("status_msg")
    if isinstance(message, str):
        yield "message", message
    for name in (*_INSIDE, "details"):
        yield from _said(document.get(name), depth + 1)
