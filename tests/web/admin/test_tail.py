"""The console's look at the ledger goes on past entries of every kind."""

import datetime as dt

from isthmus.core.clock import FakeClock
from isthmus.ledger.receipt import Law, Receipt
from isthmus.ledger.segments import Ledger
from isthmus.web.admin.tail import Tail

NOW = dt.datetime(2026, 11, 22, 9, tzinfo=dt.UTC)


def test_an_answer_behind_an_entry_about_the_law_is_counted(tmp_path):
    ledger = Ledger.open(tmp_path, "w0", FakeClock(NOW))
    ledger.append(Law("w0-1-1", 0, "d", "2026-11-22", "1", {"EU": "0" * 16}, {"openai": "0" * 16}))
    answer = Receipt(
        "w0-1-2", 1, "k", "t", ("EU",), "assistant", "text", "answer", "adult", "none", "ordinary", "d", "serve", "answered"
    )  # fmt: skip
    ledger.append(answer)
    ledger.flush()
    tail = Tail(tmp_path)
    tail.look()
    ledger.close()
    assert [seen.kind for seen in tail.latest] == ["law", "answer"]
    assert len(tail.rows) == 1
