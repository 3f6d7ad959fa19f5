"""The phone app as a person meets it, in a real Chromium, in front of a real node with a scripted model."""

import json

import pytest

CN, EU = "CN", "EU"


def test_the_first_visit_asks_for_the_key_and_says_when_it_is_wrong(phone):
    it = phone()
    it.page.goto(it.house.url)
    it.screen("key-390x844")
    it.page.fill("input[type=password]", "isk_wrong")
    it.page.click("button[type=submit]")
    it.until("document.querySelector('#key-problem').innerText.length > 0")
    assert it.kept() == [] or "isthmus.key" not in it.kept()
    it.page.fill("input[type=password]", it.house.key)
    it.page.click("button[type=submit]")
    it.page.wait_for_selector(".home")
    assert it.broken == []


def test_a_key_in_the_fragment_is_taken_and_leaves_the_address(phone):
    it = phone().enter()
    assert "key" not in it.page.url
    assert json.loads(it.page.evaluate("localStorage.getItem('isthmus.key')")) == it.house.key
    it.screen("home-390x844")


def test_an_answer_says_where_it_was_made_and_that_ai_made_it(phone):
    it = phone().enter()
    it.ask("say:你好，这是一个回答。")
    assert it.answered() == "你好，这是一个回答。"
    row = it.page.inner_text(".pair-last .provenance")
    assert "私有云" in row
    assert "内容由AI生成" in row
    assert "内容由AI生成，可能有误，请核实" in it.page.inner_text(".composer-area")
    it.screen("chat-390x844")
    assert it.outside == []
    assert it.broken == []


def test_no_is_no_and_the_private_tier_answers(phone):
    it = phone().enter()
    sent = len(it.house.answers.seen)
    it.ask_partner("echo 打 13812345678 给他")
    assert len(it.house.answers.seen) == sent
    it.screen("consent-390x844")
    sheet = it.page.inner_text(".consent")
    for fact in ("豆包", "谁接收", "做什么", "存多久", "个人信息保护法", "演练", "电话 1", "遮住 1 处"):
        assert fact in sheet
    assert "13812345678" not in sheet
    it.page.click(".consent .pair button:first-child")
    it.answered()
    assert "好，由私有云回答" in it.page.inner_text(".pair-last")
    assert [body["model"] for body in it.house.answers.seen[sent:]] == ["default"]  # the private tier's own name


def test_yes_sends_exactly_what_was_shown(phone):
    it = phone().enter()
    sent = len(it.house.answers.seen)
    it.ask_partner("echo 打 13812345678 给他")
    it.page.click(".consent .pair button:last-child")
    assert "13812345678" in it.answered()  # restored for the person
    (body,) = it.house.answers.seen[sent:]
    assert "13812345678" not in body["messages"][-1]["content"]
    assert "[TELE-" in body["messages"][-1]["content"]
    assert "演练：豆包的本地替身" in it.page.inner_text(".pair-last .badge")
    it.page.click(".pair-last .badge")
    it.page.wait_for_selector(".rules li")
    it.page.click(".receipt .link-button")
    it.page.wait_for_selector(".proof li:nth-child(3)")  # leaf, path, signature: worked out in the browser
    assert "账本的签名有效" in it.page.inner_text(".proof")
    assert "第23条" in it.page.inner_text(".why")
    it.screen("why-390x844")


def test_both_answers_of_the_sheet_look_alike(phone):
    it = phone().enter()
    it.ask_partner("hello")
    looks = it.page.eval_on_selector_all(
        ".consent .pair button",
        """all => all.map((each) => { const { width, height } = each.getBoundingClientRect(); const style = getComputedStyle(each);
           return [width, height, style.color, style.backgroundColor, style.fontWeight, style.fontSize, style.borderColor] })""",
    )
    assert looks[0] == looks[1]
    assert it.page.evaluate("document.activeElement.id") == "sheet-title"
    it.page.keyboard.press("Escape")
    it.answered()  # Esc is no


def test_a_standing_consent_is_not_asked_again_and_can_be_withdrawn(phone):
    it = phone().enter()
    it.ask_partner("say:one")
    it.page.click(".consent .quiet-button")
    it.answered()
    it.page.click(".top .icon-button:last-child")
    it.page.click(".home .row-button:nth-child(3)")
    it.ask("say:two")
    assert it.answered() == "two"
    it.page.evaluate("location.hash = '#/settings'")
    it.page.click(".line .link-button")
    it.page.wait_for_selector(".toast.shown")
    assert "已撤回" in it.page.inner_text(".toast")
    it.page.evaluate("location.hash = ''")
    it.page.click(".top .icon-button:last-child")
    it.ask_partner("say:three")  # the sheet stands again


