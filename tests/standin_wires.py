"""Each partner wire as the stand-in speaks it, from the public documentation: OpenAI chat and Responses, Anthropic
Messages, Gemini, DashScope; embeddings and images. Written apart from the package, so that one checks the other.

A wire is a class with `asked(body, path)`, `whole(speech)`, `events(speech)` (server-sent events, with their names) and
`refusal(kind)` (status and error document for: moderated, busy, quota, overloaded, caller).
"""

from __future__ import annotations

import json

CALLS = [
    {"id": "call_1", "name": "weather", "arguments": '{"city":"Paris"}'},
    {"id": "call_2", "name": "clock", "arguments": '{ "zone" : "CET", "24h":true }'},
]
SENTENCES = {"Use the tool.": "tools", "Count from 1": "limit"}  # what a person would ask for the same
UNKNOWN_MODEL = "no-such-model"
SECRET = "secret upstream text"


class Speech:
    """What is said: reasoning, then text in pieces, or tool calls; why it ended; what it cost."""

    def __init__(self, model, text="", reasoning="", calls=(), hit=False, prompt=0, limit=None):
        self.model = model
        self.reasoning = reasoning
        self.calls = list(calls)
        self.pieces = [] if calls else [text[i : i + 3] for i in range(0, len(text), 3)]
        self.cut = limit is not None and len(self.pieces) > limit
        if self.cut:
            self.pieces = self.pieces[:limit]
        self.costs = [1] * len(self.pieces)
        self.hit = hit
        self.prompt = prompt
        self.thought = 1 if reasoning else 0
        self.completion = self.thought + len(self.pieces) + sum(len(parts(call)) for call in self.calls)
        self.cumulative = False

    @property
    def text(self):
        return "".join(self.pieces)

    def end(self, stop, length, calls, hit):
        """The finish reason, in the wire's own word."""
        return hit if self.hit else calls if self.calls else length if self.cut else stop


def parts(call):
    """A call's arguments in pieces that end in the middle of everything."""
    raw = call["arguments"]
    return [raw[i : i + 4] for i in range(0, len(raw), 4)]


def script(last):
    """The word that chooses what happens, and its value."""
    for sign, name in SENTENCES.items():
        if sign in last:
            return name, ""
    name, _, value = last.split(" ")[0].partition(":") if last else ("plain", "", "")
    return name, value


def speak(texts, model, limit):
    """What is said to a question with these texts, the last of which holds the word."""
    last = texts[-1]
    name, _ = script(last)
    calls = {"tools": CALLS[:1], "twotools": CALLS}.get(name, ())
    text = last[len(name) + 1 :] if name in ("say", "echo") else "Hello from the stand-in."
    if "Count from 1" in last:
        text = ", ".join(map(str, range(1, 201)))
    reasoning = "Thinking." if name == "reason" else ""
    return Speech(model, text, reasoning, calls, name == "hit", words(*texts), limit if name == "limit" else None)


def data(document, name=""):
    event = f"event: {name}\n" if name else ""
    return f"{event}data: {json.dumps(document, ensure_ascii=False)}\n\n".encode()


def words(*texts):
    """The stand-in's own tokens of a question: its words."""
    return sum(len(text.split()) for text in texts if isinstance(text, str))


def said(content):
    """Text of a string or of a list of parts, whatever they are called."""
    if isinstance(content, str):
        return content
    return " ".join(str(p.get("text") or p.get("content") or "") for p in content or () if isinstance(p, dict))


