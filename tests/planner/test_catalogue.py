"""Inputs as data: every figure has its source, and stands on the line that it names."""

from pathlib import Path

import pytest

from isthmus.core.errors import Refusal
from isthmus.planner import catalogue
from isthmus.planner.catalogue import DATA, SURE, Figure

FILES = ("hardware.toml", "models.toml", "calibration.toml", "traffic.toml", "sites.toml")


def figures(file):
    for head, table in catalogue.tables(file).items():
        for key, value in table.items():
            if isinstance(value, dict) and "source" in value:
                yield head, key, catalogue.convert(value, Figure, f"{file} [{head}] {key}")


@pytest.mark.parametrize("file", FILES)
def test_every_figure_says_where_it_is_from_and_how_sure_we_are(file):
    found = list(figures(file))
    assert found
    for head, key, figure in found:
        assert figure.source.strip(), (head, key)
        assert figure.sure in SURE, (head, key)
        assert (figure.low is None) == (figure.high is None) or figure.low is None, (head, key)
        if figure.low is not None:
            assert figure.low <= figure.value <= figure.high, (head, key)


@pytest.mark.parametrize("file", FILES)
def test_every_figure_stands_on_the_line_that_it_names(file):
    lines = (DATA / file).read_text("utf-8").splitlines()
    for _, key, figure in figures(file):
        name, _, number = figure.where.rpartition(":")
        assert Path(name).name == file
        assert lines[int(number) - 1].startswith(f"{key} = ")


@pytest.mark.parametrize("name", catalogue.names("hardware.toml"))
def test_every_accelerator_can_be_read_and_has_a_family_with_efficiencies(name):
    chip = catalogue.hardware(name)
    assert 0 < catalogue.efficiency(chip.family).tensor.value <= 1


def test_the_accelerators_that_the_planner_promises_are_there():
    assert {"h20", "h800", "h100", "h200", "b200", "gb300", "ascend-910c", "mi300x", "l40s", "cpu"} <= set(
        catalogue.names("hardware.toml")
    )


@pytest.mark.parametrize("name", catalogue.names("models.toml"))
def test_every_model_can_be_read(name):
    assert catalogue.model(name).active_b.value <= catalogue.model(name).params_b.value


def test_a_stand_in_says_so_and_has_the_sizes_of_what_it_stands_for():
    proxy = catalogue.model("doubao-class")
    assert "not published" in proxy.title
    assert proxy.params_b == catalogue.model("deepseek-v3").params_b


def test_an_unknown_name_is_refused_with_those_that_exist():
    with pytest.raises(Refusal) as refused:
        catalogue.hardware("h999")
    assert refused.value.code == "usage"
    assert "h800" in refused.value.sentence()


def test_a_damaged_figure_is_refused_with_its_place():
    with pytest.raises(Refusal) as refused:
        catalogue.convert({"value": "many", "source": "x"}, Figure, "hardware.toml [h1] watts")
    assert refused.value.code == "data_damaged"
    assert "[h1] watts" in refused.value.sentence()
