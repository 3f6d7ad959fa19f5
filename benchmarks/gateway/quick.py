"""`make bench-quick`: Isthmus with every policy on beside nginx that only copies bytes, in one run.

Prints CPU microseconds per request (user + system time of the whole process tree, from /proc, divided by good answers),
unstreamed and for a burst stream of 64 events; the last line is one JSON document. Load and upstream share core 1, the
gateway has core 0. Figures hold for this machine and this minute: compare ratios.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec

from isthmus.core.clock import SystemClock
from isthmus.core.config import Config
from isthmus.core.consent import Consent
from isthmus.gateway.build import Settings
from isthmus.ledger.accounts import Accounts
from isthmus.node import prepare
from isthmus.policy import term_lists

HERE = Path(__file__).parent
TERMS = 20_000
CONNECTIONS = 64
ROUNDS = 3
TICK = os.sysconf("SC_CLK_TCK")
PROMPT = "Please summarise the following note for me in two sentences, and keep every name as it stands. " * 10


def body(*, stream: bool) -> bytes:
    """A prompt of about 1 KB."""
    ask = {"model": "doubao", "messages": [{"role": "user", "content": PROMPT}], "max_tokens": 256}
    return json.dumps(ask | ({"stream": True} if stream else {}), separators=(",", ":")).encode()


def free_port() -> int:
    import socket

    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def pinned(core: int):
    cores = sorted(os.sched_getaffinity(0))
    mine = {cores[core % len(cores)]}
    return lambda: os.sched_setaffinity(0, mine)


@contextmanager
def process(command: list[str], core: int, port: int, **more):
    child = subprocess.Popen(command, preexec_fn=pinned(core), **more)  # noqa: PLW1509 - no threads here
    try:
        wait_open(port)
        yield child.pid
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait(30)


def wait_open(port: int) -> None:
    import socket

    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit(f"nothing came up on port {port}")


def tree(pid: int) -> list[int]:
    """`pid` and all its descendants."""
    found = [pid]
    for parent in found:
        for task in Path(f"/proc/{parent}/task").glob("*/children"):
            found += [int(child) for child in task.read_text().split()]
    return found


def cpu_seconds(pid: int) -> float:
    total = 0
    for each in tree(pid):
        fields = Path(f"/proc/{each}/stat").read_text().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICK


def rss_mib(pid: int) -> float:
    pages = sum(int(Path(f"/proc/{each}/statm").read_text().split()[1]) for each in tree(pid))
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def upstream(folder: Path) -> Path:
    """Build the upstream once per run."""
    program = folder / "upstream"
    subprocess.run(["gcc", "-O2", "-o", str(program), str(HERE / "upstream.c")], check=True)
    return program


def nginx_config(folder: Path, port: int, target: int) -> Path:
    """One worker that copies bytes: keep-alive on both sides, no log, no buffering of streams."""
    path = folder / "nginx.conf"
    temp = "\n".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    path.write_text(
        f"""worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.err crit;
