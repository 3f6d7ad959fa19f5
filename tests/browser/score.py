"""Lighthouse over both apps, light and dark, phone and desktop; and whether the phone app can be installed.

    python tests/browser/score.py [--lighthouse PATH]

Needs a Chromium on PATH, playwright for Python, and Lighthouse: `npm install lighthouse@12.8.2` somewhere, and the path
to its `lighthouse` command; without --lighthouse it is asked from npx. Both apps run in front of the scripted stand-in,
on loopback. Exit status 1 where an accessibility score is below 95 or the app cannot be installed.
Lighthouse 12 scores no PWA category any more, so Chromium itself is asked what stands against an installation.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx

sys.path.insert(0, str(Path(__file__).parents[1]))
from standin import StandIn

from isthmus.core.clock import SystemClock
from isthmus.core.config import Config
from isthmus.device.engine import free_port
from isthmus.node import Node, prepare

FLAGS = "--headless=new --no-sandbox --disable-gpu"
SCHEMES = {"light": "1", "dark": "0"}  # blink's preferredColorScheme
FORMS = {"phone": ["--form-factor=mobile"], "desktop": ["--preset=desktop"]}
LEAST = 95


def lighthouse(command, chromium, url, scheme, form):
    """One report as JSON: scores by category 0 to 100, and the figures of layout shift and blocking."""
    flags = f"{FLAGS} --blink-settings=preferredColorScheme={SCHEMES[scheme]}"
    asked = [*command, url, *FORMS[form], "--quiet", "--output=json", "--throttling-method=provided",
             "--only-categories=accessibility,best-practices,performance", f"--chrome-flags={flags}"]  # fmt: skip
    ran = subprocess.run(
        asked, capture_output=True, text=True, timeout=180, env={**os.environ, "CHROME_PATH": chromium}, check=False
    )
    if ran.returncode:
        raise SystemExit(f"Lighthouse failed: {ran.stderr[-600:]}")
    report = json.loads(ran.stdout)
    scores = {name: round(100 * (each["score"] or 0)) for name, each in report["categories"].items()}
    failed = [
        each["title"]
        for each in report["audits"].values()
        if each["score"] == 0 and each.get("scoreDisplayMode") == "binary"
    ]
    figures = {
        name: report["audits"][key]["numericValue"]
        for name, key in (("shift", "cumulative-layout-shift"), ("blocking_ms", "total-blocking-time"))
    }
    return scores, figures, failed


def installable(chromium, url):
    """What Chromium says against installing the app, but that a test's window is private."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=FLAGS.split()[1:])
        page = browser.new_page()
        page.goto(url)
        page.wait_for_selector(".home")
        page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        session = page.context.new_cdp_session(page)
        errors = session.send("Page.getInstallabilityErrors")["installabilityErrors"]
        browser.close()
    return [each["errorId"] for each in errors if each["errorId"] != "in-incognito"]


def ask_some(node, key):
    """A little traffic, so that the console has something to show."""
    for region, model in (("CN", "auto"), ("EU", "auto"), ("US-CA", "openai"), ("CN", "openai")):
        headers = {"authorization": f"Bearer {key}", "isthmus-region": region}
        body = {"model": model, "messages": [{"role": "user", "content": "plain"}]}
        httpx.post(f"{node.url}/v1/chat/completions", headers=headers, json=body, timeout=30)


def line(row):
    return (
        f"{row['app']:<10} {row['scheme']:<6} {row['form']:<8} accessibility {row['accessibility']:>3}  "
        f"best practices {row['best-practices']:>3}  performance {row['performance']:>3}  "
        f"shift {row['shift']:.4f}  blocking {row['blocking_ms']:.0f} ms  {'; '.join(row['failed'])}"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lighthouse", default="", help="path of the lighthouse command")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    chromium = next(
        (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), ""
    )
    if not chromium:
        raise SystemExit("No Chromium on PATH (docs/phone.md).")
    command = [given.lighthouse] if given.lighthouse else ["npx", "--yes", "lighthouse@12.8.2"]
    rows = []
    with tempfile.TemporaryDirectory() as home, StandIn() as answers:
        config = Config(home=Path(home), port=free_port(), admin_port=free_port(), workers=1)
        key = prepare(config, SystemClock())
        node = Node(config, engine=answers.address, engine_key="engine-key", model="played")
        node.start()
        try:
            node.wait_ready()
            node.wait_control()
            ask_some(node, key)
            owner = (config.home / "owner.token").read_text()
            apps = {"phone app": f"{node.url}/#key={key}", "console": f"{node.admin_url}/#token={owner}"}
            against = installable(chromium, apps["phone app"])
            if not given.json:
                print(f"installable: {'yes' if not against else 'no: ' + ', '.join(against)}", flush=True)
            for app, url in apps.items():
                for scheme in SCHEMES:
                    for form in FORMS:
                        scores, figures, failed = lighthouse(command, chromium, url, scheme, form)
                        rows.append({"app": app, "scheme": scheme, "form": form, **scores, **figures, "failed": failed})
                        if not given.json:
                            print(line(rows[-1]), flush=True)
        finally:
            node.stop()
    if given.json:
        print(json.dumps({"installable": not against, "against": against, "rows": rows}, indent=1))
    good = not against and all(row["accessibility"] >= LEAST for row in rows)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
