"""The console as an operator meets it: every page with live data, a role that may not, a session that ended."""

from __future__ import annotations

import httpx
import pytest

LIVE = {
    "now": "Where answers come from",
    "decisions": "Versions of the law",
    "partners": "last 15 min",
    "money": "Tenants",
    "ledger": "Latest entries",
    "fleet": "Nodes",
    "planner": "Queries a day",
    "guard": "A text to try",
}


def person(house, role, organisation=""):
    headers = {"authorization": f"Bearer {house.owner}"}
    body = {"name": f"a {role}", "role": role, "organisation": organisation}
    made = httpx.post(f"{house.admin}/admin/v1/people", headers=headers, json=body)
    return made.json()["token"]


def fill(desk, name):
    """What a page needs a person to do before it has something to say."""
    page = desk.page
    if name == "decisions":
        page.get_by_label("On", exact=True).fill("2026-11-22")
        page.get_by_label("And on").fill("2026-12-03")
        page.select_option("form >> select >> nth=0", "EU")
        page.click("text=Ask the law")
        page.wait_for_selector("text=Ruled out")
    if name == "planner":
        page.click("button:has-text('Plan')")
        page.wait_for_selector("text=GPUs at the peak")
    if name == "guard":
        page.get_by_label("A text to try").fill("我叫李雷，手机13800138000，邮箱 li@example.com")
        page.click("button:has-text('Test')")
        page.wait_for_selector("text=cn_mobile")
    if name == "ledger":
        page.click(".row-open >> nth=0")
        page.click("text=Verify here")
        page.wait_for_selector("text=The proof holds")
    if name == "now":
        page.wait_for_selector(".flow rect")
        page.wait_for_selector(".lines canvas")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", LIVE)
def test_a_page_shows_live_data_without_a_flaw_and_asks_nobody_else(console, name, scheme):
    desk = console(scheme=scheme)
    desk.go(name)
    desk.page.wait_for_selector(f"main >> text={LIVE[name]}")
    fill(desk, name)
    desk.shot(f"{name}-{scheme}")
    assert desk.flaws() == []
    assert desk.errors == []
    assert desk.outside == []


@pytest.mark.parametrize(("width", "height"), [(1024, 768), (768, 1024)])
def test_a_tablet_shows_the_first_page_without_sideways_scrolling(console, width, height):
    desk = console(width=width, height=height)
    fill(desk, "now")
    desk.shot(f"now-{width}")
    assert desk.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert desk.flaws() == []


def test_a_laptop_shows_the_first_page_whole_at_once(console):
    desk = console()
    fill(desk, "now")
    assert desk.page.evaluate("document.documentElement.scrollHeight") <= 1100


def test_now_counts_what_is_asked(console):
    desk = console()
    fill(desk, "now")
    desk.page.click("text=View as table >> nth=0")
    table = desk.page.inner_text("[role=group][aria-label='Where answers come from']")
    assert "Mainland China" in table
    assert "ChatGPT (OpenAI)" in table
    assert "Refused" in table


def test_the_law_cited_for_a_refusal_stands_beside_its_count(console):
    desk = console()
    desk.page.wait_for_selector("div.card[aria-label='Refusals by rule'] td")
    assert "CN" in desk.page.inner_text("div.card[aria-label='Refusals by rule']")


def test_a_proof_is_checked_in_the_browser_and_a_changed_one_does_not_hold(console):
    desk = console()
    desk.go("ledger")

    def changed(route):
        answer = route.fetch()
        document = answer.json()
        if "proof" not in document:  # the log has not signed it yet; the page asks again
            route.fulfill(response=answer)
            return
        document["proof"]["payload"] = document["proof"]["payload"].replace("demo", "dem0", 1)
        route.fulfill(response=answer, json=document)

    desk.page.route("**/proof", changed)
    desk.page.click(".row-open >> nth=0")
    desk.page.click("text=Verify here")
    desk.page.wait_for_selector("text=The proof does not hold")


SIZES = {"light": (1440, 900), "dark": (1440, 900), "tablet": (1024, 768), "upright": (768, 1024), "phone": (320, 568)}


@pytest.mark.parametrize("look", SIZES)
def test_every_page_stands_up_to_the_questions_that_a_program_can_ask(console, look):
    width, height = SIZES[look]
    desk = console(width=width, height=height, scheme="dark" if look == "dark" else "light")
    for name, words in LIVE.items():
        desk.go(name)
        desk.page.wait_for_selector(f"main >> text={words}")
        fill(desk, name)
        desk.page.wait_for_timeout(300)
        assert desk.questions(f"{name}-{look}-{width}x{height}") == {}, name


# Which role must not see which page (web/admin/access.ROLES). Every role of the whole house may read the others.
DENIED = [("money", "developer", ""), ("ledger", "developer", ""), ("now", "operator", "acme"), ("ledger", "auditor", "acme"),
          ("fleet", "operator", "acme")]  # fmt: skip


