"""The five callers of the matrix: official clients, unchanged, each asked the same and heard the same way."""

import json
import warnings
from typing import ClassVar

import anthropic
import httpx
import httpx2
import openai
from langchain_openai import ChatOpenAI

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the client's own deprecations are not ours to mend
    from volcenginesdkarkruntime import Ark
    from volcenginesdkarkruntime._exceptions import ArkAPIError

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
NAMES = ("weather", "clock")
URL = "http://isthmus.invalid"


class Heard:
    """What a caller understood: texts, calls as (id, name, arguments), why it ended, tokens, and the origin."""

    def __init__(self, text="", reasoning="", calls=(), end="", usage=None, origin=None, turn=None):
        self.text = text
        self.reasoning = reasoning
        self.calls = list(calls)
        self.end = end
        self.usage = usage
        self.origin = origin
        self.turn = turn  # the assistant's turn, as this caller sends it back


class OpenAIChat:
    name = "openai chat"
    ends: ClassVar = {"stop": "stop", "length": "length", "tools": "tool_calls", "filter": "content_filter"}
    failures = openai.APIError
    http = httpx
    sees_reasoning = True

    def __init__(self, http):
        self.client = openai.OpenAI(base_url=f"{URL}/v1", api_key="k", http_client=http, max_retries=0)

    def question(self, text):
        return [{"role": "system", "content": "Be brief."}, {"role": "user", "content": text}]

    def ask(self, turns, *, tools=False, effort=None, limit=None, stream=False):
        more = {}
        if tools:
            more["tools"] = [
                {"type": "function", "function": {"name": n, "description": "d", "parameters": SCHEMA}} for n in NAMES
            ]
        if effort:
            more["reasoning_effort"] = effort
        if limit:
            more["max_tokens"] = limit
        if stream:
            more |= {"stream": True, "stream_options": {"include_usage": True}}
        made = self.client.chat.completions.create(model="m", messages=turns, **more)
        return self._stream(made) if stream else self._whole(made)

    def _whole(self, made):
        choice = made.choices[0]
        said = choice.message
        calls = [(c.id, c.function.name, c.function.arguments) for c in said.tool_calls or ()]
        return Heard(
            said.content or "", getattr(said, "reasoning_content", "") or "", calls, choice.finish_reason,
            (made.usage.prompt_tokens, made.usage.completion_tokens), (made.model_extra or {}).get("isthmus"),
            json.loads(said.model_dump_json(exclude_none=True)),
        )  # fmt: skip

    def _stream(self, chunks):
        heard = Heard()
        calls, sealed = {}, ""
        for chunk in chunks:
            if chunk.usage:
                heard.usage = (chunk.usage.prompt_tokens, chunk.usage.completion_tokens)
            heard.origin = (chunk.model_extra or {}).get("isthmus") or heard.origin
            for choice in chunk.choices:
                delta = choice.delta
                heard.text += delta.content or ""
                heard.reasoning += getattr(delta, "reasoning_content", None) or ""
                sealed += getattr(delta, "encrypted_content", None) or ""
                heard.end = choice.finish_reason or heard.end
                for call in delta.tool_calls or ():
                    one = calls.setdefault(call.index, ["", "", ""])
                    one[0] = call.id or one[0]
                    one[1] = call.function.name or one[1]
                    one[2] += call.function.arguments or ""
        heard.calls = [tuple(calls[index]) for index in sorted(calls)]
        heard.turn = {
            "role": "assistant", "content": heard.text or None,
            **({"reasoning_content": heard.reasoning} if heard.reasoning else {}),
            **({"encrypted_content": sealed} if sealed else {}),
            **({"tool_calls": [
                {"id": i, "type": "function", "function": {"name": n, "arguments": a}} for i, n, a in heard.calls
            ]} if heard.calls else {}),
        }  # fmt: skip
        return heard

    def results(self, calls, texts):
        return [{"role": "tool", "tool_call_id": c[0], "content": t} for c, t in zip(calls, texts, strict=True)]

    def back(self, heard):
        return [heard.turn]


class ArkChat(OpenAIChat):
    name = "ark chat"
    failures = ArkAPIError

    def __init__(self, http):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.client = Ark(base_url=f"{URL}/api/v3/v1", api_key="k", http_client=http, max_retries=0)


class LangChain:
    name = "langchain"
    ends = OpenAIChat.ends
    failures = openai.APIError
    http = httpx
    sees_reasoning = False

    def __init__(self, http):
        self.model = ChatOpenAI(
            model="m", base_url=f"{URL}/v1", api_key="k", http_client=http, max_retries=0, stream_usage=True
        )

    def question(self, text):
        return [("system", "Be brief."), ("human", text)]

    def ask(self, turns, *, tools=False, effort=None, limit=None, stream=False):
        model = self.model
        if limit:
            model = model.model_copy(update={"max_tokens": limit})
        if effort:
            model = model.model_copy(update={"reasoning_effort": effort})
        if tools:
            model = model.bind_tools(
                [{"type": "function", "function": {"name": n, "description": "d", "parameters": SCHEMA}} for n in NAMES]
            )
        if stream:
            made = None
            for chunk in model.stream(turns):
                made = chunk if made is None else made + chunk
        else:
            made = model.invoke(turns)
        usage = made.usage_metadata
        calls = [(c["id"], c["name"], c["args"]) for c in made.tool_calls]
        counted = (usage["input_tokens"], usage["output_tokens"]) if usage else None
        return Heard(made.content, "", calls, made.response_metadata.get("finish_reason"), counted, ORIGIN_UNSEEN, made)

    def results(self, calls, texts):
        return [("tool", t, c[0]) for c, t in zip(calls, texts, strict=True)] and [
            {"role": "tool", "content": t, "tool_call_id": c[0]} for c, t in zip(calls, texts, strict=True)
        ]

    def back(self, heard):
        return [heard.turn]


