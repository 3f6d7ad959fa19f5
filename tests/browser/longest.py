"""The longest task of the page's main thread while the phone app opens: by the clock, and in computing time.

    python tests/browser/longest.py URL     URL as `isthmus up` prints it, with its key: http://127.0.0.1:8080/#key=isk_...

On a machine that does much else the clock also counts the waiting for a core; the computing time does not.
"""

import shutil
import sys

from playwright.sync_api import sync_playwright

FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]


def tasks(page):
    """The trace's tasks of this page's main thread while it opens: (ms by the clock, ms of computing), longest first."""
    session = page.context.new_cdp_session(page)
    events, over = [], []
    session.on("Tracing.dataCollected", lambda part: events.extend(part["value"]))

    def ended(_):
        over.append(True)

    session.on("Tracing.tracingComplete", ended)
    session.send(
        "Tracing.start", {"categories": "toplevel,devtools.timeline,__metadata", "transferMode": "ReportEvents"}
    )
    page.goto(sys.argv[1])
    page.wait_for_selector(".home, .log")
    page.wait_for_timeout(1000)
    session.send("Tracing.end")
    while not over:
        page.wait_for_timeout(50)
    mains = {
        (each["pid"], each["tid"])
        for each in events
        if each["name"] == "thread_name" and each["args"]["name"] == "CrRendererMain"
    }
    whole = [
        each
        for each in events
        if each.get("ph") == "X" and (each["pid"], each["tid"]) in mains and "Task" in each["name"]
    ]
    return sorted(((each["dur"] / 1000, each.get("tdur", 0) / 1000) for each in whole), key=lambda task: -task[1])


def main():
    chromium = next(
        found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))
    )
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=FLAGS)
        for locale in ("zh-CN", "en-GB"):
            page = browser.new_page(locale=locale, viewport={"width": 390, "height": 844})
            clock, computing = tasks(page)[0]
            print(f"{locale}: longest task {computing:.0f} ms of computing, {clock:.0f} ms by the clock")
        browser.close()


if __name__ == "__main__":
    main()
