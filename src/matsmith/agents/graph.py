"""The loop: literature -> generate -> simulate -> criticise -> generate again, or report.

The planner's work is done before the graph starts; the graph begins by reading the plan from the ledger. At the points that a person chose
(the plan, the computing of a round, another round) a node of its own asks: it interrupts until the ledger holds a decision. Every node can
run again after a kill: what it has written is found in the ledger and not written twice.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from matsmith.agents.approvals import Decision, Point, cost_of_round, decision_at, pause_at
from matsmith.agents.context import RunContext
from matsmith.agents.critic import stop_for, stop_refused, summarise
from matsmith.agents.decisions import Critique
from matsmith.agents.generator import propose
from matsmith.agents.literature import gather_evidence
from matsmith.agents.reasoners.rules import MEASURED_PER_ROUND, RELAXED_PER_ROUND
from matsmith.agents.report import write_report
from matsmith.agents.routing import ASKS, LEADS_TO, RunState, after_asking, after_criticism, entrance
from matsmith.agents.simulator import simulate
from matsmith.core.errors import BudgetExceeded
from matsmith.core.run import EventKind, Stop

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver

# Five nodes a round with those that ask, and three around them, with room; the spec's own limit on rounds ends the run long before.
STEPS_PER_ROUND = 6


def recursion_limit(rounds: int) -> int:
    """LangGraph's limit on steps for so many rounds."""
    return STEPS_PER_ROUND * rounds + 10


def build_graph(context: RunContext, *, checkpointer: BaseCheckpointSaver[Any]) -> Any:
    """Compile the loop for one run."""
    from langgraph.graph import END, START, StateGraph

    def literature(state: RunState) -> dict[str, Any]:
        del state
        plan = context.plan
        context.tell(
            EventKind.PLANNED,
            spec=plan.spec.model_dump(mode="json"),
            understood=[row.model_dump() for row in plan.understood],
            not_understood=plan.not_understood,
        )
        try:
            gather_evidence(context)
        except BudgetExceeded as error:
            context.tell(EventKind.WARNING, text=str(error))
        return {}

    def generate(state: RunState) -> dict[str, Any]:
        try:
            return {"candidates": propose(context, round_number=state["round"])}
        except BudgetExceeded as error:
            context.tell(EventKind.WARNING, round_number=state["round"], text=str(error))
            return {"candidates": [], "out_of_budget": True}

    def measure(state: RunState) -> dict[str, Any]:
        candidates = [context.candidate(candidate) for candidate in state["candidates"]]
        if state["out_of_budget"]:
            return {}
        return {"out_of_budget": simulate(context, candidates, round_number=state["round"])}

    def criticise(state: RunState) -> dict[str, Any]:
        out_of_budget = state["out_of_budget"]
        try:
            summarise(context, round_number=state["round"])
        except BudgetExceeded as error:
            context.tell(EventKind.WARNING, round_number=state["round"], text=str(error))
            out_of_budget = True
        stop = stop_for(context, round_number=state["round"], out_of_budget=out_of_budget)
        if stop is not None:
            _write_stop(context, stop)
        return {"stop": stop.reason.value if stop else "", "round": state["round"] + 1, "candidates": []}

    def report(state: RunState) -> dict[str, Any]:
        del state
        write_report(context.ledger, context.folder)
        return {}

    asked = context.approve
    graph: Any = StateGraph(RunState)
    graph.add_node("literature", literature)
    graph.add_node("generate", generate)
    graph.add_node("simulate", measure)
    graph.add_node("criticise", criticise)
    graph.add_node("report", report)
    for point, node in ASKS.items():
        if point.value in asked:
            graph.add_node(node, _asking(context, point))
            graph.add_conditional_edges(node, partial(after_asking, point=point), [LEADS_TO[point], "report"])
    graph.add_edge(START, entrance(Point.PLAN, asked=asked))
    graph.add_edge("literature", "generate")
    graph.add_edge("generate", entrance(Point.SPEND, asked=asked))
    graph.add_edge("simulate", "criticise")
    graph.add_conditional_edges(
        "criticise",
        after_criticism,
        {"generate": entrance(Point.ROUND, asked=asked), "report": "report"},
    )
    graph.add_edge("report", END)
    return graph.compile(checkpointer=checkpointer)


def _asking(context: RunContext, point: Point) -> Callable[[RunState], dict[str, Any]]:
    """The node that waits for a person at a point; all it writes is the pause, once, and a stop when it was refused."""

    def ask(state: RunState) -> dict[str, Any]:
        from langgraph.types import interrupt

        if point is Point.SPEND and (state["out_of_budget"] or not state["candidates"]):
            return {"stop": ""}  # nothing is to be spent
        pause = pause_at(
            context, point, round_number=state["round"], shows=_shown_at(context, point, state=state)
        )
        decision = decision_at(context.ledger, pause)
        while decision is None:
            interrupt(pause.model_dump(mode="json"))
            decision = decision_at(context.ledger, pause)
        if decision.decision is Decision.APPROVE:
            return {"stop": ""}
        stop = stop_refused(context, what=pause.point.question)
        _write_stop(context, stop)
        return {"stop": stop.reason.value}

    return ask


def _shown_at(context: RunContext, point: Point, *, state: RunState) -> dict[str, Any]:
    if point is Point.SPEND:
        return cost_of_round(
            context, state["candidates"], relaxed=RELAXED_PER_ROUND, measured=MEASURED_PER_ROUND
        )
    if point is Point.ROUND:
        return round_shown(context, state["round"] - 1)
    return {}


def _write_stop(context: RunContext, stop: Stop) -> None:
    if not any(context.ledger.entries("stop")):
        context.ledger.append("stop", context.folder.name, stop)


def round_shown(context: RunContext, round_number: int) -> dict[str, Any]:
    """What a person sees of a finished round before the next one: its numbers and the critic's words, course and directive."""
    key = str(round_number)
    summary = next((one for one in context.history() if one.round == round_number), None)
    body = context.ledger.latest("critique", key)
    shown: dict[str, Any] = {}
    if summary is not None:
        shown["round"] = summary.model_dump(mode="json", exclude_defaults=True)
    if body is not None:
        critique = Critique.model_validate_json(body)
        shown |= {"critique": critique.text, "course": critique.course.value, "reasons": critique.reasons}
    return shown
