"""Every fact of a partner's wire that has broken some gateway, each as a test of its own name."""

import json
import tomllib
from datetime import date
from importlib import import_module
from pathlib import Path

import pytest

from isthmus.core.decision import RouteSkipped
from isthmus.core.sse import DONE
from isthmus.partners import (
    anthropic,
    dashscope,
    gemini,
    openai_chat,
    openai_images,
    openai_loose,
    openai_responses,
    prices,
)
from isthmus.partners.finish import FAILED, TABLE, finish
from isthmus.partners.judge import judge
from isthmus.partners.load import load, read
from isthmus.partners.schema import Habits

PARTNERS = load()
HOW = {"role": "user", "content": "hi"}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{ "b" : 1.0, "a":[ ] }'}}
RESULT = {"role": "tool", "tool_call_id": "c1", "content": "done"}


def body(module, ex, route):
    return json.loads(module.write_body(ex, route))


def chunks(reader, *events):
    """Everything a reader makes of these events; the end mark as the word DONE."""
    found = [each for event in events for each in reader.feed(json.dumps(event).encode())]
    return ["DONE" if each == DONE else json.loads(each) for each in found]


def habits(partner):
    return PARTNERS[partner].habits


def doors(partner):
    return PARTNERS[partner].endpoint


def price(partner, model):
    return prices.load().find(partner, model, date(2026, 11, 22))


# -- Doubao and BytePlus on Ark ------------------------------------------------------------------------------


def test_endpoint_ids_stand_where_a_model_stands(asked, at):
    text = '[model.mine]\nwire = "ep-20260915180000-abcde"\ndefault = true\n'
    file = Path(load.__code__.co_filename).parent / "data" / "doubao.toml"
    own = read("doubao.toml", f"{file.read_text('utf-8').partition('[model.')[0]}{text}".encode())
    assert body(openai_chat, asked(), at(wire=own.model["mine"].wire))["model"] == "ep-20260915180000-abcde"


def test_ark_hosts_and_keys_are_bound_to_their_region_and_a_european_host_is_no_residency():
    doors = PARTNERS["byteplus"].endpoint
    assert doors["eu"].host == "ark.eu-west.bytepluses.com"
    assert doors["eu"].inference == ("*",)
    assert doors["eu"].key_env not in ("", PARTNERS["byteplus"].key_env)
    assert PARTNERS["doubao"].endpoint["beijing"].host == "ark.cn-beijing.volces.com"


@pytest.mark.parametrize("wire", ["ep-20260915180000-abcde", "ep-m-20260915180000-abcde"])
def test_either_kind_of_endpoint_id_reaches_ark_as_it_is(asked, at, wire):
    assert body(openai_chat, asked(), at(wire=wire))["model"] == wire


def test_ark_is_asked_at_its_own_paths_and_never_at_the_plan_for_individuals_or_for_batches():
    door = doors("doubao")["beijing"]
    assert (door.path, door.embedding_path, door.image_path) == (
        "/api/v3/chat/completions", "/api/v3/embeddings", "/api/v3/images/generations",
    )  # fmt: skip
    paths = [
        path for name in ("doubao", "byteplus") for d in doors(name).values() for path in (d.path, d.embedding_path)
    ]
    assert not any(word in path for path in paths for word in ("coding", "batch", "bots", "context"))


def test_arks_key_is_a_bearer_token(at):
    assert openai_chat.head(at(habits=habits("doubao")), "ark-1") == b"Authorization: Bearer ark-1\r\n"


def test_cached_and_reasoning_tokens_are_read_and_provisioned_ones_do_no_harm():
    usage = {
        "prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14,
        "prompt_tokens_details": {"cached_tokens": 4, "provisioned_tokens": 2},
        "completion_tokens_details": {"reasoning_tokens": 3, "provisioned_tokens": 1},
    }  # fmt: skip
    found = openai_chat.read_chunk(json.dumps({"choices": [], "usage": usage}).encode()).usage
    assert (found.prompt_tokens_details.cached_tokens, found.completion_tokens_details.reasoning_tokens) == (4, 3)


