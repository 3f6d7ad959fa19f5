import datetime as dt

import pytest

from isthmus.core.errors import Refusal
from isthmus.regions.load import DATA, load, load_draft, read

FILE = """\
id = "XX"
reviewed = {by="", on=2026-11-22, status="draft"}
[source]
act = ["The Act", "law", 2026-01-01]
[rule.one]
duty = "Label it."
law = ["act#1"]
when = {feature=["chat"], age_under=14, unknown_age="ask"}
check = "label.show"
with = {text="AI", at=["near_content"]}
"""


def refused(text, file="xx.toml"):
    with pytest.raises(Refusal) as caught:
        read(file, text.encode())
    assert caught.value.code == "bad_law"
    assert caught.value.sentence().startswith(file)
    return caught.value.sentence()


def test_a_region_file_is_read_word_by_word():
    draft = read("xx.toml", FILE.encode())
    (rule,) = draft.rules
    assert rule.id == "XX.one"
    assert rule.law[0].article == "1"
    assert rule.law[0].title == "The Act"
    assert rule.since == dt.date(2026, 1, 1)
    assert rule.when.feature == ("assistant",)
    assert rule.sure == "low"
    assert rule.draft


def test_the_worked_example_of_the_schema_loads_without_the_newer_keys():
    text = """
id="CN"
reviewed={by="",on=2026-11-22,status="draft"}
fallback=["device","refuse"]
[source]
pipl=["PIPL","law",2021-11-01]
[rule.abroad]
duty="Prompts stay in the mainland."
law=["pipl#38-39"]
check="residency"
with={process=["CN"],store=["CN"]}
[rule.companion]
duty="No virtual partner or relative for minors."
law=["pipl"]
when={feature=["companion"],age_under=18,unknown_age="minor"}
check="feature.forbid"
"""
    draft = read("cn.toml", text.encode())
    assert draft.countries == ("CN",)
    assert [rule.name for rule in draft.rules] == ["abroad", "companion"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"label.show"', '"label.shine"', "rule one: check: 'label.shine' is not known. Allowed: route.require"),
        ("duty =", "duties =", "duties: this key is not known. Allowed: duty"),
        ('law = ["act#1"]', 'law = ["bill#1"]', "'bill' is not in [source]. Allowed: act"),
        ('law = ["act#1"]', "", "law: it is required"),
        ('law = ["act#1"]', 'law = "act#1"', "list of texts"),
        ('["chat"]', '["chatter"]', "when.feature: 'chatter' is not known. Allowed: assistant"),
        ("feature=", "features=", "when.features"),
        ('when = {feature=["chat"], age_under=14, unknown_age="ask"}', "when = 1", "table of lists"),
        ('unknown_age="ask"', 'unknown_age="guess"', "Allowed: ask, minor, adult"),
        (', unknown_age="ask"', "", "there is no default"),
        ("age_under=14", 'age_under="14"', "whole number"),
        ('with = {text="AI", at=["near_content"]}', 'with = {text="AI", at=["sky"]}', "Allowed: near_content"),
        ('with = {text="AI", at=["near_content"]}', 'with = {text="AI"}', "with.at: label.show needs it"),
        ('with = {text="AI", at=["near_content"]}', 'with = {tekst="AI"}', "with.tekst"),
        ('with = {text="AI", at=["near_content"]}', "with = 1", "with: it is a table"),
        ('text="AI"', "text=1", "text in quotes"),
        ('text="AI"', 'text="{nobody}"', "{nobody} is not known. Allowed: model_name"),
        ('at=["near_content"]}', 'at=["near_content"], all_of="AI"}', "list of lists"),
        ('check = "label.show"', 'check = "label.show"\nfrom = "2026-01-01"', "date without quotes"),
        ('check = "label.show"', 'check = "label.show"\nfrom = 2026-01-01T10:00:00', "date without quotes"),
        ('check = "label.show"', 'check = "label.show"\nuntil = 2025-01-01', "is not after"),
        ('check = "label.show"', 'check = "label.show"\nsure = "certain"', "Allowed: high, medium, low"),
        ('check = "label.show"', 'check = "label.show"\ndelegable = "yes"', "true or false"),
        ('check = "label.show"', 'check = "label.show"\nunless = "raining"', "Allowed: partner.role=entrusted"),
        ('check = "label.show"', 'check = "label.show"\nexcept = {age=["13"]}', "except.age"),
        ('check = "label.show"', 'check = "label.show"\ngrace = 1', "grace"),
        ('check = "label.show"', 'check = "label.show"\ngrace = {until=2027-01-01, if="big"}', "placed_on_market<"),
        (
            'check = "label.show"',
            'check = "label.show"\ngrace = {until=2027-01-01, if="placed_on_market<2026-13-01"}',
            "calendar",
        ),
        ("[rule.one]", "[rule.One]", "lower case"),
        ("[rule.one]", "[rule.b]\nduty = 1\n[rule.one]", "law: it is required"),
        ('id = "XX"', 'id = "xx"', "id: it must be like CN"),
        ('id = "XX"', 'id = "XX"\nschema = "isthmus.region/2"', "Allowed: isthmus.region/1"),
        ('id = "XX"', 'id = "XX"\nfallback = ["cloud"]', "Allowed: device, refuse"),
        ('id = "XX"', 'id = "XX"\napplies = ["mood"]', "Allowed: device_sale_region"),
        ('id = "XX"', 'id = "XX"\ncountries = ["Atlantis"]', "ISO 3166-1"),
        ('status="draft"', 'status="done"', "Allowed: draft, signed"),
        ('status="draft"', 'status="signed"', "names the lawyer"),
        (', status="draft"', "", "reviewed"),
        ('"law", 2026-01-01', '"bill", 2026-01-01', "Allowed: law, rule"),
        ('"law", 2026-01-01', '"law"', "in-force date"),
        ('act = ["The Act", "law", 2026-01-01]', "", "at least one is needed"),
    ],
)
def test_a_mistake_names_file_rule_key_and_what_is_allowed(old, new, said):
    assert old in FILE
    assert said in refused(FILE.replace(old, new, 1))


