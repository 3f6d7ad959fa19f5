"""Check digits: published examples pass, every single change of a strong one fails."""

from __future__ import annotations

import random

import pytest

from isthmus.policy import checks

GOOD = [
    (checks.cn_id, "11010519491231002X"), (checks.cn_id, "110105 19491231 002x"), (checks.cn_id15, "110105491231002"),
    (checks.card, "4111111111111111"), (checks.card, "5500 0000 0000 0004"), (checks.card, "340000000000009"),
    (checks.card, "30000000000004"), (checks.card, "6011000000000004"), (checks.card, "6200000000000005"),
    (checks.uscc, "91110000600037341L"), (checks.hk_id, "A123456(3)"), (checks.hk_id, "AB987654(3)"),
    (checks.tw_id, "A123456789"), (checks.iban, "DE89370400440532013000"), (checks.iban, "GB82 WEST 1234 5698 7654 32"),
    (checks.ssn, "123-45-6789"), (checks.nino, "AB123456C"), (checks.aadhaar, "2341 2341 2346"),
    (checks.kr_rrn, "900101-1234568"), (checks.jp_mynumber, "1234 5678 9018"), (checks.email, "a.b+c@x-y.example"),
    (checks.us_phone, "(415) 555-2671"), (checks.ipv4, "8.8.8.8"), (checks.ipv6, "2001:db8::1:2"),
    (checks.position, "31.2304, 121.4737"), (checks.written_date, "1990年3月7日"), (checks.written_date, "07/03/1990"),
    (checks.written_date, "03/27/1990"), (checks.secret_mix, "aB3dE6gH9jK2mN5pQ8"), (checks.always, "x"),
]  # fmt: skip
BAD = [
    (checks.cn_id, "110105194912310021"), (checks.cn_id, "110105194913310021"), (checks.cn_id, "990105194912310021"),
    (checks.cn_id15, "110105491331002"), (checks.card, "4111111111111112"), (checks.card, "9999999999999995"),
    (checks.card, "0000000000000000"), (checks.uscc, "91110000600037341M"), (checks.uscc, "31010419760726123X"), (checks.uscc, "9111000060003734"),
    (checks.hk_id, "A123456(4)"), (checks.hk_id, "A123456(A)"), (checks.tw_id, "A123456788"),
    (checks.iban, "DE89370400440532013001"), (checks.iban, "DE8937040044"), (checks.iban, "XX89370400440532013000"),
    (checks.ssn, "000-45-6789"), (checks.ssn, "666-45-6789"), (checks.ssn, "923-45-6789"), (checks.ssn, "123-00-6789"),
    (checks.ssn, "123-45-0000"), (checks.nino, "GB123456C"), (checks.aadhaar, "2341 2341 2347"),
    (checks.kr_rrn, "900101-1234567"), (checks.kr_rrn, "901301-1234568"), (checks.jp_mynumber, "1234 5678 9019"),
    (checks.email, ".a@b.cn"), (checks.email, "a..b@c.cn"), (checks.email, "a@b.1"), (checks.email, "a@-b.cn"),
    (checks.email, "a.@b.cn"), (checks.us_phone, "115-555-2671"), (checks.us_phone, "411-555-2671"),
    (checks.us_phone, "415-155-2671"), (checks.us_phone, "415-511-2671"), (checks.ipv4, "127.0.0.1"),
    (checks.ipv4, "0.0.0.0"), (checks.ipv4, "300.1.1.1"), (checks.ipv6, "::1"), (checks.ipv6, "12:30:45"),
    (checks.position, "99.2304, 121.4737"), (checks.position, "31.2304, 199.4737"), (checks.written_date, "1990-13-33"),
    (checks.written_date, "1990-12"), (checks.secret_mix, "abcdefghijklmnop"), (checks.secret_mix, "aB1aB1aB1aB1"),
]  # fmt: skip


@pytest.mark.parametrize(("check", "text"), GOOD)
def test_published_examples_pass(check, text):
    assert check(text)


@pytest.mark.parametrize(("check", "text"), BAD)
def test_near_misses_fail(check, text):
    assert not check(text)


@pytest.mark.parametrize(
    ("check", "text", "first"),
    [(checks.cn_id, "11010519491231002X", 14), (checks.card, "4111111111111111", 1), (checks.aadhaar, "234123412346", 1),
     (checks.iban, "DE89370400440532013000", 4)],
)  # fmt: skip
def test_every_single_wrong_digit_is_found(check, text, first):
    for place in range(first, len(text)):
        if text[place].isdigit():
            for digit in set("0123456789") - {text[place]}:
                assert not check(text[:place] + digit + text[place + 1 :])


@pytest.mark.parametrize("digit", "0123456789")
def test_one_digit_over_and_over_is_no_card(digit):
    assert not any(checks.card(digit * size) for size in range(13, 20))


def test_the_29th_of_february_is_a_day_of_leap_years_alone():
    assert checks.cn_id("110105200002290013")
    assert not any(checks.cn_id(f"11010519990229001{last}") for last in "0123456789X")


def test_random_numbers_rarely_pass_a_check():
    draw = random.Random(draw_seed := 20261122)
    cards = sum(checks.card("4" + "".join(draw.choices("0123456789", k=15))) for _ in range(5000))
    assert 400 < cards < 600, draw_seed
