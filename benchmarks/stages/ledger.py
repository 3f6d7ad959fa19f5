"""What the ledger costs for one receipt: encode, hash, chain, tree, write and sync, in a busy worker's groups."""

import tempfile
import time
from pathlib import Path

from isthmus.core.clock import SystemClock
from isthmus.core.exchange import Attempt
from isthmus.core.wire import Usage
from isthmus.ledger import checkpoint
from isthmus.ledger.logs import Logs
from isthmus.ledger.receipt import Receipt

NAME = "ledger: encode, chain, tree, write"
BUDGET_US = 6.0
GROUP = 250  # 25,000 receipts a second, committed each 10 ms
ROUNDS = 40


def receipt(number):
    """A receipt of an ordinary served answer."""
    asked = (
        ("CN",),
        "assistant",
        "text",
        "answer",
        "adult",
        "personal",
        "ordinary",
        "1f0c77aa",
        "serve",
        "answered",
        "",
    )
    served = ("doubao/pro", "doubao", "pro", "partner", False, [Attempt("doubao/pro", "answered", "", 1200)])
    shown = ("内容由AI生成", "end", 1, ["consent", "label", "receipt"], {"phone": 1}, "", "", Usage(100, 50, 150))
    return Receipt(
        f"w0-1-{number}", 1_795_334_017_031, "k1", "acme", *asked, *served, *shown, "", True, "stop", 900, 20_000
    )


def measure() -> float:
    """CPU microseconds of the writer's thread for one receipt: the best of five runs."""
    best = float("inf")
    with tempfile.TemporaryDirectory() as place:
        logs = Logs(Path(place), "w0", checkpoint.signer(Path(place)), SystemClock())
        group = [receipt(number) for number in range(GROUP)]
        for _ in range(5):
            start = time.process_time()
            for _ in range(ROUNDS):
                logs.commit(group)
            best = min(best, (time.process_time() - start) / (ROUNDS * GROUP) * 1e6)
        logs.close()
    return best