def test_end_to_end_encryption_is_a_fact_of_a_model_and_replaces_no_masking(asked, at):
    partner = PARTNERS["doubao"]
    model = partner.model["doubao-seed-2-1-pro-260915"]
    facts = partner.facts(doors("doubao")["beijing"], model)
    assert facts["encryption"] is True
    assert b"encrypted" not in openai_chat.head(at(**facts), "k").lower()
    ex = asked([{"role": "user", "content": "My number is 13812345678"}])
    ex.rewritten = b'[{"role":"user","content":"My number is [TELE-0]"}]'
    assert "13812345678" not in openai_chat.write_body(ex, at(**facts)).decode()


@pytest.mark.parametrize(
    ("model", "amounts"),
    [
        ("doubao-seed-2-1-pro-260915", (0.86, 4.31, 0.17)),
        ("doubao-seed-2-1-turbo-260628", (0.43, 2.16, 0.086)),
        ("doubao-seed-2-1-lite-260915", (0.115, 0.39, 0.023)),
    ],
)
def test_doubaos_prices_stand_in_the_book(model, amounts):
    tier = price("doubao", model).tiers[0]
    for micros, amount in zip((tier.input, tier.output, tier.cached), amounts, strict=True):
        assert micros / 1e6 == pytest.approx(amount, rel=0.02)


def test_doubaos_pro_has_a_window_of_a_million_tokens():
    assert PARTNERS["doubao"].model["doubao-seed-2-1-pro-260915"].context == 1_000_000


def test_thinking_passes_to_ark_and_reasoning_effort_beside_it(asked, at):
    ex = asked(thinking={"type": "auto"}, reasoning_effort="minimal")
    sent = body(openai_chat, ex, at(fields=PARTNERS["doubao"].fields))
    assert (sent["thinking"], sent["reasoning_effort"]) == ({"type": "auto"}, "minimal")


def test_reasoning_content_is_kept_and_returned(asked, at):
    said = {"role": "assistant", "content": "a", "reasoning_content": "because"}
    sent = body(openai_chat, asked([HOW, said, HOW]), at(habits=habits("doubao")))
    assert sent["messages"][1]["reasoning_content"] == "because"
    answer = b'{"choices":[{"message":{"content":"a","reasoning_content":"because"},"finish_reason":"stop"}]}'
    assert openai_chat.read_answer(answer).choices[0].message.reasoning_content == "because"


def test_encrypted_content_goes_back_to_ark_and_to_nobody_else(asked, at):
    said = {"role": "assistant", "content": "a", "encrypted_content": "c2VjcmV0"}
    ex = asked([HOW, said, HOW])
    assert body(openai_chat, ex, at(habits=habits("doubao")))["messages"][1]["encrypted_content"] == "c2VjcmV0"
    assert "encrypted_content" not in openai_chat.write_body(ex, at()).decode()


def test_chunk_include_usage_is_asked_of_ark_and_a_caller_is_not_told_twice(asked, at):
    sent = body(openai_chat, asked(stream=True), at(habits=habits("doubao")))
    assert sent["stream_options"] == {"include_usage": True, "chunk_include_usage": True}
    event = b'{"id":"1","choices":[{"delta":{"content":"x \\",\\"usage\\":{"}}],"usage":{"total_tokens":3,"d":{"r":1}}}'
    assert json.loads(openai_chat.bare(event)) == {"id": "1", "choices": [{"delta": {"content": 'x ","usage":{'}}]}
    assert openai_chat.read_chunk(event).usage.total_tokens == 3


def test_usage_that_does_not_stand_last_is_taken_out_as_well():
    event = b'{"choices":[],"usage":{"total_tokens":3},"model":"m"}'
    assert json.loads(openai_chat.bare(event)) == {"choices": [], "model": "m"}
    assert openai_chat.bare(b'{"choices":[]}') == b'{"choices":[]}'
    assert openai_chat.bare(b'{"usage":{"prompt_tokens":1},"choices":[]}') == b'{"choices":[]}'


