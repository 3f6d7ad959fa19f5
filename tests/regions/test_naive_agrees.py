"""The compiled table and the naive evaluator agree on random questions, dates and facts.

`ISTHMUS_LONG=1000000` asks that many; the continuous check asks a few thousand.
"""

import os
import random

import naive
import pytest
import worlds

COUNT = int(os.environ.get("ISTHMUS_LONG", "3000"))
SEED = int(os.environ.get("ISTHMUS_SEED", "20261122"))
BATCH = 500 if COUNT <= 3000 else 2000  # questions asked of one table before another day and other facts are drawn


def plans(found, seen):
    """Plans are shared between questions, so each is written out once; `seen` keeps them alive."""
    return [seen.get(id(plan)) or seen.setdefault(id(plan), (*written(plan), plan)) for plan in found]


def written(plan):
    duties = ((f"{o.region}.{o.rule}", o.verb, naive.canonical(o.values)) for o in plan.obligations)
    return plan.route.name, sorted(duties)


def naive_plans(found):
    return [
        (
            name,
            sorted((rule, check, naive.canonical(values)) for rule, same in duties.items() for check, values in same),
        )
        for name, duties in found
    ]


@pytest.mark.parametrize("batch", range(max(1, COUNT // BATCH)))
def test_the_table_agrees_with_the_naive_evaluator(batch):
    draw = random.Random(SEED * 1_000_003 + batch)
    table, world, day = worlds.tables(draw)
    sets = worlds.region_sets(draw, table)
    seen = {}
    for _ in range(min(BATCH, COUNT)):
        question = worlds.some_question(draw, sets)
        decision = table.decide(question)
        words = {key: getattr(question, key) for key in ("feature", "modality", "event", "age", "data", "content")}
        verdict, serving, device, out = naive.evaluate(world, question.regions, words, day)
        assert decision.verdict == verdict, (question, day)
        assert [one[:2] for one in plans(decision.plans, seen)] == naive_plans(serving), (question, day)
        if verdict != "conflict":
            assert [one[:2] for one in plans(decision.device, seen)] == naive_plans(device), (question, day)
            assert {(o.route, o.rule) for o in decision.ruled_out} == out, (question, day)
