"""schemathesis: no call makes a 5xx, and no answer has a status or a body that the description does not have.

ISTHMUS_LONG=1 makes more than 10,000 calls, which the last test counts; without it a few hundred.
"""

from __future__ import annotations

import os
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings

from isthmus.web.admin.api import OPERATIONS
from isthmus.web.admin.openapi import document

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed (dependency group dev)")

LONG = bool(os.environ.get("ISTHMUS_LONG"))
EXAMPLES = 320 if LONG else 4
CALLS = 10_000
SCHEMA = schemathesis.openapi.from_dict(document(OPERATIONS))
# A preview replays the whole ledger, a version that is activated waits for nodes, a plan simulates: fewer of those.
SLOW = {"/law/versions/{version}/preview": 20, "/law/versions": 100, "/plan": 60}
calls: Counter[int] = Counter()  # by status


def test_the_description_lists_every_operation_with_its_refusals():
    described = document(OPERATIONS)
    assert sum(len(methods) for methods in described["paths"].values()) == len(OPERATIONS)
    for methods in described["paths"].values():
        for operation in methods.values():
            assert {"400", "401", "403", "503"} <= set(operation["responses"])


@pytest.mark.parametrize("at", range(len(OPERATIONS)), ids=lambda at: f"{OPERATIONS[at].method} {OPERATIONS[at].path}")
def test_no_call_finds_a_fault_or_an_undocumented_answer(desk, at):
    operation = OPERATIONS[at]
    SCHEMA.app = desk.client.app
    described = SCHEMA[f"/admin/v1{operation.path}"][operation.method]
    examples = min(EXAMPLES, SLOW.get(operation.path, EXAMPLES))
    headers = {"authorization": f"Bearer {desk.tokens['owner']}"}

    @given(case=described.as_strategy())
    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    def call(case):
        answer = case.call(headers=headers)
        calls[answer.status_code] += 1
        # The credential is this test's own; test_api holds every route against every credential.
        case.validate_response(answer, excluded_checks=[schemathesis.checks.ignored_auth])

    call()


@pytest.mark.skipif(not LONG, reason="a long run: ISTHMUS_LONG=1")
def test_it_was_asked_ten_thousand_times_and_never_failed():
    print(f"{calls.total():,} calls, by status: {dict(sorted(calls.items()))}")
    assert calls.total() >= CALLS
    assert max(calls) < 500