events {{ worker_connections 4096; }}
http {{ access_log off; {temp} keepalive_requests 100000000;
upstream up {{ server 127.0.0.1:{target}; keepalive 256; keepalive_requests 100000000; }}
server {{ listen 127.0.0.1:{port} reuseport; location / {{ proxy_pass http://up; proxy_http_version 1.1;
proxy_set_header Connection ""; proxy_buffering off; }} }} }}
"""
    )
    return path


def isthmus_home(folder: Path) -> tuple[Path, str]:
    """A home with 20,000 terms and a key for which consent to Doubao stands: every policy is at work."""
    home = folder / "home"
    prepare(Config(home=home), SystemClock())
    (home / "terms").mkdir()
    random = [secrets.token_hex(6) for _ in range(TERMS // 2)]
    random += ["".join(chr(0x4E00 + secrets.randbelow(20000)) for _ in range(4)) for _ in range(TERMS // 2)]
    listed = ",".join(json.dumps(term, ensure_ascii=False) for term in random)
    (home / "terms" / "cn31.toml").write_text(
        f'origin = "random, for measuring"\n[category.bench]\nterms = [{listed}]\n'
    )
    term_lists.load(home).compile()  # as `isthmus moderation import` does
    clock = SystemClock()
    accounts = Accounts.open(home / "accounts.sqlite", clock)
    now = clock.now()
    consent = Consent(
        id="", tenant="bench", kind="separate", recipient="doubao", region="CN", feature="*", scope="always",
        subject="", language="", given_at=now, until=now.replace(year=now.year + 1),
    )  # fmt: skip
    accounts.give_consent(consent)
    _, secret = accounts.create_key("bench", ("CN",), "CN", age="adult", consents=(consent.id,))
    accounts.close()
    return home, secret


def isthmus_settings(home: Path, port: int, target: int) -> Path:
    settings = Settings(
        home=str(home), host="127.0.0.1", port=port, shard="bench", engine=("127.0.0.1", target), engine_key="none",
        model="bench",
    )  # fmt: skip
    path = home / "run" / "bench.json"
    path.write_bytes(msgspec.json.encode(settings))
    return path


def script(folder: Path, name: str, raw: bytes, key: str) -> Path:
    path = folder / f"{name}.lua"
    quoted = raw.decode().replace("\\", "\\\\").replace('"', '\\"')
    path.write_text(
        f'wrk.method="POST"\nwrk.body="{quoted}"\nwrk.headers["Content-Type"]="application/json"\n'
        f'wrk.headers["Authorization"]="Bearer {key}"\n'
    )
    return path


def load(lua: Path, port: int, seconds: float) -> int:
    """Good answers of one wrk run; a bad one ends the benchmark."""
    url = f"http://127.0.0.1:{port}/v1/chat/completions"
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds:g}s", "-s", str(lua), url]
    said = subprocess.run(command, capture_output=True, text=True, check=True, preexec_fn=pinned(1)).stdout
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)|Socket errors: (.*)", said)
    if bad:
        raise SystemExit(f"not a fair run: {bad[0]}")
    return int(re.search(r"(\d+) requests in", said)[1])


def settle(pid: int) -> None:
    """Wait until the process tree is idle: a fresh worker still compiles other regions in the background."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        before = cpu_seconds(pid)
        time.sleep(0.5)
        if cpu_seconds(pid) - before < 0.03:
            return


def measure(pid: int, lua: Path, port: int, seconds: float) -> float:
    """CPU microseconds per good answer."""
    before = cpu_seconds(pid)
    good = load(lua, port, seconds)
    return (cpu_seconds(pid) - before) / good * 1e6


def main() -> None:
    missing = [
        name
        for name in ("wrk", "nginx", "gcc")
        if shutil.which(name) is None and not Path(f"/usr/sbin/{name}").exists()
    ]
    if missing:
        raise SystemExit(f"not installed here: {', '.join(missing)}")
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 2.0
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o755)
        target, front, ours = free_port(), free_port(), free_port()
        stack.enter_context(process([str(upstream(folder)), str(target)], 1, target))
        home, key = isthmus_home(folder)
        nginx = shutil.which("nginx") or "/usr/sbin/nginx"
        pid_nginx = stack.enter_context(process([nginx, "-c", str(nginx_config(folder, front, target))], 0, front))
        pid_ours = stack.enter_context(
            process([sys.executable, "-m", "isthmus.worker", str(isthmus_settings(home, ours, target))], 0, ours)
        )
        scripts = {kind: script(folder, kind, body(stream=kind == "stream"), key) for kind in ("plain", "stream")}
        settle(pid_ours)
        rows: dict[str, list[float]] = {}
        for kind, lua in scripts.items():
            for port in (front, ours):
                load(lua, port, 2.0)
            for _ in range(ROUNDS):
                rows.setdefault(f"nginx {kind}", []).append(measure(pid_nginx, lua, front, seconds))
                rows.setdefault(f"isthmus {kind}", []).append(measure(pid_ours, lua, ours, seconds))
        best = {row: min(values) for row, values in rows.items()}
        for row, values in rows.items():
            print(f"{row:16} {min(values):8.1f} us  (median {statistics.median(values):.1f})")
        print(f"isthmus RSS {rss_mib(pid_ours):.0f} MiB")
    result = {
        "us_per_request": round(best["isthmus plain"], 1),
        "us_per_stream": round(best["isthmus stream"], 1),
        "nginx_us": round(best["nginx plain"], 1),
        "ratio": round(best["isthmus plain"] / best["nginx plain"], 2),
        "nginx_us_per_stream": round(best["nginx stream"], 1),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