def test_moderation_hit_type_is_read_with_the_content_filter():
    chunk = b'{"choices":[{"delta":{},"finish_reason":"content_filter","moderation_hit_type":"severe_violation"}]}'
    (choice,) = openai_chat.read_chunk(chunk).choices
    assert (choice.finish_reason, choice.moderation_hit_type) == ("content_filter", "severe_violation")


@pytest.mark.parametrize(
    "code",
    [
        "SensitiveContentDetected", "SensitiveContentDetected.SevereViolation", "InputTextSensitiveContentDetected",
        "InputImageSensitiveContentDetected", "OutputVideoSensitiveContentDetected", "InputTextRiskDetection",
    ],
)  # fmt: skip
def test_a_moderation_hit_on_the_way_in_never_fails_over(code):
    assert judge(400, json.dumps({"error": {"code": code, "message": "x"}}).encode()) == "moderated"


def test_an_account_that_refuses_model_ids_is_no_fault_of_the_caller():
    code = "InvalidEndpointOrModel.ModelIDAccessDisabled"
    assert judge(404, json.dumps({"error": {"code": code}}).encode()) == "elsewhere"


@pytest.mark.parametrize(
    ("dialect", "event"),
    [
        ("openai_chat", {"error": {"code": "InternalServiceError", "message": "x"}}),
        ("openai_chat", {"error_code": 336100, "error_msg": "x"}),
        ("openai_chat", {"base_resp": {"status_code": 1027, "status_msg": "x"}}),
        ("openai_chat", {"choices": [{"delta": {}, "finish_reason": "network_error"}]}),
        ("openai_loose", {"error": {"message": "x"}}),
        ("dashscope", {"code": "InternalError", "message": "x", "request_id": "1"}),
        ("anthropic", {"type": "error", "error": {"type": "overloaded_error", "message": "x"}}),
        ("gemini", {"error": {"code": 503, "status": "UNAVAILABLE", "message": "x"}}),
        ("openai_responses", {"type": "error", "code": "server_error", "message": "x", "sequence_number": 3}),
        ("openai_responses", {"type": "response.failed", "response": {"error": {"code": "server_error"}}}),
    ],
)
def test_errors_inside_a_200_stream_are_errors(dialect, event):
    module = import_module(f"isthmus.partners.{dialect}")
    events = [json.dumps(event).encode()]
    if hasattr(module, "Reader"):
        events = module.Reader().feed(events[0])
    assert module.read_chunk(events[-1]).error is not None
    assert b'"x"' not in events[-1] or dialect.startswith("openai_")


def test_responses_may_open_with_a_200_and_fail_afterwards():
    reader = openai_responses.Reader()
    begun, failed = chunks(
        reader,
        {"type": "response.created", "response": {"id": "r", "model": "m"}},
        {"type": "response.failed", "response": {"error": {"code": "rate_limit_exceeded", "message": "x"}}},
    )
    assert begun["choices"][0]["delta"]["role"] == "assistant"
    assert failed == {"error": {"code": "rate_limit_exceeded"}}


# -- streams -------------------------------------------------------------------------------------------------


def generated(text, finish="null", tokens=1):
    choice = {"message": {"content": text, "role": "assistant"}, "finish_reason": finish}
    usage = {"input_tokens": 5, "output_tokens": tokens, "total_tokens": 5 + tokens}
    return {"output": {"choices": [choice]}, "usage": usage, "request_id": "q"}


def text_of(events):
    return "".join(
        choice["delta"].get("content") or "" for e in events if e != "DONE" for choice in e.get("choices", ())
    )


def test_cumulative_text_is_read_by_what_was_added(at):
    reader = dashscope.Reader(at("dashscope", cumulative=True))
    found = chunks(reader, generated("ha"), generated("haha"), generated("haha!"), generated("haha!", "stop", 3))
    assert text_of(found) == "haha!"


def test_delta_text_that_repeats_itself_is_no_cumulative_text(at):
    found = chunks(dashscope.Reader(at("dashscope")), generated("ha"), generated("ha"), generated("", "stop"))
    assert text_of(found) == "haha"


