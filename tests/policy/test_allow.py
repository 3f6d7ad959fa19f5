"""Exceptions: one tenant, one word, a reason, a last day."""

from __future__ import annotations

from datetime import date

import msgspec
import pytest

from isthmus.core.errors import Refusal
from isthmus.policy import allow, moderation
from isthmus.policy.allow import Allowed

NEWS = Allowed(tenant="acme", term="赌博 网站", reason='reports on "crime"', until=date(2026, 12, 1))


def test_what_is_added_is_loaded(tmp_path):
    assert allow.load(tmp_path) == {}
    allow.add(tmp_path / "home", NEWS)
    later = msgspec.structs.replace(NEWS, until=date(2027, 1, 1))
    other = msgspec.structs.replace(NEWS, tenant="other", term="x\\y")
    allow.add(tmp_path / "home", later)
    allow.add(tmp_path / "home", other)
    assert allow.load(tmp_path / "home") == {"acme": (later,), "other": (other,)}


@pytest.mark.parametrize(
    "text", ["x", "[[allow]]\ntenant=1", '[[allow]]\ntenant="a"\nterm="b"\nreason=" "\nuntil=2026-01-01']
)
def test_a_damaged_file_is_refused(text, tmp_path):
    (tmp_path / allow.FILE).write_text(text, "utf-8")
    with pytest.raises(Refusal):
        allow.load(tmp_path)


def test_an_exception_lets_one_tenant_say_the_word_until_its_last_day(house, route, owed, asked, clock):
    known = msgspec.structs.replace(house, terms={"t": {"赌博网站": "x"}}, allowed={"acme": (NEWS,)})
    rule = owed("scan", side=["input", "output"], taxonomy="t", on_error="block")
    stage = moderation.compile([rule], route(), known)
    ex = asked("赌博网站")
    stage.on_request(ex)
    assert stage.on_event(ex, "content", "赌博网站", True) == "赌博网站"
    said = stage.on_event(ex, "reasoning_content", "赌博网站", False)
    assert said + stage.on_event(ex, "reasoning_content", "", True) == "赌博网站"
    other = asked("赌博网站")
    other.caller.tenant = "other"
    with pytest.raises(Refusal):
        stage.on_request(other)
    clock.advance(30 * 86_400)
    with pytest.raises(Refusal):
        stage.on_request(asked("赌博网站"))