ORIGIN_UNSEEN = "unseen"  # LangChain keeps no member that it does not know


class OpenAIResponses:
    name = "openai responses"
    ends: ClassVar = {
        "stop": "completed",
        "length": "max_output_tokens",
        "tools": "completed",
        "filter": "content_filter",
    }
    failures = openai.APIError
    http = httpx
    sees_reasoning = True

    def __init__(self, http):
        self.client = openai.OpenAI(base_url=f"{URL}/v1", api_key="k", http_client=http, max_retries=0)

    def question(self, text):
        return [{"role": "user", "content": text}]

    def ask(self, turns, *, tools=False, effort=None, limit=None, stream=False):
        more = {"instructions": "Be brief."}
        if tools:
            more["tools"] = [
                {"type": "function", "name": n, "description": "d", "parameters": SCHEMA, "strict": False}
                for n in NAMES
            ]
        if effort:
            more["reasoning"] = {"effort": effort}
        if limit:
            more["max_output_tokens"] = limit
        if stream:
            with self.client.responses.stream(model="m", input=turns, **more) as events:
                made = None
                for event in events:
                    if event.type in ("response.completed", "response.incomplete", "response.failed"):
                        made = event.response
                assert made is not None, "the stream ended in silence"
        else:
            made = self.client.responses.create(model="m", input=turns, **more)
        if made.status == "failed":
            raise openai.APIError(made.error.message, None, body=made.error)
        reasoning, calls = "", []
        for item in made.output:
            if item.type == "reasoning":
                reasoning += "".join(part.text for part in item.content or ())
            elif item.type == "function_call":
                calls.append((item.call_id, item.name, item.arguments))
        end = made.incomplete_details.reason if made.incomplete_details else made.status
        turn = [
            json.loads(item.model_dump_json(exclude_none=True, exclude={"parsed_arguments"})) for item in made.output
        ]
        usage = (made.usage.input_tokens, made.usage.output_tokens)
        return Heard(made.output_text, reasoning, calls, end, usage, made.model_extra.get("isthmus"), turn)

    def results(self, calls, texts):
        return [
            {"type": "function_call_output", "call_id": c[0], "output": t} for c, t in zip(calls, texts, strict=True)
        ]

    def back(self, heard):
        return heard.turn


class AnthropicMessages:
    name = "anthropic messages"
    ends: ClassVar = {"stop": "end_turn", "length": "max_tokens", "tools": "tool_use", "filter": "refusal"}
    failures = anthropic.APIError
    http = httpx2
    sees_reasoning = True

    def __init__(self, http):
        self.client = anthropic.Anthropic(base_url=URL, api_key="k", http_client=http, max_retries=0)

    def question(self, text):
        return [{"role": "user", "content": text}]

    def ask(self, turns, *, tools=False, effort=None, limit=None, stream=False):
        more = {}
        if tools:
            more["tools"] = [{"name": n, "description": "d", "input_schema": SCHEMA} for n in NAMES]
        if effort:
            more["thinking"] = {"type": "enabled", "budget_tokens": 4096}
        asked = {"model": "m", "system": "Be brief.", "messages": turns, "max_tokens": limit or 9000, **more}
        if stream:
            with self.client.messages.stream(**asked) as events:
                raw, origin = {}, None
                for event in events:
                    if event.type == "content_block_delta" and event.delta.type == "input_json_delta":
                        raw[event.index] = raw.get(event.index, "") + event.delta.partial_json
                    if event.type == "message_delta":
                        origin = event.model_extra.get("isthmus")
                made = events.get_final_message()
        else:
            made, raw = self.client.messages.create(**asked), {}
            origin = made.model_extra.get("isthmus")
        text = "".join(block.text for block in made.content if block.type == "text")
        reasoning = "".join(block.thinking for block in made.content if block.type == "thinking")
        calls = [
            (block.id, block.name, raw.get(at, json.dumps(block.input)))
            for at, block in enumerate(made.content)
            if block.type == "tool_use"
        ]
        turn = {"role": "assistant", "content": [b.model_dump(exclude_none=True) for b in made.content]}
        usage = (made.usage.input_tokens, made.usage.output_tokens)
        return Heard(text, reasoning, calls, made.stop_reason, usage, origin, turn)

    def results(self, calls, texts):
        blocks = [{"type": "tool_result", "tool_use_id": c[0], "content": t} for c, t in zip(calls, texts, strict=True)]
        return [{"role": "user", "content": blocks}]

    def back(self, heard):
        return [heard.turn]


CALLERS = (OpenAIChat, ArkChat, LangChain, OpenAIResponses, AnthropicMessages)
