"""Signing in over OpenID Connect, against a provider that runs: whoever has no role, or no honest token, stays out."""

from __future__ import annotations

import hmac
import json
import sys
from base64 import urlsafe_b64encode
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

pytest.importorskip("authlib", reason="authlib is not installed (extra oidc)")
pytest.importorskip("uvicorn", reason="uvicorn is not installed (dependency group dev)")

import httpx
from starlette.testclient import TestClient

from isthmus.core.errors import Refusal
from isthmus.ledger import audit
from isthmus.web.admin import oidc
from isthmus.web.admin.access import COOKIE
from isthmus.web.admin.api import admin_app
from isthmus.web.admin.store import SESSION_MS

sys.path.insert(0, str(Path(__file__).parent))
from provider import SECRET, Provider, new_key

CONSOLE = "http://localhost:8081"
FILE = """
issuer = "{issuer}"
client_id = "isthmus"
console = "http://localhost:8081"
claim = "groups"
name = "Acme"

[[grant]]
word = "house-owners"
role = "owner"

[[grant]]
word = "house-operators"
role = "operator"

[[grant]]
word = "north-audit"
role = "auditor"
organisation = "acme"
"""


@pytest.fixture
def provider(desk):
    with Provider(desk.clock, f"{CONSOLE}{oidc.HERE}/callback").running() as running:
        (desk.home / oidc.FILE).write_text(FILE.format(issuer=running.issuer))
        (desk.home / oidc.SECRET).write_text(SECRET + "\n")
        yield running


@pytest.fixture
def console(desk, provider):
    return TestClient(admin_app(desk.office), base_url=CONSOLE, follow_redirects=False)


def leave(console):
    """To the provider and up to its answer: the address that the browser comes back to."""
    left = console.get(f"{oidc.HERE}/login")
    assert left.status_code == 303
    agreed = httpx.get(left.headers["location"])
    assert agreed.status_code == 302, agreed.text
    return agreed.headers["location"]


def sign_in(console):
    return console.get(leave(console))


def roles(desk):
    return [person.role for person in desk.office.store.people() if person.name == "Ada"]


def test_a_person_with_a_granted_word_is_let_in_with_its_role_and_no_more(desk, console):
    answer = sign_in(console)
    assert answer.status_code == 200
    assert 'http-equiv="refresh"' in answer.text
    signed = console.get("/admin/v1/session").json()
    assert (signed["person"]["name"], signed["person"]["role"]) == ("Ada", "operator")
    assert console.get("/admin/v1/keys").status_code == 200
    assert console.get("/admin/v1/people").status_code == 403
    changed = console.post("/admin/v1/keys", json={"tenant": "north", "region": "EU"})
    assert changed.json()["error"]["code"] == "csrf"
    named = {"isthmus-csrf": signed["csrf"]}
    made = console.post("/admin/v1/keys", json={"tenant": "north", "region": "EU"}, headers=named)
    assert made.status_code == 201


def test_the_request_carries_pkce_state_and_nonce_and_the_secret_stays_out_of_the_address(console, provider):
    asked = parse_qs(urlsplit(console.get(f"{oidc.HERE}/login").headers["location"]).query)
    assert asked["response_type"] == ["code"]
    assert asked["code_challenge_method"] == ["S256"]
    assert len({asked[word][0] for word in ("state", "nonce", "code_challenge")}) == 3
    assert SECRET not in str(asked)
    sign_in(console)
    assert provider.asked[-1]["code_verifier"]


def test_the_sessions_cookie_is_strict_kept_from_scripts_and_ends(desk, console):
    cookies = sign_in(console).headers.get_list("set-cookie")
    session = next(each for each in cookies if each.startswith(COOKIE)).lower()
    assert "httponly" in session
    assert "samesite=strict" in session
    begun = SimpleCookie(next(each for each in cookies if each.startswith(oidc.BEGUN)))
    assert begun[oidc.BEGUN].value == ""
    desk.clock.advance(SESSION_MS / 1000 + 1)
    assert console.get("/admin/v1/keys").json()["error"]["code"] == "session_ended"


def test_over_https_no_cookie_travels_in_the_clear(desk, provider):
    text = FILE.format(issuer=provider.issuer).replace("http://localhost:8081", "https://console.example")
    (desk.home / oidc.FILE).write_text(text)
    client = TestClient(admin_app(desk.office), base_url="https://console.example", follow_redirects=False)
    assert "secure" in client.get(f"{oidc.HERE}/login").headers["set-cookie"].lower()


def test_a_public_client_proves_itself_by_pkce_alone(desk, provider):
    (desk.home / oidc.SECRET).unlink()
    provider.method = "none"
    client = TestClient(admin_app(desk.office), base_url=CONSOLE, follow_redirects=False)
    assert sign_in(client).status_code == 200


@pytest.mark.parametrize(
    "groups", [[], ["staff"], ["House-Owners"], "house", None, {"house-owners": True}, [["house-owners"]], 7]
)
def test_whoever_has_no_granted_word_gets_nothing(desk, console, provider, groups):
    provider.user |= {"groups": groups}
    answer = sign_in(console)
    assert answer.status_code == 403
    assert COOKIE not in answer.headers.get("set-cookie", "")
    assert console.get("/admin/v1/session").status_code == 401
    assert roles(desk) == []


