"""What the machine gives, with and without a container's limits."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from isthmus.device import machine


def test_without_limits_it_is_the_machine_s_own(tmp_path: Path) -> None:
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1_000_000
    assert machine.memory_mb(tmp_path) == whole
    assert machine.cores(tmp_path) == len(os.sched_getaffinity(0))


def test_the_word_max_is_no_limit(tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert machine.memory_mb(tmp_path) == machine.memory_mb(tmp_path / "none")
    assert machine.cores(tmp_path) == machine.cores(tmp_path / "none")


@pytest.mark.parametrize("name", ["memory.max", "memory/memory.limit_in_bytes"])
def test_a_container_s_memory_limit_counts(tmp_path: Path, name: str) -> None:
    (tmp_path / "memory").mkdir()
    (tmp_path / name).write_text("128000000\n")
    assert machine.memory_mb(tmp_path) == 128


@pytest.mark.parametrize(
    ("quota", "cores"), [("50000 100000", 1), ("100000 100000", 1), ("1 100000", 1), ("0 1000", 1)]
)
def test_a_container_s_processor_quota_counts(tmp_path: Path, quota: str, cores: int) -> None:
    (tmp_path / "cpu.max").write_text(f"{quota}\n")
    assert machine.cores(tmp_path) == cores


def test_a_quota_is_rounded_up_to_whole_cores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)))
    (tmp_path / "cpu.max").write_text("250000 100000\n")
    assert machine.cores(tmp_path) == 3


def test_where_nobody_says_which_cores_are_allowed_all_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert machine.cores(tmp_path) == 6
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert machine.cores(tmp_path) == 1
