"""The W3C snippet, word for word, in a real Chromium with our polyfill in front of the browser's own class."""

from pathlib import Path

import pytest

BUILT = Path(__file__).parents[2] / "js" / "build" / "browser" / "snippet.js"


@pytest.mark.parametrize("own", ["with the browser's own class", "without one"])
def test_summarizer_create_with_key_points_runs_with_our_polyfill(phone, own):
    if not BUILT.exists():
        pytest.skip("the snippet is not built (npm test in js/)")
    it = phone(locale="en-GB").enter()
    if own == "without one":
        it.page.evaluate("delete globalThis.Summarizer")
    it.page.context.route(
        "**/app/snippet.js", lambda route: route.fulfill(path=str(BUILT), content_type="text/javascript")
    )
    found = it.page.evaluate(
        """async ([key, text]) => (await import("/app/snippet.js")).run(key, text)""",
        [it.house.key, "say:- one\n- two"],
    )
    assert found["said"]
    assert found["badge"] == "Private tier"
    assert it.page.evaluate("Summarizer.isthmus") is True
    assert it.house.answers.seen[-1]["messages"][0]["content"].startswith("Summarise the text in 3 bullet points")