def test_incremental_output_is_asked_for_unless_the_model_cannot(asked, at):
    ex = asked(stream=True)
    assert body(dashscope, ex, at("dashscope"))["parameters"]["incremental_output"] is True
    assert "incremental_output" not in body(dashscope, ex, at("dashscope", cumulative=True))["parameters"]


def test_cumulative_text_that_takes_words_back_is_broken(at):
    reader = dashscope.Reader(at("dashscope", cumulative=True))
    chunks(reader, generated("one"))
    with pytest.raises(openai_chat.BrokenAnswerError):
        reader.feed(json.dumps(generated("two")).encode())


def test_a_dashscope_stream_needs_its_header_and_is_never_asked_for_less_inspection(at):
    assert b"X-DashScope-SSE: enable\r\n" in dashscope.head(at("dashscope"), "s", stream=True)
    whole = dashscope.head(at("dashscope"), "s")
    assert b"SSE" not in whole
    assert b"DataInspection" not in whole


def test_each_of_dashscopes_doors_has_its_host_and_stores_where_it_says():
    found = {name: (door.host, door.storage) for name, door in doors("qwen").items()}
    assert found == {
        "beijing": ("dashscope.aliyuncs.com", ("CN",)),
        "singapore": ("dashscope-intl.aliyuncs.com", ("SG",)),
        "virginia": ("dashscope-us.aliyuncs.com", ("US",)),
        "hongkong": ("cn-hongkong.dashscope.aliyuncs.com", ("HK",)),
    }
    assert {door.path for door in doors("qwen").values()} == {"/compatible-mode/v1/chat/completions"}


def test_tokens_that_dashscope_cached_by_itself_cost_a_fifth():
    for model in PARTNERS["qwen"].model:
        for tier in price("qwen", model).tiers:
            assert tier.cached * 5 == tier.input


def test_qwens_thinking_switches_pass(asked, at):
    sent = body(openai_chat, asked(enable_thinking=True, thinking_budget=64), at(fields=PARTNERS["qwen"].fields))
    assert (sent["enable_thinking"], sent["thinking_budget"]) == (True, 64)


def test_a_partner_asks_for_a_prefix_by_its_own_field_and_only_models_that_continue_one_say_so():
    assert (habits("qwen").prefill, habits("mistral").prefill, habits("doubao").prefill) == ("partial", "prefix", "")
    able = {(name, model) for name, each in PARTNERS.items() for model, facts in each.model.items() if facts.prefill}
    assert able == {
        ("local", "default"), ("qwen", "qwen-plus"), ("qwen", "qwen-max"), ("qwen", "qwen-flash"),
        ("mistral", "mistral-large-latest"), ("mistral", "mistral-small-latest"),
    }  # fmt: skip


def test_ernie_is_asked_at_its_second_interface():
    door = doors("ernie")["main"]
    assert (door.host, door.path) == ("qianfan.baidubce.com", "/v2/chat/completions")


def test_openais_regional_hosts_are_doors_of_their_own():
    found = {name: door.host for name, door in doors("openai").items()}
    assert (found["eu"], found["us"]) == ("eu.api.openai.com", "us.api.openai.com")
    assert doors("openai")["us"].key_env not in ("", PARTNERS["openai"].key_env)


@pytest.mark.parametrize("effort", ["low", "high"])
def test_moonshots_reasoning_effort_is_a_bare_word(asked, at, effort):
    assert (
        body(openai_chat, asked(reasoning_effort=effort), at(habits=habits("moonshot")))["reasoning_effort"] == effort
    )


def test_the_last_chunk_may_hold_usage_and_no_choice():
    chunk = openai_chat.read_chunk(b'{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}')
    assert chunk.choices == []
    assert (chunk.usage.prompt_tokens, chunk.usage.completion_tokens) == (3, 4)
    assert chunk.error is None


def test_a_first_chunk_of_filter_results_alone_is_no_error():
    assert openai_chat.read_chunk(b'{"choices":[],"prompt_filter_results":[{"prompt_index":0}]}').error is None


