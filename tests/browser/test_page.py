"""What the page costs and whether it is an app: installable, no layout shift, first bytes; long tasks are written down.

Times depend on the machine, so that none is asserted: they stand in build/screens/measured.json after a run.
"""


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
