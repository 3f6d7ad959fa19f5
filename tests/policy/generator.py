"""Sentences with private details, and near misses that are none: seeded, Chinese and English.

    sentences(seed, count) -> list[Sentence]       each with what must be masked in it (exact spans), or nothing

Values are built from the standards' own rules (check digits, ranges), not with the code under test: each check digit is
found by trying. Near misses differ in one digit of a number whose check finds every single change.
"""

from __future__ import annotations

import random
from typing import NamedTuple


class Truth(NamedTuple):
    """One detail: kind, place in the text (characters), and whether its kind carries a check of its own."""

    kind: str
    start: int
    end: int
    checked: bool


class Sentence(NamedTuple):
    """A text and the details in it. `language` is zh or en."""

    text: str
    truths: tuple[Truth, ...]
    language: str


_WIDE = {ord(sign): ord(sign) + 0xFEE0 for sign in "0123456789"}


def digits(draw: random.Random, count: int) -> str:
    return "".join(draw.choices("0123456789", k=count))


def cn_id(draw: random.Random) -> str:
    """GB 11643: province, county, date of birth, sequence, ISO 7064 MOD 11-2."""
    body = draw.choice(("110101", "310104", "440305", "510107", "330106", "420111", "610113"))
    body += f"{draw.randint(1930, 2019)}{draw.randint(1, 12):02}{draw.randint(1, 28):02}{digits(draw, 3)}"
    remainder = 0
    for digit in body:
        remainder = (remainder + int(digit)) * 2 % 11
    return body + "0123456789X"[(1 - remainder) % 11]


def mobile(draw: random.Random) -> str:
    return f"1{draw.choice('3456789')}{digits(draw, 9)}"


def card(draw: random.Random) -> str:
    """UnionPay, Visa, Mastercard or Amex with the last digit that makes the Luhn sum end in 0."""
    head, size = draw.choice((("622202", 19), ("621700", 19), ("622588", 16), ("4", 16), ("53", 16), ("37", 15)))
    body = head + digits(draw, size - len(head) - 1)
    doubled = [int(d) for d in body[::-1]]
    total = sum(sum(divmod(2 * d, 10)) if place % 2 == 0 else d for place, d in enumerate(doubled))
    return body + str(-total % 10)


_USCC = "0123456789ABCDEFGHJKLMNPQRTUWXY"


def uscc(draw: random.Random) -> str:
    """GB 32100: weights 1, 3, 9, 27, 19 ... modulo 31."""
    body = "91" + draw.choice(("110108", "310115", "440300")) + "MA" + "".join(draw.choices(_USCC, k=7))
    weight, total = 1, 0
    for sign in body:
        total += _USCC.index(sign) * weight
        weight = weight * 3 % 31
    return body + _USCC[-total % 31]


def iban(draw: random.Random) -> str:
    """German IBAN: the two check digits that make the number 1 modulo 97."""
    account = digits(draw, 18)
    return f"DE{98 - int(account + '131400') % 97:02}{account}"


def ssn(draw: random.Random) -> str:
    return f"{draw.randint(1, 665):03}-{draw.randint(1, 99):02}-{draw.randint(1, 9999):04}"


def email(draw: random.Random) -> str:
    names = ("zhang.wei", "li_na", "wang-fang", "j.smith", "maria.garcia", "chen99", "support+cn")
    hosts = ("example.com", "mail.example.cn", "corp.example.co.uk", "qq.example.com")
    return f"{draw.choice(names)}{draw.randint(1, 999)}@{draw.choice(hosts)}"


def hk_id(draw: random.Random) -> str:
    """One letter, six digits, check modulo 11."""
    letter, body = draw.choice("ABCDEFGHKPRSYZ"), digits(draw, 6)
    total = 9 * 36 + 8 * (ord(letter) - 55) + sum(w * int(d) for w, d in zip(range(7, 1, -1), body, strict=True))
    return f"{letter}{body}({'0123456789A'[-total % 11]})"


def e164(draw: random.Random) -> str:
    return draw.choice(
        (f"+1 {draw.randint(201, 989)} 555 {digits(draw, 4)}", f"+44 20 7946 {digits(draw, 4)}", f"+86 {mobile(draw)}")
    )


def plate(draw: random.Random) -> str:
    return draw.choice("京沪粤浙苏川") + draw.choice("ABCDEFG") + "".join(draw.choices("0123456789ABCDEFGH", k=5))


def secret(draw: random.Random) -> str:
    return "sk-" + "".join(draw.choices("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", k=32))


CHECKED = {"cn_id": cn_id, "card": card, "uscc": uscc, "iban": iban, "hk_id": hk_id}
FREE = {"cn_mobile": mobile, "ssn": ssn, "email": email, "phone": e164, "plate": plate, "secret": secret}