def test_anthropics_usage_is_cumulative_and_cached_tokens_are_part_of_the_prompt():
    found = chunks(
        anthropic.Reader(),
        {"type": "message_start", "message": {"id": "m", "model": "x", "usage": {
            "input_tokens": 4, "cache_read_input_tokens": 6, "cache_creation_input_tokens": 1, "output_tokens": 1}}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 9}},
        {"type": "message_stop"},
    )  # fmt: skip
    assert found[1]["usage"]["prompt_tokens"] == 11  # before the first word: what an abort is settled by
    assert found[-2]["usage"]["completion_tokens"] == 9
    assert found[-2]["usage"]["prompt_tokens_details"]["cached_tokens"] == 6
    assert found[-1] == "DONE"


def test_a_call_without_arguments_is_an_empty_object_in_a_stream_as_in_a_whole_answer():
    block = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
    found = chunks(
        anthropic.Reader(),
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "content_block_stop", "index": 0},
    )
    assert found[-1]["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"] == "{}"


# -- why an answer ended -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("refusal", "content_filter"), ("pause_turn", "length"), ("model_context_window_exceeded", "length"),
        ("SAFETY", "content_filter"), ("RECITATION", "content_filter"), ("BLOCKLIST", "content_filter"),
        ("PROHIBITED_CONTENT", "content_filter"), ("SPII", "content_filter"), ("sensitive", "content_filter"),
        ("guardrail_intervened", "content_filter"), ("max_output_tokens", "length"), ("end_turn", "stop"),
        ("tool_use", "tool_calls"), ("MAX_TOKENS", "length"), ("model_length", "length"),
    ],
)  # fmt: skip
def test_finish_reasons_are_mapped_by_one_table(word, reason):
    assert finish(word) == reason


@pytest.mark.parametrize("word", ["brand_new_reason", "", None, "Stop", *FAILED])
def test_an_unknown_finish_reason_is_unknown_and_never_stop(word):
    assert finish(word) == "unknown"


def test_a_failure_is_no_finish_reason():
    assert not FAILED & set(TABLE)
    for word in FAILED:
        answer = json.dumps({"choices": [{"message": {"content": "half"}, "finish_reason": word}]}).encode()
        with pytest.raises(openai_chat.BrokenAnswerError):
            openai_chat.read_answer(answer)


