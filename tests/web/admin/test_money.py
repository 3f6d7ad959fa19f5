"""Who may set which limit."""

from __future__ import annotations

import pytest

HOUSE = {"scope": "organisation", "target": "acme", "unit": "requests", "span": "day", "most": 100}


def budget(scope, target):
    return {"scope": scope, "target": target, "unit": "requests", "span": "day", "most": 5}


@pytest.mark.parametrize("role", ["acme operator", "acme owner"])
def test_an_organisation_sees_the_limit_that_the_house_set_on_it_and_cannot_change_it(desk, role):
    made = desk.post("/budgets", HOUSE).json()
    assert [each["budget"]["id"] for each in desk.get("/money", role).json()["budgets"]] == [made["id"]]
    assert desk.post("/budgets", HOUSE | {"most": 10_000}, role).json()["error"]["code"] == "not_permitted"
    assert desk.delete(f"/budgets/{made['id']}", role).json()["error"]["code"] == "not_permitted"
    assert [each.most for each in desk.office.accounts.budgets.list()] == [100]
    assert desk.delete(f"/budgets/{made['id']}").status_code == 200


def test_an_organisation_sets_and_lifts_limits_of_its_own_tenants(desk):
    made = desk.post("/budgets", budget("tenant", "north"), "acme operator")
    assert made.status_code == 201
    assert desk.delete(f"/budgets/{made.json()['id']}", "acme operator").status_code == 200


def test_an_organisation_neither_sees_nor_sets_another_ones(desk):
    desk.office.accounts.place_tenant("south", "globex")
    made = desk.post("/budgets", budget("tenant", "south")).json()
    assert desk.get("/money", "acme operator").json()["budgets"] == []
    assert desk.post("/budgets", budget("tenant", "south"), "acme operator").status_code == 403
    assert desk.delete(f"/budgets/{made['id']}", "acme operator").json()["error"]["code"] == "unknown_budget"
