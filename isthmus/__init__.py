"""Isthmus: one intelligence layer for every device and every jurisdiction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from isthmus.device import AsyncDevice, Device

__version__ = "0.1.0"
__all__ = ["AsyncDevice", "Device", "__version__"]


def __getattr__(name: str) -> Any:
    """`from isthmus import Device`, without loading the device's side for those who do not."""
    if name not in {"AsyncDevice", "Device"}:
        raise AttributeError(f"module {__name__} has no attribute {name}")
    from isthmus import device

    return getattr(device, name)
