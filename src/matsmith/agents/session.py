"""The way in for programs: plan an objective, run the loop, resume it.

from matsmith.agents import design
result = design("a stable oxide with a bulk modulus above 150 GPa, no cobalt", budget_s=120)
print(result.stop.sentence, result.report)
"""

from __future__ import annotations

import json
import platform
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from matsmith import __version__
from matsmith.agents.context import RunContext
from matsmith.agents.decisions import Plan
from matsmith.agents.planner import PlanCheck, make_plan
from matsmith.agents.reasoners.budget import ModelBudget
from matsmith.agents.reasoners.interface import Reasoner, Usage
from matsmith.agents.runs import CHECKPOINT, LEDGER, locked, new_folder, remember
from matsmith.core.errors import ImpossibleObjective, LedgerError, SettingsError
from matsmith.core.ledger import Ledger
from matsmith.core.run import Event, EventKind, RunHeader, Stop, StopReason
from matsmith.core.settings import Settings, load_settings
from matsmith.core.spec import Budget
from matsmith.tools.runner import ToolRunner, local_executor

REPORT = "report.html"
ROLES = ("planner", "literature", "generator", "simulator", "critic")
Listener = Callable[[Event], None]


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """Where a run ended."""

    folder: Path
    stop: Stop
    report: Path


def make_reasoner(
    name: str, *, settings: Settings, budget: Budget | None = None, spent: Usage | None = None
) -> Reasoner:
    """The reasoner of this name; `spent` is what earlier sessions of the run had used of the budget.

    Raises `SettingsError` for an unknown name, or for one that lacks its key or server.
    """
    if name == "rules":
        from matsmith.agents.reasoners.rules import RulesReasoner

        return RulesReasoner()
    if name == "openai":
        from matsmith.agents.reasoners.openai_server import from_settings

        limits = budget or Budget()
        return from_settings(
            settings, budget=ModelBudget(calls=limits.model_calls, tokens=limits.model_tokens, spent=spent)
        )
    raise SettingsError(f"There is no reasoner {name!r}.", hint="Choose rules or openai.")


def plan_objective(
    objective: str,
    *,
    settings: Settings | None = None,
    reasoner: str | None = None,
    candidates: int | None = None,
    budget_s: float | None = None,
    new_only: bool | None = None,
    accept_known: bool | None = None,
) -> PlanCheck:
    """Understand an objective and check it; nothing is spent but the reasoner's answer.

    What is given beside the objective wins over what the objective says. Raises `SpecError` for one that says nothing.
    """
    settings = settings or load_settings()
    plan = make_plan(objective, reasoner=make_reasoner(reasoner or settings.reasoner, settings=settings))
    return PlanCheck.of(
        _overridden(
            plan, candidates=candidates, budget_s=budget_s, new_only=new_only, accept_known=accept_known
        ),
        settings=settings,
    )


def _overridden(
    plan: Plan,
    *,
    candidates: int | None,
    budget_s: float | None,
    new_only: bool | None,
    accept_known: bool | None,
) -> Plan:
    spec = plan.spec.model_copy(deep=True)
    if candidates is not None:
        spec.candidates = candidates
    if budget_s is not None:
        spec.budget = spec.budget.model_copy(update={"wall_time_s": budget_s})
    if new_only is not None:
        spec.new_only = new_only
    if accept_known is not None:
        spec.accept_known = accept_known
    return plan.model_copy(update={"spec": type(spec).model_validate(spec.model_dump())})


def design(
    objective: str | PlanCheck,
    *,
    settings: Settings | None = None,
    out: Path | None = None,
    seed: int = 0,
    budget_s: float | None = None,
    candidates: int | None = None,
    reasoner: str | None = None,
    new_only: bool | None = None,
    accept_known: bool | None = None,
    on_event: Listener | None = None,
) -> RunResult:
    """Run the loop until code finds the objective met, out of budget, stalled or impossible.

    Raises `ImpossibleObjective` before anything is spent when targets contradict each other or physics, or when no
    installed tool can measure any of them; `SpecError` for an objective that says nothing.
    """
    settings = settings or load_settings()
    name = reasoner or settings.reasoner
    check = objective
    if isinstance(check, str):
        check = PlanCheck.of(
            make_plan(check, reasoner=make_reasoner(name, settings=settings)), settings=settings
        )
    plan = _overridden(
        check.plan, candidates=candidates, budget_s=budget_s, new_only=new_only, accept_known=accept_known
    )
    check = PlanCheck.of(plan, settings=settings)
    if check.refusal is not None:
        raise ImpossibleObjective(
            check.refusal, hint="Change the objective; `matsmith plan` shows what was understood."
        )
    now = datetime.now(UTC)
    folder = new_folder(check.spec.objective, settings=settings, out=out, now=now)
    remember(folder, settings=settings)
    with locked(folder), Ledger(folder / LEDGER) as ledger:
        header = RunHeader(
            run=folder.name,
            objective=check.spec.objective,
            seed=seed,
            reasoner=name,
            version=__version__,
            started_at=now,
            machine=f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        )
        ledger.append_many([("run", folder.name, header), ("plan", folder.name, check.plan)])
        return _go_on(folder, ledger, header=header, settings=settings, listener=on_event)


