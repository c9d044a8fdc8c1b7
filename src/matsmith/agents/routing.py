"""Where the graph goes next: pure functions of the state."""

from __future__ import annotations

from typing import Literal, TypedDict


class RunState(TypedDict):
    """What LangGraph checkpoints: plain data and ids; everything else stands in the ledger."""

    round: int
    candidates: list[str]
    out_of_budget: bool
    stop: str


Step = Literal["generate", "report"]


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
