import json
import shutil

import msgspec
import pytest

from isthmus.cli import build, run
from isthmus.ledger.receipt import Receipt, encode
from isthmus.regions.json_schema import region_schema
from isthmus.regions.load import DATA

APP = build(lambda name: name == "regions")


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    monkeypatch.setenv("ISTHMUS_HOME", str(tmp_path / "home"))


def ask(capsys, *words):
    code = run(APP, ["regions", *map(str, words)])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "regions"
    shutil.copytree(DATA, made)
    return made


def test_check_counts_files_rules_and_cases(capsys):
    code, out, _ = ask(capsys, "check", "--json")
    found = json.loads(out)
    assert code == 0
    assert found["files"] >= 23
    assert found["rules"] >= 150
    assert found["cases"] >= found["rules"]
    assert found["compile_seconds"] > 0
    assert found["lookup_us"] > 0
    assert found["wrong"] == found["rules_without_case"] == []
    code, out, _ = ask(capsys, "check")
    assert code == 0
    assert out.startswith(f"{found['files']} files, {found['rules']} rules")


def test_check_fails_where_a_rule_no_longer_says_what_its_case_says(capsys, folder):
    path = folder / "cn.toml"
    path.write_text(path.read_text("utf-8").replace("age_under=14", "age_under=10"), "utf-8")
    code, out, _ = ask(capsys, "check", "--regions", folder)
    assert code == 1
    assert "wrong: cn.toml: CN.child" in out


def test_check_fails_where_a_rule_has_no_case(capsys, folder, tmp_path):
    cases = tmp_path / "cases"
    cases.mkdir()
    (cases / "x.toml").write_text('region = "CN"\n[[case]]\nrule = "CN.label"\nsays = "x"\nowed = {}\n', "utf-8")
    code, out, _ = ask(capsys, "check", "--regions", folder, "--cases", cases)
    assert code == 1
    assert "no case: CN.child" in out


def test_a_broken_file_is_refused_with_its_place(capsys, folder):
    (folder / "hk.toml").write_text('id = "HK"\n', "utf-8")
    code, _, err = ask(capsys, "check", "--regions", folder)
    assert code == 6
    assert "hk.toml" in err


def test_list_names_every_region_and_its_parent(capsys):
    found = {row["id"]: row for row in json.loads(ask(capsys, "list", "--json")[1])}
    assert found["IT"]["extends"] == ["EU"]
    assert found["CN"]["reviewed"]["status"] == "draft"
    assert "Mainland China" in ask(capsys, "list")[1]


def test_show_prints_duty_law_date_and_when_it_binds(capsys):
    _, out, _ = ask(capsys, "show", "cn")
    assert "CN.child  consent.require\n   Guardian consent under 14." in out
    assert "since 2021-11-01; sure: low; draft" in out
    assert "binds: age under 14 (an unknown age is asked for)" in out
    assert json.loads(ask(capsys, "show", "CN", "--json")[1])["id"] == "CN"


def test_show_refuses_an_unknown_region(capsys):
    code, _, err = ask(capsys, "show", "XX")
    assert code == 2
    assert "XX" in err


def test_diff_compares_two_regions(capsys):
    _, out, _ = ask(capsys, "diff", "EU", "IT")
    assert "+ deepseek: " in out
    assert "~ child.duty: " in out
    _, out, _ = ask(capsys, "diff", "IT", "EU")
    assert "- deepseek: " in out
    assert json.loads(ask(capsys, "diff", "EU", "IT", "--json")[1])["b"] == "IT"


def test_diff_compares_a_draft_with_what_is_in_force(capsys, tmp_path):
    draft = tmp_path / "draft.toml"
    draft.write_text((DATA / "cn.toml").read_text("utf-8").replace("per_day=5", "per_day=4"), "utf-8")
    _, out, _ = ask(capsys, "diff", "CN", draft)
    assert out == '~ strikes.values: {"in_a_row":3,"per_day":5} -> {"in_a_row":3,"per_day":4}\n'


def test_matrix_is_a_table_a_document_and_a_picture(capsys, tmp_path):
    picture = tmp_path / "matrix.svg"
    code, out, _ = ask(capsys, "matrix", "--date", "2026-11-22", "--svg", picture)
    assert code == 0
    assert "2026-11-22" in out
    assert picture.read_text("utf-8").startswith("<svg")
    found = json.loads(ask(capsys, "matrix", "--json")[1])
    assert found["CN"]["label.show"]["now"] == 3


def test_matrix_wants_a_day(capsys):
    assert ask(capsys, "matrix", "--date", "soon")[0] == 2


def test_docs_writes_a_page_per_region_an_index_and_the_picture(capsys, tmp_path):
    _, out, _ = ask(capsys, "docs", tmp_path / "pages")
    written = {path.name for path in (tmp_path / "pages").iterdir()}
    assert {"README.md", "cn.md", "us-ca.md", "matrix.svg"} <= written
    assert out.startswith(f"{len(written)} files")
    assert set(json.loads(ask(capsys, "docs", tmp_path / "pages", "--json")[1])) == written


def test_schema_is_printed_for_editors(capsys):
    assert msgspec.json.decode(ask(capsys, "schema")[1]) == region_schema()


@pytest.fixture
def receipts(tmp_path):
    at = 1795309200000  # 2026-11-22
    given = {"tenant": "t", "modality": "text", "event": "answer", "age": "adult", "content": "ordinary"}
    given |= {"decision": "d", "verdict": "serve", "outcome": "answered", "data": "none", "key_id": "k"}
    entries = [
        Receipt(id="1", at=at, regions=("EU",), feature="assistant", route="local/default", partner="local", **given),
        Receipt(id="2", at=at, regions=("CN",), feature="write", route="local/default", partner="local", **given),
        Receipt(id="3", at=at, regions=("XX",), feature="write", route="local/default", partner="local", **given),
    ]
    path = tmp_path / "receipts.jsonl"
    path.write_bytes(b"\n".join(map(encode, entries)))
    return path


def test_replay_says_what_another_day_would_change(capsys, receipts):
    _, out, _ = ask(capsys, "replay", "--ledger", receipts, "--at", "2026-12-03")
    assert out.startswith("2 answers replayed against 2026-12-03: 1 would change.")
    assert "1 entries passed over" in out
    assert "new duty: scan EU.intimate" in out
    found = json.loads(ask(capsys, "replay", "--ledger", receipts, "--at", "2026-12-03", "--json")[1])
    assert (found["answers"], found["changed"], found["passed_over"]) == (2, 1, 1)


def test_replay_says_what_a_draft_would_change_also_for_those_that_extend_it(capsys, receipts, tmp_path):
    draft = tmp_path / "draft.toml"
    text = (DATA / "cn.toml").read_text("utf-8").replace("per_day=5", "per_day=4")
    draft.write_text(text, "utf-8")
    _, out, _ = ask(capsys, "replay", "--ledger", receipts, "--with", draft)
    assert "write: 1 of 1 answers change" in out
    assert "duty ends: user.strike CN.strikes" in out


def test_replay_wants_either_a_day_or_a_draft(capsys, receipts):
    assert ask(capsys, "replay", "--ledger", receipts)[0] == 2
    assert ask(capsys, "replay", "--ledger", receipts, "--at", "2026-12-03", "--with", "x.toml")[0] == 2


def test_replay_reads_the_house_ledger_by_default(capsys):
    code, _, err = ask(capsys, "replay", "--at", "2026-12-03")
    assert code == 2
    assert "there is no ledger" in err
