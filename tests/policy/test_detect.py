"""Detection: every kind is found in running text, and the generated set keeps its promises."""

from __future__ import annotations

import importlib.util
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isthmus.core.scanner import Literals
from isthmus.policy.detect import details, suspect
from isthmus.policy.entities import ANCHORS

_spec = importlib.util.spec_from_file_location("generator", Path(__file__).parent / "generator.py")
assert _spec is not None
assert _spec.loader is not None
generator = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(generator)

KEY = "aB3dE6gH9jK2mN5pQ8rS1tU4"
FOUND = [
    ("邮箱zhang.san@example.com，", "email", "zhang.san@example.com"),
    ("公司91110000600037341L。", "uscc", "91110000600037341L"),
    ("护照E12345678", "passport", "E12345678"),
    ("车牌京A12345停", "plate", "京A12345"),
    ("沪A·D12345", "plate", "沪A·D12345"),
    ("HKID A123456(3).", "hk_id", "A123456(3)"),
    ("澳门身份证1234567(8)", "mo_id", "1234567(8)"),
    ("身分證A123456789", "tw_id", "A123456789"),
    ("IBAN GB82 WEST 1234 5698 7654 32", "iban", "GB82 WEST 1234 5698 7654 32"),
    ("NI AB 12 34 56 C", "nino", "AB 12 34 56 C"),
    ("from 8.8.8.8, then", "ip", "8.8.8.8"),
    ("at 2001:db8::8a2e:370:7334", "ip", "2001:db8::8a2e:370:7334"),
    ("mac 00:1B:44:11:3A:B7", "mac", "00:1B:44:11:3A:B7"),
    ("我在31.2304, 121.4737", "gps", "31.2304, 121.4737"),
    ("出生于1990年3月7日", "birth_date", "1990年3月7日"),
    ("born 07/03/1990", "birth_date", "07/03/1990"),
    ("https://u:secret@h.example/x y", "url_credentials", "https://u:secret@h.example/x"),
    (f"sk-{KEY}", "secret", f"sk-{KEY}"),
    ("ghp_" + "a1B2" * 9, "secret", "ghp_" + "a1B2" * 9),
    ("AKIAIOSFODNN7EXAMPLE", "secret", "AKIAIOSFODNN7EXAMPLE"),
    ("LTAI5tABCDEFGHIJ1234", "secret", "LTAI5tABCDEFGHIJ1234"),
    ("sk_live_" + "a1B2" * 6, "secret", "sk_live_" + "a1B2" * 6),
    ("xoxb-1234567890-abcdefghij", "secret", "xoxb-1234567890-abcdefghij"),
    ("eyJhbGciOiJI.eyJzdWIiOiIx.SflKxwRJSMeK", "secret", "eyJhbGciOiJI.eyJzdWIiOiIx.SflKxwRJSMeK"),
    (f"api key: {KEY}", "secret", KEY),
    ("-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----", "secret", "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----"),
    ("台胞证12345678", "permit", "12345678"),
    ("31°13′49″N", "gps", "31°13′49″N"),
    ("she was born on March 7, 1990.", "birth_date", "March 7, 1990"),
    ("DOB 7 Mar 1990", "birth_date", "7 Mar 1990"),
    ("密码：Abc12345，", "secret", "Abc12345"),
    ("password: hunter22, ok", "secret", " hunter22"),
    ("Authorization: Bearer abcdef1234567890abcdef", "secret", "abcdef1234567890abcdef"),
    ("SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "secret", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
    ("手机１３８１２３４５６７８", "cn_mobile", "１３８１２３４５６７８"),
    ("手机138\u200b1234\u200b5678", "cn_mobile", "138\u200b1234\u200b5678"),
    ("手机138\u20111234\u20115678", "cn_mobile", "138\u20111234\u20115678"),
    ("٠١٢ +٤٤٢٠٧٩٤٦٠٩٥٨", "phone", "+٤٤٢٠٧٩٤٦٠٩٥٨"),
    ("zhang@\u200bexample.com", "email", "zhang@\u200bexample.com"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "kind", "value"), FOUND)
def test_every_kind_is_found_where_it_stands(text, kind, value):
    assert suspect(text.encode())
    assert [(one.kind, text[one.start : one.end]) for one in details(text)] == [(kind, value)]


@pytest.mark.parametrize(
    "text",
    ["今天天气很好。", "The quick brown fox.", "E12345678", "1990年3月7日", "version 1.2.3", "12:30:45", "a@b", "@home",
     "京A", "abcdefghijklmnopqrstuvwxyzabcd", KEY, "99.1234, 200.1234", "A123456(4)", "1234567(8)", "ＡＢＣ１２３", "127.0.0.1",
     "91110000600037341M", "http://host/path:80/x", "Password: required", "密码：请输入", "in March 7, 1990", "通行证"],
)  # fmt: skip
def test_ordinary_text_has_no_details(text):
    assert details(text) == []


@pytest.fixture(scope="module")
def anchors():
    return Literals([], [ANCHORS])


@pytest.mark.parametrize(("text", "kind", "value"), FOUND)
def test_no_detail_is_without_an_anchor(text, kind, value, anchors):
    assert anchors.search(text.encode()), kind


@settings(max_examples=400, deadline=None)
@given(st.text(st.sampled_from("aAfFzZ09.:@/-_ \n京沪一２ａＡ＠＋٣①\u200b\u2011\u00a0\u3000'’\"=号密码"), max_size=24))
def test_what_may_hold_a_detail_has_an_anchor(anchors, text):
    data = text.encode()
    if suspect(data) and details(text):
        assert anchors.search(data)


def test_what_the_generator_draws_has_an_anchor(anchors):
    seed = random.SystemRandom().randrange(2**32)
    for sentence in generator.sentences(seed, 1500):
        assert not sentence.truths or anchors.search(sentence.text.encode()), seed


def test_presidio_2073_chinese_and_latin_without_borders():
    """`\\b` sees no border between Chinese and Latin characters; the e-mail must not swallow 邮箱, the SSN is no phone."""
    text = "我的身份证11010519491231002X手机13812345678卡号4111111111111111邮箱a.b@example.com社保号123-45-6789"
    assert [one.kind for one in details(text)] == ["cn_id", "cn_mobile", "card", "email", "ssn"]
    assert all(text[one.end :] == "" or not text[one.start : one.end].startswith("邮") for one in details(text))


def test_overlapping_details_become_the_one_that_begins_first():
    text = "https://me:13812345678@h.example"
    assert [one.kind for one in details(text)] == ["url_credentials"]


def test_the_generated_set_keeps_recall_and_precision():
    """Checked kinds: recall at least 99.5 %; false positives: at most 0.1 % of sentences without a detail."""
    seed = random.SystemRandom().randrange(2**32)
    found = checked = wrong = clean = 0
    for sentence in generator.sentences(seed, 6000):
        got = details(sentence.text)
        for truth in sentence.truths:
            if truth.checked:
                checked += 1
                found += any(one.start <= truth.start and truth.end <= one.end for one in got)
        if not sentence.truths:
            clean += 1
            wrong += bool(got)
    assert found >= 0.995 * checked, f"seed {seed}: {found} of {checked}"
    assert wrong <= 0.001 * clean, f"seed {seed}: {wrong} of {clean}"


def test_generated_details_are_all_found_whole():
    seed = random.SystemRandom().randrange(2**32)
    for sentence in generator.sentences(seed, 1500):
        got = {(one.start, one.end) for one in details(sentence.text)}
        for truth in sentence.truths:
            assert (truth.start, truth.end) in got, (seed, truth.kind)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("li@mail.example.cn，", ["li@mail.example.cn"]),
        ("a.b@c.org. And", ["a.b@c.org"]),
        ("x@y-z.example.com", ["x@y-z.example.com"]),
        ("a@b.com@c.org", ["a@b.com"]),
        (".a@b.com", []),
        ("a.@b.com", []),
        ("a..b@c.com", []),
        ("@b.com", []),
        ("a@b.com-", []),
        ("a@b.com.7", []),
        ("a@@b.com", []),
    ],
)
def test_an_address_begins_and_ends_where_mail_lets_it(text, found):
    assert [text[one.start : one.end] for one in details(text) if one.kind == "email"] == found
