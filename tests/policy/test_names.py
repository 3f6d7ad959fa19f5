"""Names and addresses: found by what stands around them, and only for those who ask."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from isthmus.policy import privacy
from isthmus.policy.guards import Guard
from isthmus.policy.names import names

FOUND = [
    ("请联系张伟先生", "name", "张伟"),
    ("李女士来电", "name", "李"),
    ("姓名：欧阳修，男", "name", "欧阳修"),
    ("我叫刘晓明，今年三十", "name", "刘晓明"),
    ("寄到浙江省杭州市西湖区文三路18号3幢502室。", "address", "浙江省杭州市西湖区文三路18号3幢502室"),
    ("Please call Mr Henderson now", "name", "Henderson"),
    ("My name is Laura Fitzgerald and", "name", "Laura Fitzgerald"),
    ("at 48 North Elm Avenue, Apt 12 today", "address", "48 North Elm Avenue, Apt 12"),
]


@pytest.mark.parametrize(("text", "kind", "value"), FOUND)
def test_a_name_or_address_is_found_where_its_surroundings_tell(text, kind, value):
    assert any(one.kind == kind and value in text[one.start : one.end] for one in names(text))


@pytest.mark.parametrize(
    "text", ["今天天气很好。", "黄河在这里转弯", "My name is on the list", "in the second street", ""]
)
def test_ordinary_text_holds_none(text):
    assert list(names(text)) == []


def test_a_long_text_costs_no_more_than_its_length():
    assert list(names("市" * 20_000)) == []
    assert list(names("北京市海淀区" * 3_000)) == []
    assert list(names("1 North " * 3_000)) == []


@pytest.fixture
def stage(house, route, owed):
    own = msgspec.structs.replace(house, guards={("", "acme"): Guard(tenant="acme", names=True)})
    return privacy.compile([owed("mask")], route(), own)


def sent(ex):
    return msgspec.json.decode(ex.rewritten)[0]["content"]


def test_who_asks_for_names_has_them_masked_beside_numbers_and_restored(stage, asked):
    ex = asked("请联系张伟先生，手机13812345678")
    stage.on_request(ex)
    assert "张伟" not in sent(ex)
    assert ex.masks == {"name": 1, "cn_mobile": 1}
    assert stage.on_event(ex, "content", sent(ex), True) == "请联系张伟先生，手机13812345678"


def test_a_text_that_moderation_found_to_hold_no_number_may_still_hold_a_name(stage, asked):
    ex = asked("请联系张伟先生")
    ex.personal = False
    stage.on_request(ex)
    assert ex.masks == {"name": 1}


def test_a_long_question_has_its_names_masked_too(stage, asked):
    ex = asked("好的。\n" * 6_000 + "请联系张伟先生")
    stage.on_request(ex)
    assert ex.rewritten is None
    asyncio.run(stage.awaited(ex))
    assert "张伟" not in sent(ex)


def test_who_does_not_ask_keeps_names(stage, asked):
    ex = asked("请联系张伟先生，手机13812345678")
    ex.caller.tenant = "another"
    stage.on_request(ex)
    assert "张伟" in sent(ex)
    long = asked("好的。\n" * 6_000 + "请联系张伟先生")
    long.caller.tenant = "another"
    stage.on_request(long)
    assert stage.awaited(long) is None
    assert long.rewritten is None
