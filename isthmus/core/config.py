"""Where things are on this machine, and the few switches a person may set. Read once, at start.

Every switch is an environment variable that begins with ISTHMUS_ (docs/operating.md lists them).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec


class Config(msgspec.Struct, frozen=True):
    """Paths and listeners. `home` holds all state: accounts, ledger, models, operator.toml, logs.

    `admin_port` is the control process's, on loopback unless ISTHMUS_ADMIN_HOST says otherwise; 0: there is none.
    `spare`: one more worker stands ready for one that dies.
    """

    home: Path
    host: str = "127.0.0.1"
    port: int = 8080
    workers: int = 1
    model: str = ""
    tls_cert: str = ""
    tls_key: str = ""
    admin_port: int = 0
    admin_host: str = "127.0.0.1"
    spare: bool = False

    @property
    def models(self) -> Path:
        return self.home / "models"

    @property
    def ledger(self) -> Path:
        return self.home / "ledger"

    @property
    def accounts(self) -> Path:
        return self.home / "accounts.sqlite"

    @property
    def operator(self) -> Path:
        return self.home / "operator.toml"

    @property
    def run(self) -> Path:
        return self.home / "run"


def load(environ: Mapping[str, str] | None = None) -> Config:
    """Config from the environment. `ISTHMUS_HOME` defaults to `~/.isthmus`.

    Raises ValueError when a number is not one.
    """
    env = os.environ if environ is None else environ
    home = Path(env.get("ISTHMUS_HOME") or Path.home() / ".isthmus").expanduser().absolute()
    port = int(env.get("ISTHMUS_PORT", "8080"))
    return Config(
        home=home,
        host=env.get("ISTHMUS_HOST", "127.0.0.1"),
        port=port,
        workers=int(env.get("ISTHMUS_WORKERS", "1")),
        model=env.get("ISTHMUS_MODEL", ""),
        tls_cert=env.get("ISTHMUS_TLS_CERT", ""),
        tls_key=env.get("ISTHMUS_TLS_KEY", ""),
        admin_port=int(env.get("ISTHMUS_ADMIN_PORT") or port + 1),
        admin_host=env.get("ISTHMUS_ADMIN_HOST", "127.0.0.1"),
        spare=env.get("ISTHMUS_SPARE", "1") != "0",
    )