class Chat:
    """OpenAI Chat Completions; Ark's additions where they were asked for."""

    def asked(self, body, path):
        texts = [said(m.get("content")) for m in body["messages"]]
        self.options = body.get("stream_options") or {}
        limit = body.get("max_completion_tokens") or body.get("max_tokens")
        return body["model"], texts, bool(body.get("stream")), limit

    def frame(self, speech, kind):
        return {"id": "chatcmpl-1", "object": kind, "created": 1, "model": speech.model}

    def usage(self, speech, so_far=None):
        done = speech.completion if so_far is None else so_far
        return {
            "prompt_tokens": speech.prompt, "completion_tokens": done, "total_tokens": speech.prompt + done,
            "prompt_tokens_details": {"cached_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": speech.thought},
        }  # fmt: skip

    def finish(self, speech):
        hit = {"moderation_hit_type": "violence"} if speech.hit else {}
        return {"finish_reason": speech.end("stop", "length", "tool_calls", "content_filter"), **hit}

    def whole(self, speech):
        message = {"role": "assistant", "content": None if speech.calls else speech.text}
        if speech.reasoning:
            message["reasoning_content"] = speech.reasoning
        if speech.calls:
            message["tool_calls"] = [
                {"id": c["id"], "type": "function", "function": {"name": c["name"], "arguments": c["arguments"]}}
                for c in speech.calls
            ]
        choice = {"index": 0, "message": message, **self.finish(speech)}
        return {**self.frame(speech, "chat.completion"), "choices": [choice], "usage": self.usage(speech)}

    def events(self, speech):
        deltas = [({"role": "assistant", "content": ""}, 0)]
        if speech.reasoning:
            deltas.append(({"reasoning_content": speech.reasoning}, 1))
        deltas += [({"content": piece}, cost) for piece, cost in zip(speech.pieces, speech.costs, strict=True)]
        for index, call in enumerate(speech.calls):
            named = {"id": call["id"], "type": "function", "function": {"name": call["name"], "arguments": ""}}
            deltas.append(({"tool_calls": [{"index": index, **named}]}, 0))
            deltas += [({"tool_calls": [{"index": index, "function": {"arguments": p}}]}, 1) for p in parts(call)]
        so_far = 0
        for delta, cost in deltas:
            so_far += cost
            choice = {"index": 0, "delta": delta, "finish_reason": None}
            chunk = {**self.frame(speech, "chat.completion.chunk"), "choices": [choice]}
            if self.options.get("chunk_include_usage"):
                chunk["usage"] = self.usage(speech, so_far)
            yield data(chunk), cost
        last = {"index": 0, "delta": {}, **self.finish(speech)}
        yield data({**self.frame(speech, "chat.completion.chunk"), "choices": [last]}), 0
        if self.options.get("include_usage"):
            usage = self.usage(speech)
            yield data({**self.frame(speech, "chat.completion.chunk"), "choices": [], "usage": usage}), 0
        yield b"data: [DONE]\n\n", 0

    def failure(self):
        return data({"error": {"message": SECRET, "code": "InternalServiceError"}})

    def refusal(self, kind):
        status, code = {
            "moderated": (400, "SensitiveContentDetected.Violence"),
            "busy": (429, "RateLimitExceeded.EndpointTPMExceeded"),
            "quota": (429, "insufficient_quota"),
            "overloaded": (503, "ServerOverloaded"),
            "caller": (400, "InvalidParameter"),
        }[kind]
        return status, {"error": {"message": SECRET, "code": code, "type": "x", "param": None}}


