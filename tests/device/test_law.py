"""The region's law on the device itself: admitted or refused with the rule, labelled, remembered without content."""

from __future__ import annotations

from datetime import timedelta

import pytest

from isthmus.core.clock import SystemClock
from isthmus.core.consent import Consent
from isthmus.core.errors import Refusal
from isthmus.device.law import Law
from isthmus.ledger import read
from isthmus.ledger.accounts import Accounts

ASKED = [{"role": "user", "content": "Bitte die canaryword zusammenfassen."}]
OPERATOR = 'mode = "production"\naccept_drafts = true\nname = "A"\nowner = "A"\nowner_country = "SG"\nlocation = "SG"\n'


def receipts(home):
    return list(read.iterate(home.ledger))


def test_an_answer_in_china_is_labelled_noticed_and_leaves_a_receipt(home) -> None:
    law = Law(home, "cn", language="zh-CN")
    admission = law.admit("rewrite", ASKED)
    assert admission.release("你好", last=False) + admission.release("", last=True) == "你好"
    admission.answered({"prompt_tokens": 4, "completion_tokens": 2, "total_tokens": 6}, "stop")
    admission.close("failed")
    law.close()
    law.close()
    assert admission.ex.label == "内容由AI生成"
    assert admission.ex.notices
    (kept,) = receipts(home)
    assert (kept.id, kept.outcome, kept.tier, kept.feature, kept.label, kept.verdict) == (
        admission.ex.id, "answered", "device", "rewrite", "内容由AI生成", "serve",
    )  # fmt: skip
    assert not [path for path in home.home.rglob("*") if path.is_file() and b"canaryword" in path.read_bytes()]


def test_without_a_region_the_houses_own_label_holds_in_rehearsal_only(home) -> None:
    law = Law(home)
    admission = law.admit("rewrite", ASKED)
    admission.answered({}, "stop")
    law.close()
    assert admission.ex.label == "AI-generated"
    assert law.decision("rewrite") is None
    home.operator.write_text(OPERATOR, "utf-8")
    with pytest.raises(Refusal) as refused:
        Law(home)
    assert refused.value.code == "usage"


def test_what_the_region_does_not_allow_is_refused_with_its_rule(home) -> None:
    home.home.mkdir(exist_ok=True)
    home.operator.write_text(OPERATOR, "utf-8")
    law = Law(home, "CN")
    with pytest.raises(Refusal) as refused:
        law.admit("rewrite", ASKED)
    law.close()
    assert refused.value.code == "no_lawful_route"
    assert "CN.route" in refused.value.sentence()
    assert refused.value.extra["law"]
    assert receipts(home)[0].refusal == "no_lawful_route"


def test_a_guardian_is_asked_for_a_child_and_a_forbidden_question_is_blocked(home) -> None:
    law = Law(home, "CN", age="12")
    with pytest.raises(Refusal) as refused:
        law.admit("assistant", ASKED)
    assert refused.value.code == "guardian_required"
    law.close()


def test_a_forbidden_word_of_the_answer_stops_it(home) -> None:
    (home.home / "terms").mkdir(parents=True)
    (home.home / "terms" / "house.toml").write_text(
        'origin = "test"\n[category.x]\ntitle = "X"\nterms = ["forbiddenword"]\n'
    )
    law = Law(home, "US-CA")
    with pytest.raises(Refusal) as refused:
        law.admit("rewrite", [{"role": "user", "content": "say forbiddenword"}])
    assert refused.value.code == "content_blocked"
    admission = law.admit("rewrite", ASKED)
    with pytest.raises(Refusal) as refused:
        admission.release("well, forbiddenword it is", last=True)
    assert refused.value.code == "content_blocked"
    law.close()


@pytest.mark.parametrize(
    ("given", "code"), [({"region": "ZZ"}, "unknown_region"), ({"region": "HOUSE"}, "unknown_region")]
)
def test_an_unknown_region_is_refused(home, given: dict, code: str) -> None:
    law = Law(home, **given)
    with pytest.raises(Refusal) as refused:
        law.admit("rewrite", ASKED)
    law.close()
    assert refused.value.code == code


def test_an_age_that_is_none_is_refused(home) -> None:
    with pytest.raises(Refusal) as refused:
        Law(home, "CN", age="old")
    assert refused.value.fields["field"] == "age"


def test_two_devices_write_two_shards(home) -> None:
    first, second = Law(home), Law(home)
    names = [law.admit("rewrite", ASKED).ex.id.split("-")[0] for law in (first, second)]
    first.close()
    second.close()
    assert names == ["device", "device1"]


def test_a_guardians_consent_that_was_given_here_counts(home) -> None:
    clock = SystemClock()
    now = clock.now()
    accounts = Accounts.open(home.accounts, clock)
    given = Consent("", "device", "guardian", "", "CN", "*", "always", "", "en", now, now + timedelta(days=1))
    accounts.give_consent(given)
    accounts.close()
    law = Law(home, "CN", age="12", consent=given.id)
    admission = law.admit("rewrite", ASKED)
    admission.answered({}, "stop")
    law.close()
    assert "consent" in admission.ex.met
