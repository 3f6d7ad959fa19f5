"""Notice: model name and filing number travel with the answer."""

from __future__ import annotations

import msgspec

from isthmus.core.operator import Facts, Operator
from isthmus.policy import notice


def test_model_and_filing_number_are_shown_beside_the_answer(house, route, owed, asked):
    rule = owed("notice.show", text="{model_name} {cn_filing_no}", at=["about", "badge"])
    stage = notice.compile([rule], route(facts={"cn_filing_no": "CN-1"}), house)
    ex = asked()
    stage.on_request(ex)
    stage.on_request(ex)
    assert (ex.notices, ex.met) == (["Doubao CN-1"], ["notice"])


def test_the_operators_own_numbers_fill_what_the_partner_left_open(house, route, owed):
    operator = Operator(region={"CN": Facts(filing={"doubao": "OP-2"}, registration="R-3")})
    known = msgspec.structs.replace(house, operator=operator)
    rule = owed("notice.show", text="{cn_filing_no} {cn_registration_no} {legal_name}", at=["badge"])
    assert notice.text_of(rule, route(), known) == "OP-2 R-3 Volcano Engine Ltd"


def test_what_nobody_stated_is_a_dash(house, route, owed):
    rule = owed("notice.show", text="{model_name} {cn_filing_no}", at=["badge"])
    assert notice.text_of(rule, route(), house) == "Doubao -"


def test_a_notice_for_pages_does_not_travel_with_answers(house, route, owed):
    assert notice.compile([owed("notice.show", text="x", at=["terms"])], route(), house) is None
