import json
import socket
import threading

import msgspec
import pytest

from isthmus.cli import build, run
from isthmus.commands import doctor
from isthmus.core.errors import Refusal
from isthmus.device.engine import free_port
from isthmus.partners import load as partner_files

APP = build(lambda name: name == "doctor")
OPENAI = partner_files.load()["openai"].endpoint["eu"]


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("ISTHMUS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ISTHMUS_PORT", str(free_port()))
    monkeypatch.setenv("ISTHMUS_ADMIN_PORT", str(free_port()))
    monkeypatch.delenv("ARK_API_KEY", raising=False)
    return tmp_path / "home"


def ask(capsys, *words):
    code = run(APP, ["doctor", "--offline", *words])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_a_person_reads_what_is_here_and_what_must_become_real(capsys):
    code, out, _ = ask(capsys, "--region", "cn")
    assert code == 0
    assert "ok      msgspec (JSON)" in out
    assert "doubao@beijing  ark.cn-beijing.volces.com: answers: not asked; ARK_API_KEY not set" in out
    assert "region.CN.registration = rehearsal" in out
    assert "(only if doubao is to serve)" in out
    assert "Not signed by a lawyer: CN, HOUSE" in out
    assert "Ready to rehearse: yes. Ready for the public: no." in out


def test_a_program_reads_the_same(capsys, monkeypatch):
    monkeypatch.setenv("ARK_API_KEY", "secret-value")
    code, out, _ = ask(capsys, "--json")
    found = json.loads(out)
    assert code == 0
    assert found["ready"]
    assert not found["public"]
    assert "secret-value" not in out
    assert {d["partner"]: d["key_set"] for d in found["doors"]}["doubao"]
    cn = next(terms for terms in found["terms"] if terms["rule"] == "CN.scan")
    assert cn["need"] == 10000


def test_production_with_gaps_fails(capsys, home):
    home.mkdir()
    (home / "operator.toml").write_text('mode = "production"\n', "utf-8")
    assert ask(capsys)[0] == 1


def test_production_without_gaps_is_ready_for_the_public(capsys, home):
    home.mkdir()
    (home / "operator.toml").write_text(
        'mode = "production"\naccept_drafts = true\nname = "A"\nowner = "A"\nowner_country = "HK"\nlocation = "HK"\n'
        '[region.HK]\ncomplaints = "c"\nlog_max_days = 30\n',
        "utf-8",
    )
    code, out, _ = ask(capsys, "--region", "HK")
    assert code == 0
    assert "  nothing\n" in out
    assert "Ready for the public: yes." in out


def test_a_missing_package_is_named_and_fails(capsys, monkeypatch):
    monkeypatch.setitem(doctor.PACKAGES, "no_such_package", "nothing")
    code, out, _ = ask(capsys)
    assert code == 1
    assert "MISSING no_such_package" in out


def test_an_unknown_region_is_refused(capsys):
    code, _, err = ask(capsys, "--region", "XX")
    assert code == 2
    assert "XX" in err


def test_a_missing_engine_is_said(monkeypatch):
    def nowhere():
        raise Refusal("engine_unavailable", reason="none")

    monkeypatch.setattr("isthmus.device.engine.find_binary", nowhere)
    assert doctor.engine_path() == ""


def shake_once(server):
    server.accept()[0].close()


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=shake_once, args=(server,))
        thread.start()
        yield server.getsockname()[1]
        thread.join()


def test_a_door_answers_when_it_shakes_hands(listener):
    here = msgspec.structs.replace(OPENAI, host="127.0.0.1", port=listener, tls=False)
    assert doctor.reach(here) == "yes"


def test_a_door_that_speaks_no_tls_does_not_answer(listener):
    here = msgspec.structs.replace(OPENAI, host="127.0.0.1", port=listener, tls=True)
    assert doctor.reach(here) == "no"


def test_a_closed_door_does_not_answer():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    here = msgspec.structs.replace(OPENAI, host="127.0.0.1", port=port, tls=False)
    assert doctor.reach(here) == "no"


def test_every_partners_door_is_knocked_at(monkeypatch):
    monkeypatch.setattr(doctor, "reach", lambda endpoint: f"saw {endpoint.host}")
    found = doctor.knock(partner_files.load(), {}, offline=False)
    assert all(door.answers == f"saw {door.host}" for door in found)
    known = partner_files.load().values()
    assert {door.partner for door in found} == {each.id for each in known if each.tier == "partner"}
