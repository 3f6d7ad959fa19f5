"""`isthmus label`, as a person and as a script call it."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from PIL import Image

from isthmus import cli
from isthmus.core.clock import SystemClock
from isthmus.core.consent import Consent
from isthmus.ledger import read
from isthmus.ledger.accounts import Accounts
from isthmus.ledger.receipt import Export, Receipt
from isthmus.ledger.segments import Ledger


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    """A function that runs `isthmus label` with words: exit code, standard output, standard error."""
    monkeypatch.setenv("ISTHMUS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / "home").mkdir()

    def isthmus(*words):
        with pytest.raises(SystemExit) as end:
            cli.main(["label", *map(str, words)])
        out, err = capsys.readouterr()
        return int(end.value.code or 0), out, err

    return isthmus


@pytest.fixture
def note(tmp_path):
    path = tmp_path / "note.md"
    path.write_text("# A note\n\nwritten by a model\n")
    return path


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "image.png"
    Image.effect_noise((320, 240), 40).save(path)
    return path


def exports(tmp_path):
    return [entry for entry in read.iterate(tmp_path / "home" / "ledger") if isinstance(entry, Export)]


def test_a_file_is_labelled_in_place_and_the_ledger_remembers_it(call, note, tmp_path):
    code, out, _ = call("add", note, "--region", "CN", "--json")
    said = json.loads(out)
    assert (code, said["missing"], said["label"]) == (0, [], "内容由AI生成")
    assert said["marks"]["AIGC"]["ProduceID"] == said["receipt"]
    assert note.read_text().endswith("\n\n内容由AI生成\n")
    (entry,) = exports(tmp_path)
    assert (entry.id, entry.event, entry.container, entry.marks) == (
        said["receipt"],
        "export",
        "markdown",
        ("AIGC", "Provenance"),
    )
    assert "note" not in repr(entry)


def test_a_labelled_file_passes_the_check_and_one_without_fails_it(call, image, tmp_path):
    assert call("check", image, "--region", "CN")[0] == 3
    out = tmp_path / "out.png"
    assert call("add", image, "--region", "CN", "--out", out)[0] == 0
    code, said, _ = call("check", out, "--region", "CN")
    assert (code, "Nothing is missing." in said) == (0, True)
    code, said, _ = call("check", image, "--region", "CN", "--json")
    assert (code, json.loads(said)["complete"]) == (3, False)


def test_what_the_region_asks_and_nobody_can_give_is_refused_and_nothing_is_written(call, image):
    before = image.read_bytes()
    code, _, err = call("add", image, "--region", "EU")
    assert (code, "watermark" in err) == (3, True)
    assert image.read_bytes() == before
    assert call("add", image, "--region", "EU", "--stated", "watermark")[0] == 0


def test_show_tells_marks_signatures_and_those_of_others(call, image):
    assert "no mark" in call("show", image)[1]
    call("add", image, "--region", "CN")
    code, out, _ = call("show", image)
    assert code == 0
    assert "AIGC: signature ours" in out
    assert "mark of others: IPTC DigitalSourceType" in out
    assert json.loads(call("show", image, "--json")[1])["signature"]["AIGC"] == "ours"


def test_the_receipt_of_an_answer_says_region_and_route(call, note, tmp_path):
    ledger = Ledger.open(tmp_path / "home" / "ledger", "w0", SystemClock())
    words = ("k", "t", ("CN",), "write", "text", "answer", "adult", "none", "ordinary", "d", "serve", "answered", "")
    answer = Receipt(ledger.next_id(), 1, *words, "local/default")
    ledger.append(answer)
    ledger.append(Receipt(refused := ledger.next_id(), 1, *words))
    ledger.close()
    code, out, _ = call("add", note, "--receipt", answer.id, "--json")
    fields = json.loads(out)["marks"]
    assert (code, fields["AIGC"]["ProduceID"], fields["Provenance"]["id"]) == (0, answer.id, answer.id)
    assert exports(tmp_path)[0].of == answer.id
    assert call("check", note, "--receipt", answer.id)[0] == 0
    assert call("add", note, "--receipt", refused)[0] == 2
    assert call("add", note, "--receipt", "w0-1-99")[0] == 2


def test_an_export_without_the_label_needs_its_consent(call, note, tmp_path):
    clock = SystemClock()
    accounts = Accounts.open(tmp_path / "home" / "accounts.sqlite", clock)
    until = clock.now() + timedelta(days=1)

    def consent(kind="label_duty", region="CN"):
        made = Consent("", "default", kind, "", region, "*", "always", "", "zh-CN", clock.now(), until)
        accounts.give_consent(made)
        return made.id

    assert call("add", note, "--region", "CN", "--plain", "nobody")[0] == 2
    assert call("add", note, "--region", "CN", "--plain", consent("guardian"))[0] == 3
    assert call("add", note, "--region", "CN", "--plain", consent(region="EU"))[0] == 3
    good = consent()
    code, _, err = call("add", note, "--region", "CN", "--plain", good, "--recipient", "a firm")
    assert (code, err) == (0, "")
    assert "内容由AI生成" not in note.read_text().split("---\n")[2]
    (entry,) = exports(tmp_path)
    assert (entry.consent, entry.recipient, entry.keep_min, entry.event) == (good, "a firm", 186, "export_plain")
    assert call("add", note, "--region", "CN", "--plain", good, "--publish")[0] == 2


@pytest.mark.parametrize(
    "words",
    [
        ("nowhere.md", "--region", "CN"),
        ("note.md",),
        ("note.md", "--region", "XX"),
        ("note.md", "--region", "CN", "--date", "soon"),
        ("note.md", "--region", "CN", "--stated", "luck"),
        ("note.md", "--region", "CN", "--key", "note.md"),
        ("note.md", "--region", "CN", "--out", "no/such/folder/x.md"),
    ],
)
def test_what_makes_no_sense_is_told(call, note, words, monkeypatch):
    monkeypatch.chdir(note.parent)
    code, _, err = call("add", *words)
    assert (code, bool(err.strip())) == (2, True)


def test_a_damaged_public_key_is_told(call, note, tmp_path):
    (tmp_path / "home" / "ledger").mkdir()
    (tmp_path / "home" / "ledger" / "node.pub").write_text("nonsense\n")
    assert call("show", note)[0] == 6


def test_a_file_beyond_the_limit_is_refused(call, note, monkeypatch):
    monkeypatch.setattr("isthmus.export.containers.LIMIT", 3)
    assert call("show", note)[0] == 2
