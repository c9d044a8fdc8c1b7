"""`matsmith design`, `plan` and `resume`: from an objective to ranked crystals."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from matsmith.app.following import follow, kept_clean, make_progress
from matsmith.app.guard import FAILURE, guarded
from matsmith.app.plan_asked import approved, asker, checked_plan, show_plan
from matsmith.app.spec_file import read_spec as read_spec
from matsmith.core.errors import ImpossibleObjective, UsageError

if TYPE_CHECKING:
    from matsmith.core.settings import Settings


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
        "--spec",
        metavar="FILE",
        help="a plan from `matsmith plan --json`, edited or not; JSON, or YAML by its ending",
        show_default=False,
    ),
]
EditFile = Annotated[
    Path | None,
    typer.Option(
        "--edit-file",
        metavar="FILE",
        help="where a plan is written to be edited, instead of $EDITOR",
        show_default=False,
    ),
]
MaxCost = Annotated[
    float | None,
    typer.Option(
        "--max-cost", metavar="USD", min=0, help="most that language models may cost", show_default=False
    ),
]
ReuseAnswers = Annotated[
    bool, typer.Option("--reuse-answers", help="answer a repeated request to a model from the cache")
]
LeaveOut = Annotated[
    bool, typer.Option("--leave-out", help="go on without requirements that were not understood")
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
    approve: Annotated[
        str | None,
        typer.Option(
            "--approve",
            metavar="POINTS",
            help="where to wait for you: plan, spend (before a round is computed), round (before another one)",
            show_default=False,
        ),
    ] = None,
    edit_file: EditFile = None,
    max_cost: MaxCost = None,
    reuse_answers: ReuseAnswers = False,
    leave_out: LeaveOut = False,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> int:
    r"""Design a material: plan, generate, simulate and judge until the objective is met.

    \b
    Examples:
      matsmith design "a stable oxide with a bulk modulus above 150 GPa, no cobalt" --budget 10m
      matsmith plan "a cubic nitride above 300 GPa" --json > plan.json   (edit plan.json)
      matsmith design --spec plan.json --yes
      matsmith design "a stable ternary nitride" --approve plan,round

    Words in the place of a requirement that are not understood are asked about once; where nobody can
    be asked nothing starts (exit status 2), unless --leave-out says to go on without them.

    With --approve the run stops at the points you name: see, edit, approve or refuse there, in the
    terminal or later by `matsmith resume RUN --approve`, `--refuse` or `--spec FILE`.

    \b
    Exit status: 0 met, 1 failure, 2 usage, 3 not met (budget, stalled or refused), 4 impossible or
    nothing can be measured, 5 interrupted or waiting for you: `matsmith resume RUN` goes on.
    """
    from matsmith.agents.approvals import Point, points_of
    from matsmith.app.console import is_interactive, make_console
    from matsmith.core.settings import load_settings

    points: frozenset[Point] = frozenset() if approve is None else points_of(approve)
    settings = _reusing(load_settings(), reuse_answers)
    console = make_console(stderr=as_json)
    asking = is_interactive(console) and not yes
    check = checked_plan(
        objective,
        spec,
        settings=settings,
        budget=budget,
        candidates=candidates,
        reasoner=None if reasoner is None else reasoner.value,
        new_only=new_only or None,
        accept_known=accept_known or None,
        max_cost=max_cost,
        ask=asker(console) if asking else None,
    )
    if not check.runnable:
        show_plan(check, console)
        raise ImpossibleObjective(
            check.refusal or "The objective is impossible.",
            hint="Nothing was spent. Change the objective, or say 'preferably' where a wish may stay open.",
        )
    if not leave_out and Point.PLAN not in points:
        check.require_clear()
    # A plan that is to be approved waits at its own point; to ask twice would be once too often.
    if not yes and Point.PLAN not in points and not approved(check, console):
        return FAILURE
    from matsmith.agents.session import design as run_design

    progress = make_progress(console, as_json=as_json, verbose=verbose)
    with kept_clean(as_json):
        return follow(
            lambda listener: run_design(
                check,
                settings=settings,
                out=out,
                seed=seed,
                reasoner=None if reasoner is None else reasoner.value,
                approve=points,
                on_event=listener,
            ),
            console=console,
            progress=progress,
            settings=settings,
            edit_file=edit_file,
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
    max_cost: MaxCost = None,
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
    check = checked_plan(
        objective,
        spec,
        settings=settings,
        budget=budget,
        candidates=candidates,
        reasoner=None if reasoner is None else reasoner.value,
        new_only=new_only or None,
        accept_known=accept_known or None,
        max_cost=max_cost,
    )
    if as_json:
        from matsmith.app.plan_view import plan_json

        write_json(plan_json(check))
    else:
        show_plan(check, make_console())
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
    approve: Annotated[bool, typer.Option("--approve", help="say yes where the run waits for you")] = False,
    refuse: Annotated[bool, typer.Option("--refuse", help="say no: the run ends with what it has")] = False,
    spec: Annotated[
        Path | None,
        typer.Option(
            "--spec", metavar="FILE", help="go on with this changed plan (YAML or JSON)", show_default=False
        ),
    ] = None,
    edit_file: EditFile = None,
    reuse_answers: ReuseAnswers = False,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> int:
    r"""Go on with a run that was interrupted or waits for you; nothing that is finished is computed again.

    \b
    Examples:
      matsmith resume matsmith-runs/my-run
      matsmith resume my-run --approve
      matsmith resume my-run --spec plan-to-edit.yaml
      matsmith resume my-run --reuse-answers
    """
    from matsmith.agents.approvals import Decision
    from matsmith.agents.runs import find_run
    from matsmith.agents.session import current_spec
    from matsmith.agents.session import resume as run_resume
    from matsmith.app.console import make_console
    from matsmith.app.pauses import tell_changes
    from matsmith.app.spec_file import changes
    from matsmith.core.settings import load_settings

    if refuse and (approve or spec is not None):
        raise UsageError(
            "A run goes on or is refused, not both.", hint="Give one of --approve, --refuse, --spec."
        )
    settings = _reusing(load_settings(), reuse_answers)
    folder = find_run(run, settings=settings)
    changed = None if spec is None else read_spec(spec)
    decision = Decision.REFUSE if refuse else Decision.APPROVE if approve or spec is not None else None
    console = make_console(stderr=as_json)
    if changed is not None:
        tell_changes(changes(current_spec(folder), changed), console=console)
    progress = make_progress(console, as_json=as_json, verbose=verbose)
    progress.view.expect(_wanted(folder))
    with kept_clean(as_json):
        return follow(
            lambda listener: run_resume(
                folder, settings=settings, decision=decision, spec=changed, on_event=listener
            ),
            console=console,
            progress=progress,
            settings=settings,
            edit_file=edit_file,
            folder=folder,
        )


def _reusing(settings: Settings, wanted: bool) -> Settings:
    """Let requests that were made before be answered from the cache, where the command line asks for it."""
    return settings.model_copy(update={"reuse_answers": True}) if wanted else settings


def _wanted(folder: Path) -> dict[str, Any]:
    """Return the specification of a run; empty when it was cut off before one was written."""
    import json

    from matsmith.core.ledger import Ledger

    body = "{}"
    with Ledger(folder / "ledger.sqlite", create=False) as ledger:
        for entry in ledger.entries("plan"):
            body = entry.body
    return json.loads(body).get("spec", {})
