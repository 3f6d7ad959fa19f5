"""One node in its namespace: `python -m benchmarks.nodes.node HOME HOST`. Its partners are played by a script."""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
from standin import StandIn

from benchmarks.nodes.ground import PORT
from isthmus.core.config import Config
from isthmus.node import Node


def main() -> None:
    home, host = Path(sys.argv[1]), sys.argv[2]
    config = Config(home=home, host=host, port=PORT, admin_host=host, admin_port=PORT + 1, spare=True)
    end = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: end.set())
    with StandIn() as partner:
        node = Node(config, engine=partner.address, engine_key="none", model="played")
        node.start()
        try:
            node.wait_ready(120)
            node.wait_control(120)
            node.start_spare()
            while not (node.spare_ready or end.wait(0.05)):
                pass
            (config.run / "spare").touch()
            end.wait()
        finally:
            (config.run / "spare").unlink(missing_ok=True)
            node.stop()


if __name__ == "__main__":
    main()
