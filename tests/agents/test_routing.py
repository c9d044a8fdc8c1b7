"""Where the graph goes next, as a table."""

from __future__ import annotations

import pytest

from matsmith.agents.routing import RunState, after_criticism, start_state
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