def test_another_region_has_another_label_partner_and_notice(phone):
    it = phone(locale="en-GB").enter()
    it.choose("Region", EU)
    it.ask_partner("say:hello")
    it.screen("consent-eu-390x844")
    assert "ChatGPT" in it.page.inner_text(".consent h2")
    assert "No law here asks" in it.page.inner_text(".consent")
    it.page.click(".consent .pair button:last-child")
    it.answered()
    assert "You are chatting with an AI assistant." in it.page.inner_text(".disclosure")
    assert "AI-generated" in it.page.inner_text(".pair-last .provenance")
    assert "内容由AI生成" not in it.page.inner_text(".chat-page")


def test_a_broken_answer_stays_and_can_go_on(phone):
    it = phone().enter()
    it.ask("die:3 x")
    it.page.wait_for_selector(".interrupted")
    assert it.page.inner_text(".pair-last .text")
    it.screen("interrupted-390x844")
    it.page.click(".interrupted .link-button")
    it.answered()
    assert it.page.query_selector(".interrupted") is None


def test_what_arrived_survives_a_reload_and_the_rest_follows(phone):
    it = phone().enter()
    it.ask("wait")
    it.house.answers.waiting.wait(10)
    it.page.wait_for_selector(".pair-last .text")
    it.page.reload()
    it.page.wait_for_selector(".pair-last .text")
    begun = it.page.inner_text(".pair-last .text")
    assert begun.startswith("Hel")
    it.house.answers.release()
    whole = it.answered()
    assert whole.startswith(begun)
    assert len(whole) > len(begun)
    assert it.page.query_selector(".interrupted") is None


def test_a_named_stream_goes_on_after_a_reload_and_a_locked_screen(phone):
    """The gateway's part is played by the route here: two halves of one stream, the second by its Last-Event-ID."""
    it = phone().enter()
    origin = {"route": "local/m", "model": "m", "source": "private", "badge": "Private tier", "rehearsal": False,
              "region": "CN", "decision": "d", "receipt": "w0-1-1", "label": "内容由AI生成", "label_at": "metadata",
              "notices": [], "masked": {}, "blocked": ""}  # fmt: skip
    asked = []

    def event(number, text="", **more):
        chunk = {"choices": [{"delta": {"content": text} if text else {}, **more}]}
        return f"id: {number}\ndata: {json.dumps(chunk)}\n\n"

    def first(route):
        body = f"id: 1\n: isthmus {json.dumps(origin)}\n\n" + event(2, "半句") + event(3, "话，")
        route.fulfill(status=200, headers={"content-type": "text/event-stream", "isthmus-resume": "tok"}, body=body)

    def later(route):
        asked.append(route.request.headers["last-event-id"])
        if len(asked) == 1:
            return  # hangs: the page is reloaded under it
        body = event(4, "说完了。") + event(5, finish_reason="stop") + "id: 6\ndata: [DONE]\n\n"
        route.fulfill(status=200, headers={"content-type": "text/event-stream"}, body=body)

    it.page.context.route("**/v1/chat/completions", first)
    it.page.context.route("**/v1/streams/tok", later)
    it.ask("讲个故事")
    it.page.wait_for_selector(".pair-last .text")
    it.until("document.querySelector('.pair-last .text').innerText.includes('半句话')")
    it.page.reload()
    assert it.answered() == "半句话，说完了。"
    assert asked == ["3", "3"]
    assert it.page.query_selector(".interrupted") is None
    it.screen("resumed-390x844")


def test_stop_keeps_the_text(phone):
    it = phone().enter()
    it.page.route("**/v1/chat/completions", lambda route: None)  # never answers
    it.ask("hello")
    it.page.click("button[aria-label=停止]")
    it.page.wait_for_selector(".pair-last :text('已停止')")


def test_a_draft_survives_a_reload(phone):
    it = phone().enter()
    it.page.fill("#ask", "半句话")
    it.page.reload()
    it.page.wait_for_selector("#ask")
    assert it.page.input_value("#ask") == "半句话"


def test_enter_sends_on_a_desktop_and_never_while_an_input_method_composes(phone):
    it = phone(width=1280, height=860).enter()
    it.page.fill("#ask", "say:你好")
    it.page.eval_on_selector(
        "#ask",
        "box => box.dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter', isComposing: true, bubbles: true}))",
    )
    assert it.page.query_selector(".question") is None
    it.page.focus("#ask")
    it.page.keyboard.press("Enter")
    assert it.answered() == "你好"
    it.screen("chat-desktop")


def test_a_refusal_stands_where_the_answer_would_with_its_next_step(phone):
    it = phone().enter()
    it.ask("status:500")
    it.page.wait_for_selector(".trouble")
    assert "secret upstream text" not in it.page.inner_text(".trouble")
    assert "没有扣费" in it.page.inner_text(".trouble")
    assert it.page.query_selector(".trouble .plain-button")
    it.screen("refusal-390x844")


def test_the_app_opens_offline(phone):
    it = phone().enter()
    it.ask("say:kept")
    it.answered()
    it.page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    it.page.reload()
    it.page.wait_for_selector(".log")
    it.page.context.set_offline(True)
    it.page.reload()
    it.page.wait_for_selector(".offline")
    assert it.page.inner_text(".answer .text") == "kept"
    it.screen("offline-390x844")


