"""Makes the naive evaluator importable beside the tests (test folders are no packages)."""

import importlib.util
import sys
from pathlib import Path

_spec = importlib.util.spec_from_file_location("naive", Path(__file__).parent / "naive.py")
assert _spec is not None
assert _spec.loader is not None
if "naive" not in sys.modules:
    sys.modules["naive"] = importlib.util.module_from_spec(_spec)
    _spec.loader.exec_module(sys.modules["naive"])
