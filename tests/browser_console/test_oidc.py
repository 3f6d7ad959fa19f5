"""Signing in with an identity provider of another site, in a real browser: the Strict cookie arrives and is used.

What only a browser can show: a cookie that is SameSite=Strict is left at home on whatever the provider's site began, so a
redirect to the console would arrive without it.
"""

from __future__ import annotations

import socket
import sys
import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

pytest.importorskip("authlib", reason="authlib is not installed (extra oidc)")
pytest.importorskip("uvicorn", reason="uvicorn is not installed (dependency group dev)")

import uvicorn

from isthmus import control
from isthmus.control import Settings
from isthmus.core.clock import FakeClock
from isthmus.core.operator import REHEARSAL_TOML
from isthmus.web.admin import oidc
from isthmus.web.admin.access import COOKIE
from isthmus.web.admin.api import admin_app

sys.path.insert(0, str(Path(__file__).parents[1] / "web" / "admin"))
from provider import Provider

GRANT = '[[grant]]\nword = "house-operators"\nrole = "operator"\n'


@contextmanager
def serving(app, sock):
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off", ws="none"))
    thread = threading.Thread(target=server.run, args=([sock],))
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()
        sock.close()


@pytest.fixture
def console(tmp_path):
    """The console at "localhost", its provider at "127.0.0.1": two sites to a browser."""
    clock = FakeClock(datetime.now(UTC))  # the browser ends cookies by its own clock
    (tmp_path / "run").mkdir()
    (tmp_path / "operator.toml").write_text(REHEARSAL_TOML)
    office = control.open_office(Settings(str(tmp_path), "127.0.0.1", 0, "http://127.0.0.1:8080", 1), clock)
    sock = socket.create_server(("127.0.0.1", 0))
    url = f"http://localhost:{sock.getsockname()[1]}"
    with Provider(clock, f"{url}{oidc.HERE}/callback").running() as provider:
        provider.method = "none"
        head = f'issuer = "{provider.issuer}"\nclient_id = "isthmus"\nconsole = "{url}"\nclaim = "groups"\n'
        (tmp_path / oidc.FILE).write_text(head + GRANT)
        with serving(admin_app(office), sock):
            yield url, provider
    office.ledger.close()
    office.accounts.close()


def test_after_the_provider_the_console_opens_and_the_cookie_is_strict(chromium, console):
    url, _ = console
    page = chromium.new_context().new_page()
    page.goto(url)
    page.get_by_role("link", name="Sign in with").click()
    page.get_by_text("Ada").first.wait_for()
    said = page.evaluate("async () => (await (await fetch('/admin/v1/session')).json())")
    assert (said["person"]["name"], said["person"]["role"]) == ("Ada", "operator")
    kept = {each["name"]: each for each in page.context.cookies()}
    assert (kept[COOKIE]["sameSite"], kept[COOKIE]["httpOnly"]) == ("Strict", True)
    assert oidc.BEGUN not in kept
    assert page.evaluate("document.cookie") == ""
    page.context.close()


def test_whoever_has_no_role_reads_why_and_stays_out(chromium, console):
    url, provider = console
    provider.user |= {"groups": []}
    page = chromium.new_context().new_page()
    page.goto(f"{url}{oidc.HERE}/login")
    page.get_by_text("may not do this").wait_for()
    assert COOKIE not in {each["name"] for each in page.context.cookies()}
    page.context.close()
