import pytest

from isthmus.core.errors import Refusal
from isthmus.partners.load import load, read

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


def test_openai_has_its_global_host_and_its_european_one():
    hosts = {endpoint.host for endpoint in load()["openai"].endpoint.values()}
    assert hosts == {"api.openai.com", "eu.api.openai.com"}


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
