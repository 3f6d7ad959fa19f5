"""A process that writes to a ledger until it is stopped: `python writer.py FOLDER COUNT`.

Prints the id of every receipt after it was acknowledged, one a line, and "failed" when the ledger refuses.
"""

import sys
from pathlib import Path

from isthmus.core.clock import SystemClock
from isthmus.core.errors import Refusal
from isthmus.ledger.receipt import Receipt
from isthmus.ledger.segments import Ledger


def receipt(id):
    words = (
        "k1",
        "acme",
        ("CN",),
        "assistant",
        "text",
        "answer",
        "adult",
        "personal",
        "ordinary",
        "d",
        "serve",
        "answered",
    )
    return Receipt(id, 1_700_000_000_000, *words)


def write(folder, count, say, group=7, segment_bytes=20_000):
    """Write `count` receipts in groups; `say` hears the ids of each group once it is durable."""
    try:
        ledger = Ledger.open(folder, "w0", SystemClock(), segment_bytes)
        for _ in range(0, count, group):
            names = [ledger.next_id() for _ in range(group)]
            for name in names:
                ledger.append(receipt(name))
            ledger.flush()
            say("\n".join(names) + "\n")
    except Refusal as refusal:
        say(f"failed {refusal.code}\n")
        return
    ledger.close()


if __name__ == "__main__":
    write(Path(sys.argv[1]), int(sys.argv[2]), lambda text: print(text, end="", flush=True))
