from __future__ import annotations

from isthmus.core import measures
from isthmus.core.measures import BUCKETS, CELLS, FIRST, UNITS, WHOLE
from isthmus.partners import load as partner_files
from isthmus.regions import load as region_files
from isthmus.web.admin.history import LEVELS, History, Step
from isthmus.web.admin.now import Known, Need, first_page, law_of

KNOWN = Known(partner_files.load(), region_files.load(), rehearsing=False)
ANSWERED = ("answers", "CN", "doubao/doubao-seed-2-1-pro-260915", "partner", "answered", "")
REFUSED = ("answers", "CN", "", "", "refused", "content_blocked")


def cells(count, seconds=0.1, **more):
    made = [0] * CELLS
    made[measures.COUNT] = count
    for begin in (WHOLE, FIRST):
        made[begin + min(int(seconds * UNITS).bit_length(), BUCKETS - 1)] = count
    for name, value in more.items():
        made[getattr(measures, name.upper())] = value
    return tuple(made)


def page(rows, needs=(), region=""):
    return first_page(100, 0, 5, [Step(0, rows)], KNOWN, list(needs), "tests", region)


def test_the_sentence_is_good_news_first_then_the_worst_with_its_limit():
    now = page({ANSWERED: cells(100, 3.0)})
    assert now.sentence == "Every answer took a permitted route."
    assert "limit 2.0" in now.worst
    missing = page({ANSWERED: cells(100, 0.1, unlabelled=2)})
    assert missing.worst == "2 answers went without the label they owe, limit 0."
    assert page({ANSWERED: cells(1)}, [Need("A", "b.", "fleet")]).worst == "A: b."
    assert page({}).sentence == "No query came in this time."


def test_what_no_counter_knows_is_none_and_not_nought():
    now = page({})
    assert (now.refused_percent, now.first_p99, now.cost_per_hour) == (None, None, None)
    assert now.device.startswith("not measured")


def test_flows_have_one_total_on_both_sides():
    now = page({ANSWERED: cells(90), REFUSED: cells(10)})
    assert sum(flow.count for flow in now.flows) == now.count == 100
    assert {flow.place for flow in now.flows} == {"doubao", "refused"}


def test_a_refusal_cites_the_law_it_comes_from_and_a_limit_cites_none():
    now = page({REFUSED: cells(3)})
    assert now.refusals[0].law.startswith("CN, ")
    assert law_of("rate_limited", "CN", KNOWN.regions) == ""
    separate = law_of("consent_required", "CN", KNOWN.regions)
    assert any(
        rule.values.get("kind") == "separate" and rule.law[0].title in separate
        for rule in KNOWN.regions["CN"].rules
        if rule.check == "consent.require"
    )


def test_money_is_the_list_price_of_the_tokens():
    now = page({ANSWERED: cells(1, tokens_in=1_000_000, tokens_out=0)})
    rate = KNOWN.partners["doubao"].model["doubao-seed-2-1-pro-260915"].rate
    assert now.cost_per_hour == round(rate.input * 3600 / now.seconds, 6)


def test_one_region_is_shown_alone():
    other = ("answers", "EU", "local/m", "private", "answered", "")
    assert page({ANSWERED: cells(5), other: cells(7)}, region="EU").count == 7


def test_history_keeps_differences_and_a_restarted_counter_never_counts_backwards():
    history = History()
    history.add(0, {ANSWERED: cells(10)})
    history.add(5, {ANSWERED: cells(14)})
    history.add(10, {ANSWERED: cells(1)})
    history.add(15, {ANSWERED: cells(3)})
    _, steps = history.steps("15m")
    counts = [sum(row[measures.COUNT] for row in step.rows.values()) for step in steps]
    assert counts == [4, 0, 2]
    assert len(history.steps("1h")[1]) == 1


def test_history_is_bounded():
    history = History()
    for at in range(0, 20_000, 5):
        history.add(at, {ANSWERED: cells(at)})
    for word, (_, kept) in zip(("15m", "1h", "24h", "7d"), LEVELS, strict=True):
        assert len(history.steps(word)[1]) <= kept
