"""An office over an empty house, its API, and one person of each role."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from starlette.testclient import TestClient

from isthmus import control
from isthmus.control import Settings
from isthmus.core.clock import FakeClock
from isthmus.core.operator import REHEARSAL_TOML
from isthmus.web.admin.access import ROLES
from isthmus.web.admin.api import admin_app

PREFIX = "/admin/v1"


class Desk(SimpleNamespace):
    """`get`, `post`, ... as the person of a role (a token), under the admin API's prefix."""

    def call(self, method, path, role="owner", body=None, **headers):
        named = {"authorization": f"Bearer {self.tokens[role]}"} if role else {}
        return self.client.request(method, PREFIX + path, json=body, headers=named | headers)

    def get(self, path, role="owner"):
        return self.call("GET", path, role)

    def post(self, path, body=None, role="owner"):
        return self.call("POST", path, role, body)

    def put(self, path, role="owner"):
        return self.call("PUT", path, role)

    def delete(self, path, role="owner"):
        return self.call("DELETE", path, role)


@pytest.fixture
def desk(tmp_path):
    clock = FakeClock(datetime(2026, 11, 22, 9, tzinfo=UTC))
    (tmp_path / "run").mkdir()
    (tmp_path / "operator.toml").write_text(REHEARSAL_TOML)
    settings = Settings(home=str(tmp_path), host="127.0.0.1", port=0, url="http://127.0.0.1:8080", workers=1)
    office = control.open_office(settings, clock)
    office.accounts.place_tenant("north", "acme")
    tokens = {"owner": (tmp_path / control.OWNER).read_text()}
    for role in ROLES:
        if role != "owner":
            tokens[role] = office.store.add_person(f"a {role}", role)[1]
        tokens[f"acme {role}"] = office.store.add_person(f"acme's {role}", role, "acme")[1]
    client = TestClient(admin_app(office), base_url="http://console")
    yield Desk(office=office, client=client, tokens=tokens, clock=clock, home=tmp_path, settings=settings)
    office.ledger.close()
    office.accounts.close()
