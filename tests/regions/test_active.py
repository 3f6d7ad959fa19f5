from __future__ import annotations

import pytest

from isthmus.core.errors import Refusal
from isthmus.regions import active
from isthmus.regions.load import DATA, load

VERSION = "0123456789ab"


def test_a_new_house_serves_by_the_packages_own_law(tmp_path):
    assert active.version(tmp_path) == active.PACKAGED
    assert active.files(tmp_path) == ()


def test_a_version_takes_the_place_of_the_packages_file_once_it_is_active(tmp_path):
    text = (DATA / "sg.toml").read_text("utf-8").replace('name = "Singapore"', 'name = "Singapore, changed"')
    active.write(tmp_path, VERSION, {"SG": text})
    assert active.files(tmp_path) == ()
    active.activate(tmp_path, VERSION)
    assert active.version(tmp_path) == VERSION
    changed, packaged = load(instead=active.files(tmp_path)), load()
    assert changed["SG"].name == "Singapore, changed"
    assert changed["SG"].digest != packaged["SG"].digest
    assert changed["CN"] == packaged["CN"]


def test_going_back_is_naming_the_packaged_law(tmp_path):
    active.write(tmp_path, VERSION, {"US-CA": "x"})
    active.activate(tmp_path, VERSION)
    assert [path.name for path in active.files(tmp_path)] == ["us_ca.toml"]
    active.activate(tmp_path, active.PACKAGED)
    assert active.files(tmp_path) == ()


@pytest.mark.parametrize("word", ["../../etc", "", "0123", "PACKAGED", "0123456789aB"])
def test_only_a_versions_name_is_ever_a_folder(tmp_path, word):
    with pytest.raises(Refusal):
        active.write(tmp_path, word, {})
    active.activate(tmp_path, word)
    with pytest.raises(Refusal):
        active.version(tmp_path)
