import msgspec

from isthmus.regions import schema
from isthmus.regions.json_schema import FILE, region_schema


def test_the_published_schema_is_current():
    assert msgspec.json.decode(FILE.read_bytes()) == region_schema(), "run: isthmus regions schema > " + FILE.name


def test_every_key_verb_and_word_of_the_loader_is_offered_to_the_editor():
    made = region_schema()
    assert set(made["properties"]) == set(schema.REGION_KEYS)
    rule = made["properties"]["rule"]["additionalProperties"]
    assert set(rule["properties"]) == set(schema.RULE_KEYS)
    assert rule["properties"]["check"]["enum"] == list(schema.VERBS)
    assert set(rule["properties"]["when"]["properties"]) == {*schema.WHEN, "age_under", "unknown_age"}


def test_the_editor_accepts_the_other_names_of_features_that_the_loader_accepts():
    rule = region_schema()["properties"]["rule"]["additionalProperties"]
    assert "chat" in rule["properties"]["when"]["properties"]["feature"]["items"]["enum"]


def test_each_verb_brings_its_own_fields():
    rules = region_schema()["properties"]["rule"]["additionalProperties"]["allOf"]
    fields = {r["if"]["properties"]["check"]["const"]: r["then"]["properties"]["with"]["properties"] for r in rules}
    assert {verb: set(found) for verb, found in fields.items()} == {
        name: set(verb.fields) for name, verb in schema.VERBS.items()
    }


def test_every_kind_of_field_has_a_shape():
    rules = region_schema()["properties"]["rule"]["additionalProperties"]["allOf"]
    shapes = [shape for r in rules for shape in r["then"]["properties"]["with"]["properties"].values()]
    assert all(shape for shape in shapes)
    assert {"anyOf": [{"type": "integer", "minimum": 0}, {"const": "{operator}"}]} in shapes
    assert {"type": "boolean"} in shapes
