"""The loop: literature -> generate -> simulate -> criticise -> generate again, or report.

The planner's work is done before the graph starts, because a person may want to see and change the plan before anything
is spent; the graph begins by reading the approved plan from the ledger. Every node can run again after a kill: what it
has written is found in the ledger and not written twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from matsmith.agents.context import RunContext
from matsmith.agents.critic import stop_for, summarise
from matsmith.agents.generator import propose
from matsmith.agents.literature import gather_evidence
from matsmith.agents.report import write_report
from matsmith.agents.routing import RunState, after_criticism
from matsmith.agents.simulator import simulate
from matsmith.core.errors import BudgetExceeded
from matsmith.core.run import EventKind, Stop

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver

# Four nodes a round and three around them, with room; the spec's own limit on rounds ends the run long before.
STEPS_PER_ROUND = 4


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

    graph: Any = StateGraph(RunState)
    graph.add_node("literature", literature)
    graph.add_node("generate", generate)
    graph.add_node("simulate", measure)
    graph.add_node("criticise", criticise)
    graph.add_node("report", report)
    graph.add_edge(START, "literature")
    graph.add_edge("literature", "generate")
    graph.add_edge("generate", "simulate")
    graph.add_edge("simulate", "criticise")
    graph.add_conditional_edges("criticise", after_criticism, ["generate", "report"])
    graph.add_edge("report", END)
    return graph.compile(checkpointer=checkpointer)


def _write_stop(context: RunContext, stop: Stop) -> None:
    if not any(context.ledger.entries("stop")):
        context.ledger.append("stop", context.folder.name, stop)
