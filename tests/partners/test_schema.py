from isthmus.partners.load import load
from isthmus.partners.schema import Endpoint, Model, Partner, Rate, doing


def test_the_five_geography_facts_stand_apart_in_what_a_sheet_may_say():
    endpoint = Endpoint(
        host="h", path="/", region="US", inference=("*",), storage=("EU",), end_users=("DE",), owners_barred=("CN",)
    )
    partner = Partner(id="p", title="P", endpoint={"main": endpoint}, model={"m": Model()}, key_env="K")
    facts = partner.facts(endpoint, partner.model["m"])
    assert (facts["region"], facts["inference"], facts["storage"]) == ("US", ("*",), ("EU",))
    assert (facts["end_users"], facts["owners_barred"]) == (("DE",), ("CN",))


def test_what_a_partner_does_not_say_reads_not_stated():
    partner = Partner(id="p", title="P", endpoint={}, model={}, key_env="K")
    endpoint = Endpoint(host="h", path="/", region="US", inference=(), storage=(), end_users=())
    facts = partner.facts(endpoint, Model(rate=Rate(input=1.0, output=2.0)))
    assert facts["retention"] == facts["training"] == facts["contact"] == "not stated"
    assert facts["retention_days"] is None
    assert facts["trains_on_input"] is None
    assert facts["rate"]["source"] == "not stated"


def test_a_partner_that_makes_embeddings_is_another_partner_with_those_models_alone():
    chat = load()
    makes = doing(chat, "embedding")
    assert set(makes) == {"azure", "doubao", "mistral", "openai", "qwen"}
    assert makes["doubao"].endpoint["beijing"].path == "/api/v3/embeddings"
    assert set(makes["qwen"].endpoint) == {"beijing", "singapore"}
    assert "text-embedding-3-small" in makes["openai"].model
    assert makes["openai"].dialect == "openai_embeddings"
    assert makes["openai"].stand_in == ("openai_embeddings", "/v1/embeddings")
    assert all(not set(chat[name].model) & set(partner.model) for name, partner in makes.items())
    assert set(doing(chat, "image")) == {"doubao", "openai"}
