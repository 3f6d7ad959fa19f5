"""Privacy: the clean case, and a dense text, masked and restored."""

from __future__ import annotations

from isthmus.core.exchange import Caller, Exchange
from isthmus.policy.detect import suspect
from isthmus.policy.placeholders import Placeholders
from isthmus.policy.privacy import _restore, masked

BUDGET_US = {
    "question, 1 KB English, clean": 2.0,
    "question, 1 KB Chinese, clean": 2.0,
    "mask, ten details in 1.15 KB, per KB": 60.0,
    "restore, one event without a bracket": 0.5,
    "restore, one event with a placeholder": 3.0,
}
ENGLISH = "Please read the report that Anna sent last week and tell me in plain words what it asks of us, and by when. "
CHINESE = "今天天气很好，我们去公园散步吧。然后再去吃饭，顺便讨论一下下周的工作安排和预算问题。"
DENSE = (
    "客户张先生，手机13812345678，备用手机139-8765-4321，身份证11010519491231002X，卡号4111 1111 1111 1111，"
    "工资卡6222020000000000018，邮箱zhang.san@example.com，另一个邮箱li@mail.example.cn，海外电话+44 20 7946 0958，"
    "家属手机13612345678，家属卡5500000000000004。"
)


def cases():
    english, chinese = (ENGLISH * 10)[:1024].encode(), (CHINESE * 10)[:341].encode()
    dense = (DENSE + CHINESE * 10)[: 341 + 160]
    assert not suspect(english)
    assert not suspect(chinese)
    made = Placeholders()
    assert masked(dense, made, {}) != dense
    assert len(made) == 10
    ex = Exchange("r", Caller(key_id="k", tenant="t", regions=(), region=""), 0.0)
    ex.held["privacy", "map"] = made
    one = made.stand_in("TELE", "13812345678")
    return {
        "question, 1 KB English, clean": lambda: suspect(english),
        "question, 1 KB Chinese, clean": lambda: suspect(chinese),
        "mask, ten details in 1.15 KB, per KB": (
            lambda: masked(dense, Placeholders(), {}),
            len(dense.encode()) / 1024,
        ),
        "restore, one event without a bracket": lambda: _restore(ex, "content", " hello", False),
        "restore, one event with a placeholder": lambda: _restore(ex, "content", one, False),
    }
