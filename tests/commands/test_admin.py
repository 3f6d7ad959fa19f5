from __future__ import annotations

import json

import pytest

from isthmus.cli import build, run
from isthmus.web.admin.api import OPERATIONS


@pytest.fixture
def admin(tmp_path, monkeypatch, capsys):
    """admin(*words): exit code and standard output."""
    monkeypatch.setenv("ISTHMUS_HOME", str(tmp_path))

    def call(*words):
        code = run(build(lambda name: name == "admin"), ["admin", *words])
        return code, capsys.readouterr().out

    return call


def test_a_person_is_added_listed_without_a_token_and_revoked(admin):
    code, out = admin("add", "Night shift", "--role", "operator", "--json")
    made = json.loads(out)
    assert code == 0
    assert made["token"].startswith("isa_")
    _, listed = admin("people", "--json")
    assert [each["name"] for each in json.loads(listed)] == ["Night shift"]
    assert made["token"] not in listed
    assert admin("revoke", made["person"]["id"])[0] == 0
    assert "Night shift" in admin("people")[1]


def test_a_role_that_is_none_is_refused(admin):
    assert admin("add", "X", "--role", "king")[0] == 2


def test_the_last_owner_stays(admin):
    made = json.loads(admin("add", "A", "--role", "owner", "--json")[1])
    assert admin("revoke", made["person"]["id"])[0] == 2


def test_the_description_has_every_operation(admin):
    described = json.loads(admin("openapi")[1])
    assert sum(len(methods) for methods in described["paths"].values()) == len(OPERATIONS)


def test_alarms_and_dashboard_are_written(admin, tmp_path):
    code, out = admin("monitoring", str(tmp_path / "m"), "--json")
    assert code == 0
    assert json.loads(out) == ["alerts.yml", "dashboard.json"]
