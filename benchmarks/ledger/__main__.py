"""What the ledger does on this machine: receipts a second, waiting for the disk, checking, finding what was made here.

    python -m benchmarks.ledger [NAME ...] [--count N] [--json]

One file per question in this folder; the folder is the registry. A file exports run(count), which answers figures
by name, and COUNT, how much it does when nothing is said. results.md holds a table that was made like this.
"""

from __future__ import annotations

import argparse
import importlib
import json
import pkgutil
from pathlib import Path


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ledger", description=__doc__)
    parser.add_argument("names", nargs="*", help="questions; all when none is named")
    parser.add_argument("--count", type=int, default=0, help="how many receipts, texts or rounds")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    asked = parser.parse_args()
    here = [module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)]) if module.name != "__main__"]
    found = {}
    for name in asked.names or here:
        question = importlib.import_module(f"benchmarks.ledger.{name}")
        found[name] = question.run(asked.count or question.COUNT)
        if not asked.json:
            print(f"\n{name}", *(f"  {what}: {value}" for what, value in found[name].items()), sep="\n", flush=True)
    if asked.json:
        print(json.dumps(found, ensure_ascii=False))


if __name__ == "__main__":
    main()
