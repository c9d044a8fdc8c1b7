"""`matsmith runs`, `show` and `verify`: what was done, and whether it is still what was done."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from matsmith.app.guard import FAILURE, complain, guarded

if TYPE_CHECKING:
    from rich.console import Console

    from matsmith.agents.runs import RunInfo
    from matsmith.app.verification import RunCheck

_WIDTH_WITH_OBJECTIVE = 110
Run = Annotated[str, typer.Argument(help="name or folder of a run", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="machine-readable")]


@guarded
def runs(as_json: AsJson = False) -> int:
    r"""List the runs, newest first.

    \b
    Example:
      matsmith runs
    """
    from matsmith.agents.runs import list_runs
    from matsmith.app.console import make_console, write_json
    from matsmith.core.settings import load_settings

    settings = load_settings()
    found = sorted(list_runs(settings), key=lambda info: info.started_at, reverse=True)
    if as_json:
        write_json([_run_json(info) for info in found])
        return 0
    console = make_console()
    if not found:
        console.print(
            f'No runs in {settings.runs_dir}. Start one with: matsmith design "a stable oxide above 150 GPa"'
        )
        return 0
    from rich.text import Text

    from matsmith.agents.report.markup import visible
    from matsmith.app.console import plain_table

    # A run's name begins with its objective's words: where there is little room they are enough.
    wide = console.width >= _WIDTH_WITH_OBJECTIVE
    columns = ("Run", "Started", "State", "Met", *(["Objective"] if wide else []))
    table = plain_table(*columns, right=frozenset({"Met"}))
    for info in found:
        table.add_row(
            Text(visible(info.name), style="label"),
            Text(info.started_at.astimezone().strftime("%Y-%m-%d %H:%M"), style="quiet"),
            Text(
                str(info.state),
                style={"met": "met", "interrupted": "unknown", "waiting": "known"}.get(str(info.state), ""),
            ),
            str(info.met),
            *([Text(visible(" ".join(info.objective.split()), limit=200))] if wide else []),
        )
    console.print(table)
    return 0


def _run_json(info: RunInfo) -> dict[str, object]:
    return {
        "name": info.name,
        "folder": str(info.folder),
        "objective": info.objective,
        "started_at": info.started_at.isoformat(),
        "state": str(info.state),
        "met": info.met,
    }


@guarded
def show(
    run: Run,
    candidate: Annotated[
        str | None, typer.Argument(help="rank of a candidate, or the beginning of its id", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> int:
    r"""Show a run, or one of its candidates with every number and the record it stands in.

    \b
    Examples:
      matsmith show my-run
      matsmith show my-run 1
    """
    from matsmith.agents.report.collect import collect
    from matsmith.agents.report.terminal import find_candidate, show_candidate, show_run
    from matsmith.agents.runs import find_run
    from matsmith.app.console import make_console
    from matsmith.core.ledger import Ledger
    from matsmith.core.settings import load_settings

    folder = find_run(run, settings=load_settings())
    with Ledger(folder / "ledger.sqlite", create=False) as ledger:
        report = collect(ledger)
    if as_json:
        shown = report if candidate is None else find_candidate(report, candidate)
        print(shown.model_dump_json(indent=2))
        return 0
    console = make_console()
    console.print(show_run(report) if candidate is None else show_candidate(report, candidate))
    if candidate is None:
        _print_pause(folder, console)
    return 0


def _print_pause(folder: Path, console: Console) -> None:
    """Say for what a run waits, and how it goes on."""
    from matsmith.agents.session import waiting
    from matsmith.app.pauses import show_pause
    from matsmith.core.settings import load_settings

    pause = waiting(folder)
    if pause is None:
        return
    show_pause(pause, folder=folder, console=console, settings=load_settings())
    run = shlex.quote(folder.name)
    console.print(
        f" It waits for your approval of {pause.point.question}: matsmith resume {run} --approve, --refuse or --spec FILE",
        style="known",
        soft_wrap=True,
    )


@guarded
def verify(run: Run, as_json: AsJson = False) -> int:
    r"""Check that nothing in a run was changed: the chain of its ledger, its report and its crystals.

    Exit status 0 when everything is as it was written, 1 when something was changed.

    \b
    Example:
      matsmith verify my-run
    """
    from matsmith.agents.runs import find_run
    from matsmith.app.console import write_json
    from matsmith.app.verification import verify_run
    from matsmith.core.settings import load_settings

    check = verify_run(find_run(run, settings=load_settings()))
    if as_json:
        write_json(check.as_json())
    else:
        _print_check(check)
    if not check.intact:
        complain(f"{check.folder} is not as it was written.", hint="Trust no number in it.")
        return FAILURE
    return 0


def _print_check(check: RunCheck) -> None:
    from rich.text import Text

    from matsmith.agents.report.markup import visible
    from matsmith.app.console import make_console

    console = make_console()
    for problem in check.problems:
        console.print(Text.assemble(("✗ ", "not_met"), visible(problem)))
    for note in check.notes:
        console.print(Text.assemble(("– ", "unknown"), visible(note)))
    if check.intact:
        console.print(Text.assemble(("✓ ", "met"), ("Nothing was changed.", "label")))
    crystals = f", {check.crystals} crystal files" if check.crystals else ""
    console.print(
        Text(
            f"  {check.entries} entries, {check.records} records{crystals}; the chain ends with {check.head[:16]}",
            style="quiet",
        )
    )