def test_what_is_not_toml_is_refused():
    assert "not valid TOML" in refused("id = ")
    with pytest.raises(Refusal):
        read("xx.toml", b"\xff")


def test_rules_must_be_tables():
    head = FILE.partition("[rule.one]")[0]
    assert "rules are tables" in refused("rule = 1\n" + head)
    assert "a rule is a table" in refused(head.replace("[source]", "rule = {one=1}\n[source]"))


@pytest.mark.parametrize(
    ("check", "given", "said"),
    [
        ("route.require", '{partner=["filing"]}', "cn_code"),
        ("route.require", '{runs_in=["China"]}', "not a place"),
        ("residency", '{process=["CN"], or_basis=["luck"]}', "adequacy"),
        ("residency", '{process=["CN"], dpa=1}', "true or false"),
        ("log.keep", "{min_months=-1}", "0 or more"),
        ("log.keep", '{max_days="{nobody}"}', "whole number"),
        ("consent.require", '{kind="tacit"}', "guardian"),
        ("label.embed", "{fields=1}", "table of texts"),
        ("label.embed", "{fields={id=1}}", "text in quotes"),
    ],
)
def test_each_verb_takes_its_own_words(check, given, said):
    text = FILE.replace('check = "label.show"', f'check = "{check}"')
    text = text.replace('with = {text="AI", at=["near_content"]}', f"with = {given}")
    assert said in refused(text)


def test_a_verb_keeps_the_values_it_was_given():
    text = FILE.replace('check = "label.show"', 'check = "label.embed"')
    given = '{key="K", fields={Label="1"}, media=["watermark"], text_over_tokens=200, keep_upstream=true}'
    text = text.replace('with = {text="AI", at=["near_content"]}', f"with = {given}")
    (rule,) = read("xx.toml", text.encode()).rules
    assert rule.values == {
        "key": "K",
        "fields": {"Label": "1"},
        "media": ("watermark",),
        "text_over_tokens": 200,
        "keep_upstream": True,
    }


