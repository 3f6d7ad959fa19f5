"""Numbers: read as people write them, in runs and groups."""

from __future__ import annotations

import pytest

from isthmus.policy.numbers import numbers

FOUND = [
    ("身份证11010519491231002X。", "cn_id", "11010519491231002X"),
    ("id 110105 19491231 002 x", "cn_id", "110105 19491231 002 x"),
    ("110105194912310021身份证不对，440524198001010013", "cn_id", "440524198001010013"),
    ("旧身份证号110105491231002", "cn_id", "110105491231002"),
    ("13812345678", "cn_mobile", "13812345678"),
    ("打138-1234-5678", "cn_mobile", "138-1234-5678"),
    ("打138 1234 5678吧", "cn_mobile", "138 1234 5678"),
    ("1 3 8 1 2 3 4 5 6 7 8", "cn_mobile", "1 3 8 1 2 3 4 5 6 7 8"),
    ("+86 138 1234 5678", "cn_mobile", "+86 138 1234 5678"),
    ("8613812345678", "cn_mobile", "8613812345678"),
    ("110105.19491231.002X", "cn_id", "110105.19491231.002X"),
    ("4111.1111.1111.1111", "card", "4111.1111.1111.1111"),
    ("138.1234.5678", "cn_mobile", "138.1234.5678"),
    ("(010)62345678", "phone", "(010)62345678"),
    ("1-415-555-2671", "phone", "1-415-555-2671"),
    ("4111-1111-1111-1111", "card", "4111-1111-1111-1111"),
    ("6222021234567890123 6222020000000000018", "card", "6222020000000000018"),
    ("+44 20 7946 0958", "phone", "+44 20 7946 0958"),
    ("+(44) 2079460958", "phone", "+(44) 2079460958"),
    ("call (415) 555-2671", "phone", "(415) 555-2671"),
    ("tel 4155552671", "phone", "4155552671"),
    ("010-62345678", "phone", "010-62345678"),
    ("0755 2345 6789", "phone", "0755 2345 6789"),
    ("电话：62345678", "phone", "62345678"),
    ("123-45-6789", "ssn", "123-45-6789"),
    ("SSN 123456789", "ssn", "123456789"),
    ("passport 912345678", "passport", "912345678"),
    ("2341 2341 2346", "aadhaar", "2341 2341 2346"),
    ("マイナンバー 1234 5678 9018", "jp_mynumber", "1234 5678 9018"),
    ("900101-1234568", "kr_rrn", "900101-1234568"),
]


@pytest.mark.parametrize(("text", "kind", "value"), FOUND)
def test_a_private_number_is_found_where_it_stands(text, kind, value):
    found = list(numbers(text))
    assert [(one.kind, text[one.start : one.end]) for one in found] == [(kind, value)]


def test_two_numbers_side_by_side_are_two():
    text = "13812345678 11010519491231002X, 13912345678"
    assert [one.kind for one in numbers(text)] == ["cn_mobile", "cn_id", "cn_mobile"]


def test_in_a_long_list_whole_groups_and_strong_checks_still_count():
    filler = "12 34 56 78 " * 10
    assert list(numbers(filler)) == []
    text = f"{filler}13812345678 {filler}4111 1111 1111 1111 {filler}138 1234 5678 {filler}"
    assert [text[one.start : one.end] for one in numbers(text)] == ["13812345678", "4111 1111 1111 1111"]


@pytest.mark.parametrize(
    "text",
    ["110105194912310021", "1234 2341 2341 2346", "2341 2341 2346 1234", "1700000000", "1700000000000", "12345678",
     "123456789", "3.14159265358979", "2026-11-22 09:30", "1 2 3 4 5 6 7", "4111 1111 1111 1112", "861234567890123",
     "0123 4567 8901 2345 6789", "12345678901234567890123", "110105491231002", "+1 2345", "900101-9234568",
     "13812345678901234567", "1-800-123", "0012345678", "call on 2026-11-22", "hotel 12345678"],
)  # fmt: skip
def test_a_number_about_nobody_stays(text):
    assert list(numbers(text)) == []
