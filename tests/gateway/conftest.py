"""One corridor for this folder's tests, in two moods; its parts lie in corridor_parts.py and scripted.py."""

import asyncio
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from scripted import DAY, KEYS, Scripted


@pytest.fixture(scope="session")
def loop():
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


@pytest.fixture(scope="session")
def stand_ins(loop, tmp_path_factory):
    """No partner key is set: every partner is a local stand-in."""
    made = Scripted(tmp_path_factory.mktemp("rehearsal"), loop, DAY)
    yield made
    made.close()


@pytest.fixture(scope="session")
def partners(loop, tmp_path_factory):
    """Every partner has a key: routes lead to the partners' own hosts (of which the net plays each)."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in KEYS.items():
            patch.setenv(name, value)
        made = Scripted(tmp_path_factory.mktemp("live"), loop, DAY)
    yield made
    made.close()


@pytest.fixture
def house(partners):
    return partners.fresh()
