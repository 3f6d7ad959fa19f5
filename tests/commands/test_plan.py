"""`isthmus plan`, as a person and as a script call it."""

import json

import pytest

from isthmus import cli
from isthmus.ledger.receipt import Receipt, encode

DAY = ("--date", "2026-11-22")


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    """A function that runs `isthmus plan` with words: exit code, standard output, standard error."""
    monkeypatch.setenv("ISTHMUS_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")

    def isthmus(*words):
        with pytest.raises(SystemExit) as end:
            cli.main(["plan", *words])
        out, err = capsys.readouterr()
        return int(end.value.code or 0), out, err

    return isthmus


def test_a_question_is_answered_with_one_json_document(call):
    code, out, _ = call("--queries", "3e9", "--model", "deepseek-v3", "--hardware", "h800", *DAY, "--json")
    data = json.loads(out)
    assert code == 0
    assert data["plan"]["queries"] == 3e9
    assert data["plan"]["headline"]["gpus"]["value"] > 1000
    assert data["day"] is None


def test_a_person_gets_a_table(call):
    code, out, _ = call("--queries", "1e9", "--regions", "CN:55,EU:20,US:20,KR:5", *DAY)
    assert code == 0
    assert "What the law adds" in out
    assert "cn-north" in out


def test_options_win_over_the_scenario_file(call, tmp_path):
    path = tmp_path / "a.toml"
    path.write_text('queries = 2e9\nhardware = "h20"\n')
    _, out, _ = call("--scenario", str(path), "--hardware", "gb200", *DAY, "--json")
    plan = json.loads(out)["plan"]
    assert plan["queries"] == 2e9
    assert plan["engines"][0]["hardware"] == "gb200"


def test_every_assumption_can_be_set(call):
    words = [
        "--tokens-in",
        "2000",
        "--tokens-out",
        "400",
        "--cache",
        "0.2",
        "--utilisation",
        "0.5",
        "--token-ms",
        "80",
        "--peak",
        "2",
        "--home",
        "0.2",
        "--device",
        "0.3",
        "--spare",
        "site",
        "--seed",
        "9",
        "--lengths",
        "code",
        "--hardware-in",
        "CN:h20",
        "--growth",
        "2x",
        "--months",
        "3",
    ]
    code, out, _ = call(*words, *DAY, "--json")
    data = json.loads(out)
    assert code == 0
    assert (data["plan"]["spare"], data["plan"]["seed"]) == ("site", 9)
    assert data["plan"]["tokens_in"] == pytest.approx(2000)
    assert {engine["hardware"] for engine in data["plan"]["engines"]} == {"h20", "h800"}
    assert len(data["months"]) == 4
    inputs = {each["name"]: each for each in data["plan"]["inputs"]}
    assert (inputs["cache"]["value"], inputs["cache"]["where"]) == (0.2, "the scenario")


def test_a_sum_of_money_is_turned_into_queries(call):
    _, out, _ = call("--usd", "22e9", *DAY, "--json")
    assert json.loads(out)["budget"]["queries"] > 1e10


def test_two_scenarios_are_compared(call, tmp_path):
    for name in ("h20", "h800"):
        (tmp_path / f"{name}.toml").write_text(f'hardware = "{name}"\nname = "{name}"\n')
    code, out, _ = call("--compare", str(tmp_path / "h20.toml"), str(tmp_path / "h800.toml"), *DAY)
    assert code == 0
    assert "Beside each other" in out
    code, out, _ = call(
        "--compare", str(tmp_path / "h20.toml"), str(tmp_path / "h800.toml"), "--scenario", "x", "--json"
    )
    assert code == 2


def test_demand_is_fitted_to_a_ledger(call, tmp_path):
    lines = b""
    for n in range(30):
        words = ("key", "acme", ("EU",), "assistant", "text", "answer", "adult", "personal", "ordinary", "d", "serve")
        lines += encode(Receipt(f"w0-1-{n}", 1_793_000_000_000 + n, *words, "answered")) + b"\n"
    (tmp_path / "l.jsonl").write_bytes(lines)
    code, out, _ = call("--ledger", str(tmp_path / "l.jsonl"), "--growth", "2x", *DAY, "--json")
    plan = json.loads(out)["plan"]
    assert code == 0
    assert plan["queries"] == 60
    assert [region["name"] for region in plan["regions"]] == ["EU"]


def test_a_day_and_losses_are_simulated(call):
    pytest.importorskip("numpy", reason="NumPy is not installed (extra planner)")
    code, out, _ = call("--simulate", "--lose", "KR,cn-north", "--requests", "8000", *DAY, "--json")
    data = json.loads(out)
    assert code == 0
    assert data["day"]["decisions_broken"] == data["loss"]["decisions_broken"] == 0
    assert [each["lost"] for each in data["loss"]["results"]] == ["KR", "cn-north"]


def test_a_report_and_pictures_are_written(call, tmp_path):
    pytest.importorskip("matplotlib", reason="Matplotlib is not installed (extra planner)")
    code, _, _ = call(*DAY, "--html", str(tmp_path / "r.html"), "--plots", str(tmp_path / "plots"), "--json")
    assert code == 0
    assert (tmp_path / "r.html").read_text("utf-8").startswith("<!doctype html>")
    assert (tmp_path / "plots" / "tornado.svg").exists()


@pytest.mark.parametrize(
    "words",
    [
        ("--regions", "CN"),
        ("--regions", "CN:many"),
        ("--regions", "XX:1"),
        ("--hardware", "abacus"),
        ("--model", "oracle"),
        ("--growth", "much"),
        ("--date", "tomorrow"),
        ("--queries", "-1"),
        ("--lose", "atlantis"),
        ("--scenario", "/none.toml"),
        ("--ledger", "/none.jsonl"),
    ],
)
def test_what_cannot_be_understood_is_refused_with_exit_code_2(call, words):
    if words[0] == "--lose":
        pytest.importorskip("numpy", reason="NumPy is not installed (extra planner)")
    code, out, _ = call(*words, "--json")
    assert code == 2
    assert json.loads(out)["error"]["code"] == "usage"


def test_every_published_point_is_printed_hit_or_miss(call):
    code, out, _ = call("validate", "--json")
    data = json.loads(out)
    assert code == 0
    assert data["held_hit"] >= 20
    assert data["missed"]
    code, out, _ = call("validate")
    assert code == 0
    assert "deepseek-day-nodes" in out
    assert "misses" in out
    assert "no trace" in out