_ZH = {
    "cn_id": ("身份证号{}", "我的证件是{}，请查收", "{}是他的身份证号"),
    "card": ("卡号{}", "请转到{}这张卡", "{}为工资卡"),
    "uscc": ("统一社会信用代码{}", "公司代码是{}。", "开票抬头{}"),
    "iban": ("账户{}", "汇到{}", "IBAN：{}"),
    "hk_id": ("香港身份证{}", "证件{}", "持{}入境"),
    "cn_mobile": ("手机{}", "打{}找我", "电话是{}，谢谢"),
    "ssn": ("社安号{}", "SSN是{}", "号码{}"),
    "email": ("邮箱{}", "发到{}即可", "联系{}。"),
    "phone": ("国外电话{}", "拨打{}", "号码：{}"),
    "plate": ("车牌{}", "{}违停", "车号是{}的"),
    "secret": ("密钥{}", "用{}调用", "key是{}"),
}
_EN = {
    "cn_id": ("my ID is {}", "ID card {} attached", "see {} for the identity"),
    "card": ("card {} please", "charge {} today", "my number is {}."),
    "uscc": ("company code {}", "registered as {}", "code: {}"),
    "iban": ("send it to {}", "IBAN {}", "account {} in Berlin"),
    "hk_id": ("HKID {}", "holder of {}", "card no. {}"),
    "cn_mobile": ("call {} tomorrow", "cell: {}", "text {} now"),
    "ssn": ("SSN {}", "social {} on file", "her number {}"),
    "email": ("write to {}", "mail {} soon", "{} is my address"),
    "phone": ("reach me at {}", "phone {}", "fax {} works"),
    "plate": ("the car {} is blue", "plate {}", "parked {}"),
    "secret": ("use {}", "the key {} leaked", "token {}"),
}
_FILL_ZH = ("今天会议改到九点。", "谢谢！", "请尽快处理，", "价格是128元，", "第3章第12页，", "2026年11月22日，", "")
_FILL_EN = (
    "The meeting moved to 9:30. ",
    "Thanks, ",
    "It costs $128.50. ",
    "See page 12 of 340. ",
    "On 2026-11-22 ",
    "",
)


def _written(draw: random.Random, kind: str, value: str) -> str:
    """As people write it: whole, in groups, or (in Chinese text) with full-width digits."""
    style = draw.random()
    if kind == "cn_id" and style < 0.25:
        return f"{value[:6]} {value[6:14]} {value[14:]}"
    if kind == "card" and style < 0.4:
        sign = draw.choice(" -")
        return sign.join(value[place : place + 4] for place in range(0, len(value), 4))
    if kind == "cn_mobile" and style < 0.4:
        sign = draw.choice(" -")
        return f"{value[:3]}{sign}{value[3:7]}{sign}{value[7:]}"
    if kind == "iban" and style < 0.4:
        return " ".join(value[place : place + 4] for place in range(0, len(value), 4))
    if kind in ("cn_id", "card", "cn_mobile") and style > 0.85:
        return value.translate(_WIDE)
    return value


def _near_miss(draw: random.Random, kind: str) -> str:
    """The same kind with one digit changed, so that its check fails."""
    value = CHECKED[kind](draw)
    first = {"cn_id": 14, "hk_id": 1}.get(kind, 6)
    last = 7 if kind == "hk_id" else len(value)
    place = draw.choice([place for place in range(first, last) if value[place].isdigit()])
    return value[:place] + str((int(value[place]) + draw.randint(1, 8)) % 10) + value[place + 1 :]


def _harmless(draw: random.Random) -> str:
    """Numbers of daily life that are about nobody."""
    return draw.choice((
        f"{draw.randint(1, 10**6):,}", f"{draw.random() * 1000:.2f}", f"2026-{draw.randint(1, 12):02}-{draw.randint(1, 28):02}",
        f"v{draw.randint(1, 9)}.{draw.randint(0, 20)}.{draw.randint(0, 20)}", f"{draw.randint(0, 23):02}:{draw.randint(0, 59):02}:00",
        f"ISBN 978{digits(draw, 10)}", f"order {digits(draw, 8)}", f"0x{draw.getrandbits(32):08x}", f"{digits(draw, 6)}",
        f"{draw.randint(100, 999)} {draw.randint(100, 999)}", f"#{digits(draw, 5)}", f"1.{digits(draw, 6)}e-{draw.randint(1, 9)}",
    ))  # fmt: skip


def sentences(seed: int, count: int) -> list[Sentence]:
    """`count` sentences: two in three with one detail, the rest near misses and harmless numbers."""
    draw = random.Random(seed)
    out = []
    kinds = [*CHECKED, *FREE]
    for number in range(count):
        language = "zh" if number % 2 else "en"
        frames, fill = (_ZH, _FILL_ZH) if language == "zh" else (_EN, _FILL_EN)
        lead, trail = draw.choice(fill), draw.choice(fill)
        if number % 3 == 2:
            harmless = draw.random() < 0.5
            kind = draw.choice([*CHECKED])
            value = _harmless(draw) if harmless else _near_miss(draw, kind)
            frame = "编号{}" if language == "zh" else "number {}"
            out.append(Sentence(f"{lead}{frame.format(value)}{' ' if language == 'en' else '，'}{trail}", (), language))
            continue
        kind = draw.choice(kinds)
        value = _written(draw, kind, (CHECKED.get(kind) or FREE[kind])(draw))
        before, _, after = draw.choice(frames[kind]).partition("{}")
        text = f"{lead}{before}{value}{after}{'，' if language == 'zh' and trail else ' '}{trail}"
        start = len(lead) + len(before)
        out.append(Sentence(text, (Truth(kind, start, start + len(value), kind in CHECKED),), language))
    return out
