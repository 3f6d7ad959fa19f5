"""Every state of the app as a picture, in both languages, light and dark, and with letters of twice the size.

The 25 questions are answered on these pictures (docs/ux-phone.md); what a program can ask of them is asked here.
"""

import pytest

LOOKS = {
    "light-zh": {"locale": "zh-CN", "color_scheme": "light"},
    "dark-en": {"locale": "en-GB", "color_scheme": "dark"},
    "large-zh": {"locale": "zh-CN", "color_scheme": "light"},
    "small-zh": {"locale": "zh-CN", "color_scheme": "dark", "width": 320, "height": 568},
    "small-en": {"locale": "en-GB", "color_scheme": "light", "width": 320, "height": 568},
    "wide-en": {"locale": "en-GB", "color_scheme": "light", "width": 1280, "height": 860},
}
SIZES = {"small-zh": "320x568", "small-en": "320x568", "wide-en": "1280x860"}


def sheet(it, look, name):
    it.page.wait_for_selector("dialog")
    shown(it, look, name)
    it.close_sheet()


def shown(it, look, name):
    it.page.wait_for_timeout(250)  # the sheet has come to rest
    it.screen(f"{name}-{SIZES.get(look, '390x844')}-{look}")
    assert it.clipped() == [], name
    assert it.questions() == {}, name


@pytest.mark.parametrize("look", LOOKS)
def test_every_state_has_its_picture(phone, look):
    it = phone(**LOOKS[look])
    if look.startswith("large"):
        it.page.add_init_script(
            "addEventListener('DOMContentLoaded', () => { document.documentElement.style.fontSize = '200%'; })"
        )
    it.page.goto(it.house.url)
    it.page.wait_for_selector(".first")
    shown(it, look, "key")
    it.enter()
    shown(it, look, "home")
    it.page.click(".place")
    sheet(it, look, "place")
    it.page.click(".composer .icon-button")
    sheet(it, look, "plus")
    it.ask_partner("echo 打 13812345678 给他，或写信到 jo@example.org")
    if look.startswith("large"):  # its buttons scroll with the facts, and do not cover them
        assert it.page.eval_on_selector("dialog", "each => getComputedStyle(each).display") == "block"
    shown(it, look, "consent")
    it.page.click(".consent .pair button:last-child")
    it.answered()
    shown(it, look, "chat-partner")
    it.page.click(".pair-last .badge")
    it.page.wait_for_selector(".rules li")
    it.page.click(".receipt .link-button")
    it.page.wait_for_selector(".receipt .ok, .receipt .bad")
    it.page.locator(".receipt").evaluate("each => each.scrollIntoView({block: 'center'})")
    sheet(it, look, "why")
    it.page.click(".pair-last .actions .icon-button:last-child")
    sheet(it, look, "more")
    if not look.startswith("wide"):
        it.page.click(".top .only-phone")
        sheet(it, look, "chats")
    it.ask("status:500")
    it.page.wait_for_selector(".trouble")
    shown(it, look, "refusal")
    for page in ("settings", "tools", "digest"):
        it.page.evaluate(f"location.hash = '#/{page}'")
        it.page.wait_for_selector(f".{page}-page")
        shown(it, look, page)
    it.page.evaluate("location.hash = '#/settings'")
    it.page.click("main .danger-button")
    sheet(it, look, "erase")
