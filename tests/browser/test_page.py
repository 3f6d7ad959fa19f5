"""What the page costs and whether it is an app: installable, no layout shift, first bytes; long tasks are written down.

Times depend on the machine, so that none is asserted: they stand in build/screens/measured.json after a run.
"""

import json

import pytest


def test_the_app_can_be_installed(phone):
    it = phone().enter()
    it.page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    session = it.page.context.new_cdp_session(it.page)
    manifest = session.send("Page.getAppManifest")
    assert manifest["errors"] == []
    # A context of a test is a private window, where no browser installs anything: that alone may stand against it.
    errors = [each["errorId"] for each in session.send("Page.getInstallabilityErrors")["installabilityErrors"]]
    assert [each for each in errors if each != "in-incognito"] == []


def test_nothing_moves_under_the_reader_while_an_answer_streams(phone):
    it = phone()
    it.watch()
    it.enter()
    it.page.wait_for_timeout(500)
    assert it.write_down("load")["shift"] <= 0.01
    it.page.fill("#ask", "say:" + "一个很长的回答，它一段一段地来。" * 40)
    it.page.wait_for_timeout(500)
    it.page.evaluate("seen.shift = 0, seen.longest = 0, seen.tasks = 0")  # a person types; a test fills at once
    it.page.click(".send")
    it.answered()
    it.page.wait_for_timeout(300)
    assert it.write_down("answer")["shift"] <= 0.01


def test_the_first_visit_shifts_nothing(phone):
    it = phone()
    it.watch()
    it.page.goto(it.house.url)
    it.page.wait_for_selector(".first")
    it.page.wait_for_timeout(500)
    assert it.write_down("first visit")["shift"] <= 0.01


ORIGIN = {
    "route": "local/m", "model": "m", "source": "private", "badge": "Private tier", "rehearsal": False, "region": "CN",
    "decision": "d", "receipt": "w0-1-1", "label": "内容由AI生成", "label_at": "metadata", "notices": [], "masked": {},
    "blocked": "",
}  # fmt: skip


@pytest.mark.parametrize("tab", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("size", [1, 20])
def test_nothing_moves_when_a_writing_tool_answers_late_with_more_or_less_than_was_expected(phone, tab, size):
    it = phone()
    it.watch()
    it.enter()
    held = []

    def hold(route):
        held.append(route)

    it.page.context.route("**/v1/chat/completions", hold)
    it.page.evaluate("location.hash = '#/tools'")
    it.page.click(f".tab:nth-child({tab})")
    it.page.fill(".tools-text", "图书馆八月关闭维修屋顶，期间书可以还到市政厅。" * 6)
    it.page.wait_for_timeout(600)  # what a person did lately excuses a shift; nothing did
    it.page.evaluate("seen.shift = 0")
    it.page.click(".primary-button")
    it.page.wait_for_timeout(700)
    it.page.evaluate("seen.shift = 0")
    answer = sse("图书馆维修，书还市政厅。" * size)
    for _ in range(3):  # a rewrite asks three times
        if held:
            held.pop().fulfill(status=200, headers={"content-type": "text/event-stream"}, body=answer)
        it.page.wait_for_timeout(200)
    it.page.wait_for_selector("article.output, .diff")
    it.page.wait_for_timeout(300)
    assert it.write_down(f"tool {tab}, answer {size}")["shift"] == 0


def sse(text):
    chunks = [{"choices": [{"delta": {"content": text}}]}, {"choices": [{"delta": {}, "finish_reason": "stop"}]}]
    said = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks)
    return f": isthmus {json.dumps(ORIGIN)}\n\n{said}data: [DONE]\n\n"
