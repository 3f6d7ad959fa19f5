"""Ledger: what one receipt costs the writer's thread, in groups as a busy worker makes them."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from pathlib import Path

from isthmus.core.clock import SystemClock
from isthmus.core.exchange import Attempt
from isthmus.core.wire import Usage
from isthmus.ledger import checkpoint
from isthmus.ledger.logs import Logs
from isthmus.ledger.receipt import Receipt

GROUP = 250  # 25,000 receipts a second, committed each 10 ms
CASE = f"{GROUP} receipts: encode, chain, tree, write, sync"
BUDGET_US = {CASE: 6.0 * GROUP}
MEMORY = Path("/dev/shm")  # its sync waits for nothing, so that wall time is CPU time


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


def cases():
    place = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    logs = Logs(place, "w0", checkpoint.signer(place), SystemClock())
    group = [receipt(number) for number in range(GROUP)]
    return {CASE: lambda: logs.commit(group)}
