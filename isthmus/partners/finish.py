"""Why an answer ended: one table from every wire's own word to OpenAI's.

A word that stands in no row is `unknown`, never `stop`: whoever takes a refusal or an error for a normal end shows half
an answer as a whole one. `FAILED` words are no ending at all; a dialect reports them as an error.
Sources: OpenAI, Anthropic ("Stop reasons"), Gemini ("FinishReason"), DashScope, GLM, Mistral, DeepSeek
and Bedrock API references.
"""

from __future__ import annotations

STOP = "stop"
LENGTH = "length"
CALLS = "tool_calls"
FILTER = "content_filter"
UNKNOWN = "unknown"

TABLE: dict[str, str] = {
    # OpenAI chat, and all who speak it
    "stop": STOP,
    "length": LENGTH,
    "tool_calls": CALLS,
    "content_filter": FILTER,
    "function_call": "function_call",
    # OpenAI Responses: the status, or the reason why it is incomplete
    "completed": STOP,
    "max_output_tokens": LENGTH,
    # Anthropic; a paused turn and a full window are unfinished, as an answer at its limit is
    "end_turn": STOP,
    "stop_sequence": STOP,
    "max_tokens": LENGTH,
    "tool_use": CALLS,
    "refusal": FILTER,
    "pause_turn": LENGTH,
    "model_context_window_exceeded": LENGTH,
    # Gemini
    "STOP": STOP,
    "MAX_TOKENS": LENGTH,
    "SAFETY": FILTER,
    "RECITATION": FILTER,
    "LANGUAGE": FILTER,
    "BLOCKLIST": FILTER,
    "PROHIBITED_CONTENT": FILTER,
    "SPII": FILTER,
    "IMAGE_SAFETY": FILTER,
    "IMAGE_PROHIBITED_CONTENT": FILTER,
    # GLM
    "sensitive": FILTER,
    "model_context_window_exceeded_error": LENGTH,
    # Mistral, Bedrock
    "model_length": LENGTH,
    "guardrail_intervened": FILTER,
    "content_filtered": FILTER,
}
# The partner broke off: GLM, DeepSeek, Mistral, Gemini.
FAILED = frozenset(
    (
        "network_error",
        "insufficient_system_resource",
        "error",
        "MALFORMED_FUNCTION_CALL",
        "UNEXPECTED_TOOL_CALL",
        "MALFORMED_RESPONSE",
    )
)
OPENAI = frozenset(TABLE.values())


def finish(word: str | None) -> str:
    """OpenAI's finish reason for a partner's `word`; `unknown` where it is missing or stands in no row."""
    return TABLE.get(word or "", UNKNOWN)
