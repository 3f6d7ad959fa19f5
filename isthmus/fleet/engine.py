"""An inference engine as data: how it is started, what it is asked, what its measures are called.

Rules of this room:
1. A new engine is one file in engines/ that exports `ENGINE`; no line elsewhere compares an engine's name.
2. A key reaches an engine in its environment or in a file, never on its command line, which any user of the machine
   can read.
3. `fields` are what a request may carry beyond the dialect's own list. A caller never reaches an engine's switches.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping

import msgspec

from isthmus.core.errors import Refusal
from isthmus.routing.prefix import BLOCK_BYTES
from isthmus.routing.probe import Names

BYTES_A_TOKEN = 4  # English prose; only the order of magnitude of a cache rests on it


class Launch(msgspec.Struct, frozen=True, kw_only=True):
    """One engine process to start. `name` is what requests call the model; `context` tokens each of `slots` answers.

    `cache_mb`: host memory for prompts of finished requests (0: none are kept beyond their slot).
    """

    program: str
    model: str
    name: str
    host: str
    port: int
    slots: int = 4
    context: int = 2048
    threads: int = 1
    cache_mb: int = 0
    extra: tuple[str, ...] = ()


Command = Callable[[Launch], list[str]]
Environ = Callable[[Launch, str], dict[str, str]]


class Engine(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of engine. `environ` gets the launch and the key that requests must show.

    `health` answers 200 only when the model is loaded; `keyed` says whether `metrics` wants the key.
    """

    name: str
    command: Command
    environ: Environ
    names: Names
    health: str = "/health"
    metrics: str = "/metrics"
    fields: frozenset[str] = frozenset()


def room(launch: Launch) -> int:
    """Blocks of the prefix index that the engine's KV cache holds."""
    return max(1, launch.slots * launch.context * BYTES_A_TOKEN // BLOCK_BYTES)


def load() -> Mapping[str, Engine]:
    """All engines by name; the folder engines/ is the registry."""
    from isthmus.fleet import engines

    found = {}
    for module in pkgutil.iter_modules(engines.__path__):
        engine = importlib.import_module(f"{engines.__name__}.{module.name}").ENGINE
        found[engine.name] = engine
    return found


def named(name: str) -> Engine:
    """The engine called `name`. Raises Refusal usage that lists those there are."""
    engines = load()
    if name not in engines:
        raise Refusal("usage", reason=f"No engine is called {name}. Known: {', '.join(sorted(engines))}.")
    return engines[name]
