"""`matsmith design`, `plan` and `resume`: from an objective to ranked crystals."""

from __future__ import annotations

import contextlib
import shlex
import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from matsmith.app.durations import parse_duration
from matsmith.app.guard import FAILURE, complain, guarded, stoppable
from matsmith.core.errors import ImpossibleObjective, Interrupted, MatsmithError, SpecError, UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from matsmith.agents.planner import PlanCheck
    from matsmith.agents.session import RunResult
    from matsmith.app.progress import Progress
    from matsmith.core.run import Event
    from matsmith.core.settings import Settings
    from matsmith.core.spec import DesignSpec

_INTERRUPTED = 5
_LARGEST_SPEC_BYTES = 1_000_000


class ReasonerName(StrEnum):
    """Who answers the agents' questions."""

    RULES = "rules"
    OPENAI = "openai"


Objective = Annotated[str | None, typer.Argument(help="what you want, in plain language", show_default=False)]
Budget = Annotated[
    str | None, typer.Option(metavar="TIME", help="wall time: 90s, 10m, 1h30m or seconds", show_default=False)
]
Count = Annotated[
    int | None,
    typer.Option(metavar="N", min=1, max=1000, help="how many candidates to find", show_default=False),
]
Reasoner = Annotated[
    ReasonerName | None, typer.Option(help="built-in rules, or a language model", show_default=False)
]
NewOnly = Annotated[bool, typer.Option("--new-only", help="only materials that stand in no named list")]
AcceptKnown = Annotated[
    bool,
    typer.Option("--accept-known", help="known materials count: end as soon as enough answers are found"),
]
SpecFile = Annotated[
    Path | None,
    typer.Option(
        "--spec", metavar="FILE", help="a plan from `matsmith plan --json`, edited or not", show_default=False
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="machine-readable: one event a line on standard output")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="show every candidate that is judged")]


@guarded
def design(
    objective: Objective = None,
    budget: Budget = None,
    candidates: Count = None,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="same seed, same result")] = 0,
    reasoner: Reasoner = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="start without asking")] = False,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="folder of the run", show_default=False)
    ] = None,
    spec: SpecFile = None,
    new_only: NewOnly = False,
    accept_known: AcceptKnown = False,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> int:
    r"""Design a material: plan, generate, simulate and judge until the objective is met.

    \b
    Examples:
      matsmith design "a stable oxide with a bulk modulus above 150 GPa, no cobalt" --budget 10m
      matsmith plan "a cubic nitride above 300 GPa" --json > plan.json   (edit plan.json)
      matsmith design --spec plan.json --yes

    \b
    Exit status: 0 met, 1 failure, 2 usage, 3 not met (budget or stalled), 4 impossible or
    nothing can be measured, 5 interrupted: `matsmith resume RUN` goes on.
    """
    from matsmith.app.console import make_console
    from matsmith.core.settings import load_settings

    settings = load_settings()
    check = _checked(
        objective,
        spec,
        settings=settings,
        budget=budget,
        candidates=candidates,
        reasoner=reasoner,
        new_only=new_only or None,
        accept_known=accept_known or None,
    )
    console = make_console(stderr=as_json)
    if not check.runnable:
        _show_plan(check, console)
        raise ImpossibleObjective(
            check.refusal or "The objective is impossible.",
            hint="Nothing was spent. Change the objective, or say 'preferably' where a wish may stay open.",
        )
    if not yes and not _approved(check, console):
        return FAILURE
    from matsmith.agents.session import design as run_design

    progress = _progress(console, as_json=as_json, verbose=verbose)
    with _kept_clean(as_json):
        return _follow(
            lambda listener: run_design(
                check,
                settings=settings,
                out=out,
                seed=seed,
                reasoner=None if reasoner is None else reasoner.value,
                on_event=listener,
            ),
            console=console,
            progress=progress,
        )


@guarded
def plan(
    objective: Objective = None,
    budget: Budget = None,
    candidates: Count = None,
    reasoner: Reasoner = None,
    new_only: NewOnly = False,
    accept_known: AcceptKnown = False,
    spec: SpecFile = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="the plan as JSON; `matsmith design --spec` takes it")
    ] = False,
) -> int:
    r"""Show what is understood of an objective, and what is not; nothing is spent.

    \b
    Examples:
      matsmith plan "a lead-free perovskite with a band gap between 1.1 and 1.7 eV"
      matsmith plan "a stable ternary nitride, as hard as possible" --json > plan.json
    """
    from matsmith.app.console import make_console, write_json
    from matsmith.core.settings import load_settings

    settings = load_settings()
    check = _checked(
        objective,
        spec,
        settings=settings,
        budget=budget,
        candidates=candidates,
        reasoner=reasoner,
        new_only=new_only or None,
        accept_known=accept_known or None,
    )
    if as_json:
        from matsmith.app.plan_view import plan_json

        write_json(plan_json(check))
    else:
        _show_plan(check, make_console())
    if not check.runnable:
        raise ImpossibleObjective(
            check.refusal or "The objective is impossible.", hint="Change the objective."
        )
    return 0


