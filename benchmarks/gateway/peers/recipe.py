"""One peer, one file: how it is got, started and asked. The files beside this one are all there are.

A recipe says, in the words of the peer's own documents, what it needs to copy one request to one upstream; nothing is
tuned beyond that. In its texts stand @port@ (where it listens), @target@ (the upstream), @folder@ (an empty folder of
its own), @home@ (where it was installed) and @other@ (one more free port).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tomllib
from collections.abc import Mapping
from pathlib import Path

import msgspec

HERE = Path(__file__).parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "isthmus-peers"


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`work`: what it does with a request, because not all do the same. `get`: "apt NAME", "pip REQUIREMENT" or "npm
    PACKAGE". `rate` and `streams`: requests and paced streams a second at which its delay is measured; `connections`:
    how many ask at once. `port_file`: where it writes its port when it takes none. `name` is the file's.
    """

    name: str
    title: str
    language: str
    work: str
    get: str
    start: tuple[str, ...]
    health: str
    docs: tuple[str, ...]
    version: tuple[str, ...] = ()
    path: str = "/v1/chat/completions"
    model: str = "doubao"
    headers: Mapping[str, str] = {}
    env: Mapping[str, str] = {}
    files: Mapping[str, str] = {}
    connections: int = 64
    rate: int = 1000
    streams: int = 50
    port_file: str = ""

    @property
    def home(self) -> Path:
        """Where it is installed, unless Debian keeps it."""
        return CACHE / self.name

    @property
    def is_here(self) -> bool:
        """Whether it can be started on this machine."""
        program = self.start[0]
        if program.startswith("@home@"):
            return Path(program.replace("@home@", str(self.home))).exists()
        return found(program) is not None and (not self.get.startswith("npm") or (self.home / "node_modules").exists())

    def filled(self, text: str, **places: object) -> str:
        """`text` with its places taken."""
        for name, value in {"home": self.home, **places}.items():
            text = text.replace(f"@{name}@", str(value))
        return text

    def told_version(self) -> str:
        """The version that is installed, in its own words or its package's."""
        if self.get.startswith("pip") or self.get.startswith("npm"):
            return self.get.rpartition("==" if "==" in self.get else "@")[2]
        command = [found(self.version[0]) or self.version[0], *self.version[1:]]
        said = subprocess.run(command, capture_output=True, text=True, check=False)
        words = (said.stdout + said.stderr).replace("/", " ").split()
        return next((word for word in words if word[0].isdigit() and "." in word), "unknown")


def found(program: str) -> str | None:
    """The program's path; Debian keeps servers out of an ordinary user's way."""
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


_ORDER = ("C", "C++", "Rust", "Go", "Node", "Python")


def load() -> dict[str, Recipe]:
    """All recipes by name, nginx first, then as they shall stand in the table."""
    recipes = {}
    for path in sorted(HERE.glob("*.toml")):
        table = tomllib.loads(path.read_text("utf-8"))
        recipes[path.stem] = msgspec.convert({"name": path.stem, **table}, Recipe)
    names = sorted(recipes, key=lambda name: (name != "nginx", _ORDER.index(recipes[name].language)))
    return {name: recipes[name] for name in names}
