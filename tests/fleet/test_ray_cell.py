"""Ray's processes: no start without a token, nothing beyond the declared ports, no secret on a command line."""

import itertools
import stat
from pathlib import Path
from types import SimpleNamespace

import pytest

from isthmus.core.errors import Refusal
from isthmus.fleet.cell import Cell
from isthmus.fleet.ray_cell import (
    environment,
    find_token,
    head_command,
    make_token,
    node_command,
    processes,
    socket_folder,
    socket_place,
    token_file,
    write_private,
)
from isthmus.fleet.ray_node import forget_killed_head, leave_out_servers, say_agent_ports

TOKEN = "0123456789abcdef0123456789abcdef"
CELL = Cell(ray=18200)


def refused(folder, environ):
    with pytest.raises(Refusal) as caught:
        find_token(folder, environ)
    return caught.value


def test_without_a_token_the_fleet_does_not_start_and_says_what_to_do(tmp_path):
    refusal = refused(tmp_path, {})
    assert refusal.code == "fleet_token"
    assert "isthmus fleet token" in refusal.sentence()


def test_a_short_token_is_none(tmp_path):
    write_private(token_file(tmp_path), "short")
    assert refused(tmp_path, {}).code == "fleet_token"


def test_authentication_cannot_be_switched_off(tmp_path):
    make_token(tmp_path)
    assert refused(tmp_path, {"RAY_AUTH_MODE": "disabled"}).code == "fleet_token"


def test_a_token_that_was_made_is_found_and_never_changes(tmp_path):
    path = make_token(tmp_path)
    before = path.read_text()
    assert make_token(tmp_path).read_text() == before
    assert find_token(tmp_path, {}) == path


def test_a_token_is_read_by_its_owner_alone(tmp_path):
    assert stat.S_IMODE(make_token(tmp_path).stat().st_mode) == 0o600


def test_a_token_in_the_environment_is_moved_to_a_file(tmp_path):
    path = find_token(tmp_path, {"RAY_AUTH_TOKEN": TOKEN})
    environ = environment(tmp_path, path, tmp_path / "engine.key", {"RAY_AUTH_TOKEN": TOKEN, "PATH": "/bin"})
    assert path.read_text() == TOKEN
    assert TOKEN not in environ.values()
    assert (environ["RAY_AUTH_MODE"], environ["PATH"]) == ("token", "/bin")


def test_a_token_file_that_the_operator_names_is_used(tmp_path):
    own = tmp_path / "mine"
    own.write_text(TOKEN)
    assert find_token(tmp_path / "elsewhere", {"RAY_AUTH_TOKEN_PATH": str(own)}) == own


@pytest.mark.parametrize("words", [head_command(CELL, "/ray"), node_command(CELL)], ids=["head", "node"])
def test_every_listener_has_a_declared_port_and_the_cells_address(words):
    given = dict(itertools.pairwise(words))
    ports = {int(value) for name, value in given.items() if name.endswith("-port") or name == "--port"}
    assert ports <= CELL.declared()
    assert given["--node-ip-address"] == CELL.host
    assert {"--min-worker-port", "--max-worker-port", "--node-manager-port", "--object-manager-port"} <= set(given)


def test_head_and_node_share_no_port():
    head, node = (
        {word for word in words if word.isdigit() and int(word) > 1024 and int(word) < 65536}
        for words in (head_command(CELL, "/ray"), node_command(CELL))
    )
    assert not head & node


@pytest.mark.parametrize("length", range(20, 60))
def test_the_longest_socket_of_ray_has_a_path_that_the_kernel_takes(length):
    folder = Path("/" + "f" * (length - 1))
    session = "session_2026-11-22_21-47-08_714690_4194304"
    for name in ("plasma_store", "plasma_store.1", "raylet", "raylet.1"):
        assert len(str(socket_place(folder) / session / "sockets" / name)) <= 107


def test_a_long_folder_gets_a_short_private_place_for_sockets(tmp_path):
    deep = tmp_path / ("d" * 60)
    place = socket_folder(deep)
    assert len(str(place)) <= 40
    assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700
    place.mkdir(mode=0o777)  # as Ray does
    place.chmod(0o777)
    assert socket_folder(deep) == place
    place.rmdir()
    place.parent.rmdir()


def test_a_head_starts_neither_dashboard_nor_client_nor_autoscaler():
    services = pytest.importorskip("ray._private.node")
    leave_out_servers()
    node = SimpleNamespace()
    services.Node.start_api_server(node, include_dashboard=False, raise_on_failure=False)
    services.Node.start_ray_client_server(node)
    assert vars(node) == {"_webui_url": None}
    assert "--no-monitor" in head_command(CELL, "/ray")


def test_an_agents_declared_port_is_known_before_the_agent_has_started(tmp_path, monkeypatch):
    services = pytest.importorskip("ray._private.services")
    seen = []

    def start(redis, *, node_id, session_dir, dashboard_agent_listen_port=0):
        seen.append([path.read_text() for path in tmp_path.iterdir()])

    monkeypatch.setattr(services, "start_raylet", start)
    say_agent_ports()
    services.start_raylet("r", node_id="ab", session_dir=str(tmp_path), dashboard_agent_listen_port=18203)
    assert seen == [["18203"]]
    assert (tmp_path / "dashboard_agent_listen_port_ab").exists()


def test_only_processes_of_this_cell_are_found(tmp_path):
    assert processes(tmp_path) == []


def test_a_head_that_was_killed_can_be_started_again(tmp_path):
    left = tmp_path / "ray_current_cluster"
    left.write_text("127.0.0.1:18200")
    forget_killed_head(["start", "--address", "x", "--temp-dir", str(tmp_path)])
    assert left.exists()
    forget_killed_head(["start", "--head", "--temp-dir", str(tmp_path)])
    assert not left.exists()
