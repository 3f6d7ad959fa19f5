"""What N queries a day would take: the planner's closed form, with the few assumptions that a slider moves."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from isthmus.core.clock import today
from isthmus.core.errors import Refusal
from isthmus.planner import closed
from isthmus.planner.answer import Answer
from isthmus.planner.catalogue import names
from isthmus.planner.scenario import SPARE, Scenario
from isthmus.web.admin.office import Call, Office
from isthmus.web.admin.operation import Operation

HARDWARE, MODELS = names("hardware.toml"), names("models.toml")
Share = Annotated[float, msgspec.Meta(ge=0, le=0.9)]


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The question; what is left out comes from the planner's own figures, each with its source."""

    queries: Annotated[float, msgspec.Meta(ge=1e6, le=1e11)] = 1e9
    hardware: Literal[HARDWARE] = "h800"  # type: ignore[valid-type]
    model: Literal[MODELS] = "deepseek-v3"  # type: ignore[valid-type]
    spare: Literal[SPARE] = "region"  # type: ignore[valid-type]
    device: Share | None = None
    cache: Share | None = None
    peak: Annotated[float, msgspec.Meta(ge=1, le=5)] | None = None


def plan(office: Office, call: Call) -> Answer:
    asked: Plan = call.body
    scenario = Scenario(
        queries=asked.queries, hardware=asked.hardware, model=asked.model, spare=asked.spare, device=asked.device,
        cache=asked.cache, peak=asked.peak,
    )  # fmt: skip
    try:
        return closed.plan(scenario, today(office.clock))
    except Refusal as refusal:
        raise Refusal("not_now", reason=refusal.sentence()) from None


OPERATIONS = (
    Operation("POST", "/plan", "plan.read", "GPUs, megawatts and money for so many queries a day", plan, Answer,
              body=Plan, refusals=("not_now",)),
)  # fmt: skip
