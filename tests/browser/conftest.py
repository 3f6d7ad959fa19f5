"""A real Chromium in front of a real node. Skipped, with the reason, where there is no Chromium; never run in CI.

To run: pip install playwright; apt install chromium fonts-inter fonts-noto-cjk; pytest tests/browser
(docs/phone.md). Screens are written to build/screens.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from isthmus.core.clock import SystemClock
from isthmus.core.config import Config
from isthmus.core.config import load as load_config
from isthmus.device.catalogue import load as catalogue
from isthmus.device.engine import free_port
from isthmus.device.store import Store
from isthmus.node import Node, prepare

sys.path.insert(0, str(Path(__file__).parents[1]))
from standin import StandIn

REPOSITORY = Path(__file__).parents[2]
SCREENS = REPOSITORY / "build" / "screens"
QUESTIONS = REPOSITORY / "tests" / "browser" / "questions.js"
# Where a person's or a model's own words stand: they break as the browser breaks them.
PEOPLE = ".bubble, .text, .outgoing-text, .diff, .chat-name, .digest-line, .digest-row ul, textarea"
AXE = REPOSITORY / "js" / "node_modules" / "axe-core" / "axe.min.js"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), ""
)


@pytest.fixture(scope="session")
def chromium():
    if os.environ.get("CI"):
        pytest.skip("browser tests are not run in CI")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (docs/phone.md)")
    if not CHROMIUM:
        pytest.skip("no Chromium on PATH (docs/phone.md)")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


class House(NamedTuple):
    """A node in front of the scripted stand-in: `answers.seen` holds what was really sent."""

    url: str
    key: str
    answers: StandIn


OBSERVE = """
window.seen = {shift: 0, longest: 0, tasks: 0, paint: 0};
new PerformanceObserver((list) => { for (const each of list.getEntries()) if (!each.hadRecentInput) seen.shift += each.value; })
  .observe({type: "layout-shift", buffered: true});
new PerformanceObserver((list) => { for (const each of list.getEntries()) { seen.tasks++; seen.longest = Math.max(seen.longest, each.duration); } })
  .observe({type: "longtask", buffered: true});
new PerformanceObserver((list) => { seen.paint = list.getEntries().at(-1).startTime; })
  .observe({type: "largest-contentful-paint", buffered: true});
"""
SMALL = "smollm2-135m"
PATIENCE_MS = 30_000  # for machines that do much else besides


@pytest.fixture(scope="session")
def small_model():
    """The small model's catalogue entry, where it was pulled on this machine."""
    entry = catalogue()[SMALL]
    path = Store(load_config().models).path(entry)
    return None if path is None else (entry, path)


@pytest.fixture(scope="session")
def house(chromium, tmp_path_factory, small_model):
    home = tmp_path_factory.mktemp("home")
    if small_model is not None:
        folder = home / "models" / "sha256"
        folder.mkdir(parents=True)
        (folder / small_model[0].sha256).symlink_to(small_model[1])
    config = Config(home=home, port=free_port(), workers=1)
    key = prepare(config, SystemClock())
    with StandIn() as answers:
        node = Node(config, engine=answers.address, engine_key="engine-key", model="smollm2-135m")
        node.start()
        try:
            node.wait_ready()
            yield House(node.url, key, answers)
        finally:
            node.stop()


