"""Airplane mode: a model in WebAssembly, fetched once from the node, answers with the network cut. A real Chromium."""

import pytest

TEXT = (
    "The library in Elm Road will be closed from 3 to 10 August because the roof must be repaired. Books can be returned "
    "at the town hall in the meantime, and the reading groups meet in the school on Mondays and Thursdays instead."
)
SLOW = 600_000  # ms; the first answer loads the model, on one core that may be busy


@pytest.fixture
def carried(phone, small_model):
    """A phone with the small model on it, and its page under the service worker."""
    if small_model is None:
        pytest.skip("the small model is not here (isthmus models pull smollm2-135m)")
    it = phone(locale="en-GB").enter()
    it.fetch_model()
    it.page.reload()
    it.page.wait_for_selector(".settings-page")
    return it


def tool(it, tab, text):
    """One writing tool over `text`; returns the result's text and the badge's."""
    it.page.evaluate("location.hash = '#/tools'")
    it.page.click(f".tab:has-text('{tab}')")
    it.page.fill(".tools-text", text)
    it.page.click(".primary-button")
    it.page.wait_for_selector("article.output, .trouble", timeout=SLOW)
    assert it.page.query_selector(".trouble") is None
    return it.page.inner_text("article.output .text"), it.page.inner_text(".tools-foot .badge")


def test_with_the_network_cut_summarize_and_rewrite_still_answer(carried):
    it = carried
    it.page.locator("h2", has_text="On-device model").evaluate("each => each.scrollIntoView()")
    it.screen("model-here-390x844")
    it.page.context.set_offline(True)
    it.watch()
    it.house.answers.seen.clear()
    it.page.reload()
    it.page.evaluate("location.hash = '#/tools'")
    it.page.wait_for_selector(".tools-page")
    summary, badge = tool(it, "Summary", TEXT)
    assert len(summary) > 10
    assert "On device" in badge
    it.screen("airplane-summary-390x844")
    it.write_down("a model answers in this page")
    rewritten, badge = tool(it, "Rewrite", "Send me the report by Friday.")
    assert len(rewritten) > 5
    assert "On device" in badge
    it.screen("airplane-rewrite-390x844")
    assert it.house.answers.seen == []
    assert it.outside == []
    assert it.broken == []


def test_the_model_is_checked_by_its_digest_and_a_wrong_one_is_deleted(phone, small_model):
    if small_model is None:
        pytest.skip("the small model is not here (isthmus models pull smollm2-135m)")
    it = phone(locale="en-GB").enter()
    piece = b"x" * 4096

    def other(route):
        route.fulfill(status=206, headers={"content-range": "bytes 0-4095/4096"}, body=piece)

    def listing(route):
        answer = route.fetch()
        document = answer.json()
        for model in document["models"]:
            model["size"] = len(piece)
        route.fulfill(response=answer, json=document)

    it.page.context.route("**/app/models", listing)
    it.page.context.route("**/app/models/*", other)
    it.page.evaluate("location.hash = '#/settings'")
    it.page.locator(".line", has_text="SmolLM2").get_by_role("button").click()
    it.page.wait_for_selector(".settings-page .bad")
    assert "fingerprint" in it.page.inner_text(".settings-page .bad")
    kept = it.page.evaluate("""async () => {
        const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle("isthmus-models");
        const names = []; for await (const name of folder.keys()) names.push(name); return names; }""")
    assert kept == []


def test_delete_everything_takes_the_model_too(carried):
    it = carried
    it.page.click("main .danger-button")
    it.page.fill("dialog input", "delete")
    it.page.click("dialog .danger-button")
    it.page.wait_for_selector(".went")
    assert "on-device model (98 MB)" in it.page.inner_text(".went")
    assert (
        it.page.evaluate(
            "async () => { const root = await navigator.storage.getDirectory(); const names = []; for await (const name of root.keys()) names.push(name); return names; }"
        )
        == []
    )
