"""Where the graph goes next: pure functions of the state."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, TypedDict

from matsmith.agents.approvals import Point


class RunState(TypedDict):
    """What LangGraph checkpoints: plain data and ids; everything else stands in the ledger."""

    round: int
    candidates: list[str]
    out_of_budget: bool
    stop: str


Step = Literal["generate", "report"]
# The node that asks at each point, and where it leads when a person says yes.
ASKS: dict[Point, str] = {
    Point.PLAN: "approve_plan",
    Point.SPEND: "approve_spend",
    Point.ROUND: "approve_round",
}
LEADS_TO: dict[Point, str] = {Point.PLAN: "literature", Point.SPEND: "simulate", Point.ROUND: "generate"}


def start_state() -> RunState:
    """State before the first node."""
    return RunState(round=0, candidates=[], out_of_budget=False, stop="")


def after_criticism(state: RunState) -> Step:
    """Report when the critic said stop, else another round.

    >>> after_criticism({"round": 1, "candidates": [], "out_of_budget": False, "stop": ""})
    'generate'
    >>> after_criticism({"round": 1, "candidates": [], "out_of_budget": False, "stop": "met"})
    'report'
    """
    return "report" if state["stop"] else "generate"


def entrance(point: Point, *, asked: Collection[str]) -> str:
    """The node through which the graph enters what lies behind a point: the one that asks where a person wants to be asked.

    >>> entrance(Point.ROUND, asked={"round"}), entrance(Point.ROUND, asked=set())
    ('approve_round', 'generate')
    """
    return ASKS[point] if point.value in asked else LEADS_TO[point]


def after_asking(state: RunState, *, point: Point) -> str:
    """Report where a person refused, else what lies behind the point.

    >>> after_asking({"round": 1, "candidates": [], "out_of_budget": False, "stop": "refused"}, point=Point.SPEND)
    'report'
    """
    return "report" if state["stop"] else LEADS_TO[point]
