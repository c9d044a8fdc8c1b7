"""The way in for programs: plan an objective, run the loop, resume it.

from matsmith.agents import design
result = design("a stable oxide with a bulk modulus above 150 GPa, no cobalt", budget_s=120)
print(result.stop.sentence, result.report)
"""

from __future__ import annotations

import json
import platform
import sqlite3
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from matsmith import __version__
from matsmith.agents.approvals import APPROVAL, AwaitingApproval, Decision, Pause, Point, open_pause
from matsmith.agents.approvals import decide as write_decision
from matsmith.agents.asked import KIND as ASKED
from matsmith.agents.asked import Asked
from matsmith.agents.context import RunContext, last_plan
from matsmith.agents.decisions import Plan, PlanQuestion
from matsmith.agents.literature_outlook import informed
from matsmith.agents.planner import Ask, PlanCheck, make_plan
from matsmith.agents.reasoners.interface import Reasoner, Usage
from matsmith.agents.rejudging import take_in_edited_spec
from matsmith.agents.runs import CHECKPOINT, LEDGER, find_run, locked, new_folder, remember
from matsmith.agents.saved_run import SavedRun
from matsmith.agents.stopping import StopSignal
from matsmith.core.errors import ImpossibleObjective, LedgerError, SettingsError, UsageError
from matsmith.core.executor import Executor
from matsmith.core.ledger import Ledger
from matsmith.core.run import Event, EventKind, RunHeader, Stop, StopReason
from matsmith.core.settings import Settings, load_settings
from matsmith.core.spec import Budget, DesignSpec
from matsmith.tools.runner import ToolRunner, local_executor

REPORT = "report.html"
ROLES = ("planner", "planner_doubt", "literature", "generator", "simulator", "critic", "critic_doubt")
Listener = Callable[[Event], None]


@dataclass(frozen=True, kw_only=True)
class RunResult(SavedRun):
    """Where a run ended, and what its language model has cost, planning included."""

    stop: Stop
    report: Path
    usage: Usage = field(default_factory=Usage)


def make_reasoner(
    name: str,
    *,
    settings: Settings,
    budget: Budget | None = None,
    spent: Usage | None = None,
    seed: int | None = None,
    folder: Path | None = None,
) -> Reasoner:
    """The reasoner of this name; `spent` is what earlier sessions of the run had used of the budget.

    With a `seed` the same question is the same request; in `folder` a language model's transcript is kept.

    Raises `SettingsError` for an unknown name, or for one that lacks its key or server.
    """
    if name == "rules":
        from matsmith.agents.reasoners.rules import RulesReasoner

        return RulesReasoner()
    if name == "openai":
        from matsmith.agents.reasoners.providers import reasoner_for_run

        return reasoner_for_run(settings, limits=budget, spent=spent, seed=seed, folder=folder)
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
    max_cost_usd: float | None = None,
    ask: Ask | None = None,
) -> PlanCheck:
    """Understand an objective and check it; nothing is spent but the reasoner's answer.

    What is given beside the objective wins over what the objective says. `ask` puts open questions of the plan to a person, once. Raises
    `SpecError` for an objective that says nothing.
    """
    settings = settings or load_settings()
    limits = Budget(model_cost_usd=max_cost_usd)
    answering = make_reasoner(reasoner or settings.reasoner, settings=settings, budget=limits)
    plan = make_plan(objective, reasoner=answering, second_look=settings.second_look, ask=ask)
    plan = _overridden(
        plan,
        candidates=candidates,
        budget_s=budget_s,
        new_only=new_only,
        accept_known=accept_known,
        max_cost_usd=max_cost_usd,
    )
    check = PlanCheck.of(informed(plan, folder=settings.library_dir), settings=settings)
    if ask is not None:
        # A person has been asked; what is still not understood stands in the plan that is shown before the start.
        check = replace(check, unclear=())
    question = PlanQuestion(objective=plan.spec.objective or objective)
    return replace(check, asked=(Asked.of(question, reasoner=answering),), usage=answering.usage)