class Anthropic:
    """Messages."""

    def asked(self, body, path):
        assert isinstance(body["max_tokens"], int)
        texts = [said(body.get("system"))]
        for turn in body["messages"]:
            blocks = turn["content"] if isinstance(turn["content"], list) else [{"text": turn["content"]}]
            texts.append(" ".join(said(b.get("text") or b.get("content")) for b in blocks))
        return body["model"], texts, bool(body.get("stream")), body["max_tokens"]

    def finish(self, speech):
        return speech.end("end_turn", "max_tokens", "tool_use", "refusal")

    def usage(self, speech, done):
        return {
            "input_tokens": speech.prompt, "output_tokens": done,
            "cache_read_input_tokens": 0, "cache_creation_input_tokens": 0,
        }  # fmt: skip

    def message(self, speech, content, stop, done):
        return {
            "id": "msg_1", "type": "message", "role": "assistant", "model": speech.model, "content": content,
            "stop_reason": stop, "stop_sequence": None, "usage": self.usage(speech, done),
        }  # fmt: skip

    def whole(self, speech):
        content = []
        if speech.reasoning:
            content.append({"type": "thinking", "thinking": speech.reasoning, "signature": "c2lnbmVk"})
        if speech.pieces:
            content.append({"type": "text", "text": speech.text})
        for call in speech.calls:
            given = json.loads(call["arguments"])
            content.append({"type": "tool_use", "id": call["id"], "name": call["name"], "input": given})
        return self.message(speech, content, self.finish(speech), speech.completion)

    def events(self, speech):
        def event(kind, **said):
            return data({"type": kind, **said}, kind)

        yield event("message_start", message=self.message(speech, [], None, 1)), 0
        yield event("ping"), 0
        at = 0
        if speech.reasoning:
            block = {"type": "thinking", "thinking": "", "signature": ""}
            yield event("content_block_start", index=at, content_block=block), 0
            thinking = {"type": "thinking_delta", "thinking": speech.reasoning}
            yield event("content_block_delta", index=at, delta=thinking), 1
            yield event("content_block_delta", index=at, delta={"type": "signature_delta", "signature": "c2lnbmVk"}), 0
            yield event("content_block_stop", index=at), 0
            at += 1
        if speech.pieces:
            yield event("content_block_start", index=at, content_block={"type": "text", "text": ""}), 0
            for piece in speech.pieces:
                yield event("content_block_delta", index=at, delta={"type": "text_delta", "text": piece}), 1
            yield event("content_block_stop", index=at), 0
            at += 1
        for call in speech.calls:
            block = {"type": "tool_use", "id": call["id"], "name": call["name"], "input": {}}
            yield event("content_block_start", index=at, content_block=block), 0
            for piece in parts(call):
                delta = {"type": "input_json_delta", "partial_json": piece}
                yield event("content_block_delta", index=at, delta=delta), 1
            yield event("content_block_stop", index=at), 0
            at += 1
        delta = {"stop_reason": self.finish(speech), "stop_sequence": None}
        yield event("message_delta", delta=delta, usage={"output_tokens": speech.completion}), 0
        yield event("message_stop"), 0

    def failure(self):
        return data({"type": "error", "error": {"type": "overloaded_error", "message": SECRET}}, "error")

    def refusal(self, kind):
        status, name, message = {
            "moderated": (400, "invalid_request_error", f"{SECRET}: Output blocked by content filtering policy"),
            "busy": (429, "rate_limit_error", SECRET),
            "quota": (400, "invalid_request_error", "Your credit balance is too low to access the API."),
            "overloaded": (529, "overloaded_error", SECRET),
            "caller": (400, "invalid_request_error", SECRET),
        }[kind]
        return status, {"type": "error", "error": {"type": name, "message": message}, "request_id": "req_1"}


