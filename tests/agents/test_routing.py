"""Where the graph goes next, as a table."""

from __future__ import annotations

import pytest

from matsmith.agents.approvals import Point
from matsmith.agents.routing import RunState, after_asking, after_criticism, entrance, start_state
from matsmith.core.run import StopReason


@pytest.mark.parametrize("reason", list(StopReason))
@pytest.mark.parametrize("out_of_budget", [True, False])
def test_any_reason_to_stop_leads_to_the_report(reason: StopReason, out_of_budget: bool) -> None:
    state = RunState(round=3, candidates=["a"], out_of_budget=out_of_budget, stop=reason.value)
    assert after_criticism(state) == "report"


@pytest.mark.parametrize("out_of_budget", [True, False])
@pytest.mark.parametrize("number", [0, 1, 49])
def test_without_one_another_round_begins(number: int, out_of_budget: bool) -> None:
    # Whether a used-up budget ends the run is the critic's word, not the route's.
    assert (
        after_criticism(RunState(round=number, candidates=[], out_of_budget=out_of_budget, stop=""))
        == "generate"
    )


def test_a_run_starts_with_nothing() -> None:
    assert start_state() == {"round": 0, "candidates": [], "out_of_budget": False, "stop": ""}


@pytest.mark.parametrize(
    ("point", "asked", "node"),
    [
        (Point.PLAN, set[str](), "literature"),
        (Point.PLAN, {"plan"}, "approve_plan"),
        (Point.SPEND, {"plan"}, "simulate"),
        (Point.SPEND, {"spend"}, "approve_spend"),
        (Point.ROUND, {"spend"}, "generate"),
        (Point.ROUND, {"plan", "spend", "round"}, "approve_round"),
    ],
)
def test_a_node_asks_only_where_a_person_wants_to_be_asked(point: Point, asked: set[str], node: str) -> None:
    assert entrance(point, asked=asked) == node


@pytest.mark.parametrize(
    ("point", "behind"), [(Point.PLAN, "literature"), (Point.SPEND, "simulate"), (Point.ROUND, "generate")]
)
def test_a_refusal_leads_to_the_report_from_every_point(point: Point, behind: str) -> None:
    assert after_asking(start_state(), point=point) == behind
    for stop in ("refused", "met"):
        assert after_asking({**start_state(), "stop": stop}, point=point) == "report"