def _overridden(
    plan: Plan,
    *,
    candidates: int | None,
    budget_s: float | None,
    new_only: bool | None,
    accept_known: bool | None,
    max_cost_usd: float | None = None,
) -> Plan:
    spec = plan.spec.model_copy(deep=True)
    if candidates is not None:
        spec.candidates = candidates
    if budget_s is not None:
        spec.budget = spec.budget.model_copy(update={"wall_time_s": budget_s})
    if max_cost_usd is not None:
        spec.budget = spec.budget.model_copy(update={"model_cost_usd": max_cost_usd})
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
    approve: Collection[Point] = (),
    on_event: Listener | None = None,
    stop: StopSignal | None = None,
) -> RunResult:
    """Run the loop until code finds the objective met, out of budget, stalled or impossible.

    At each point of `approve` the run ends with `AwaitingApproval`, and `resume` with a decision goes on. `stop` ends it from another
    thread with `Interrupted`, to be resumed. Raises `ImpossibleObjective` before anything is spent when targets contradict each other or
    physics, or when no installed tool can measure any of them; `SpecError` for an objective that says nothing, or in which words stand in
    the place of a requirement that were not understood (a `PlanCheck` is taken as it is).
    """
    settings = settings or load_settings()
    name = reasoner or settings.reasoner
    check = objective
    if isinstance(check, str):
        check = plan_objective(check, settings=settings, reasoner=name)
        if Point.PLAN not in approve:
            check.require_clear()
    plan = _overridden(
        check.plan, candidates=candidates, budget_s=budget_s, new_only=new_only, accept_known=accept_known
    )
    check = replace(PlanCheck.of(plan, settings=settings), asked=check.asked, usage=check.usage)
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
            approve=sorted(point.value for point in approve),
        )
        ledger.append_many(
            [
                ("run", folder.name, header),
                ("plan", folder.name, check.plan),
                *((ASKED, f"{asked.role}/{folder.name}/{asked.question}", asked) for asked in check.asked),
                *([("usage", name, check.usage)] if check.usage is not None else []),
            ]
        )
        return _go_on(folder, ledger, header=header, settings=settings, listener=on_event, stop=stop)


def resume(
    run: Path | str,
    *,
    settings: Settings | None = None,
    decision: Decision | None = None,
    spec: DesignSpec | None = None,
    on_event: Listener | None = None,
    stop: StopSignal | None = None,
) -> RunResult:
    """Go on with an interrupted run, given by its folder or by its name; no finished record is computed again. A finished run returns what it found.

    A run that waits for a person needs a `decision`, or a changed `spec`, which approves; without one it raises `AwaitingApproval` once more.
    Raises `UsageError` for a decision on a run that does not wait, `ImpossibleObjective` for a specification that cannot be met.
    """
    settings = settings or load_settings()
    if isinstance(run, str):
        run = find_run(run, settings=settings)
    with locked(run), Ledger(run / LEDGER, create=False) as ledger:
        header = next((RunHeader.model_validate_json(entry.body) for entry in ledger.entries("run")), None)
        if header is None or not any(ledger.entries("plan")):
            raise LedgerError(f"{run} was cut off before its plan was written.", hint="Start the run again.")
        if decision is not None or spec is not None:
            _take_decision(ledger, run, decision=decision, spec=spec, settings=settings)
        return _go_on(run, ledger, header=header, settings=settings, listener=on_event, stop=stop)


def waiting(run: Path) -> Pause | None:
    """The pause at which a run waits for a person, or None when it does not wait."""
    with Ledger(run / LEDGER, create=False) as ledger:
        return open_pause(ledger)


def current_spec(run: Path) -> DesignSpec:
    """The specification that a run goes by at present."""
    with Ledger(run / LEDGER, create=False) as ledger:
        return last_plan(ledger).spec


