"""The public pages as a caller meets them: consents, receipts of one's own tenant, and refusals that are enumerated."""

import asyncio
from base64 import b64decode
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from isthmus.core.clock import FakeClock
from isthmus.core.config import Config
from isthmus.core.errors import TABLE
from isthmus.core.exchange import Exchange
from isthmus.gateway import build
from isthmus.ledger import read
from isthmus.ledger.accounts import Accounts
from isthmus.node import prepare
from isthmus.policy.receipt import compose
from isthmus.web.public import ALWAYS_DAYS, ONCE_MINUTES, public_app

NOW = datetime(2026, 11, 22, tzinfo=UTC)
GOOD = {
    "kind": "separate",
    "recipient": "doubao",
    "region": "CN",
    "scope": "always",
    "subject": "p7",
    "language": "zh-CN",
}


class Desk:
    """The public app over a real corridor, accounts and ledger."""

    def __init__(self, home: Path, loop):
        self.loop = loop
        self.clock = FakeClock(NOW)
        self.key = prepare(Config(home=home), self.clock)
        self.accounts = Accounts.open(home / "accounts.sqlite", self.clock)
        settings = build.Settings(
            home=str(home), host="", port=1, shard="w0", engine=("127.0.0.1", 9), engine_key="e", model="small"
        )
        self.corridor = build.build(settings, self.accounts, self.clock, loop)
        self.app = public_app(self.corridor, self.accounts, home)

    def close(self):
        self.corridor.ledger.close()
        self.accounts.close()

    def new_key(self, tenant, *regions):
        _, secret = self.accounts.create_key(tenant, regions, regions[0])
        return secret

    def ask(self, method, path, body=None, key=None, raw=None):
        key = self.key if key is None else key
        headers = {"Authorization": f"Bearer {key}"} if key else {}

        async def talk():
            transport = httpx.ASGITransport(app=self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://house") as client:
                return await client.request(method, path, json=body, content=raw, headers=headers)

        return self.loop.run_until_complete(talk())

    def give(self, key=None, **fields):
        return self.ask("POST", "/v1/consents", {**GOOD, **fields}, key)

    def kept(self, answer):
        """The consent as the corridor knows it now."""
        return self.corridor.consents[answer.json()["id"]]

    def receipt(self, identifier, key=None):
        return self.ask("GET", f"/v1/receipts/{identifier}", key=key)

    def remember(self):
        """One receipt of the demo tenant; its id."""
        caller = self.corridor.ring.find(self.key.encode())
        ex = Exchange(self.corridor.ledger.next_id(), caller, self.clock.monotonic())
        ex.outcome, ex.refusal_code = "refused", "bad_json"
        self.corridor.ledger.append(compose(ex, self.clock))
        return ex.id


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    loop = asyncio.new_event_loop()
    made = Desk(tmp_path_factory.mktemp("home"), loop)
    yield made
    made.close()
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()


def code(answer):
    found = answer.json()["error"]["code"]
    assert answer.status_code == TABLE[found].status
    return found


# -- consents -----------------------------------------------------------------------------------------------


def test_a_consent_is_kept_and_its_id_given_back(desk):
    answer = desk.give()
    assert answer.status_code == 201
    consent = desk.kept(answer)
    assert (consent.tenant, consent.kind, consent.recipient, consent.region) == ("demo", "separate", "doubao", "CN")
    assert (consent.subject, consent.language, consent.feature, consent.withdrawn) == ("p7", "zh-CN", "*", False)
    assert answer.json()["id"] == consent.id


@pytest.mark.parametrize(("scope", "minutes"), [("once", ONCE_MINUTES), ("always", ALWAYS_DAYS * 24 * 60)])
def test_a_consent_lasts_as_long_as_its_scope_says(desk, scope, minutes):
    consent = desk.kept(desk.give(scope=scope))
    assert (consent.until - consent.given_at).total_seconds() == minutes * 60


def test_without_a_scope_a_consent_is_for_once_and_without_a_region_for_the_keys_own(desk):
    answer = desk.ask("POST", "/v1/consents", {"kind": "guardian"})
    assert (desk.kept(answer).scope, desk.kept(answer).region) == ("once", "CN")


def test_a_consent_outlives_the_process(desk):
    consents = {}
    given = desk.give().json()["id"]
    desk.accounts.refresh_consents(consents)
    assert given in consents


def test_giving_and_withdrawing_are_receipts(desk):
    given = desk.give().json()["id"]
    assert desk.ask("DELETE", f"/v1/consents/{given}").json() == {"id": given, "withdrawn": True}
    desk.corridor.ledger.flush()
    acts = [each.act for each in read.iterate(desk_home(desk)) if getattr(each, "consent", "") == given]
    assert acts == ["given", "withdrawn"]


def desk_home(desk):
    return Path(desk.accounts.database.engine.url.database).parent / "ledger"


def test_a_withdrawn_consent_is_withdrawn_for_streams_that_run_on_it(desk):
    answer = desk.give()
    live = desk.kept(answer)
    desk.ask("DELETE", f"/v1/consents/{live.id}")
    assert live.withdrawn


def test_the_consent_of_another_tenant_is_not_found(desk):
    live = desk.kept(desk.give())
    stranger = desk.new_key("stranger", "CN")
    assert code(desk.ask("DELETE", f"/v1/consents/{live.id}", key=stranger)) in ("not_found", "unknown_consent")
    assert not live.withdrawn


def test_a_consent_that_never_was_is_not_found(desk):
    assert code(desk.ask("DELETE", "/v1/consents/nothing")) in ("not_found", "unknown_consent")


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "eternal"},
        {"scope": "forever"},
        {"feature": "mind-reading"},
        {"recipient": ""},
        {"kind": "guardian"},
        {"unknown": 1},
        {"subject": 5},
        {"kind": None},
    ],
)
def test_a_consent_that_says_something_else_is_a_bad_field(desk, fields):
    assert code(desk.give(**fields)) == "bad_field"


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff"])
def test_a_consent_that_is_not_json_is_bad_json(desk, raw):
    assert code(desk.ask("POST", "/v1/consents", raw=raw)) == "bad_json"


