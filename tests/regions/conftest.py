"""Makes the naive evaluator and the random worlds importable beside the tests (test folders are no packages)."""

import importlib.util
import sys
from pathlib import Path

for name in ("naive", "invented", "worlds"):
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).parent / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
