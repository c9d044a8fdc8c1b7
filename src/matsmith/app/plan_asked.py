"""The plan of a design before anything is spent: made from words or read from a file, asked about, shown, approved."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from matsmith.app.durations import parse_duration
from matsmith.app.spec_file import read_spec
from matsmith.core.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from matsmith.agents.planner import PlanCheck
    from matsmith.core.settings import Settings
    from matsmith.core.spec import DesignSpec


def checked_plan(
    objective: str | None,
    spec_file: Path | None,
    *,
    settings: Settings,
    budget: str | None,
    candidates: int | None,
    reasoner: str | None,
    new_only: bool | None,
    accept_known: bool | None,
    max_cost: float | None = None,
    ask: Callable[[str], str] | None = None,
) -> PlanCheck:
    """Make the plan of an objective, or take that of a file; options stand above both. Raises `UsageError` unless one of them is given."""
    budget_s = None if budget is None else parse_duration(budget)
    if (objective is None) == (spec_file is None):
        raise UsageError(
            "Give an objective in quotes, or a plan with --spec, and not both.",
            hint='For example: matsmith design "a stable oxide with a bulk modulus above 150 GPa".',
        )
    if spec_file is not None:
        from matsmith.agents.planner import PlanCheck

        spec = _with_options(
            read_spec(spec_file),
            budget_s=budget_s,
            candidates=candidates,
            new_only=new_only or None,
            accept_known=accept_known or None,
            max_cost=max_cost,
        )
        return PlanCheck.from_spec(spec, settings=settings)
    from matsmith.agents.session import plan_objective

    return plan_objective(
        objective or "",
        settings=settings,
        reasoner=reasoner,
        candidates=candidates,
        budget_s=budget_s,
        new_only=new_only or None,
        accept_known=accept_known or None,
        max_cost_usd=max_cost,
        ask=ask,
    )


def asker(console: Console) -> Callable[[str], str]:
    """Put an open question of the plan to the person, with the reading that was taken as the default."""

    def ask(question: str) -> str:
        from matsmith.app.spec_file import visible_line

        console.print(f" {visible_line(question)}", style="known", soft_wrap=True)
        try:
            reply = console.input(" Enter keeps this reading; or say what you mean: ")
        except EOFError:
            return ""
        return "" if reply.strip().lower() in ("", "y", "yes", "ok", "keep") else reply

    return ask


def _with_options(
    spec: DesignSpec,
    *,
    budget_s: float | None,
    candidates: int | None,
    new_only: bool | None,
    accept_known: bool | None,
    max_cost: float | None,
) -> DesignSpec:
    """Let options of the command line stand above what the file says."""
    copy = spec.model_copy(deep=True)
    if budget_s is not None:
        copy.budget.wall_time_s = budget_s
    if max_cost is not None:
        copy.budget.model_cost_usd = max_cost
    if candidates is not None:
        copy.candidates = candidates
    if new_only:
        copy.new_only = True
    if accept_known:
        copy.accept_known = True
    return copy


def show_plan(check: PlanCheck, console: Console) -> None:
    """Print everything that a person should know before saying yes."""
    from matsmith.app.plan_view import plan_view

    console.print(plan_view(check))


def approved(check: PlanCheck, console: Console) -> bool:
    """Show the plan and ask. Raises `UsageError` where nobody can answer."""
    from matsmith.agents.report.wording import duration_text
    from matsmith.app.console import is_interactive

    if not is_interactive(console):
        raise UsageError(
            "There is no terminal to ask on before the budget is spent.",
            hint="Add --yes to start at once, or look first with `matsmith plan`.",
        )
    show_plan(check, console)
    console.print()
    try:
        answer = console.input(f" Start, for at most {duration_text(check.spec.budget.wall_time_s)}? [Y/n] ")
    except EOFError:
        answer = "n"
    if answer.strip().lower() in ("", "y", "yes"):
        return True
    console.print(" Nothing was started.")
    return False
