"""fleet.toml: what a cell may be."""

import pytest

from isthmus.core.errors import Refusal
from isthmus.fleet.cell import RAY_PORTS, Cell, Pool, check, load
from isthmus.fleet.scale import Rules

WHOLE = """
[cell]
name = "frankfurt-1"
jurisdiction = "DE"
host = "10.0.0.5"
ports = [20000, 20031]
ray = 21000

[pool.chat]
engine = "vllm"
program = "/opt/vllm/bin/python"
model = "/models/m"
gpus = 1.0
hours = [1,1,1,1,1,1,2,3,4,5,5,5,5,5,5,5,5,5,4,3,2,1,1,1]
rules = { least = 2, most = 8, start_s = 90.0 }
"""


def refusal(cell):
    with pytest.raises(Refusal) as caught:
        check(cell, "here")
    return caught.value.sentence()


def test_a_whole_file_is_read(tmp_path):
    path = tmp_path / "fleet.toml"
    path.write_text(WHOLE)
    cell = load(path)
    assert (cell.jurisdiction, cell.pool["chat"].rules.most, cell.pool["chat"].curve.at(0)) == ("DE", 8, 1.0)


def test_an_unknown_word_is_refused_by_name(tmp_path):
    path = tmp_path / "fleet.toml"
    path.write_text(WHOLE.replace("gpus", "gpu"))
    with pytest.raises(Refusal) as caught:
        load(path)
    assert "gpu" in caught.value.sentence()


def test_a_file_that_is_not_there_is_said_so(tmp_path):
    with pytest.raises(Refusal) as caught:
        load(tmp_path / "none.toml")
    assert "none.toml" in caught.value.sentence()


@pytest.mark.parametrize("host", ["0.0.0.0", "8.8.8.8", "::", "gpu-node"])
def test_no_cell_listens_where_strangers_are(host):
    assert "host" in refusal(Cell(host=host))


@pytest.mark.parametrize("host", ["127.0.0.1", "10.1.2.3", "192.168.0.4", "fd00::1"])
def test_loopback_and_private_addresses_are_allowed(host):
    assert check(Cell(host=host), "here") is None


def test_a_jurisdiction_is_a_place():
    assert "jurisdiction" in refusal(Cell(jurisdiction="the moon"))


def test_engines_and_ray_do_not_share_ports():
    assert "ports" in refusal(Cell(ports=(18100, 18250), ray=18200))


def test_an_unknown_engine_is_refused_with_those_that_exist():
    assert "llama_cpp" in refusal(Cell(pool={"a": Pool(engine="abacus")}))


def test_a_day_has_24_hours():
    assert "24" in refusal(Cell(pool={"a": Pool(hours=(1.0,))}))


def test_least_is_not_above_most():
    assert "least" in refusal(Cell(pool={"a": Pool(rules=Rules(least=3, most=2))}))


def test_every_port_is_declared():
    declared = Cell(ports=(18100, 18101), ray=18200).declared()
    assert len(declared) == 2 + 2 * RAY_PORTS