def test_a_blocked_prompt_of_geminis_is_a_content_filter():
    blocked = {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": {"promptTokenCount": 4}}
    whole = json.loads(gemini.to_chat(json.dumps(blocked).encode()))
    assert whole["choices"][0]["finish_reason"] == "content_filter"
    streamed = chunks(gemini.Reader(), blocked)
    assert [e["choices"][0]["finish_reason"] for e in streamed[:-1] if e["choices"]] == [None, "content_filter"]


# -- tools ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", ["openai_chat", "openai_responses", "anthropic", "gemini", "dashscope"])
def test_tool_calls_keep_their_order_and_arguments_their_bytes(dialect, asked, at):
    other = {**CALL, "id": "c2", "function": {"name": "g", "arguments": '{"z":0,"a":1}'}}
    ex = asked([HOW, {"role": "assistant", "content": None, "tool_calls": [CALL, other]}, RESULT])
    sent = import_module(f"isthmus.partners.{dialect}").write_body(ex, at(dialect)).decode()
    for arguments in ('{ "b" : 1.0, "a":[ ] }', '{"z":0,"a":1}'):
        assert arguments in sent or json.dumps(arguments)[1:-1] in sent
    assert sent.index('"f"') < sent.index('"g"')


@pytest.mark.parametrize("dialect", ["openai_chat", "openai_responses", "anthropic", "gemini", "dashscope"])
def test_a_tools_schema_keeps_its_order_so_that_a_prefix_cache_holds(dialect, asked, at):
    schema = {"type": "object", "properties": {"z": {"type": "string"}, "a": {"type": "number"}}, "required": ["z"]}
    ex = asked(tools=[{"type": "function", "function": {"name": "f", "parameters": schema}}])
    sent = import_module(f"isthmus.partners.{dialect}").write_body(ex, at(dialect)).decode()
    assert '"properties":{"z":{"type":"string"},"a":{"type":"number"}},"required":["z"]' in sent


@pytest.mark.parametrize("dialect", ["anthropic", "gemini"])
def test_arguments_that_are_no_object_pass_over_the_route_and_not_the_request(dialect, asked, at):
    broken = {**CALL, "function": {"name": "f", "arguments": '{"cut'}}
    ex = asked([HOW, {"role": "assistant", "content": None, "tool_calls": [broken]}, RESULT])
    with pytest.raises(RouteSkipped):
        import_module(f"isthmus.partners.{dialect}").write_body(ex, at(dialect))


def test_results_of_parallel_calls_are_one_turn_for_anthropic(asked, at):
    second = {"role": "tool", "tool_call_id": "c2", "content": "too"}
    said = {"role": "assistant", "content": None, "tool_calls": [CALL, {**CALL, "id": "c2"}]}
    turns = body(anthropic, asked([HOW, said, RESULT, second, HOW]), at("anthropic"))["messages"]
    assert [turn["role"] for turn in turns] == ["user", "assistant", "user"]
    assert [block["type"] for block in turns[2]["content"]] == ["tool_result", "tool_result", "text"]


# -- reasoning -----------------------------------------------------------------------------------------------


def test_deepseeks_thinking_mode_wants_reasoning_content_in_every_tool_turn(asked, at):
    ex = asked([HOW, {"role": "assistant", "content": None, "tool_calls": [CALL]}, RESULT])
    assert body(openai_chat, ex, at(habits=habits("deepseek")))["messages"][1]["reasoning_content"] == ""
    assert "reasoning_content" not in openai_chat.write_body(ex, at()).decode()


def test_moonshots_text_models_take_content_as_one_string(asked, at):
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    ex = asked([{"role": "user", "content": parts}])
    assert body(openai_chat, ex, at(habits=habits("moonshot")))["messages"][0]["content"] == "ab"
    assert body(openai_chat, ex, at())["messages"][0]["content"] == parts


def test_a_signed_thought_goes_back_to_anthropic_whole_and_only_there(asked, at):
    content = [
        {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
        {"type": "redacted_thinking", "data": "ZGF0YQ=="},
        {"type": "tool_use", "id": "c1", "name": "f", "input": {"a": 1}},
    ]
    answer = {"id": "m", "model": "x", "content": content, "stop_reason": "tool_use", "usage": {}}
    said = json.loads(anthropic.to_chat(json.dumps(answer).encode()))["choices"][0]["message"]
    ex = asked([HOW, said, RESULT], reasoning_effort="low")
    sent = body(anthropic, ex, at("anthropic"))
    assert sent["messages"][1]["content"][:2] == content[:2]
    assert sent["thinking"] == {"type": "enabled", "budget_tokens": 1024}
    assert b"c2ln" not in gemini.write_body(ex, at("gemini"))


def test_a_tool_loop_that_lost_its_signatures_goes_on_without_thinking(asked, at):
    ex = asked([HOW, {"role": "assistant", "content": None, "tool_calls": [CALL]}, RESULT], reasoning_effort="high")
    assert "thinking" not in body(anthropic, ex, at("anthropic"))


def test_geminis_thought_signatures_go_back_on_the_part_they_came_with(asked, at):
    part = {"functionCall": {"name": "f", "args": {"a": 1}}, "thoughtSignature": "c2ln"}
    answer = {"candidates": [{"content": {"parts": [part]}, "finishReason": "STOP"}], "responseId": "r"}
    choice = json.loads(gemini.to_chat(json.dumps(answer).encode()))["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    result = {**RESULT, "tool_call_id": choice["message"]["tool_calls"][0]["id"]}
    contents = body(gemini, asked([HOW, choice["message"], result]), at("gemini"))["contents"]
    assert contents[1]["parts"] == [part]
    assert contents[2]["parts"][0]["functionResponse"] == {"name": "f", "response": {"result": "done"}}


def test_encrypted_content_of_responses_goes_back_as_its_reasoning_item(asked, at):
    item = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "c2VhbGVk"}
    message = {"type": "message", "content": [{"type": "output_text", "text": "a"}]}
    answer = {"id": "r", "model": "m", "status": "completed", "output": [item, message]}
    said = json.loads(openai_responses.to_chat(json.dumps(answer).encode()))["choices"][0]["message"]
    assert item in body(openai_responses, asked([HOW, said, HOW]), at("openai_responses"))["input"]


@pytest.mark.parametrize(
    "said",
    [
        {"reasoning": "because", "content": "a"},
        {"reasoning_details": [{"text": "because"}], "content": "a"},
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "because"}]},
                     {"type": "text", "text": "a"}]},
    ],
    ids=["vLLM and Ollama", "MiniMax", "Mistral"],
)  # fmt: skip
def test_reasoning_that_stands_elsewhere_is_moved_to_where_stages_look(said):
    whole = json.loads(openai_loose.to_chat(json.dumps({"choices": [{"message": said}]}).encode()))
    (streamed,) = openai_loose.Reader().feed(json.dumps({"choices": [{"delta": said}]}).encode())
    for found in (whole["choices"][0]["message"], json.loads(streamed)["choices"][0]["delta"]):
        assert found == {"reasoning_content": "because", "content": "a"}


