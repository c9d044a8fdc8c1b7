"""The loop as LangGraph runs it: its steps, its bound, and a node that begins again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from matsmith.agents.context import RunContext
from matsmith.agents.graph import build_graph, recursion_limit
from matsmith.agents.routing import start_state
from matsmith.core.run import RunHeader, Stop, StopReason
from matsmith.core.spec import Budget, DesignSpec
from matsmith.core.verdict import Answer

MakeContext = Callable[..., RunContext]
MakeSpec = Callable[..., DesignSpec]


def run_through(context: RunContext, *, saver: InMemorySaver | None = None) -> list[str]:
    """Run to the end and return the nodes in the order they ran."""
    from datetime import UTC, datetime

    if not any(context.ledger.entries("run")):
        header = RunHeader(
            run="r", objective="o", seed=0, reasoner="rules", version="1", started_at=datetime.now(UTC)
        )
        context.ledger.append("run", "r", header)
    graph = build_graph(context, checkpointer=saver or InMemorySaver())
    config: dict[str, Any] = {
        "configurable": {"thread_id": "t"},
        "recursion_limit": recursion_limit(context.spec.budget.rounds),
    }
    begun = graph.get_state(config)
    state = None if begun.values else start_state()
    return [name for update in graph.stream(state, config, durability="sync") for name in update]


def stops(context: RunContext) -> list[Stop]:
    return [Stop.model_validate_json(entry.body) for entry in context.ledger.entries("stop")]


def test_one_round_that_is_enough(make_context: MakeContext, make_spec: MakeSpec) -> None:
    context = make_context(make_spec(accept_known=True))
    assert run_through(context) == ["literature", "generate", "simulate", "criticise", "report"]
    (stop,) = stops(context)
    assert stop.reason is StopReason.MET
    for candidate in stop.met:
        verdicts = context.judgements()[candidate].verdicts
        assert all(verdict.answer is Answer.MET for verdict in verdicts)
    assert (context.folder / "report.html").is_file()


def test_rounds_are_bounded_by_the_plan(make_context: MakeContext, make_spec: MakeSpec) -> None:
    # No oxide of astatine is known or can be computed: every round is empty.
    spec = make_spec(chemistry={"required": ["At", "O"], "elements_max": 2}, budget=Budget(rounds=50))
    context = make_context(spec)
    nodes = run_through(context)
    assert nodes.count("generate") == 2
    (stop,) = stops(context)
    assert stop.reason is StopReason.STALLED
    assert stop.met == []


@pytest.mark.parametrize("rounds", [1, 7, 1000])
def test_the_limit_of_steps_has_room_for_every_round(rounds: int) -> None:
    # Three nodes a round, and literature and report around them.
    assert recursion_limit(rounds) > 3 * rounds + 2


@pytest.mark.parametrize("node", ["gather_evidence", "propose", "simulate", "summarise", "write_report"])
def test_a_node_that_was_cut_off_begins_again(
    make_context: MakeContext, make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch, node: str
) -> None:
    import matsmith.agents.graph as module

    context, saver = make_context(make_spec(accept_known=True)), InMemorySaver()
    real = getattr(module, node)

    def cut_off(*args: Any, **named: Any) -> Any:
        real(*args, **named)
        raise KeyboardInterrupt

    monkeypatch.setattr(module, node, cut_off)
    with pytest.raises(KeyboardInterrupt):
        run_through(context, saver=saver)
    before = {
        kind: sum(1 for _ in context.ledger.entries(kind)) for kind in ("record", "candidate", "answer")
    }
    monkeypatch.undo()
    run_through(context, saver=saver)
    after = {kind: sum(1 for _ in context.ledger.entries(kind)) for kind in ("record", "candidate", "answer")}
    if node in ("simulate", "summarise", "write_report"):
        assert after["record"] == before["record"]
        assert after["candidate"] == before["candidate"]
    assert len(stops(context)) == 1
    assert stops(context)[0].reason is StopReason.MET
    assert context.ledger.verify().intact
    records = [entry.key for entry in context.ledger.entries("record")]
    assert len(records) == len(set(records))
