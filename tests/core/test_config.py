"""Where things are on this machine: from the environment, with honest defaults."""

from pathlib import Path

import pytest

from isthmus.core.config import Config, load


def test_an_empty_environment_gives_a_house_under_the_persons_own_folder():
    config = load({})
    home = Path.home() / ".isthmus"
    assert config == Config(home=home, host="127.0.0.1", port=8080, workers=1, model="", admin_port=8081, spare=True)


def test_every_switch_is_read(tmp_path):
    config = load(
        {
            "ISTHMUS_HOME": str(tmp_path),
            "ISTHMUS_HOST": "::1",
            "ISTHMUS_PORT": "9",
            "ISTHMUS_WORKERS": "4",
            "ISTHMUS_MODEL": "/m.gguf",
            "ISTHMUS_ADMIN_PORT": "11",
            "ISTHMUS_ADMIN_HOST": "::1",
            "ISTHMUS_SPARE": "0",
        }
    )
    assert config == Config(
        home=tmp_path, host="::1", port=9, workers=4, model="/m.gguf", admin_port=11, admin_host="::1"
    )


def test_the_control_process_listens_beside_the_gateway_unless_told_where():
    assert load({"ISTHMUS_PORT": "9000"}).admin_port == 9001


def test_without_an_argument_the_process_environment_counts(monkeypatch, tmp_path):
    monkeypatch.setenv("ISTHMUS_HOME", str(tmp_path))
    assert load().home == tmp_path


def test_a_home_may_be_written_from_the_persons_folder_or_from_here():
    assert load({"ISTHMUS_HOME": "~/x"}).home == Path.home() / "x"
    assert load({"ISTHMUS_HOME": "x"}).home == Path.cwd() / "x"


@pytest.mark.parametrize("name", ["ISTHMUS_PORT", "ISTHMUS_WORKERS", "ISTHMUS_ADMIN_PORT"])
def test_a_number_that_is_none_is_refused(name):
    with pytest.raises(ValueError, match="many"):
        load({name: "many"})


def test_all_state_lies_in_the_home(tmp_path):
    config = Config(home=tmp_path)
    found = {config.models, config.ledger, config.accounts, config.operator, config.run}
    assert len(found) == 5
    assert {path.parent for path in found} == {tmp_path}