@guarded
def resume(
    run: Annotated[
        str, typer.Argument(help="name or folder of a run; `matsmith runs` lists them", show_default=False)
    ],
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> int:
    r"""Go on with a run that was interrupted; nothing that is finished is computed again.

    \b
    Example:
      matsmith resume matsmith-runs/my-run
    """
    from matsmith.agents.runs import find_run
    from matsmith.agents.session import resume as run_resume
    from matsmith.app.console import make_console
    from matsmith.core.settings import load_settings

    settings = load_settings()
    folder = find_run(run, settings=settings)
    console = make_console(stderr=as_json)
    progress = _progress(console, as_json=as_json, verbose=verbose)
    progress.view.expect(_wanted(folder))
    with _kept_clean(as_json):
        return _follow(
            lambda listener: run_resume(folder, settings=settings, on_event=listener),
            console=console,
            progress=progress,
            folder=folder,
        )


def _kept_clean(as_json: bool) -> contextlib.AbstractContextManager[Any]:
    """Send what libraries print to standard error, so that standard output holds events only."""
    return contextlib.redirect_stdout(sys.stderr) if as_json else contextlib.nullcontext()


def _wanted(folder: Path) -> dict[str, Any]:
    """Return the specification of a run; empty when it was cut off before one was written."""
    import json

    from matsmith.core.ledger import Ledger

    with Ledger(folder / "ledger.sqlite", create=False) as ledger:
        body = next((entry.body for entry in ledger.entries("plan")), "{}")
    return json.loads(body).get("spec", {})


def _checked(
    objective: str | None,
    spec_file: Path | None,
    *,
    settings: Settings,
    budget: str | None,
    candidates: int | None,
    reasoner: ReasonerName | None,
    new_only: bool | None,
    accept_known: bool | None,
) -> PlanCheck:
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
        )
        return PlanCheck.from_spec(spec, settings=settings)
    from matsmith.agents.session import plan_objective

    return plan_objective(
        objective or "",
        settings=settings,
        reasoner=None if reasoner is None else reasoner.value,
        candidates=candidates,
        budget_s=budget_s,
        new_only=new_only or None,
        accept_known=accept_known or None,
    )


def read_spec(path: Path) -> DesignSpec:
    """Read a specification: a `DesignSpec`, or what `matsmith plan --json` prints. Raises `SpecError` that names the fault."""
    import json

    from pydantic import ValidationError

    from matsmith.core.spec import DesignSpec

    try:
        if path.stat().st_size > _LARGEST_SPEC_BYTES:
            raise SpecError(f"{path} is too large for a plan.")
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(
            f"The plan {path} cannot be read: {error.strerror}.", hint="Check the path."
        ) from error
    except (ValueError, RecursionError) as error:
        raise SpecError(
            f"{path} is no JSON: {error}.", hint="Make one with `matsmith plan OBJECTIVE --json`."
        ) from error
    inner = data.get("spec", data) if isinstance(data, dict) else data  # pyright: ignore[reportUnknownVariableType]
    try:
        return DesignSpec.model_validate(inner)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the plan"
        raise SpecError(f"{path}: {where}: {first['msg']}.", hint="Correct it and try again.") from error


def _with_options(
    spec: DesignSpec,
    *,
    budget_s: float | None,
    candidates: int | None,
    new_only: bool | None,
    accept_known: bool | None,
) -> DesignSpec:
    """Let options of the command line stand above what the file says."""
    copy = spec.model_copy(deep=True)
    if budget_s is not None:
        copy.budget.wall_time_s = budget_s
    if candidates is not None:
        copy.candidates = candidates
    if new_only:
        copy.new_only = True
    if accept_known:
        copy.accept_known = True
    return copy


def _show_plan(check: PlanCheck, console: Console) -> None:
    from matsmith.app.plan_view import plan_view

    console.print(plan_view(check))


def _approved(check: PlanCheck, console: Console) -> bool:
    """Show the plan and ask. Raises `UsageError` where nobody can answer."""
    from matsmith.agents.report.wording import duration_text
    from matsmith.app.console import is_interactive

    if not is_interactive(console):
        raise UsageError(
            "There is no terminal to ask on before the budget is spent.",
            hint="Add --yes to start at once, or look first with `matsmith plan`.",
        )
    _show_plan(check, console)
    console.print()
    try:
        answer = console.input(f" Start, for at most {duration_text(check.spec.budget.wall_time_s)}? [Y/n] ")
    except EOFError:
        answer = "n"
    if answer.strip().lower() in ("", "y", "yes"):
        return True
    console.print(" Nothing was started.")
    return False


def _progress(console: Console, *, as_json: bool, verbose: bool) -> Progress:
    from matsmith.app.progress import JsonProgress, LineProgress, LiveProgress

    if as_json:
        return JsonProgress(sys.stdout)
    return (
        LiveProgress(console, verbose=verbose)
        if console.is_terminal
        else LineProgress(console, verbose=verbose)
    )


def _follow(
    run: Callable[[Callable[[Event], None]], RunResult],
    *,
    console: Console,
    progress: Progress,
    folder: Path | None = None,
) -> int:
    """Work, show and end: the exit status is the run's, or 5 when it can be resumed."""
    from matsmith.app.summary import print_summary

    try:
        with stoppable(), progress:
            result = run(progress)
    except (KeyboardInterrupt, Interrupted, BrokenPipeError) as stop:
        return _interrupted(progress.view.folder or str(folder or ""), stop)
    except MatsmithError as error:
        where = progress.view.folder
        if where and error.retryable and "resume" not in error.hint:
            error.hint = f"{error.hint} Go on with: matsmith resume {shlex.quote(where)}".strip()
        raise
    print_summary(console, result.folder, report=result.report)
    return result.stop.reason.exit_code


def _interrupted(folder: str, stop: BaseException) -> int:
    if not folder:
        complain("Stopped before the run began: nothing was spent.")
        return FAILURE
    if isinstance(stop, BrokenPipeError):
        from matsmith.app.guard import leave_quietly

        leave_quietly()
    complain(
        "Interrupted; nothing that was finished is lost.",
        hint=f"Resume with: matsmith resume {shlex.quote(folder)}",
    )
    return _INTERRUPTED
