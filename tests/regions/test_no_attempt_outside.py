"""However partners fail and whatever a caller asks for, no attempt leaves the lawful list.

What is lawful is said by the naive evaluator; what is attempted, by the table, the chooser and the breakers.
`ISTHMUS_LONG=1000000` asks for that many requests.
"""

import datetime as dt
import os
import random

import naive
import pytest
import worlds

from isthmus.core.clock import FakeClock
from isthmus.core.errors import Refusal
from isthmus.routing.breaker import Breakers
from isthmus.routing.choose import Chooser

COUNT = int(os.environ.get("ISTHMUS_LONG", "4000"))
SEED = int(os.environ.get("ISTHMUS_SEED", "20261122"))
BATCH = 1000 if COUNT <= 4000 else 20000
QUESTIONS = 200  # distinct questions of a batch; each is evaluated naively once


def lawful_routes(question, found, day):
    words = {key: getattr(question, key) for key in ("feature", "modality", "event", "age", "data", "content")}
    return {name for name, _ in naive.evaluate(found, question.regions, words, day)[1]}


def attempts(draw, chooser, breakers, decision, model, broken):
    """The routes one request tries, while some partners fail."""
    tried = []
    try:
        plans = chooser.choose(decision, model)
    except Refusal:
        return tried
    for plan in plans:
        tried.append(plan.route.name)
        if plan.route.partner in broken or draw.random() < 0.1:
            breakers.failed(plan.route.name)
        else:
            breakers.answered(plan.route.name)
            break
    return tried


@pytest.mark.parametrize("batch", range(max(1, COUNT // BATCH)))
def test_no_attempt_leaves_the_lawful_list(batch):
    draw = random.Random(SEED * 7_000_003 + batch)
    table, found, day = worlds.tables(draw)
    clock = FakeClock(dt.datetime(2026, 11, 22, tzinfo=dt.UTC))
    breakers = Breakers(clock)
    chooser = Chooser(breakers, table.models())
    sets = worlds.region_sets(draw, table)
    questions = [worlds.some_question(draw, sets) for _ in range(QUESTIONS)]
    lawful = [lawful_routes(question, found, day) for question in questions]
    partners = sorted({route.partner for route in table.routes.values()})
    models = ["auto", "private", "partner", "device", "no-such-model", *table.models()]
    outside, made = [], 0
    for _ in range(BATCH):
        which = draw.randrange(QUESTIONS)
        broken = draw.sample(partners, draw.randrange(len(partners)))
        tried = attempts(draw, chooser, breakers, table.decide(questions[which]), draw.choice(models), broken)
        made += len(tried)
        outside += [(questions[which], route) for route in tried if route not in lawful[which]]
        clock.advance(draw.choice([0.0, 1.0, 40.0]))
    assert outside == []
    assert made > 0
