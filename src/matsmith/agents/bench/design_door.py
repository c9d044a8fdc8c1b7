"""An attempt through `matsmith design`: the objective is planned, and the loop runs until code stops it."""

from __future__ import annotations

import time
from pathlib import Path

from matsmith.agents.bench.attempt import Attempt, Ending
from matsmith.agents.bench.task import Task
from matsmith.agents.planner import PlanCheck, make_plan
from matsmith.agents.reasoners.interface import Usage
from matsmith.agents.runs import LEDGER
from matsmith.agents.session import design, make_reasoner
from matsmith.core.errors import BudgetExceeded, ImpossibleObjective, Interrupted, SpecError
from matsmith.core.ledger import Ledger
from matsmith.core.run import StopReason
from matsmith.core.settings import Settings

_ENDINGS = {
    StopReason.MET: Ending.ANSWERED,
    StopReason.IMPOSSIBLE: Ending.REFUSED,
    StopReason.BUDGET: Ending.NOT_MET,
    StopReason.STALLED: Ending.NOT_MET,
}


def attempt_design(task: Task, *, reasoner: str, folder: Path, settings: Settings, seed: int) -> Attempt:
    """Plan and run. Refusals and objectives that say nothing are endings; what else goes wrong raises its `MatsmithError`."""
    started = time.monotonic()
    planner = make_reasoner(reasoner, settings=settings, budget=task.budget.of_run())
    out = folder / "run"
    questions: list[str] = []
    try:
        check = PlanCheck.of(
            make_plan(task.prompt, reasoner=planner, second_look=settings.second_look), settings=settings
        )
        check.require_clear()
        questions = list(check.plan.questions)
        found = design(
            _limited(
                check, task=task, elapsed_s=time.monotonic() - started, settings=settings, spent=planner.usage
            ),
            settings=settings,
            out=out,
            seed=seed,
            reasoner=reasoner,
        )
    except ImpossibleObjective as error:
        return Attempt(
            ending=Ending.REFUSED,
            told=error.message,
            error=str(error),
            questions=questions,
            usage=planner.usage,
        )
    except SpecError as error:
        return Attempt(
            ending=Ending.NOT_UNDERSTOOD, told=error.message, error=str(error), usage=planner.usage
        )
    except (BudgetExceeded, Interrupted) as error:
        return Attempt(
            ending=Ending.STOPPED,
            error=str(error),
            questions=questions,
            usage=planner.usage + run_usage(out),
            runs=[str(out)] if (out / LEDGER).is_file() else [],
        )
    return Attempt(
        ending=_ENDINGS.get(found.stop.reason, Ending.REFUSED),
        told=found.stop.sentence,
        questions=questions,
        usage=planner.usage + found.usage,
        runs=[str(found.folder)],
    )


def _limited(
    check: PlanCheck, *, task: Task, elapsed_s: float, settings: Settings, spent: Usage
) -> PlanCheck:
    """The plan with the task's limits, less what planning has used of them."""
    limits = task.budget.of_run()
    budget = limits.model_copy(
        update={
            "wall_time_s": max(1.0, limits.wall_time_s - elapsed_s),
            "model_calls": max(0, limits.model_calls - spent.calls),
            "model_tokens": max(0, limits.model_tokens - spent.tokens),
        }
    )
    wanted: dict[str, object] = {
        "budget": budget,
        "accept_known": task.accept_known or check.spec.accept_known,
    }
    if task.candidates is not None:
        wanted["candidates"] = task.candidates
    plan = check.plan.model_copy(update={"spec": check.spec.model_copy(update=wanted)})
    return PlanCheck.of(plan, settings=settings)


def run_usage(folder: Path) -> Usage:
    """What a run has asked of its model, by its ledger: each session counts from zero, so its last entry is its sum."""
    if not (folder / LEDGER).is_file():
        return Usage()
    total, last = Usage(), Usage()
    with Ledger(folder / LEDGER, create=False) as ledger:
        for entry in ledger.entries():
            if entry.kind == "session":
                total, last = total + last, Usage()
            elif entry.kind == "usage":
                last = Usage.model_validate_json(entry.body)
    return total + last