@pytest.mark.parametrize(("name", "role", "organisation"), DENIED)
def test_a_role_that_may_not_see_a_page_is_told_so_and_nothing_is_asked(console, house, name, role, organisation):
    desk = console(person(house, role, organisation))
    asked = []
    desk.page.on("request", lambda request: asked.append(request.url))
    desk.page.evaluate("location.hash = 'guard'")
    desk.page.wait_for_selector("h1:has-text('Guard')")
    desk.go(name)
    desk.page.wait_for_selector("text=cannot read this page")
    assert desk.questions(f"{name}-denied") == {}
    assert not [url for url in asked if f"/admin/v1/{name}" in url]
    assert desk.flaws() == []


@pytest.mark.parametrize("name", LIVE)
def test_nobody_who_is_not_signed_in_sees_a_page_and_nothing_is_asked(console, house, name):
    desk = console("isa_00000000_wrong")
    asked = []
    desk.page.on("request", lambda request: asked.append(request.url))
    desk.page.evaluate(f"location.hash = '{name}'")
    desk.page.wait_for_selector("dialog >> text=Sign in")
    assert desk.page.locator("main .card").count() == 0
    assert not [url for url in asked if "/admin/v1/" in url]


@pytest.mark.parametrize("name", LIVE)
def test_a_session_that_ends_on_any_page_is_told_over_it_and_the_page_stands_again(console, house, name):
    desk = console()
    desk.go(name)
    desk.page.wait_for_selector(f"main >> text={LIVE[name]}")
    fill(desk, name)
    desk.page.context.clear_cookies()
    if name in ("guard", "planner"):  # pages that ask only when they are asked
        desk.page.click("main button.primary")
    desk.page.wait_for_selector("text=This session has ended")
    desk.page.wait_for_timeout(300)
    assert desk.questions(f"{name}-expired") == {}
    desk.page.get_by_label("Token", exact=True).fill(house.owner)
    desk.page.click("dialog button:has-text('Sign in')")
    desk.page.wait_for_selector("dialog", state="detached")
    desk.page.wait_for_selector(f"main >> text={LIVE[name]}")


def test_an_auditor_reads_and_has_no_control_to_change(console, house):
    desk = console(person(house, "auditor"))
    desk.go("partners")
    desk.page.wait_for_selector("text=Auditors can read this, not change it.")
    assert desk.page.locator("text=Drain").count() == 0
    desk.go("decisions")
    desk.page.wait_for_selector("text=Auditors can read this, not change it.")


def test_a_session_that_ended_asks_again_over_the_page_and_loses_nothing(console, house):
    desk = console()
    desk.go("guard")
    desk.page.get_by_label("A text to try").fill("half a thought")
    desk.page.context.clear_cookies()
    desk.page.click("button:has-text('Test')")
    desk.page.wait_for_selector("text=This session has ended")
    desk.shot("expired")
    assert desk.flaws() == []
    desk.page.get_by_label("Token", exact=True).fill(house.owner)
    desk.page.click("dialog button:has-text('Sign in')")
    desk.page.wait_for_selector("dialog", state="detached")
    assert desk.page.get_by_label("A text to try").input_value() == "half a thought"


def test_a_wrong_token_is_refused_in_words(console):
    desk = console("isa_00000000_wrong")
    desk.page.get_by_label("Token", exact=True).fill("isa_00000000_wrong")
    desk.page.click("dialog button:has-text('Sign in')")
    desk.page.wait_for_selector("text=This key is not known")


def test_the_token_leaves_the_address_bar_at_once(console):
    desk = console()
    assert "token" not in desk.page.url


def test_draining_a_partner_says_what_it_does_and_leaves_a_receipt(console):
    desk = console()
    desk.go("partners")
    row = desk.page.locator("tr", has_text="qwen/").first
    row.get_by_role("button", name="Drain").click()
    desk.page.wait_for_selector("text=New questions go to other routes")
    desk.shot("drain")
    desk.page.click("dialog button:has-text('Drain')")
    desk.page.wait_for_selector("text=drained since")
    desk.go("ledger")
    desk.page.get_by_label("Find a receipt").fill("partners.change")
    desk.page.wait_for_selector("tr:has-text('act')")


def test_a_control_process_that_is_gone_leaves_the_last_numbers(console):
    desk = console()
    fill(desk, "now")
    desk.page.route("**/admin/v1/now*", lambda route: route.abort())
    desk.page.wait_for_selector("text=The control process did not answer")
    assert desk.page.locator(".dimmed .tiles").count() == 1


def test_pages_are_reached_by_number_but_not_while_typing(console):
    desk = console()
    desk.page.wait_for_selector(".tiles")
    desk.page.keyboard.press("5")
    desk.page.wait_for_selector("h1:has-text('Ledger')")
    desk.page.click("#filter")
    desk.page.keyboard.press("1")
    assert desk.page.inner_text("h1") == "Ledger"
    desk.page.keyboard.press("Escape")
    desk.page.keyboard.press("Control+k")
    desk.page.get_by_label("Page", exact=True).fill("mon")
    desk.page.keyboard.press("Enter")
    desk.page.wait_for_selector("h1:has-text('Money')")
