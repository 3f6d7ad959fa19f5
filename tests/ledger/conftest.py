from datetime import UTC, datetime

import pytest

from isthmus.core.clock import FakeClock
from isthmus.ledger.receipt import Receipt


@pytest.fixture
def clock():
    return FakeClock(datetime(2026, 11, 22, tzinfo=UTC))


@pytest.fixture
def make():
    """A function that makes the receipt of an answer: id, and any field."""

    def receipt(id, **fields):
        words = {
            "at": 1_700_000_000_000,
            "key_id": "k1",
            "tenant": "acme",
            "regions": ("CN",),
            "feature": "assistant",
            "modality": "text",
            "event": "answer",
            "age": "adult",
            "data": "personal",
            "content": "ordinary",
            "decision": "d1",
            "verdict": "serve",
            "outcome": "answered",
        }
        return Receipt(id=id, **(words | fields))

    return receipt
