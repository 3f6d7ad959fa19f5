"""The report: offline, and with the JSON's own figures."""

import json
import os
import re
import shutil
from datetime import date

import pytest

from isthmus.core.errors import Refusal
from isthmus.planner import report
from isthmus.planner.document import Wishes, make
from isthmus.planner.scenario import Scenario

pytest.importorskip("numpy", reason="NumPy is not installed (extra planner)")
pytest.importorskip("matplotlib", reason="Matplotlib is not installed (extra planner)")
DAY = date(2026, 11, 22)
CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), ""
)


@pytest.fixture(scope="module")
def document():
    wishes = Wishes(usd=22e9, simulate=True, lose=("KR", "cn-north"), requests=8000)
    return make(Scenario(), DAY, wishes)


@pytest.fixture(scope="module")
def folder(document, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    report.write(document, folder / "r.html", folder / "plots")
    return folder


def test_the_page_refers_to_nothing_outside(folder):
    text = (folder / "r.html").read_text("utf-8")
    assert not re.search(r"(src|href)\s*=\s*[\"'](?!#)", text)
    assert "@import" not in text
    assert not re.search(r"url\((?!#|[\"']?#)", text)
    assert "<script src" not in text


def test_every_picture_is_there_as_svg_and_png(folder):
    names = {"demand", "gpus", "delay", "waterfall", "tornado", "residency", "device", "losses"}
    for ending in ("svg", "png"):
        assert {path.stem for path in (folder / "plots").glob(f"*.{ending}")} == names
    text = (folder / "r.html").read_text("utf-8")
    assert all(f'<figure id="{name}">' in text for name in names)


def test_equal_documents_make_equal_pictures(document, folder, tmp_path):
    report.write(document, None, tmp_path)
    for path in tmp_path.glob("*.svg"):
        assert path.read_bytes() == (folder / "plots" / path.name).read_bytes()


def test_a_closed_form_alone_makes_a_report_without_delays(tmp_path):
    report.write(make(Scenario(), DAY, Wishes()), tmp_path / "r.html", None)
    text = (tmp_path / "r.html").read_text("utf-8")
    assert '<figure id="demand">' in text
    assert '<figure id="delay">' not in text
    assert "A simulated day" not in text


def test_text_in_a_scenario_cannot_become_markup(document):
    import msgspec

    plan = msgspec.structs.replace(document.plan, name="</script><b>", notes=("<img src=x>",))
    text = report.page(msgspec.structs.replace(document, plan=plan), {})
    assert "<img" not in text
    assert "</script><b>" not in text


def test_a_place_that_cannot_be_written_is_refused(document, tmp_path):
    with pytest.raises(Refusal, match="usage"):
        report.write(document, tmp_path / "none" / "r.html", None)


@pytest.fixture(scope="module")
def browser():
    if os.environ.get("CI"):
        pytest.skip("browser tests are not run in CI")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (docs/phone.md)")
    if not CHROMIUM:
        pytest.skip("no Chromium on PATH (docs/phone.md)")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


def test_in_a_real_browser_it_opens_offline_and_its_figures_are_the_jsons(browser, folder, document):
    import msgspec

    context = browser.new_context(offline=True, viewport={"width": 390, "height": 844})
    page = context.new_page()
    asked, broken = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: broken.append(message.text))
    page.on("pageerror", lambda error: broken.append(str(error)))
    address = (folder / "r.html").as_uri()
    page.goto(address)
    assert asked == [address]
    assert broken == []
    data = json.loads(page.inner_text("#document") or page.evaluate("document.getElementById('document').textContent"))
    assert data == json.loads(msgspec.json.encode(document))
    shown = page.evaluate(
        "[...document.querySelectorAll('[data-figure]')].map(e => [e.dataset.figure, e.dataset.form, e.textContent])"
    )
    assert len(shown) > 200
    for path, form, text in shown:
        assert text == format(report.at(data, path), form), path
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert page.locator("figure svg").count() == 8
    context.close()
