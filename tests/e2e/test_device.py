"""The device's side in front of a whole node: its model as the private tier, partners with consent only."""

import pytest

from isthmus.core.config import Config
from isthmus.core.errors import Refusal
from isthmus.device.device import Device
from isthmus.device.voice import Voice

TEXT = "Send Anna the report by Friday."


@pytest.fixture
def device(place, tmp_path):
    """device(**settings): a Device that reaches partners through the node; state of its own."""
    made = []

    def make(**given):
        settings = {"url": place.url, "key": place.key, "model": "partner", "region": "CN", "retry": False}
        made.append(Device(config=Config(home=tmp_path), **{**settings, **given}))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_a_partner_answers_after_the_person_agreed_to_the_sheet(device, place):
    shown = []
    made = device(mode="only_in_cloud", agree=lambda sheet: shown.append(sheet) or "once", language="zh-CN")
    result = made.rewrite(TEXT)
    assert len(shown) == 1
    assert shown[0]["consent"]["kind"] == "separate"
    assert (result.source, result.tier, result.rehearsal) == ("in_cloud", "partner", True)
    assert result.label == "内容由AI生成"
    assert "内容由AI生成" not in result.text
    assert result.receipt.startswith("w")


def test_without_agreement_the_refusal_carries_the_sheet(device):
    with pytest.raises(Refusal) as refused:
        device(mode="only_in_cloud").rewrite(TEXT)
    assert refused.value.code == "consent_required"
    assert refused.value.extra["sheet"]["buttons"]


def test_the_nodes_own_model_serves_as_the_private_tier_with_probabilities(device, place):
    voice = Voice(place.url, place.key, model="private", tier="private", headers={"isthmus-region": "CN"})
    result = device(voice=voice, mode="only_on_device").smart_reply("Will you come to dinner?")
    assert (result.source, result.tier, result.label) == ("on_device", "private", "内容由AI生成")
    assert len(result.value) == 3
    assert result.confidence is not None
    assert result.receipt.startswith("w")