# -- what rests at a partner ---------------------------------------------------------------------------------


def test_store_is_off_on_the_responses_wire_and_at_openai_whatever_a_caller_says(asked, at):
    ex = asked(store=True)
    assert body(openai_responses, ex, at("openai_responses"))["store"] is False
    for partner in ("openai", "azure"):
        assert body(openai_chat, ex, at(habits=habits(partner)))["store"] is False


def test_no_context_cache_is_made_at_a_partner_but_what_it_cached_itself_is_counted(asked, at):
    ex = asked(caching={"type": "enabled"}, context_id="ctx-1", previous_response_id="r", mode="session")
    for dialect in ("openai_chat", "openai_responses", "anthropic", "gemini", "dashscope"):
        route = at(dialect, fields=PARTNERS["doubao"].fields)
        sent = import_module(f"isthmus.partners.{dialect}").write_body(ex, route)
        assert not any(word in sent for word in (b"cach", b"ctx-1", b"previous", b"session"))
    usage = {"input_tokens": 9, "output_tokens": 1, "prompt_tokens_details": {"cached_tokens": 7}}
    answer = {**generated("a", "stop"), "usage": usage}
    counted = json.loads(dashscope.to_chat(json.dumps(answer).encode()))["usage"]
    assert counted["prompt_tokens_details"] == {"cached_tokens": 7}


def test_a_partners_watermark_is_never_switched_off(asked, at):
    ex = asked(watermark=False)
    assert body(openai_images, ex, at("openai_images", habits=habits("doubao")))["watermark"] is True
    assert "watermark" not in body(openai_images, ex, at("openai_images", habits=Habits()))


# -- keys, limits, errors ------------------------------------------------------------------------------------


def test_each_wire_carries_its_key_in_its_own_header_and_never_in_its_address(at):
    assert b"x-api-key: s\r\n" in anthropic.head(at("anthropic"), "s")
    assert gemini.head(at("gemini"), "s") == b"x-goog-api-key: s\r\n"
    assert habits("azure").auth == "api-key"
    path = gemini.path(at("gemini", path="/v1beta/models", wire="g"), stream=True)
    assert path == "/v1beta/models/g:streamGenerateContent?alt=sse"


def test_anthropic_is_always_told_max_tokens(asked, at):
    assert body(anthropic, asked(), at("anthropic"))["max_tokens"] == 8192
    assert body(anthropic, asked(), at("anthropic", output=64000))["max_tokens"] == 64000
    assert body(anthropic, asked(max_completion_tokens=5), at("anthropic"))["max_tokens"] == 5


