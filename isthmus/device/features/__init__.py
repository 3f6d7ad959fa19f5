"""What the device can do: one file per feature; the folder is the registry (see device/task.py for the words)."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache

from isthmus.core.errors import Refusal
from isthmus.device.task import Feature


@cache
def discover() -> Mapping[str, Feature]:
    """Every feature by name, sorted."""
    found = {}
    for module in pkgutil.iter_modules(__path__):
        if not module.name.startswith("_"):
            feature: Feature = importlib.import_module(f"{__name__}.{module.name}").FEATURE
            found[feature.name] = feature
    return dict(sorted(found.items()))


def named(name: str) -> Feature:
    """The feature of that name. Raises Refusal bad_field."""
    found = discover().get(name)
    if found is None:
        raise Refusal("bad_field", field="feature", reason="one of " + ", ".join(discover()))
    return found