def write(folder, **files):
    for name, text in files.items():
        (folder / f"{name}.toml").write_text(text, "utf-8")
    return folder


CHILD = FILE.replace('id = "XX"', 'id = "YY"\nextends = "XX"')


def test_an_overlay_inherits_its_parents_rules(tmp_path):
    regions = load(write(tmp_path, xx=FILE, yy=CHILD.replace("[rule.one]", "[rule.two]")))
    assert [rule.id for rule in regions["YY"].rules] == ["XX.one", "YY.two"]
    assert regions["YY"].chain == ("YY", "XX")


def test_an_overlay_replaces_only_what_its_parent_delegates(tmp_path):
    parent = FILE.replace("[rule.one]", "[rule.one]\ndelegable = true")
    child = CHILD.replace("[rule.one]", '[rule.one]\nreplaces = "xx.one"')
    regions = load(write(tmp_path, xx=parent, yy=child))
    assert [rule.id for rule in regions["YY"].rules] == ["YY.one"]
    with pytest.raises(Refusal) as caught:
        load(write(tmp_path, xx=FILE, yy=child))
    assert "not marked delegable" in caught.value.sentence()


def test_replacing_what_is_not_inherited_is_refused_with_what_could_be(tmp_path):
    parent = FILE.replace("[rule.one]", "[rule.one]\ndelegable = true")
    child = CHILD.replace("[rule.one]", '[rule.one]\nreplaces = "xx.other"')
    with pytest.raises(Refusal) as caught:
        load(write(tmp_path, xx=parent, yy=child))
    assert "Allowed: xx.one" in caught.value.sentence()


def test_a_circle_of_files_is_refused(tmp_path):
    parent = FILE.replace('id = "XX"', 'id = "XX"\nextends = "YY"')
    with pytest.raises(Refusal) as caught:
        load(write(tmp_path, xx=parent, yy=CHILD))
    assert "circle: XX > YY > XX" in caught.value.sentence()


def test_an_unknown_parent_is_refused(tmp_path):
    with pytest.raises(Refusal) as caught:
        load(write(tmp_path, yy=CHILD))
    assert "XX is not a region" in caught.value.sentence()


def test_two_files_may_not_share_an_id(tmp_path):
    with pytest.raises(Refusal) as caught:
        load(write(tmp_path, a=FILE, b=FILE))
    assert "already the id of a.toml" in caught.value.sentence()


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(Refusal, match="bad_law"):
        load(tmp_path)


def test_a_draft_takes_its_place_among_the_files_for_those_that_extend_it_too(tmp_path):
    folder = write(tmp_path, xx=FILE, yy=CHILD.replace("[rule.one]", "[rule.two]"))
    draft = tmp_path / "draft"
    draft.mkdir()
    path = write(draft, new=FILE.replace("[rule.one]", "[rule.new]")) / "new.toml"
    assert [rule.id for rule in load(folder, (path,))["YY"].rules] == ["XX.new", "YY.two"]
    assert load_draft(path, folder).own[0].name == "new"
    with pytest.raises(Refusal) as caught:
        load_draft(tmp_path / "absent.toml")
    assert "absent.toml" in caught.value.sentence()


def test_the_house_holds_at_least_22_jurisdictions_and_150_rules():
    regions = load()
    assert len(regions) - 1 >= 22
    assert sum(len(region.own) for region in regions.values()) >= 150


def test_every_rule_has_law_date_and_says_how_sure_it_is():
    for path in DATA.glob("*.toml"):
        text = path.read_text("utf-8")
        assert text.count("[rule.") == text.count("\nsure = "), path.name
    for region in load().values():
        for rule in region.own:
            assert rule.law[0].title
            assert rule.since


def test_no_file_claims_a_lawyers_signature_it_does_not_have():
    assert {region.reviewed.status for region in load().values()} == {"draft"}


def test_the_digest_of_an_overlay_changes_with_its_parent(tmp_path):
    before = load(write(tmp_path, xx=FILE, yy=CHILD))["YY"].digest
    after = load(write(tmp_path, xx=FILE + "# a remark\n", yy=CHILD))["YY"].digest
    assert before != after