def test_a_role_that_was_taken_away_ends_the_sessions_that_are_open(desk, console, provider):
    sign_in(console)
    held = dict(console.cookies)
    provider.user |= {"groups": ["staff"]}
    assert sign_in(console).status_code == 403
    answer = TestClient(admin_app(desk.office), base_url=CONSOLE, cookies=held).get("/admin/v1/keys")
    assert answer.json()["error"]["code"] == "session_ended"


def test_a_role_is_what_the_provider_says_now(desk, console, provider):
    sign_in(console)
    provider.user |= {"groups": ["house-owners"]}
    sign_in(console)
    assert console.get("/admin/v1/session").json()["person"]["role"] == "owner"
    assert roles(desk) == ["owner"]


def test_a_grant_for_an_organisation_never_reaches_the_whole_house(desk, console, provider):
    provider.user |= {"groups": ["north-audit"]}
    sign_in(console)
    person = console.get("/admin/v1/session").json()["person"]
    assert (person["role"], person["organisation"]) == ("auditor", "acme")
    assert console.get("/admin/v1/people").status_code == 403
    assert console.get("/metrics").status_code == 403


def test_whom_an_owner_revoked_stays_out_whatever_the_provider_says(desk, console):
    sign_in(console)
    person = console.get("/admin/v1/session").json()["person"]["id"]
    assert desk.delete(f"/people/{person}").status_code == 200
    assert sign_in(console).status_code == 403
    assert console.get("/admin/v1/keys").status_code == 401


def nothing_of_the_name(header, claims, key):
    return header, {name: value for name, value in claims.items() if name != "nonce"}, key


def compact(header, claims, sign=lambda text: b""):
    parts = [urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, claims)]
    text = b".".join(parts)
    return (text + b"." + urlsafe_b64encode(sign(text)).rstrip(b"=")).decode()


def unsigned(header, claims, key):
    return compact(header | {"alg": "none"}, claims), None, None


def with_the_public_key_as_a_secret(header, claims, key):
    public = key.as_pem(private=False)
    return compact(header | {"alg": "HS256"}, claims, lambda text: hmac.digest(public, text, "sha256")), None, None


LIES = {
    "wrong nonce": lambda header, claims, key: (header, claims | {"nonce": "another"}, key),
    "no nonce": nothing_of_the_name,
    "wrong audience": lambda header, claims, key: (header, claims | {"aud": "another"}, key),
    "audience of many without us": lambda header, claims, key: (header, claims | {"aud": ["a", "b"]}, key),
    "issued to another client": lambda header, claims, key: (header, claims | {"azp": "another"}, key),
    "another issuer": lambda header, claims, key: (header, claims | {"iss": "https://evil.example"}, key),
    "expired": lambda header, claims, key: (header, claims | {"exp": claims["iat"] - 60}, key),
    "never expires": lambda header, claims, key: (header, {k: v for k, v in claims.items() if k != "exp"}, key),
    "of tomorrow": lambda header, claims, key: (header, claims | {"iat": claims["iat"] + 86400}, key),
    "nobody's": lambda header, claims, key: (header, {k: v for k, v in claims.items() if k != "sub"}, key),
    "another key under the same name": lambda header, claims, key: (header, claims, new_key()),
    "a key nobody knows": lambda header, claims, key: (header | {"kid": "unknown"}, claims, key),
    "another access token's": lambda header, claims, key: (header, claims | {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}, key),
    "signed by nobody": unsigned,
    "signed with the public key": with_the_public_key_as_a_secret,
    "no token at all": lambda header, claims, key: ("not.a.token", None, None),
}


REASONS = {
    "no nonce": "MissingClaimError",
    "expired": "ExpiredTokenError",
    "never expires": "MissingClaimError",
    "nobody's": "MissingClaimError",
    "another key under the same name": "BadSignatureError",
    "a key nobody knows": "InvalidKeyIdError",
    "signed by nobody": "UnsupportedAlgorithmError",
    "signed with the public key": "UnsupportedAlgorithmError",
    "no token at all": "DecodeError",
}


@pytest.mark.parametrize("name", LIES)
def test_an_id_token_that_lies_lets_nobody_in(desk, console, provider, name):
    provider.spoil = LIES[name]
    answer = sign_in(console)
    assert answer.status_code == 401
    assert REASONS.get(name, "InvalidClaimError") in answer.text
    assert console.get("/admin/v1/keys").status_code == 401
    assert roles(desk) == []


def test_an_answer_that_another_browser_began_is_refused(desk, console, provider):
    back = leave(console)
    other = TestClient(admin_app(desk.office), base_url=CONSOLE, follow_redirects=False)
    assert other.get(back).status_code == 401
    other.get(f"{oidc.HERE}/login")
    assert other.get(back).status_code == 401
    assert provider.asked == []


@pytest.mark.parametrize(
    "change", [("state=", "state=x"), ("code=", "cod="), ("code=", "iss=https%3A%2F%2Fevil.example&code=")]
)
def test_an_answer_that_was_changed_on_its_way_is_refused(console, provider, change):
    assert console.get(leave(console).replace(*change)).status_code == 401
    assert provider.asked == []


