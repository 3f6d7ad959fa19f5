import json

import pytest

from isthmus.cli import build, run

APP = build(lambda name: name == "explain")


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    monkeypatch.setenv("ISTHMUS_HOME", str(tmp_path / "home"))
    for name in ("ARK_API_KEY", "OPENAI_API_KEY", "DASHSCOPE_API_KEY", "DEEPSEEK_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def ask(capsys, *words):
    code = run(APP, ["explain", *words])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def document(capsys, *words):
    code, out, _ = ask(capsys, *words, "--json")
    assert code == 0
    return json.loads(out)


def test_a_person_reads_routes_duties_law_dates_and_what_was_ruled_out(capsys):
    words = ("--region", "CN", "--feature", "assistant", "--age", "13", "--route", "partner", "--date", "2026-11-22")
    code, out, _ = ask(capsys, *words)
    assert code == 0
    assert out.startswith("serve_after: CN, assistant")
    assert "1. doubao/doubao-seed-2-1-pro-260915  (rehearsal: local stand-in for Doubao)" in out
    assert "first: guardian consent: Guardian consent under 14." in out
    assert (
        "个人信息保护法 (Personal Information Protection Law) #31; in force since 2021-11-01; draft, sure: low" in out
    )
    assert "runs in EU, not in CN [CN.abroad:" in out
    assert "[partner's own terms]" in out
    assert "Law changes next on 2026-12-02" in out


def test_a_refusal_shows_the_rule_and_what_would_come_nearest(capsys):
    code, out, _ = ask(capsys, "--region", "cn", "--feature", "companion", "--age", "17")
    assert code == 0
    assert out.startswith("refuse: CN")
    assert "No lawful route" in out
    assert "Nearest: feature = assistant would be" in out


def test_a_rule_that_differs_by_route_is_shown_once(capsys):
    _, out, _ = ask(capsys, "--region", "CN", "--age", "30", "--data", "personal")
    assert out.count("rule CN.notice\n") == 1
    assert "more, by route)" in out
    assert out.count("rule CN.partner_consent\n") == 1
    assert "only on: doubao/" in out


def test_a_program_reads_decision_routes_ruled_out_and_obligations(capsys):
    found = document(capsys, "--region", "EU", "--data", "none", "--date", "2026-12-02")
    assert found["decision"] == "serve"
    assert {"route", "reason", "host"} <= set(found["routes"][0])
    assert all(out["reason"] for out in found["ruled_out"])
    assert {"verb", "values", "law", "article", "since"} <= set(found["obligations"][0])
    assert "EU.intimate" in {owed["rule"] for owed in found["obligations"]}


def test_every_closed_key_has_a_flag(capsys):
    found = document(
        capsys, "--region", "EU", "--region", "KR", "--feature", "write", "--modality", "image", "--event", "publish",
        "--age", "13-15", "--data", "none", "--content", "realistic", "--route", "partner", "--date", "2027-01-01",
    )  # fmt: skip
    assert found["question"] == [["EU", "KR"], "write", "image", "publish", "13-15", "none", "realistic"]
    assert found["date"] == "2027-01-01"


def test_facts_may_be_supposed(capsys, tmp_path):
    facts = tmp_path / "facts.toml"
    facts.write_text("[region.EU]\nmarket_date = 2026-08-01\n", "utf-8")
    today = ("--region", "EU", "--date", "2026-11-22")
    with_facts = document(capsys, *today, "--facts", str(facts))
    assert "EU.mark" not in {owed["rule"] for owed in with_facts["obligations"]}
    assert "EU.mark" in {owed["rule"] for owed in document(capsys, *today)["obligations"]}


def test_another_operator_and_other_partners_may_be_supposed(capsys, tmp_path):
    operator = tmp_path / "operator.toml"
    operator.write_text('mode = "production"\naccept_drafts = true\nlocation = "US"\n', "utf-8")
    partners = tmp_path / "partners"
    partners.mkdir()
    (partners / "p.toml").write_text(
        'id = "p"\ntitle = "P"\ntier = "private"\n[endpoint.e]\nhost = "h"\npath = "/"\nregion = "*"\n'
        'inference = ["*"]\nstorage = ["*"]\nend_users = ["*"]\n[model.m]\n',
        "utf-8",
    )
    found = document(capsys, "--region", "US", "--operator", str(operator), "--partners", str(partners))
    assert [way["route"] for way in found["routes"]] == ["p/m"]


def test_the_house_operator_file_counts(capsys, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    (home / "operator.toml").write_text('mode = "rehearsal"\n', "utf-8")
    assert document(capsys, "--region", "CN")["decision"] == "refuse"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--region", "XX"], "Region XX is not known"),
        (["--region", "CN", "--feature", "telepathy"], "--feature"),
        (["--region", "CN", "--modality", "smell"], "--modality"),
        (["--region", "CN", "--event", "x"], "--event"),
        (["--region", "CN", "--data", "x"], "--data"),
        (["--region", "CN", "--content", "x"], "--content"),
        (["--region", "CN", "--age", "old"], "--age"),
        (["--region", "CN", "--date", "tomorrow"], "--date"),
    ],
)
def test_a_wrong_word_is_refused_with_the_right_ones(capsys, words, said):
    code, out, err = ask(capsys, *words)
    assert code == 2
    assert not out
    assert said in err


def test_a_file_that_is_not_there_is_named(capsys, tmp_path):
    code, _, err = ask(capsys, "--region", "CN", "--facts", str(tmp_path / "absent.toml"))
    assert code == 6
    assert "absent.toml" in err
    code, _, err = ask(capsys, "--region", "CN", "--operator", str(tmp_path / "absent.toml"))
    assert code == 6