def _take_decision(
    ledger: Ledger, run: Path, *, decision: Decision | None, spec: DesignSpec | None, settings: Settings
) -> None:
    """Write a person's decision, when it can stand."""
    if spec is not None and decision is Decision.REFUSE:
        raise UsageError(
            "A run is refused or goes on with a changed plan, not both.", hint="Give one of them."
        )
    pause = open_pause(ledger)
    if pause is None:
        raise UsageError(
            f"The run {run.name} does not wait for approval.",
            hint="Go on with it by `matsmith resume` alone; `matsmith runs` says which runs wait.",
        )
    if spec is not None:
        refusal = PlanCheck.from_spec(spec, settings=settings).refusal
        if refusal is not None:
            raise ImpossibleObjective(
                f"The changed plan cannot be met: {refusal}", hint="Nothing was changed; the run still waits."
            )
    write_decision(ledger, pause, decision=decision or Decision.APPROVE, spec=spec)


def _go_on(
    folder: Path,
    ledger: Ledger,
    *,
    header: RunHeader,
    settings: Settings,
    listener: Listener | None,
    stop: StopSignal | None = None,
) -> RunResult:
    """Run the graph from its last checkpoint, or from the start. Raises `AwaitingApproval` where a person is to be asked."""
    ended = next((Stop.model_validate_json(entry.body) for entry in ledger.entries("stop")), None)
    if ended is not None and (folder / REPORT).is_file():
        return _finished(folder, ended, usage=_model_usage(ledger), listener=listener)
    plan = last_plan(ledger)
    spent, used = _time_spent(ledger), _model_usage(ledger)
    reasoner = make_reasoner(
        header.reasoner,
        settings=settings,
        budget=plan.spec.budget,
        spent=used,
        seed=header.seed,
        folder=folder,
    )
    _write_session(ledger, reasoner=reasoner, spent_before_s=spent)
    executor: Executor = local_executor(log=folder / "worker.log", settings=settings)
    if stop is not None:
        executor, listener = stop.ends(executor), stop.heeded_by(listener)
    runner = ToolRunner(ledger, settings=settings, executor=executor, seed=header.seed)
    context = RunContext(
        folder=folder,
        ledger=ledger,
        settings=settings,
        runner=runner,
        reasoner=reasoner,
        seed=header.seed,
        spent_before_s=spent,
        usage_before=used,
        approve=frozenset(header.approve),
        listener=listener,
        evaluations=sum(1 for _ in ledger.entries("record")),
    )
    runner.on_spend(context.spend)
    context.tell(EventKind.STARTED, run=folder.name, folder=str(folder))
    try:
        if not _about_to_wait(context):
            executor.warm_up()
        changed = take_in_edited_spec(context)
        if changed:
            context.tell(
                EventKind.WARNING, text=f"By the changed plan {changed} candidates were judged again."
            )
        _run_graph(context)
    except KeyboardInterrupt as error:
        error.add_note(
            f"Nothing that was finished is lost: matsmith.agents.resume({str(folder)!r}) goes on with this run."
        )
        raise
    finally:
        executor.close()
    pause = open_pause(ledger)
    if pause is not None:
        raise AwaitingApproval(pause, folder=folder)
    ended = next(Stop.model_validate_json(entry.body) for entry in ledger.entries("stop"))
    return _finished(folder, ended, usage=_model_usage(ledger), listener=listener)


def _about_to_wait(context: RunContext) -> bool:
    """Whether the run waits already or will before anything is computed: it need not load the potential to find that out."""
    plan_is_open = context.ledger.latest(APPROVAL, Point.PLAN.value) is None
    return open_pause(context.ledger) is not None or (Point.PLAN.value in context.approve and plan_is_open)


def _finished(folder: Path, stop: Stop, *, usage: Usage, listener: Listener | None) -> RunResult:
    if listener is not None:
        data: dict[str, Any] = {
            "reason": stop.reason.value,
            "sentence": stop.sentence,
            "met": stop.met,
            "folder": str(folder),
            "exit_code": stop.reason.exit_code,
            "usage": usage.model_dump(mode="json"),
        }
        listener(Event(kind=EventKind.FINISHED, elapsed_s=stop.elapsed_s, data=data))
    return RunResult(folder=folder, stop=stop, report=folder / REPORT, usage=usage)


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


__all__ = [
    "AwaitingApproval",
    "PlanCheck",
    "RunResult",
    "StopReason",
    "current_spec",
    "design",
    "make_reasoner",
    "plan_objective",
    "resume",
    "waiting",
]
