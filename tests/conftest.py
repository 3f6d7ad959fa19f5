"""What several test folders share: one real engine with a real, small model, started on first use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from isthmus.core import config
from isthmus.device import catalogue
from isthmus.device.engine import LocalEngine
from isthmus.device.store import Store

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
