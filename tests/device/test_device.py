"""The device as a program uses it; once with a real model and nothing else."""

from __future__ import annotations

import pytest

import isthmus
from isthmus.core.errors import Refusal
from isthmus.device import device as room
from isthmus.device.device import Device
from isthmus.device.store import Model
from isthmus.device.voice import Voice

REPLY = '{"agree":"Yes.","decline":"No.","ask":"Why?"}'
CASES = {
    "proofread": ("I has it.", "I have it.", {}),
    "rewrite": ("Send it now.", "Please send it.", {"tone": "more-formal"}),
    "summarize": (
        "The train was late and then the bus broke down again.",
        "Late train, broken bus.",
        {"type": "headline"},
    ),
    "write": ("Thank Anna for the scarf.", "Dear Anna, thank you for the scarf.", {}),
    "translate": ("See you tomorrow, my friend.", "明天见，我的朋友。", {"target_language": "zh"}),
    "smart_reply": ("Will you come?", REPLY, {}),
    "digest": (["Shop · sale"], '[{"priority":"later","line":"sale"}]', {}),
    "extract": (
        "Anna is here.",
        '{"name":"Anna"}',
        {"response_constraint": {"type": "object", "properties": {"name": {"type": "string"}}}},
    ),
}


@pytest.mark.parametrize("feature", CASES)
def test_every_feature_has_its_method(device, scripted, feature: str) -> None:
    given, answer, options = CASES[feature]
    made = device(scripted(answer))
    result = getattr(made, feature)(given, **options)
    assert result.sure, result.misses
    assert result.document()["source"] == "on_device"
    *drafts, last = made.stream(feature, given, **options)
    assert drafts
    assert last.result.text == result.text


def test_options_are_given_by_name(device, scripted) -> None:
    text = "The train was late and then the bus broke down again."
    assert device(scripted("Late train")).summarize(text, type="headline").value == "Late train"
    shape = {"type": "object", "properties": {"name": {"type": "string"}}}
    assert device(scripted('{"name":"Anna"}')).extract("Anna is here.", response_constraint=shape).value == {
        "name": "Anna"
    }


def test_a_language_is_detected_without_a_model(home) -> None:
    with Device(config=home) as made:
        assert made.detect_language("会议改到周一。")[0].detected_language == "zh"
        assert made.run("detect_language", "会议改到周一。").text == "zh"
        assert made.availability() == "downloadable"


@pytest.mark.parametrize(("feature", "given", "field"), [
    ("rewrite", 5, "input"), ("rewrite", "  ", "input"), ("poem", "x", "feature"), ("translate", "x", "target_language"),
])  # fmt: skip
def test_wrong_input_is_refused_by_name(device, scripted, feature: str, given: object, field: str) -> None:
    with pytest.raises(Refusal) as refused:
        device(scripted("x")).run(feature, given)
    assert refused.value.fields["field"] == field


def test_an_unknown_setting_is_refused_with_those_that_exist() -> None:
    with pytest.raises(Refusal) as refused:
        Device(regoin="CN")
    assert "region" in refused.value.sentence()


def test_progress_is_told_and_a_gateway_is_set_by_its_address(device, scripted) -> None:
    heard = []
    made = device(
        scripted("Please send it."),
        url="http://127.0.0.1:9",
        key="k",
        region="CN",
        monitor=lambda *told: heard.append(told),
    )
    assert made.rewrite("Send it now.").text == "Please send it."
    assert heard == [(1.0, "done")]


def test_the_package_gives_the_device_away_only_when_asked() -> None:
    assert isthmus.Device is Device
    assert isthmus.device.Tool
    for package in (isthmus, isthmus.device):
        with pytest.raises(AttributeError):
            _ = package.Nothing


def test_a_real_model_proves_label_receipt_and_probabilities(home, engine) -> None:
    voice = Voice(f"http://{engine.host}:{engine.port}", engine.key, model=engine.name)
    with Device(voice=voice, config=home, region="KR", mode="only_on_device", retry=False) as made:
        result = made.smart_reply("Will you come to dinner?")
        assert made.availability() == "available"
        session = made.session()
        assert session.measure_context_usage("hello there") > 2
    assert (result.source, result.tier, result.label, result.region) == ("on_device", "device", "AI 생성", "KR")
    assert result.receipt.startswith("device-")
    assert 0 < result.confidence < 1
    assert len(result.value) == 3


class Engine:
    """What LocalEngine shows, without a process."""

    host, port, key, name = "127.0.0.1", 9, "k", "m"
    fails = False
    stopped = 0

    def __init__(self, *_: object, **__: object) -> None:
        Engine.stopped = 0

    def start(self) -> Engine:
        return self

    def wait_ready(self) -> None:
        if Engine.fails:
            raise Refusal("engine_unavailable", reason="It ended.")

    def stop(self) -> None:
        Engine.stopped += 1


def test_the_model_starts_when_it_is_needed_and_ends_with_the_device(home, tmp_path, monkeypatch) -> None:
    heard = []

    def ready(config, *, say, progress):
        progress(1, 2)
        return Model(tmp_path / "m.gguf", "m", 2048)

    monkeypatch.setattr(room, "ready_model", ready)
    monkeypatch.setattr(room, "LocalEngine", Engine)
    made = Device(config=home, monitor=lambda *told: heard.append(told))
    assert made.voice() is made.voice()
    assert heard == [(0.5, "fetching the model")]
    made.close()
    made.close()
    assert Engine.stopped == 1
    monkeypatch.setattr(Engine, "fails", True)
    with pytest.raises(Refusal):
        made.voice()
    assert Engine.stopped == 1
    assert made.availability() == "downloadable"
    made.close()