def resume(run: Path, *, settings: Settings | None = None, on_event: Listener | None = None) -> RunResult:
    """Go on with an interrupted run; no finished record is computed again. A finished run returns what it found."""
    settings = settings or load_settings()
    with locked(run), Ledger(run / LEDGER, create=False) as ledger:
        header = next((RunHeader.model_validate_json(entry.body) for entry in ledger.entries("run")), None)
        if header is None or not any(ledger.entries("plan")):
            raise LedgerError(f"{run} was cut off before its plan was written.", hint="Start the run again.")
        return _go_on(run, ledger, header=header, settings=settings, listener=on_event)


def _go_on(
    folder: Path, ledger: Ledger, *, header: RunHeader, settings: Settings, listener: Listener | None
) -> RunResult:
    """Run the graph from its last checkpoint, or from the start."""
    ended = next((Stop.model_validate_json(entry.body) for entry in ledger.entries("stop")), None)
    if ended is not None and (folder / REPORT).is_file():
        return _finished(folder, ended, listener=listener)
    plan = Plan.model_validate_json(next(ledger.entries("plan")).body)
    spent = _time_spent(ledger)
    reasoner = make_reasoner(
        header.reasoner, settings=settings, budget=plan.spec.budget, spent=_model_usage(ledger)
    )
    _write_session(ledger, reasoner=reasoner, spent_before_s=spent)
    executor = local_executor(log=folder / "worker.log", settings=settings)
    runner = ToolRunner(ledger, settings=settings, executor=executor, seed=header.seed)
    context = RunContext(
        folder=folder,
        ledger=ledger,
        settings=settings,
        runner=runner,
        reasoner=reasoner,
        seed=header.seed,
        spent_before_s=spent,
        listener=listener,
        evaluations=sum(1 for _ in ledger.entries("record")),
    )
    runner.on_spend(context.spend)
    context.tell(EventKind.STARTED, run=folder.name, folder=str(folder))
    try:
        executor.warm_up()
        _run_graph(context)
    finally:
        executor.close()
    stop = next(Stop.model_validate_json(entry.body) for entry in ledger.entries("stop"))
    return _finished(folder, stop, listener=listener)


def _finished(folder: Path, stop: Stop, *, listener: Listener | None) -> RunResult:
    if listener is not None:
        data = {
            "reason": stop.reason.value,
            "sentence": stop.sentence,
            "met": stop.met,
            "folder": str(folder),
            "exit_code": stop.reason.exit_code,
        }
        listener(Event(kind=EventKind.FINISHED, elapsed_s=stop.elapsed_s, data=data))
    return RunResult(folder=folder, stop=stop, report=folder / REPORT)


def _run_graph(context: RunContext) -> None:
    from langgraph.checkpoint.sqlite import SqliteSaver

    from matsmith.agents.graph import build_graph, recursion_limit
    from matsmith.agents.routing import start_state

    connection = sqlite3.connect(context.folder / CHECKPOINT, check_same_thread=False)
    try:
        graph = build_graph(context, checkpointer=SqliteSaver(connection))
        config = {
            "configurable": {"thread_id": context.folder.name},
            "recursion_limit": recursion_limit(context.spec.budget.rounds),
        }
        begun = graph.get_state(config)
        if begun.values and not begun.next:
            return
        state = None if begun.values else start_state()
        # "sync": a checkpoint is on disk before the next node begins, or a kill would lose the last steps.
        for _ in graph.stream(state, config, durability="sync"):
            pass
    except sqlite3.DatabaseError as error:
        raise LedgerError(
            f"The checkpoint {context.folder / CHECKPOINT} failed: {error}.",
            hint="Free some disk space; when it is damaged delete it: the ledger keeps every result, and resume goes on from there.",
        ) from error
    finally:
        connection.close()


def _write_session(ledger: Ledger, *, reasoner: Reasoner, spent_before_s: float) -> None:
    """Note when a process began to work on the run, who reasons, and by which prompts."""
    prompts: dict[str, str] = {}
    if reasoner.name != "rules":
        from matsmith.prompts.loader import load_prompt

        prompts = {role: load_prompt(role).sha256 for role in ROLES}
    note = {
        "spent_before_s": spent_before_s,
        "reasoner": reasoner.name,
        "version": __version__,
        "prompts": prompts,
    }
    ledger.append("session", str(sum(1 for _ in ledger.entries("session"))), json.dumps(note))


def _model_usage(ledger: Ledger) -> Usage:
    """What earlier sessions have asked of the language model: each session counts from zero, so its last entry is its sum."""
    total, last = Usage(), Usage()
    for entry in ledger.entries():
        if entry.kind == "session":
            total, last = total + last, Usage()
        elif entry.kind == "usage":
            last = Usage.model_validate_json(entry.body)
    return total + last


def _time_spent(ledger: Ledger) -> float:
    """Wall time that earlier sessions used: from each session's entry to its last entry."""
    total, begun, last = 0.0, None, None
    for entry in ledger.entries():
        at = datetime.fromisoformat(entry.written_at)
        if entry.kind == "session":
            if begun is not None and last is not None:
                total += (last - begun).total_seconds()
            begun = at
        last = at
    if begun is not None and last is not None:
        total += (last - begun).total_seconds()
    return total


__all__ = ["PlanCheck", "RunResult", "StopReason", "design", "make_reasoner", "plan_objective", "resume"]
