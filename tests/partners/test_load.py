from importlib import import_module

import pytest

from isthmus.core.errors import Refusal
from isthmus.partners.load import DATA, DIALECTS, load, read

TWELVE_LINES = """\
id = "moonshot"
title = "Moonshot"
key_env = "MOONSHOT_API_KEY"
[endpoint.main]
host = "api.moonshot.cn"
path = "/v1/chat/completions"
region = "CN"
inference = ["CN"]
storage = ["CN"]
end_users = ["CN"]
[model.kimi-k2]
default = true
"""


def refused(text):
    with pytest.raises(Refusal) as caught:
        read("p.toml", text.encode())
    assert caught.value.code == "bad_law"
    assert "p.toml" in caught.value.sentence()
    return caught.value.sentence()


def test_every_partner_of_the_house_loads():
    partners = load()
    assert {"doubao", "qwen", "openai", "deepseek", "local", "device"} <= set(partners)
    assert partners["local"].tier == "private"
    assert partners["doubao"].endpoint["beijing"].end_users == ("CN",)


def test_openai_has_its_global_host_and_its_regional_ones():
    hosts = {endpoint.host for endpoint in load()["openai"].endpoint.values()}
    assert {"api.openai.com", "eu.api.openai.com", "us.api.openai.com", "jp.api.openai.com"} <= hosts


def test_openai_lists_neither_mainland_china_nor_hong_kong_nor_macao():
    for endpoint in load()["openai"].endpoint.values():
        assert not {"CN", "HK", "MO", "*"} & set(endpoint.end_users)


def test_storage_and_inference_are_two_facts():
    virginia = load()["qwen"].endpoint["virginia"]
    assert (virginia.region, virginia.storage, virginia.inference) == ("US", ("US",), ("*",))


def test_a_new_partner_of_a_known_wire_costs_twelve_lines():
    assert TWELVE_LINES.count("\n") <= 12
    assert read("moonshot.toml", TWELVE_LINES.encode()).model["kimi-k2"].default


def test_an_unknown_key_is_named():
    assert "hosts" in refused(TWELVE_LINES.replace("host =", "hosts ="))


def test_what_is_not_toml_is_refused():
    refused("id = ")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('id = "moonshot"', 'id = "Moon Shot"', "lower case"),
        ('id = "moonshot"', 'id = "moonshot"\nschema = "other/1"', "isthmus.partner/1"),
        ('id = "moonshot"', 'id = "moonshot"\ntier = "cloud"', "device, private, partner"),
        ('key_env = "MOONSHOT_API_KEY"', "", "key_env"),
        ('path = "/v1', 'path = "v1', "begins with /"),
        ('region = "CN"', 'region = "China"', "two capital letters"),
        ('storage = ["CN"]', 'storage = ["Mars"]', "two capital letters"),
        ('region = "CN"', 'region = "CN"\nport = 70000', "65535"),
        ("default = true", 'endpoints = ["other"]', "main"),
        ("[model.kimi-k2]", '[model."kimi k2"]', "letters, digits"),
        ("[model.kimi-k2]", "[model.other]\ndefault = true\n[model.kimi-k2]", "only one"),
        ("[model.kimi-k2]\ndefault = true\n", "[model]\n", "at least one"),
    ],
)
def test_a_mistake_is_refused_with_the_mend(old, new, said):
    assert old in TWELVE_LINES
    assert said in refused(TWELVE_LINES.replace(old, new))


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(Refusal, match="bad_law"):
        load(tmp_path)


def test_two_files_may_not_share_an_id(tmp_path):
    (tmp_path / "a.toml").write_text(TWELVE_LINES, "utf-8")
    (tmp_path / "b.toml").write_text(TWELVE_LINES, "utf-8")
    with pytest.raises(Refusal) as caught:
        load(tmp_path)
    assert "taken" in caught.value.sentence()


def test_one_word_names_one_partner_only(tmp_path):
    (tmp_path / "a.toml").write_text(TWELVE_LINES, "utf-8")
    (tmp_path / "b.toml").write_text(TWELVE_LINES.replace('id = "moonshot"', 'id = "moon"'), "utf-8")
    with pytest.raises(Refusal) as caught:
        load(tmp_path)
    assert "kimi-k2" in caught.value.sentence()


def test_the_operators_own_file_replaces_the_one_with_its_id(tmp_path):
    own = TWELVE_LINES.replace("api.moonshot.cn", "proxy.example")
    (tmp_path / "mine.toml").write_text(own, "utf-8")
    assert load(own=tmp_path)["moonshot"].endpoint["main"].host == "proxy.example"
    assert load(own=tmp_path / "nothing-here").keys() == load().keys()


def test_a_host_that_each_customer_has_of_their_own_is_read_from_the_environment(monkeypatch):
    assert load()["azure"].endpoint["resource"].host.endswith(".invalid")
    monkeypatch.setenv("AZURE_OPENAI_HOST", "mine.openai.azure.com")
    assert load()["azure"].endpoint["resource"].host == "mine.openai.azure.com"


@pytest.mark.parametrize("path", sorted((DATA.parent / "self_hosted").glob("*.toml")), ids=lambda path: path.stem)
def test_every_self_hosted_engine_has_a_file_to_copy(path, tmp_path):
    partner = read(path.name, path.read_bytes())
    assert (partner.tier, partner.id) == ("private", path.stem)
    (door,) = partner.endpoint.values()
    assert door.port > 0
    assert not door.tls
    (tmp_path / path.name).write_bytes(path.read_bytes())
    assert path.stem in load(own=tmp_path)


def test_a_wire_that_nobody_wrote_is_refused():
    assert "openai_chat" in refused('dialect = "cobol"\n' + TWELVE_LINES)


@pytest.mark.parametrize("partner", sorted(load()))
def test_every_partner_speaks_a_wire_that_there_is(partner):
    found = load()[partner]
    module = import_module(f"isthmus.partners.{found.dialect}")
    assert {"write_body", "read_answer", "read_chunk", "judge"} <= set(dir(module))
    assert found.dialect in DIALECTS


def test_no_overseas_door_of_a_chinese_partner_serves_the_mainland():
    for partner in load().values():
        for door in partner.endpoint.values():
            if partner.tier == "partner" and "CN" not in door.end_users and "*" in door.end_users:
                assert "CN" in door.end_users_not or partner.id == "deepseek"


@pytest.mark.parametrize("partner", ["openai", "anthropic", "gemini", "azure", "openai-responses"])
def test_partners_with_a_list_of_countries_leave_mainland_china_hong_kong_and_macao_out(partner):
    for door in load()[partner].endpoint.values():
        assert not {"CN", "HK", "MO", "*"} & set(door.end_users)


def test_anthropic_bars_owners_and_gemini_bars_minors():
    assert load()["anthropic"].endpoint["main"].owners_barred == ("CN", "HK", "MO")
    assert load()["gemini"].adults_only