def test_a_code_is_good_once_and_for_ten_minutes(desk, console, provider):
    back = leave(console)
    desk.clock.advance(oidc.MINUTES * 60 + 1)
    assert console.get(back).status_code == 401
    back = leave(console)
    held = dict(console.cookies)
    assert console.get(back).status_code == 200
    again = TestClient(admin_app(desk.office), base_url=CONSOLE, cookies=held, follow_redirects=False)
    assert again.get(back).status_code == 401


def test_a_new_key_of_the_provider_is_found_and_a_guessed_one_costs_one_look_a_minute(desk, console, provider):
    assert sign_in(console).status_code == 200
    provider.key = new_key()
    assert sign_in(console).status_code == 401
    desk.clock.advance(oidc.AGAIN + 1)
    assert sign_in(console).status_code == 200


@pytest.mark.parametrize(
    "described",
    [{"issuer": "https://evil.example"}, {"token_endpoint": "http://evil.example/token"}, {"jwks_uri": 7}],
)
def test_a_description_that_is_not_the_providers_own_is_not_believed(desk, console, provider, described):
    provider.described = described
    answer = console.get(f"{oidc.HERE}/login")
    if answer.status_code == 303:
        answer = console.get(httpx.get(answer.headers["location"]).headers["location"])
    assert answer.status_code == 503
    assert "evil" not in answer.text


def test_a_provider_that_fails_rests_a_moment_so_that_nobody_can_occupy_every_thread(desk, console, provider):
    provider.broken = True
    assert [console.get(f"{oidc.HERE}/login").status_code for _ in range(3)] == [503] * 3
    assert provider.looked == 1
    desk.clock.advance(oidc.PAUSE)
    provider.broken = False
    assert sign_in(console).status_code == 200
    assert provider.looked == 2


def test_every_sign_in_and_every_refusal_leaves_a_receipt(desk, console, provider):
    sign_in(console)
    provider.user |= {"groups": []}
    sign_in(console)
    desk.office.ledger.flush()
    acts = [entry for _, entry in audit.selected(desk.home / "ledger", audit.Selection())]
    assert [(act.act, act.role, act.status) for act in acts] == [
        ("session GET /oidc/callback", "operator", 200),
        ("session GET /oidc/callback", "none", 403),
    ]
    assert "Ada" not in str(acts)
    assert "u-1" not in str(acts)


# What the listener says to whoever shows nothing: the page and its parts, that it lives, the description, the ways to
# sign in, and the two ends of signing in.
OPEN = {
    ("GET", "/"), ("GET", "/health"), ("GET", "/admin/v1/openapi.json"), ("GET", oidc.HERE), ("GET", f"{oidc.HERE}/login"),
}  # fmt: skip


def test_a_stranger_gets_nothing_from_any_route_by_any_method_but_what_is_named(console):
    answered = set()
    for route in console.app.routes:
        path = route.path.replace("{id}", "x").replace("{version}", "0123456789ab").replace("{name}", "nothing")
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"):
            answer = console.request(method, path.replace("{path:path}", "nothing"), json={})
            if answer.status_code not in (401, 403, 404, 405):
                answered.add((method, path))
    assert answered == OPEN | {("POST", "/admin/v1/session")}
    assert console.post("/admin/v1/session", json={}).status_code == 400
    assert console.cookies.get(COOKIE) is None


def test_without_a_provider_the_local_owner_is_the_only_way_in(desk):
    assert desk.client.get(oidc.HERE).json() == {"name": ""}
    assert desk.client.get(f"{oidc.HERE}/login").status_code == 404
    assert desk.client.get(f"{oidc.HERE}/callback?code=x&state=y").status_code == 404


def test_the_console_learns_the_providers_name_and_nothing_else(console):
    assert console.get(oidc.HERE).json() == {"name": "Acme"}


@pytest.mark.parametrize(
    "change",
    [
        ("issuer = ", "issuer = 7 #"),
        ('client_id = "isthmus"', ""),
        ('role = "owner"', 'role = "root"'),
        ('claim = "groups"', 'claims = "groups"'),
        ("http://localhost:8081", "http://console.example"),
        ("[[grant]]", "[[grants]]"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_at_the_start(desk, change):
    (desk.home / oidc.FILE).write_text(FILE.format(issuer="https://login.example").replace(*change))
    with pytest.raises(Refusal) as refused:
        oidc.load(desk.home)
    assert oidc.FILE in refused.value.sentence()


def test_a_claim_may_lie_deeper_or_have_dots_in_its_name(desk):
    (desk.home / oidc.FILE).write_text(FILE.format(issuer="https://login.example").replace('"groups"', '"realm.roles"'))
    provider = oidc.load(desk.home)
    assert oidc.role_of(provider, {"realm": {"roles": ["house-owners"]}}).role == "owner"
    assert oidc.role_of(provider, {"realm.roles": "house-operators"}).role == "operator"
    assert oidc.role_of(provider, {"realm": "house-owners"}) is None
