"""A real Chromium in front of a real control process, with live traffic. Skipped, with the reason, where there is none.

To run: pip install playwright; apt install chromium fonts-inter; pytest tests/browser_console. Screens are written to
build/screens; axe-core is taken from js/node_modules (npm ci) and that check is skipped where it is missing.
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

from isthmus.core.clock import SystemClock
from isthmus.core.config import Config
from isthmus.device.engine import free_port
from isthmus.node import Node, prepare

sys.path.insert(0, str(Path(__file__).parents[1]))
from standin import StandIn

REPOSITORY = Path(__file__).parents[2]
SCREENS = REPOSITORY / "build" / "screens"
QUESTIONS = REPOSITORY / "tests" / "browser" / "questions.js"
AXE = REPOSITORY / "js" / "node_modules" / "axe-core" / "axe.min.js"
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), ""
)
ASKED = (
    ("CN", "auto", "plain"), ("CN", "doubao", "plain"), ("EU", "auto", "plain"), ("KR", "auto", "plain"),
    ("US-CA", "openai", "plain"), ("CN", "openai", "plain"), ("CN", "auto", "我的手机13800138000"),
)  # fmt: skip


@pytest.fixture(scope="session")
def chromium():
    if os.environ.get("CI"):
        pytest.skip("browser tests are not run in CI")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM:
        pytest.skip("no Chromium on PATH")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


def ask(house, region, model, text):
    """One question of live traffic; whatever the law says to it is counted."""
    headers = {"authorization": f"Bearer {house.key}", "isthmus-region": region}
    body = {"model": model, "messages": [{"role": "user", "content": text}]}
    httpx.post(f"{house.url}/v1/chat/completions", headers=headers, json=body, timeout=30)


@pytest.fixture(scope="session")
def house(chromium, tmp_path_factory):
    """A node of one worker with its control process; a thread asks all the while."""
    config = Config(home=tmp_path_factory.mktemp("home"), port=free_port(), admin_port=free_port())
    key = prepare(config, SystemClock())
    stop = threading.Event()
    with StandIn() as answers:
        node = Node(config, engine=answers.address, engine_key="engine-key", model="played")
        node.start()
        try:
            node.wait_ready()
            node.wait_control()
            owner = (config.home / "owner.token").read_text()
            made = SimpleNamespace(url=node.url, admin=node.admin_url, key=key, owner=owner, home=config.home)
            for asked in ASKED:
                ask(made, *asked)

            def traffic():
                while not stop.wait(0.3):
                    for asked in ASKED:
                        ask(made, *asked)

            asking = threading.Thread(target=traffic, daemon=True)
            asking.start()
            yield made
            stop.set()
            asking.join(30)
        finally:
            stop.set()
            node.stop()


class Desk:
    """The console on one screen. `outside` holds every address that is not the control process's own."""

    def __init__(self, page, house, token):
        self.page = page
        self.house = house
        self.errors = []
        self.outside = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", self._asked)
        page.goto(f"{house.admin}/#token={token}")
        page.wait_for_selector("h1")

    def _asked(self, request):
        if not request.url.startswith((self.house.admin, "data:")):
            self.outside.append(request.url)

    def go(self, name):
        self.page.click(f"nav a[href='#{name}']")
        self.page.wait_for_selector(f"nav a[href='#{name}'][aria-current=page]")

    def text(self):
        return self.page.inner_text("main")

    def shot(self, name):
        SCREENS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=str(SCREENS / f"console-{name}.png"), full_page=True)

    def questions(self, name):
        """What tests/browser/questions.js finds wrong of the 25 questions, after a picture of the screen as it stands."""
        SCREENS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=str(SCREENS / f"console-{name}.png"))
        code = QUESTIONS.read_text("utf-8").split("\n({", 1)[1]
        return self.page.evaluate("({" + code, {"least": 28, "people": "td, code, textarea, .marked"})

    def flaws(self):
        """What axe finds, in words; [] when axe-core is not here (then it was not asked)."""
        if not AXE.exists():
            return []
        self.page.evaluate(AXE.read_text("utf-8"))
        found = self.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        return [
            f"{each['id']}: {node['target']} {node['failureSummary']}"
            for each in found["violations"]
            for node in each["nodes"]
        ]


@pytest.fixture
def console(chromium, house):
    """`console(token, ...)` opens the console for one person on one screen."""
    contexts = []

    def open_(token="", width=1440, height=900, scheme="light"):
        context = chromium.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce"
        )
        contexts.append(context)
        return Desk(context.new_page(), house, token or house.owner)

    yield open_
    for context in contexts:
        context.close()