class Phone:
    """The app on one screen, as a person meets it. `outside` holds every address that is not the node's own."""

    def __init__(self, page, house):
        self.page = page
        self.house = house
        self.outside = []
        self.broken = []
        page.on("request", self._look)
        page.on("pageerror", lambda error: self.broken.append(str(error)))

    def _look(self, request):
        if not request.url.startswith((self.house.url, "data:", "blob:")):
            self.outside.append(request.url)

    def enter(self):
        self.page.goto(f"{self.house.url}/#key={self.house.key}")
        self.page.wait_for_selector(".home, .log")
        self.until("localStorage.getItem('isthmus.regions')")
        return self

    def until(self, true):
        """Wait for a JavaScript expression. Playwright's own wait evaluates text inside the page, which its policy bars."""
        for _ in range(PATIENCE_MS // 50):
            if self.page.evaluate(f"Boolean({true})"):
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"never came true: {true}")

    def ask(self, text):
        self.page.fill("#ask", text)
        self.page.click(".send")

    def answered(self):
        """The last answer's text, once it is whole."""
        self.page.wait_for_selector(".pair-last .provenance .actions")
        return self.page.inner_text(".pair-last .text")

    def ask_partner(self, text):
        """A question for the partner; returns when its sheet stands."""
        self.page.click(".home .row-button:nth-child(3)")
        self.ask(text)
        self.page.wait_for_selector(".consent")

    def fetch_model(self):
        """The small model onto this device, from the settings page."""
        self.page.evaluate("location.hash = '#/settings'")
        self.page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        row = self.page.locator(".line", has_text="SmolLM2")
        row.get_by_role("button").click()
        self.page.wait_for_selector(".fetching")
        self.page.wait_for_selector(".fetching", state="detached", timeout=120_000)
        assert self.page.query_selector(".settings-page .bad") is None
        return self

    def choose(self, label, word):
        """Another word in one of the header's fields (region, mode)."""
        self.page.click(".place")
        self.page.get_by_role("combobox", name=label).select_option(word)
        self.close_sheet()

    def close_sheet(self):
        """Esc, and the step back that goes with it."""
        self.page.keyboard.press("Escape")
        self.page.wait_for_selector("dialog", state="detached")
        self.until("!history.state")

    def screen(self, name):
        SCREENS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=str(SCREENS / f"{name}.png"), animations="disabled")

    def watch(self):
        """From the next page on, note layout shifts (their sum), long tasks (count, longest in ms), largest paint (ms)."""
        self.page.add_init_script(OBSERVE)

    def write_down(self, name):
        """What was noted since the page came, also into build/screens/measured.json."""
        seen = self.page.evaluate("seen")
        SCREENS.mkdir(parents=True, exist_ok=True)
        path = SCREENS / "measured.json"
        known = json.loads(path.read_text("utf-8")) if path.exists() else {}
        path.write_text(json.dumps({**known, name: seen}, indent=1), "utf-8")
        return seen

    def kept(self):
        return self.page.evaluate("Object.keys(localStorage)")

    def questions(self):
        """What a program finds wrong of the 25 questions on the screen as it stands: {} is yes to all it can ask."""
        code = QUESTIONS.read_text("utf-8").split("\n({", 1)[1]
        return self.page.evaluate("({" + code, {"least": 44, "people": PEOPLE})

    def clipped(self):
        """Elements that stick out sideways."""
        return self.page.evaluate("""() => [...document.querySelectorAll("body *")].filter((each) => {
            const box = each.getBoundingClientRect();
            return box.width > 0 && (box.right > innerWidth + 1 || box.left < -1)
              && !each.closest(".tabs, .visually-hidden, pre, .chat-name") && getComputedStyle(each).visibility !== "hidden";
        }).map((each) => each.className || each.tagName)""")

    def complaints(self):
        """What axe finds serious or critical on the page as it is."""
        if not AXE.exists():
            pytest.skip("axe-core is not installed (npm ci in js/)")
        self.page.wait_for_timeout(300)  # colours are read when the sheet has come to rest
        self.page.evaluate(AXE.read_text("utf-8"))
        found = self.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        return [
            (each["id"], node["target"], node.get("failureSummary", ""))
            for each in found["violations"]
            for node in each["nodes"]
            if each["impact"] in ("serious", "critical")
        ]


@pytest.fixture
def phone(chromium, house):
    """phone(**options): a fresh profile; options are those of a Playwright context."""
    contexts = []

    def make(width=390, height=844, locale="zh-CN", **options):
        context = chromium.new_context(
            viewport={"width": width, "height": height},
            locale=locale,
            **{"has_touch": width < 900, "is_mobile": width < 900, "reduced_motion": "reduce", **options},
        )
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        return Phone(context.new_page(), house)

    yield make
    for context in contexts:
        context.close()