def test_a_key_gives_consent_only_where_it_serves(desk):
    assert code(desk.give(key=desk.new_key("german", "DE"))) == "region_not_allowed"


# -- receipts -----------------------------------------------------------------------------------------------


def test_a_receipt_is_shown_to_its_own_tenant_as_soon_as_it_is_given(desk):
    identifier = desk.remember()
    shown = desk.receipt(identifier).json()
    assert (shown["id"], shown["tenant"], shown["outcome"], shown["refusal"]) == (
        identifier,
        "demo",
        "refused",
        "bad_json",
    )


def test_the_receipt_of_another_tenant_is_as_if_it_were_not_there(desk):
    mine, stranger = desk.remember(), desk.new_key("stranger", "CN")
    theirs, nothing = desk.receipt(mine, key=stranger), desk.receipt("w0-1-99999", key=stranger)
    assert (theirs.status_code, theirs.content) == (nothing.status_code, nothing.content)
    assert code(theirs) in ("not_found", "unknown_receipt")


@pytest.mark.parametrize("identifier", ["nothing", "w0-1-99999", "..", "%2e%2e%2fkeys", "w0-1-1%00", "\u4f1a"])
def test_a_receipt_that_never_was_is_not_found(desk, identifier):
    assert code(desk.receipt(identifier)) in ("not_found", "unknown_receipt")


# -- who asks -----------------------------------------------------------------------------------------------

CLOSED = [("POST", "/v1/consents"), ("DELETE", "/v1/consents/x"), ("GET", "/v1/receipts/x")]


@pytest.mark.parametrize(("method", "path"), CLOSED)
def test_without_a_key_nothing_is_told(desk, method, path):
    assert code(desk.ask(method, path, key="")) == "missing_key"
    assert code(desk.ask(method, path, key="isk_wrong")) == "invalid_key"


@pytest.mark.parametrize(("method", "path"), CLOSED)
def test_a_revoked_key_opens_nothing(desk, method, path):
    caller, secret = desk.accounts.create_key("gone", ("CN",), "CN")
    desk.accounts.revoke_key(caller.key_id)
    assert code(desk.ask(method, path, key=secret)) == "revoked_key"


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_a_path_that_nobody_serves_is_an_enumerated_refusal(desk, method):
    assert code(desk.ask(method, "/v1/admin/keys")) == "not_found"


def test_the_app_is_served_to_everybody_and_its_parts_by_name(desk):
    page = desk.ask("GET", "/", key="")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert desk.ask("GET", "/sw.js", key="").status_code == 200
    assert desk.ask("GET", "/app/icon.svg", key="").status_code == 200
    assert desk.ask("GET", "/app/nothing.js", key="").json()["error"]["code"] == "not_found"


def test_a_preview_shows_what_would_leave_and_sends_nothing(desk):
    told = desk.ask("POST", "/v1/preview", {"texts": ["电话 13812345678"], "region": "CN"}).json()
    assert told["masked"] == 1
    assert told["sheet"]["consent"]["recipient"] == "doubao"
    assert desk.ask("POST", "/v1/preview", {"texts": 1}).json()["error"]["code"] == "bad_field"


def test_the_decision_and_the_regions_of_a_key_can_be_read(desk):
    assert desk.ask("GET", "/v1/decision?region=CN").json()["obligations"]
    assert desk.ask("GET", "/v1/decision?region=XX").json()["error"]["code"] == "region_not_allowed"
    assert {each["id"] for each in desk.ask("GET", "/v1/regions").json()["regions"]} >= {"CN", "EU"}


@pytest.mark.parametrize(("method", "path"), [("POST", "/v1/preview"), ("GET", "/v1/decision"), ("GET", "/v1/regions")])
def test_without_a_key_nothing_is_explained(desk, method, path):
    assert desk.ask(method, path, key="").json()["error"]["code"] == "missing_key"


def test_the_ledgers_key_is_told_to_whoever_has_a_key(desk):
    told = desk.ask("GET", "/v1/ledger/key").json()
    assert told["node"].startswith("isthmus/")
    assert len(b64decode(told["public"])) == 32
    assert desk.ask("GET", "/v1/ledger/key", key="").status_code == 401


def test_models_for_browsers_are_for_whoever_has_a_key(desk):
    assert desk.ask("GET", "/app/models").json() == {"models": []}
    assert desk.ask("GET", "/app/models", key="").status_code == 401
    assert desk.ask("GET", "/app/models/" + "0" * 64).status_code == 404
    assert desk.ask("GET", "/app/models/" + "0" * 64, key="").status_code == 401
