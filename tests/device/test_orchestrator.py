"""Who answers, in which order, and what happens when the gate refuses."""

from __future__ import annotations

import pytest

from isthmus.core.errors import Refusal
from isthmus.device.cloud import Cloud
from isthmus.device.law import Law
from isthmus.device.orchestrator import MODES, Hints, Orchestrator
from isthmus.device.result import MAYBE
from isthmus.device.task import Abort, Aborted
from isthmus.device.voice import Said

SOURCE = "Send Anna the 3 reports by Friday."
GOOD = "Please send Anna the 3 reports by Friday."
BAD = "Please send the reports."
CLOUD = "Could you please send Anna the 3 reports by Friday?"
ABOUT = {
    "badge": "Qwen",
    "source": "partner",
    "label": "AI",
    "receipt": "r9",
    "notices": ["n"],
    "region": "CN",
    "rehearsal": True,
}
DOWN = Refusal("not_running", url="http://127.0.0.1:9")
ASK_FIRST = Refusal("consent_required", {"sheet": {}}, reason="The law asks.")


@pytest.fixture
def solve(home, scripted, task):
    """solve(local, cloud, ...): drafts and result of one rewrite; a list of answers each, None for no gateway."""
    law = Law(home)

    def run(
        local,
        cloud=None,
        *,
        mode="prefer_on_device",
        text=SOURCE,
        feature="rewrite",
        hints=None,
        abort=None,
        heard=None,
        **options,
    ):
        voice = scripted(*local)
        gateway = None
        if cloud is not None:
            gateway = Cloud("http://127.0.0.1:9", "k")
            gateway.voice = scripted(*cloud, tier="partner", source="in_cloud")
        house = Orchestrator(lambda: voice, gateway, law, hints)
        run.voice, run.cloud, run.drafts = voice, gateway, []
        work = house.solve(task(feature, text, **options), mode, abort or Abort(), heard or (lambda *_: None))
        while True:
            try:
                run.drafts.append(next(work))
            except StopIteration as end:
                return end.value

    yield run
    law.close()


def test_a_good_answer_of_the_device_goes_nowhere_else(solve) -> None:
    result = solve([GOOD], [CLOUD])
    assert (result.text, result.source, result.sure, result.misses) == (GOOD, "on_device", True, [])
    assert solve.cloud.voice.seen == []
    assert solve.drafts[-1].text == GOOD
    assert result.why == ["mode prefer_on_device", "gate: passed"]
    assert solve.voice.headers[0]["isthmus-feature"] == "rewrite"


def test_what_fails_the_gate_goes_to_the_gateway(solve) -> None:
    result = solve([BAD], [Said(text=CLOUD, finish="stop", about=ABOUT)])
    assert (result.text, result.source, result.tier, result.badge) == (CLOUD, "in_cloud", "partner", "Qwen")
    assert (result.label, result.receipt, result.region, result.rehearsal, result.notices) == (
        "AI",
        "r9",
        "CN",
        True,
        ["n"],
    )
    assert "missing" in " ".join(result.why)
    assert len(solve.voice.seen) == 1
    assert {draft.source for draft in solve.drafts} == {"on_device", "in_cloud"}


@pytest.mark.parametrize("refusal", [DOWN, ASK_FIRST])
def test_without_the_gateways_answer_the_best_of_the_device_is_marked(solve, refusal) -> None:
    result = solve([BAD], [refusal])
    assert (result.text, result.source, result.sure) == (BAD, "on_device", False)
    assert result.badge.endswith(MAYBE)
    assert f"cloud: {refusal.code}" in result.why
    assert result.why[-1] == MAYBE


def test_with_nobody_else_to_ask_a_second_try_is_made_and_the_better_kept(solve) -> None:
    assert solve([BAD, GOOD]).text == GOOD
    assert [prompt.temperature for prompt in solve.voice.seen] == [0.0, 0.6]
    worse = solve([BAD, "Nonsense 99 on Monday"])
    assert (worse.text, worse.sure) == (BAD, False)


def test_only_on_device_never_asks_the_gateway(solve) -> None:
    assert solve([BAD], [CLOUD], mode="only_on_device").source == "on_device"
    assert solve.cloud.voice.seen == []


def test_only_in_cloud_never_asks_the_device_and_its_refusal_is_told(solve) -> None:
    assert solve([GOOD], [CLOUD], mode="only_in_cloud").source == "in_cloud"
    assert solve.voice.seen == []
    with pytest.raises(Refusal) as refused:
        solve([GOOD], [ASK_FIRST], mode="only_in_cloud")
    assert refused.value.extra == {"sheet": {}}
    with pytest.raises(Refusal) as refused:
        solve([GOOD], mode="only_in_cloud")
    assert refused.value.code == "usage"


def test_prefer_in_cloud_falls_back_to_the_device(solve) -> None:
    assert solve([GOOD], [CLOUD], mode="prefer_in_cloud").source == "in_cloud"
    fallen = solve([GOOD], [DOWN], mode="prefer_in_cloud")
    assert (fallen.source, fallen.sure) == ("on_device", True)