def test_max_tokens_goes_by_the_partners_own_name_and_is_never_lost(asked, at):
    for partner in ("deepseek", "mistral", "moonshot", "glm", "qwen", "minimax"):
        sent = body(openai_chat, asked(max_completion_tokens=5), at(habits=habits(partner)))
        assert sent["max_tokens"] == 5
    assert "stream_options" not in body(openai_chat, asked(stream=True), at(habits=habits("mistral")))


@pytest.mark.parametrize(
    ("status", "document", "word"),
    [
        (429, {"error": {"code": "RateLimitExceeded.EndpointRPMExceeded"}}, "retry"),
        (429, {"error": {"code": "RateLimitExceeded.EndpointTPMExceeded"}}, "retry"),
        (429, {"error": {"code": "insufficient_quota", "type": "insufficient_quota"}}, "elsewhere"),
        (429, {"error": {"type": "exceeded_current_quota_error"}}, "elsewhere"),
        (429, {"error": {"type": "engine_overloaded_error"}}, "retry"),
        (529, {"type": "error", "error": {"type": "overloaded_error"}}, "retry"),
        (400, {"error": {"message": "Your credit balance is too low", "type": "invalid_request_error"}}, "elsewhere"),
        (400, {"error": {"message": "Content Exists Risk", "code": "invalid_request_error"}}, "moderated"),
        (400, {"error": {"code": "content_filter", "innererror": {"code": "ResponsibleAIPolicyViolation"}}}, "moderated"),
        (400, {"error": {"code": "content_policy_violation"}}, "moderated"),
        (400, {"code": "DataInspectionFailed", "message": "x"}, "moderated"),
        (400, {"error": {"code": "data_inspection_failed"}}, "moderated"),
        (429, {"code": "Throttling.AllocationQuota"}, "retry"),
        (400, {"code": "Arrearage"}, "elsewhere"),
        (400, {"error": {"code": "1301"}}, "moderated"),
        (429, {"error": {"code": "1302"}}, "retry"),
        (429, {"error": {"code": "1113"}}, "elsewhere"),
        (200, {"base_resp": {"status_code": 1026, "status_msg": "x"}}, "moderated"),
        (200, {"base_resp": {"status_code": 1002}}, "retry"),
        (200, {"error_code": 336501, "error_msg": "x"}, "retry"),
        (200, {"error_code": 336502}, "retry"),
        (200, {"error_code": 336100}, "retry"),
        (400, {"error": {"status": "INVALID_ARGUMENT", "details": [{"reason": "API_KEY_INVALID"}]}}, "elsewhere"),
        (400, {"error": {"status": "FAILED_PRECONDITION"}}, "elsewhere"),
        (429, {"error": {"status": "RESOURCE_EXHAUSTED"}}, "retry"),
        (400, {"error": {"code": "context_length_exceeded"}}, "caller"),
        (422, {"detail": [{"loc": ["body"]}]}, "caller"),
        (401, {}, "elsewhere"), (402, {}, "elsewhere"), (404, {}, "elsewhere"), (408, {}, "retry"), (409, {}, "retry"),
        (413, {}, "caller"), (418, {}, "caller"), (500, {}, "retry"), (503, "not json", "retry"), (200, {}, "retry"),
    ],
)  # fmt: skip
def test_error_codes_are_classified(status, document, word):
    raw = document if isinstance(document, str) else json.dumps(document)
    assert judge(status, raw.encode()) == word


def test_a_new_partner_that_speaks_openai_costs_twelve_lines_and_no_code(tmp_path):
    lines = """\
id = "newcomer"
title = "Newcomer"
key_env = "NEWCOMER_API_KEY"
[endpoint.main]
host = "api.newcomer.example"
path = "/v1/chat/completions"
region = "SG"
inference = ["SG"]
storage = ["SG"]
end_users = ["SG"]
[model.newcomer-1]
default = true
"""
    assert len(lines.splitlines()) <= 12
    assert tomllib.loads(lines)
    (tmp_path / "newcomer.toml").write_text(lines, "utf-8")
    partners = load(own=tmp_path)
    assert partners["newcomer"].endpoint["main"].host == "api.newcomer.example"
    assert set(PARTNERS) < set(partners)
