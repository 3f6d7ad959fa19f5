"""Where the parts are joined: law, partners, keys, engine."""

import asyncio
from datetime import UTC, datetime

import msgspec
import pytest

from isthmus.core.clock import FakeClock
from isthmus.core.config import Config
from isthmus.core.decision import Question
from isthmus.core.errors import Refusal
from isthmus.gateway import build
from isthmus.gateway.ways import ways
from isthmus.ledger.accounts import Accounts
from isthmus.node import prepare
from isthmus.partners import load as partner_files
from isthmus.partners import openai_chat

NOW = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path):
    prepare(Config(home=tmp_path), FakeClock(NOW))
    return build.Settings(
        home=str(tmp_path), host="127.0.0.1", port=1, shard="w0", engine=("127.0.0.9", 99), engine_key="e-key", model="tiny"
    )  # fmt: skip


@pytest.fixture
def built(settings, tmp_path):
    clock = FakeClock(NOW)
    accounts = Accounts.open(tmp_path / "accounts.sqlite", clock)
    loop = asyncio.new_event_loop()
    corridor = build.build(settings, accounts, clock, loop)
    yield corridor
    corridor.pool.close()
    corridor.ledger.close()
    accounts.close()
    loop.close()


def test_the_private_tier_bears_the_name_of_what_the_engine_runs():
    named = build.name_local_model(partner_files.load(), "tiny")
    assert list(named["local"].model) == ["tiny"]
    assert {"private", "default"} <= set(named["local"].model["tiny"].aliases)
    assert named["openai"] is not None


def test_only_the_secrets_that_partners_name_are_taken_from_the_environment():
    partners = partner_files.load()
    environ = {"OPENAI_API_KEY": "s", "ARK_API_KEY": "", "HOME": "/", "ISTHMUS_KEY": "x"}
    assert build.secrets(partners, environ) == {"OPENAI_API_KEY": "s"}


def test_a_built_corridor_knows_the_way_of_every_route(built):
    assert set(built.ways) == set(built.table.routes)
    assert {way.dialect for way in built.ways.values()} == {openai_chat}  # stand-ins all speak the engine's wire
    assert "local/tiny" in built.table.routes
    assert built.ledger.failed is None


def test_without_partner_keys_every_route_leads_to_the_engine_of_this_machine_with_its_own_key(built):
    assert {(route.host, route.port, route.tls) for route in built.table.routes.values()} == {("127.0.0.9", 99, False)}
    for way in built.ways.values():
        for head in (way.whole, way.stream):
            assert b"\r\nAuthorization: Bearer e-key\r\n" in head
            assert b"\r\nHost: 127.0.0.9:99\r\n" in head
            assert head.endswith(b"\r\nContent-Length: ")


def test_a_partner_whose_key_is_set_gets_its_own_host_and_key_and_no_other(settings, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-openai")
    table = build.read_law(settings, FakeClock(NOW), {}).table
    made = ways(table.routes, "e-key", {"OPENAI_API_KEY": "sk-openai"})
    for name, way in made.items():
        theirs = table.routes[name].key_env == "OPENAI_API_KEY"
        assert (b"Bearer sk-openai" in way.whole) == theirs
        assert (b"Bearer e-key" in way.whole) == (not theirs)
        assert not theirs or name.startswith(("openai/", "openai-responses/"))
    assert b"\r\nHost: api.openai.com\r\n" in made["openai/gpt-5@global"].whole
    assert table.routes["openai/gpt-5@global"].tls


def test_the_secrets_of_partners_and_engine_show_in_no_description(built, settings):
    assert "e-key" not in repr(built.table.routes)
    assert "e-key" not in repr(built.table.decide(Question(("CN",))))


def test_reading_the_law_anew_brings_what_changed_and_forgets_what_was_decided(built, settings):
    built.asked["something"] = None
    old = built.table
    asyncio.run(build.reload(built, msgspec.structs.replace(settings, model="larger")))
    assert built.table is not old
    assert "local/larger" in built.ways
    assert built.asked == {}
    assert built.chooser.choose(built.table.decide(Question(("CN",))), "larger")


def test_law_that_cannot_be_read_leaves_the_running_one_in_force(built, settings, tmp_path):
    (tmp_path / "operator.toml").write_text('mode = "party"\n')
    old = built.table, built.chooser, built.ways
    with pytest.raises(Refusal) as caught:
        asyncio.run(build.reload(built, settings))
    assert caught.value.code == "bad_law"
    assert (built.table, built.chooser, built.ways) == old