def test_delete_everything_does(phone):
    it = phone().enter()
    it.ask_partner("say:one")
    it.page.click(".consent .quiet-button")
    it.answered()
    it.page.evaluate("location.hash = '#/settings'")
    it.page.click("main .danger-button")
    it.page.click("dialog .danger-button", force=True)  # nothing yet: the word is not typed
    assert it.page.query_selector("dialog")
    it.page.fill("dialog input", "删除")
    it.page.click("dialog .danger-button")
    it.page.wait_for_selector(".went")
    assert "1 段对话" in it.page.inner_text(".went")
    assert "1 项同意已撤回" in it.page.inner_text(".went")
    it.screen("erased-390x844")
    assert it.kept() == []
    assert it.page.evaluate("caches.keys()") == []
    it.page.click(".primary-button")
    it.page.wait_for_selector("input[type=password]")


def test_proofreading_shows_each_change_and_lets_a_person_keep_their_own(phone):
    it = phone(locale="en-GB").enter()
    it.page.evaluate("location.hash = '#/tools'")
    it.page.fill(".tools-text", "Hello form the stand-in.")
    it.page.click(".primary-button")
    it.page.wait_for_selector(".diff")
    assert it.page.inner_text("del") == "form"
    assert it.page.inner_text("ins") == "from"
    it.screen("tools-proofread-390x844")
    it.page.click("text=Undo this one")
    assert it.page.query_selector("del") is None
    it.page.click("text=Use this one")
    it.page.click("text=Use all")
    assert it.page.input_value(".tools-text") == "Hello from the stand-in."


@pytest.mark.parametrize(
    ("width", "height", "direction"), [(320, 568, "ltr"), (390, 844, "rtl"), (1280, 860, "rtl"), (1280, 860, "ltr")]
)
def test_nothing_sticks_out_sideways(phone, width, height, direction):
    it = phone(width=width, height=height, locale="en-GB").enter()
    it.page.evaluate(f"document.documentElement.dir = '{direction}'")
    assert it.clipped() == []
    it.ask("say:" + "Donaudampfschifffahrtsgesellschaft" * 8 + " https://example.invalid/" + "x" * 200)
    it.answered()
    assert it.clipped() == []
    it.page.click(".pair-last .badge")
    it.page.wait_for_selector(".rules li")
    assert it.clipped() == []
    it.screen(f"why-{direction}-{width}x{height}")
    it.close_sheet()
    for page in ("settings", "tools", "digest"):
        it.page.evaluate(f"location.hash = '#/{page}'")
        it.page.wait_for_selector(f".{page}-page")
        assert it.clipped() == []
        it.screen(f"{page}-{direction}-{width}x{height}")


def test_on_a_small_screen_the_buttons_do_not_cover_the_facts(phone):
    it = phone(width=320, height=568).enter()
    it.ask_partner("hello")
    assert it.page.eval_on_selector(".sheet-foot", "foot => getComputedStyle(foot).position") == "static"
    it.page.eval_on_selector(".facts dd:last-child", "fact => fact.scrollIntoView({block: 'center'})")
    box = it.page.eval_on_selector(
        ".facts dd:last-child",
        "fact => { const at = fact.getBoundingClientRect(); return document.elementFromPoint(at.x + 4, at.y + at.height / 2).closest('dd') === fact }",
    )
    assert box
    it.screen("consent-320x568")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 390, 1280])
def test_axe_finds_nothing_serious(phone, scheme, width):
    it = phone(width=width, height=844, color_scheme=scheme)
    it.page.goto(it.house.url)
    it.page.wait_for_selector(".first")
    assert it.complaints() == []
    it.enter()
    assert it.complaints() == []
    it.ask_partner("say:- one\n- two")
    assert it.complaints() == []
    it.screen(f"consent-{scheme}-{width}")
    it.page.click(".consent .pair button:last-child")
    it.answered()
    assert it.complaints() == []
    it.screen(f"chat-{scheme}-{width}")
    it.page.click(".pair-last .badge")
    it.page.wait_for_selector(".rules li")
    assert it.complaints() == []
    it.close_sheet()
    for page in ("settings", "tools", "digest"):
        it.page.evaluate(f"location.hash = '#/{page}'")
        it.page.wait_for_selector(f".{page}-page")
        assert it.complaints() == [], page
        it.screen(f"{page}-{scheme}-{width}")


def test_targets_are_large_enough_for_a_thumb(phone):
    it = phone().enter()
    it.ask("say:hello")
    it.answered()
    small = it.page.eval_on_selector_all(
        ".chat-page button",
        """all => all.filter((each) => { const box = each.getBoundingClientRect(); const over = getComputedStyle(each, '::after').position === 'absolute' ? 12 : 0;
           return box.width > 0 && (box.height + over < 44 || box.width < 44) }).map((each) => each.className)""",
    )
    assert small == []
