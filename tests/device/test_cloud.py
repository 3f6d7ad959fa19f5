"""The way off the device: with consent, given before the question is asked again."""

from __future__ import annotations

import pytest

from isthmus.core.errors import Refusal
from isthmus.device import cloud as room
from isthmus.device.cloud import Cloud
from isthmus.device.task import Abort, Prompt

SHEET = {"consent": {"kind": "separate", "recipient": "doubao", "region": "CN"}, "language": "zh-CN"}
WANTED = Refusal("consent_required", {"sheet": SHEET}, reason="The law asks.")
PROMPT = Prompt(messages=[{"role": "user", "content": "x"}], max_tokens=8)


class Desk:
    """The client's consent desk, as the gateway would keep it."""

    given: list[dict]

    def __init__(self, url: str, key: str, *, headers: dict[str, str]) -> None:
        del url, key, headers

    def give_consent(self, **fields: object) -> str:
        Desk.given.append(fields)
        return "c1"


@pytest.fixture
def cloud(scripted, monkeypatch):
    Desk.given = []
    monkeypatch.setattr(room, "Client", Desk)

    def make(*answers, **given):
        made = Cloud("http://127.0.0.1:9", "k", headers={"isthmus-region": "CN", "isthmus-age": ""}, **given)
        made.voice = scripted(*answers, tier="partner", source="in_cloud")
        return made

    return make


def test_without_need_of_consent_nobody_is_asked(cloud) -> None:
    asked = cloud("Hello", consent="c0")
    assert "".join(asked.speak(PROMPT, "rewrite", Abort())) == "Hello"
    assert asked.voice.headers == [{"isthmus-feature": "rewrite", "isthmus-label": "metadata", "isthmus-consent": "c0"}]


def test_agreement_is_given_for_the_feature_and_the_question_asked_again(cloud) -> None:
    shown = []
    asked = cloud(WANTED, "Hello", agree=lambda sheet: shown.append(sheet) or "once")
    assert "".join(asked.speak(PROMPT, "rewrite", Abort())) == "Hello"
    assert shown == [SHEET]
    assert Desk.given == [{**SHEET["consent"], "scope": "once", "feature": "rewrite", "language": "zh-CN"}]
    assert asked.voice.headers[1]["isthmus-consent"] == "c1"


@pytest.mark.parametrize("agree", [None, lambda sheet: ""])
def test_without_agreement_the_refusal_stands_and_carries_the_sheet(cloud, agree) -> None:
    with pytest.raises(Refusal) as refused:
        list(cloud(WANTED, "Hello", agree=agree).speak(PROMPT, "rewrite", Abort()))
    assert refused.value.extra == {"sheet": SHEET}
    assert Desk.given == []


def test_another_refusal_asks_nobody(cloud) -> None:
    with pytest.raises(Refusal) as refused:
        list(
            cloud(Refusal("no_lawful_route", reason="x"), agree=lambda sheet: "once").speak(PROMPT, "rewrite", Abort())
        )
    assert refused.value.code == "no_lawful_route"
