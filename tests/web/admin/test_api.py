"""Every route with every credential of every role: whatever the table below does not grant is refused."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from isthmus.ledger import audit
from isthmus.ledger.receipt import ActReceipt
from isthmus.web.admin.access import COOKIE
from isthmus.web.admin.api import OPERATIONS, admin_app
from isthmus.web.admin.operation import PREFIX
from isthmus.web.admin.store import SESSION_MS

# Written down by hand, beside the code's own table: what each role may, and that people of one organisation may never
# do what belongs to the whole house.
READS = [
    "measures",
    "decisions",
    "law",
    "partners",
    "money",
    "ledger",
    "fleet",
    "plan",
    "guard",
    "keys",
    "tenants",
    "consents",
    "people",
]
CHANGES = ["law", "partners", "money", "keys", "tenants", "consents", "people"]
EVERYTHING = {f"{word}.read" for word in READS} | {f"{word}.change" for word in CHANGES}
GRANTED = {
    "owner": EVERYTHING,
    "operator": EVERYTHING - {"people.read", "people.change"},
    "auditor": {f"{word}.read" for word in READS},
    "developer": {f"{word}.read" for word in ("measures", "decisions", "law", "partners", "plan", "guard", "fleet")},
}
HOUSE = {"law.change", "partners.change", "people.read", "people.change", "fleet.read", "ledger.read", "measures.read"}
GRANTED |= {f"acme {role}": granted - HOUSE for role, granted in GRANTED.items()}
ROUTES = [pytest.param(each, id=f"{each.method} {each.path}") for each in OPERATIONS]


def path_of(operation):
    return operation.path.replace("{id}", "nobody").replace("{version}", "0123456789ab")


def refused(answer):
    return answer.status_code in (401, 403)


@pytest.mark.parametrize("operation", ROUTES)
def test_a_route_lets_in_whom_its_permission_names_and_nobody_else(desk, operation):
    for role, granted in GRANTED.items():
        answer = desk.call(operation.method, path_of(operation), role, {})
        if operation.needs in granted:
            assert not refused(answer) or "organisation" in answer.text, (role, answer.text)
        else:
            assert answer.status_code == 403, (role, answer.text)
            assert answer.json()["error"]["code"] == "not_permitted"


@pytest.mark.parametrize("operation", ROUTES)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer isa_00000000_wrong"},
        {"authorization": "Bearer "},
        {"authorization": "Basic b3duZXI6b3duZXI="},
        {"x-api-key": "isa_00000000_wrong"},
        {"authorization": "Bearer ' OR '1'='1"},
        {"cookie": f"{COOKIE}=wrong"},
        {"cookie": f"{COOKIE}="},
    ],
    ids=str,
)
def test_no_route_opens_to_a_credential_that_is_none(desk, operation, headers):
    answer = desk.client.request(operation.method, PREFIX + path_of(operation), json={}, headers=headers)
    assert answer.status_code == 401


@pytest.mark.parametrize("operation", [p for p in ROUTES if p.values[0].method != "GET"])
def test_no_change_is_made_with_a_cookie_alone(desk, operation):
    signed = desk.client.post(f"{PREFIX}/session", json={"token": desk.tokens["owner"]})
    assert signed.status_code == 201
    for csrf in ({}, {"isthmus-csrf": ""}, {"isthmus-csrf": "wrong"}, {"isthmus-csrf": "é".encode("latin-1")}):
        answer = desk.client.request(operation.method, PREFIX + path_of(operation), json={}, headers=csrf)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "csrf")


def test_a_key_of_the_gateway_is_no_key_of_the_admin_api(desk):
    _, secret = desk.office.accounts.create_key("north", ["CN"], "CN")
    answer = desk.client.get(f"{PREFIX}/keys", headers={"authorization": f"Bearer {secret}"})
    assert answer.status_code == 401


def test_a_session_is_kept_from_scripts_and_other_sites_and_ends(desk):
    signed = desk.client.post(f"{PREFIX}/session", json={"token": desk.tokens["operator"]})
    cookie = signed.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert signed.json()["person"]["role"] == "operator"
    assert "people.change" not in signed.json()["may"]
    assert desk.client.get(f"{PREFIX}/session").json()["csrf"] == signed.json()["csrf"]
    assert desk.client.get(f"{PREFIX}/keys").status_code == 200
    desk.clock.advance(SESSION_MS / 1000 + 1)
    ended = desk.client.get(f"{PREFIX}/keys")
    assert (ended.status_code, ended.json()["error"]["code"]) == (401, "session_ended")


def test_a_session_over_tls_is_never_sent_in_the_clear(desk):
    client = TestClient(admin_app(desk.office, secure=True), base_url="https://console")
    signed = client.post(f"{PREFIX}/session", json={"token": desk.tokens["owner"]})
    assert "secure" in signed.headers["set-cookie"].lower()


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_what_another_sites_form_can_send_signs_nobody_in(desk, kind):
    said = b'{"token": "' + desk.tokens["owner"].encode() + b'"}'
    answer = desk.client.post(f"{PREFIX}/session", content=said, headers={"content-type": kind})
    assert (answer.status_code, answer.json()["error"]["code"]) == (415, "unsupported_media")
    assert "set-cookie" not in answer.headers


def test_signing_out_ends_the_session_at_once(desk):
    csrf = desk.client.post(f"{PREFIX}/session", json={"token": desk.tokens["owner"]}).json()["csrf"]
    secret = desk.client.cookies[COOKIE]
    assert desk.client.delete(f"{PREFIX}/session").status_code == 403
    assert desk.client.delete(f"{PREFIX}/session", headers={"isthmus-csrf": csrf}).status_code == 204
    answer = desk.client.get(f"{PREFIX}/keys", headers={"cookie": f"{COOKIE}={secret}"})
    assert answer.json()["error"]["code"] == "session_ended"


def test_a_revoked_person_is_out_with_token_and_session(desk):
    person = desk.client.post(f"{PREFIX}/session", json={"token": desk.tokens["auditor"]}).json()["person"]["id"]
    assert desk.delete(f"/people/{person}").status_code == 200
    assert desk.client.get(f"{PREFIX}/keys").status_code == 401
    assert desk.get("/keys", "auditor").status_code == 401


def test_every_change_leaves_a_receipt_whatever_came_of_it(desk):
    made = desk.post("/keys", {"tenant": "north", "region": "EU"}).json()
    desk.delete("/keys/nobody", "operator")
    desk.post("/keys", {"tenant": "north", "region": "EU"}, "auditor")
    desk.get("/keys")
    desk.office.ledger.flush()
    acts = [entry for _, entry in audit.selected(desk.home / "ledger", audit.Selection())]
    assert all(isinstance(act, ActReceipt) for act in acts)
    assert [(act.act, act.object, act.status, act.role) for act in acts] == [
        ("keys.change POST /keys", made["id"], 201, "owner"),
        ("keys.change DELETE /keys/{id}", "nobody", 404, "operator"),
    ]
    assert made["key"] not in str(acts)


def test_nothing_is_changed_when_it_cannot_be_remembered(desk):
    desk.office.ledger.close()
    answer = desk.post("/keys", {"tenant": "north", "region": "EU"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "ledger_failed")
    assert desk.get("/keys").json() == []


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("/keys", b"{", "bad_json"),
        ("/keys", b"[]", "bad_field"),
        ("/keys", b'{"tenant":"x"}', "bad_field"),
        ("/keys", b'{"tenant":"x","region":"EU","more":1}', "bad_field"),
        ("/guard", b'{"text":"\xff"}', "bad_json"),
    ],
)
def test_a_body_that_is_not_what_the_schema_says_is_refused(desk, path, body, code):
    headers = {"authorization": f"Bearer {desk.tokens['owner']}"}
    answer = desk.client.post(PREFIX + path, content=body, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)


def test_a_query_that_is_not_known_is_refused(desk):
    assert desk.get("/now?range=15m").status_code == 200
    assert desk.get("/now?range=1y").status_code == 400
    assert desk.get("/now?colour=red").status_code == 400


def test_the_description_and_the_health_are_open_and_nothing_else_is(desk):
    assert desk.client.get(f"{PREFIX}/openapi.json").json()["openapi"] == "3.1.0"
    assert desk.client.get("/health").json() == {"status": "ok"}
    assert desk.client.get("/metrics").status_code == 401
    assert desk.client.get(f"{PREFIX}/nothing").status_code == 404
    assert desk.client.get("/etc/passwd").status_code == 404


def test_answers_are_never_kept_by_a_browser_or_a_proxy(desk):
    assert desk.get("/keys").headers["cache-control"] == "no-store"


def test_the_counters_need_a_permission_and_name_no_tenant(desk):
    metrics = desk.client.get("/metrics", headers={"authorization": f"Bearer {desk.tokens['auditor']}"})
    assert metrics.status_code == 200
    assert "north" not in metrics.text
    denied = desk.client.get("/metrics", headers={"authorization": f"Bearer {desk.tokens['acme owner']}"})
    assert denied.status_code == 403


def test_a_database_that_does_not_answer_is_told_as_such(desk, monkeypatch):
    from sqlalchemy.exc import OperationalError

    def fail():
        raise OperationalError("SELECT secret", {}, Exception("address of the database"))

    monkeypatch.setattr(desk.office.accounts, "list_keys", fail)
    answer = desk.get("/keys")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "overloaded")
    assert "SELECT" not in answer.text
