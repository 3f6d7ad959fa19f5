"""Smart reply: three of a different kind."""

from __future__ import annotations

import pytest

from isthmus.device import gate
from isthmus.device.features.smart_reply import FEATURE
from isthmus.device.voice import Said

GOOD = '{"agree":"Yes, of course.","decline":"Sorry, not today.","ask":"When do you need it?"}'


def misses(task, said):
    asked = task("smart_reply", "Can you send the slides?")
    return gate.examine(asked, FEATURE.parse(asked, said), Said(text=said))


def test_three_replies_come_in_order(task) -> None:
    asked = task("smart_reply", "Can you send the slides?")
    value = FEATURE.parse(asked, GOOD)
    assert value == ["Yes, of course.", "Sorry, not today.", "When do you need it?"]
    assert FEATURE.show(asked, value).count("\n") == 2
    assert misses(task, GOOD) == []
    assert FEATURE.render(asked).schema["required"] == ["agree", "decline", "ask"]


@pytest.mark.parametrize(("said", "reason"), [
    ('{"agree":"Yes.","decline":"yes!","ask":"When?"}', "the replies are alike"),
    ('{"agree":"I can\'t assist with that.","decline":"No.","ask":"Why?"}', "the model declined"),
    ('{"agree":"Can you send the slides?","decline":"No.","ask":"Why?"}', "a reply repeats the message"),
    ('{"agree":"Yes, at 5.","decline":"No.","ask":"Why?"}', "1 numbers"),
])  # fmt: skip
def test_bad_replies_fail(task, said: str, reason: str) -> None:
    assert any(reason in each for each in misses(task, said))


def test_what_is_not_the_shape_is_no_answer(task) -> None:
    with pytest.raises(ValueError):
        FEATURE.parse(task("smart_reply", "Hi there"), '{"agree":"Yes."}')