class Gemini:
    """generateContent and streamGenerateContent."""

    def asked(self, body, path):
        model, _, verb = path.partition("?")[0].rpartition("/")[2].partition(":")
        texts = [said((body.get("systemInstruction") or {}).get("parts"))]
        texts += [" ".join(str(p.get("text") or "") for p in content["parts"]) for content in body["contents"]]
        limit = (body.get("generationConfig") or {}).get("maxOutputTokens")
        return model, texts, verb == "streamGenerateContent", limit

    def usage(self, speech, done):
        return {
            "promptTokenCount": speech.prompt, "candidatesTokenCount": done - min(done, speech.thought),
            "thoughtsTokenCount": min(done, speech.thought), "totalTokenCount": speech.prompt + done,
        }  # fmt: skip

    def answer(self, speech, parts, done, finish=None):
        candidate = {"content": {"role": "model", "parts": parts}, "index": 0}
        if finish:
            candidate["finishReason"] = finish
        return {
            "candidates": [candidate], "usageMetadata": self.usage(speech, done), "modelVersion": speech.model,
            "responseId": "resp-1",
        }  # fmt: skip

    def finish(self, speech):
        return speech.end("STOP", "MAX_TOKENS", "STOP", "PROHIBITED_CONTENT")

    def parts(self, speech):
        if speech.reasoning:
            yield {"text": speech.reasoning, "thought": True}, 1
        for piece in speech.pieces:
            yield {"text": piece}, 1
        for number, call in enumerate(speech.calls):
            part = {"functionCall": {"name": call["name"], "args": json.loads(call["arguments"]), "id": call["id"]}}
            if not number:
                part["thoughtSignature"] = "c2lnbmVk"
            yield part, len(parts(call))

    def whole(self, speech):
        found = [part for part, _ in self.parts(speech)]
        return self.answer(speech, found, speech.completion, self.finish(speech))

    def events(self, speech):
        done = 0
        for part, cost in self.parts(speech):
            done += cost
            yield data(self.answer(speech, [part], done)), cost
        yield data(self.answer(speech, [], speech.completion, self.finish(speech))), 0

    def failure(self):
        return data({"error": {"code": 503, "message": SECRET, "status": "UNAVAILABLE"}})

    def refusal(self, kind):
        if kind == "moderated":  # a blocked prompt is a 200 without candidates
            return 200, {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": {}}
        status, word = {
            "busy": (429, "RESOURCE_EXHAUSTED"),
            "quota": (403, "PERMISSION_DENIED"),
            "overloaded": (503, "UNAVAILABLE"),
            "caller": (400, "INVALID_ARGUMENT"),
        }[kind]
        return status, {"error": {"code": status, "message": SECRET, "status": word}}


class Responses:
    """OpenAI Responses."""

    def asked(self, body, path):
        assert body["store"] is False
        texts = [said(item.get("content") or item.get("output")) for item in body["input"]]
        return body["model"], texts, bool(body.get("stream")), body.get("max_output_tokens")

    def usage(self, speech):
        return {
            "input_tokens": speech.prompt, "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": speech.completion, "output_tokens_details": {"reasoning_tokens": speech.thought},
            "total_tokens": speech.prompt + speech.completion,
        }  # fmt: skip

    def items(self, speech):
        found = []
        if speech.reasoning:
            summary = [{"type": "summary_text", "text": speech.reasoning}]
            found.append({"type": "reasoning", "id": "rs_1", "summary": summary, "encrypted_content": "c2VhbGVk"})
        if speech.pieces:
            part = {"type": "output_text", "text": speech.text, "annotations": []}
            item = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [part]}
            found.append(item)
        for call in speech.calls:
            named = {"call_id": call["id"], "name": call["name"], "arguments": call["arguments"]}
            found.append({"type": "function_call", "id": f"fc_{call['id']}", "status": "completed", **named})
        return found

    def response(self, speech, status, output, usage=None):
        reason = "content_filter" if speech.hit else "max_output_tokens"
        return {
            "id": "resp_1", "object": "response", "created_at": 1, "model": speech.model, "status": status,
            "error": None, "incomplete_details": {"reason": reason} if status == "incomplete" else None,
            "output": output, "usage": usage, "store": False,
        }  # fmt: skip

    def status(self, speech):
        return "incomplete" if speech.hit or speech.cut else "completed"

    def whole(self, speech):
        return self.response(speech, self.status(speech), self.items(speech), self.usage(speech))

    def events(self, speech):
        number = iter(range(10_000))

        def event(kind, **said):
            return data({"type": kind, "sequence_number": next(number), **said}, kind)

        yield event("response.created", response=self.response(speech, "in_progress", [])), 0
        yield event("response.in_progress", response=self.response(speech, "in_progress", [])), 0
        for at, item in enumerate(self.items(speech)):
            where = {"item_id": item["id"], "output_index": at}
            if item["type"] == "reasoning":
                begun = {"type": "reasoning", "id": "rs_1", "summary": []}
                yield event("response.output_item.added", output_index=at, item=begun), 0
                delta = {"summary_index": 0, "delta": speech.reasoning}
                yield event("response.reasoning_summary_text.delta", **where, **delta), 1
            elif item["type"] == "message":
                yield event("response.output_item.added", output_index=at, item={**item, "content": []}), 0
                for piece in speech.pieces:
                    yield event("response.output_text.delta", **where, content_index=0, delta=piece), 1
                yield event("response.output_text.done", **where, content_index=0, text=speech.text), 0
            else:
                yield event("response.output_item.added", output_index=at, item={**item, "arguments": ""}), 0
                for piece in parts(item):
                    yield event("response.function_call_arguments.delta", **where, delta=piece), 1
                yield event("response.function_call_arguments.done", **where, arguments=item["arguments"]), 0
            yield event("response.output_item.done", output_index=at, item=item), 0
        status = self.status(speech)
        ended = self.response(speech, status, self.items(speech), self.usage(speech))
        yield event(f"response.{status}", response=ended), 0

    def failure(self):
        failed = {"id": "resp_1", "status": "failed", "error": {"code": "server_error", "message": SECRET}}
        return data({"type": "response.failed", "sequence_number": 9, "response": failed}, "response.failed")

    def refusal(self, kind):
        status, code = {
            "moderated": (400, "invalid_prompt"),
            "busy": (429, "rate_limit_exceeded"),
            "quota": (429, "insufficient_quota"),
            "overloaded": (503, "server_error"),
            "caller": (400, "unsupported_parameter"),
        }[kind]
        return status, {"error": {"message": SECRET, "code": code, "type": "invalid_request_error", "param": None}}


