"""The person's side: local model, features, orchestrator, client.

`Device`, `AsyncDevice`, `Tool`, `Abort` and `Hints` are what a program needs; they are imported when first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from isthmus.device.aio import AsyncDevice
    from isthmus.device.device import Device
    from isthmus.device.orchestrator import Hints
    from isthmus.device.session import Tool
    from isthmus.device.task import Abort

__all__ = ["Abort", "AsyncDevice", "Device", "Hints", "Tool"]
_HOMES = {"Abort": "task", "AsyncDevice": "aio", "Device": "device", "Hints": "orchestrator", "Tool": "session"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__} has no attribute {name}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