def test_no_model_here_goes_to_the_gateway_and_without_one_is_told(solve) -> None:
    gone = Refusal("engine_unavailable", reason="none")
    assert solve([gone], [CLOUD]).source == "in_cloud"
    with pytest.raises(Refusal) as refused:
        solve([gone])
    assert refused.value.code == "engine_unavailable"


@pytest.mark.parametrize("mode", ["prefer_on_device", "prefer_in_cloud"])
def test_a_blocked_question_is_never_tried_elsewhere(solve, mode: str) -> None:
    blocked = Refusal("content_blocked", category="x", reason="y")
    with pytest.raises(Refusal):
        solve([blocked], [blocked], mode=mode)
    assert len(solve.voice.seen) + len(solve.cloud.voice.seen) == 1


@pytest.mark.parametrize("hints", [Hints(battery=0.05), Hints(patience_s=0.1)])
def test_a_tired_device_or_an_impatient_person_asks_the_gateway_first(solve, hints: Hints) -> None:
    assert solve([GOOD], [CLOUD], hints=hints).source == "in_cloud"
    assert solve([GOOD], [CLOUD], hints=Hints(battery=0.9, patience_s=60)).source == "on_device"


def test_a_very_long_text_goes_to_the_gateway_first(solve) -> None:
    assert solve([GOOD], [CLOUD], text="Anna has 3 reports. " * 1000).source == "in_cloud"


def test_an_unknown_mode_is_refused_with_those_that_exist(solve) -> None:
    with pytest.raises(Refusal) as refused:
        solve([GOOD], mode="cloud")
    assert all(mode in refused.value.sentence() for mode in MODES)


def test_a_long_text_is_translated_in_pieces_and_joined(solve) -> None:
    text = "\n\n".join(["The meeting is on Monday. " * 18] * 3)
    heard = []
    piece = "会议在星期一。" * 18
    result = solve(
        [piece], text=text, feature="translate", target_language="zh", heard=lambda *told: heard.append(told)
    )
    assert len(solve.voice.seen) == 3
    assert result.text == "\n\n".join([piece] * 3)
    assert heard[1] == (1 / 3, "part 2 of 3")
    assert result.usage == {"total_tokens": 9}
    assert solve.drafts[-1].text == result.text


def test_a_piece_that_cannot_be_read_spoils_the_whole_and_says_so(solve) -> None:
    text = "\n\n".join(["The meeting is on Monday. " * 18] * 2)
    result = solve([" "], text=text, feature="translate", target_language="zh")
    assert (result.sure, result.misses) == (False, ["the answer cannot be read"])


def test_a_long_text_is_summed_up_from_its_sums(solve) -> None:
    text = "\n\n".join(["The library opens on Monday and readers are glad. " * 60] * 2)
    result = solve(
        ["It opens on Monday.", "Readers are glad.", "It opens on Monday."], text=text, feature="summarize", type="tldr"
    )
    assert result.text == "It opens on Monday."
    assert solve.voice.seen[2].messages[-1]["content"] == "It opens on Monday.\nReaders are glad."


def test_digests_go_in_batches(solve) -> None:
    def said(prompt):
        count = prompt.schema["minItems"]
        return "[" + ",".join(f'{{"priority":"later","line":"note {chr(97 + n)}"}}' for n in range(count)) + "]"

    result = solve([said], text=[f"note {letter}" for letter in "abcdefgh"], feature="digest")
    assert len(result.value) == 8
    assert len(solve.voice.seen) == 2
    assert solve(["{}"], text=["a", "b"], feature="digest").misses == ["the answer cannot be read"]


def test_long_extracts_are_merged_and_long_messages_read_from_their_end(solve) -> None:
    shape = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
    text = "Anna likes boats. " * 250
    assert solve(['{"name":""}', '{"name":"Anna"}'], text=text, feature="extract", response_constraint=shape).value == {
        "name": "Anna"
    }
    reply = '{"agree":"Yes.","decline":"No.","ask":"Why?"}'
    solve([reply], text="old words. " * 400 + "Will you come?", feature="smart_reply")
    assert solve.voice.seen[0].messages[-1]["content"].endswith("Will you come?")
    assert len(solve.voice.seen[0].messages[-1]["content"]) < 1300


def test_drafts_of_objects_are_snapshots(solve) -> None:
    solve(['{"agree":"Yes.","decline":"No.","ask":"Why?"}'], text="Will you come?", feature="smart_reply")
    values = [draft.value for draft in solve.drafts]
    assert values[0] == {}
    assert values[-1] == {"agree": "Yes.", "decline": "No.", "ask": "Why?"}


def test_an_abort_ends_the_work(solve) -> None:
    signal = Abort()
    signal.abort()
    with pytest.raises(Aborted):
        solve([GOOD], abort=signal)


def test_whoever_prefers_capability_asks_the_gateway_first(solve) -> None:
    text = "The train was late and then the bus broke down again."
    found = solve(
        ["Late train"],
        ["Late train, broken bus"],
        text=text,
        feature="summarize",
        type="headline",
        preference="capability",
    )
    assert found.source == "in_cloud"
    assert "capability is preferred" in found.why[0]
