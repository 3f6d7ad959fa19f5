"""What several test folders share: one real engine with a real, small model, started on first use."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import settings

from isthmus.core import config
from isthmus.core.clock import SystemClock
from isthmus.device import catalogue
from isthmus.device.engine import LocalEngine, free_port
from isthmus.device.store import Store
from isthmus.node import Node, prepare

# A property is about what is true, not about how fast this machine is just now.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

REPOSITORY = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def small_model() -> Path:
    """SmolLM2's file: the one of this machine's store where it is there, else fetched into build/models."""
    entry = catalogue.load()[catalogue.FALLBACK]
    here = Store(config.load().models).path(entry)
    return here or Store(REPOSITORY / "build" / "models").pull(catalogue.FALLBACK, entry)


@pytest.fixture(scope="session")
def engine(small_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEngine]:
    """A running llama-server with SmolLM2: `engine.base_url`, `engine.address`, `engine.key`, `engine.name`.

    Shared by the whole session. A test that kills it waits for it again (`engine.wait_ready()`).
    """
    log = tmp_path_factory.mktemp("engine") / "engine.log"
    with LocalEngine(small_model, log=log, name="smollm2-135m", context=2048) as started:
        yield started.wait_ready()


@pytest.fixture(scope="session")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """A whole node of one worker whose partners are all played by a script: `config`, `node`, `key`, `answers`."""
    sys.path.insert(0, str(Path(__file__).parent))
    from standin import StandIn

    settings_ = config.Config(home=tmp_path_factory.mktemp("played"), port=free_port())
    key = prepare(settings_, SystemClock())
    with StandIn() as answers:
        node = Node(settings_, engine=answers.address, engine_key="engine-key", model="played")
        node.start()
        try:
            node.wait_ready()
            yield SimpleNamespace(config=settings_, node=node, key=key, answers=answers)
        finally:
            node.stop()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Any]:
    """A real PostgreSQL: `postgres.new()` is the URL of an empty database. Skipped where there is none."""
    sys.path.insert(0, str(Path(__file__).parent))
    import servers

    with servers.running(servers.Postgres) as server:
        yield server


@pytest.fixture(scope="session")
def valkey() -> Iterator[Any]:
    """A real Valkey: `valkey.new()` is the URL of an empty database. Skipped where there is none."""
    sys.path.insert(0, str(Path(__file__).parent))
    import servers

    with servers.running(servers.Valkey) as server:
        yield server