class DashScope:
    """Alibaba Cloud's own wire. Without `incremental_output` every event repeats all that was said before."""

    def asked(self, body, path):
        settings = body["parameters"]
        assert settings["result_format"] == "message"
        self.incremental = bool(settings.get("incremental_output"))
        texts = [said(m.get("content")) for m in body["input"]["messages"]]
        return body["model"], texts, None, settings.get("max_tokens")

    def answer(self, speech, message, finish, done):
        usage = {
            "input_tokens": speech.prompt, "output_tokens": done, "total_tokens": speech.prompt + done,
            "output_tokens_details": {"reasoning_tokens": min(done, speech.thought)},
        }  # fmt: skip
        choice = {"message": {"role": "assistant", "content": "", **message}, "finish_reason": finish}
        return {"output": {"choices": [choice]}, "usage": usage, "request_id": "req-1"}

    def finish(self, speech):
        return speech.end("stop", "length", "tool_calls", "content_filter")

    def calls(self, speech):
        return [
            {
                "index": i,
                "id": c["id"],
                "type": "function",
                "function": {"name": c["name"], "arguments": c["arguments"]},
            }
            for i, c in enumerate(speech.calls)
        ]

    def whole(self, speech):
        message = {"content": speech.text}
        if speech.reasoning:
            message["reasoning_content"] = speech.reasoning
        if speech.calls:
            message["tool_calls"] = self.calls(speech)
        return self.answer(speech, message, self.finish(speech), speech.completion)

    def events(self, speech):
        steps = []
        if speech.reasoning:
            steps.append(("reasoning_content", speech.reasoning))
        steps += [("content", piece) for piece in speech.pieces]
        done, said_so_far = 0, {"reasoning_content": "", "content": ""}
        for channel, piece in steps:
            done += 1
            said_so_far[channel] += piece
            message = {channel: piece} if self.incremental else dict(said_so_far)
            yield data(self.answer(speech, message, "null", done), "result"), 1
        for index, call in enumerate(speech.calls):
            so_far = ""
            for number, piece in enumerate(parts(call)):
                done += 1
                so_far += piece
                arguments = piece if self.incremental else so_far
                named = {"id": call["id"], "name": call["name"]} if not number else {"id": "", "name": ""}
                function = {"name": named["name"], "arguments": arguments}
                one = {"index": index, "id": named["id"], "type": "function", "function": function}
                message = {"tool_calls": [one]} if self.incremental else {**said_so_far, "tool_calls": [one]}
                yield data(self.answer(speech, message, "null", done), "result"), 1
        message = {} if self.incremental else dict(said_so_far)
        yield data(self.answer(speech, message, self.finish(speech), speech.completion), "result"), 0

    def failure(self):
        return data({"code": "InternalError", "message": SECRET, "request_id": "req-1"}, "error")

    def refusal(self, kind):
        status, code = {
            "moderated": (400, "DataInspectionFailed"),
            "busy": (429, "Throttling.RateQuota"),
            "quota": (400, "Arrearage"),
            "overloaded": (503, "ServiceUnavailable"),
            "caller": (400, "InvalidParameter"),
        }[kind]
        return status, {"code": code, "message": SECRET, "request_id": "req-1"}


def embeddings(body):
    """One short vector per input: its length and its words, so that a test can tell inputs apart."""
    texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
    rows = [
        {"object": "embedding", "index": i, "embedding": [float(len(text)), float(words(text))]}
        for i, text in enumerate(texts)
    ]
    usage = {"prompt_tokens": words(*texts), "total_tokens": words(*texts)}
    return {"object": "list", "data": rows, "model": body["model"], "usage": usage}


def image(body):
    """The smallest picture there is, marked unless the caller's gateway switched the mark off."""
    pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    return {
        "created": 1,
        "data": [{"b64_json": pixel, "revised_prompt": SECRET}],
        "marked": body.get("watermark", True),
    }


def wire_of(path):
    """The wire that a path belongs to; a new one for each request."""
    for sign, wire in (
        ("/chat/completions", Chat), ("/messages", Anthropic), ("enerateContent", Gemini), ("/responses", Responses),
        ("/services/aigc/", DashScope),
    ):  # fmt: skip
        if sign in path:
            return wire()
    return None
