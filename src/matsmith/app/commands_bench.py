"""`matsmith bench`: how well the agents do, measured on tasks whose answers code checks."""

from __future__ import annotations

import contextlib
import shlex
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from matsmith.app.guard import FAILURE, complain, guarded, stoppable
from matsmith.core.errors import SettingsError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from matsmith.agents.bench.attempt import Arm, Result
    from matsmith.agents.bench.runner import Turn
    from matsmith.agents.bench.suite import Suite
    from matsmith.core.settings import Settings

_INTERRUPTED = 5
_LONGEST_ID = 34


class ReasonerName(StrEnum):
    """Who answers the agents' questions."""

    RULES = "rules"
    OPENAI = "openai"


SuiteName = Annotated[
    str,
    typer.Option(
        "--suite",
        metavar="NAME|FILE",
        help="quick, design, calculations, literature, traps, full or a YAML file",
    ),
]
TaskGlob = Annotated[
    str | None,
    typer.Option(
        "--tasks",
        metavar="GLOB",
        help="only these: ids, kinds, patterns, with commas between",
        show_default=False,
    ),
]


def bench_app() -> typer.Typer:
    """Return the group of commands."""
    app = typer.Typer(
        help="Measure the agents on tasks whose answers code checks.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    app.command(short_help="Run a suite and print the score.")(agents)
    app.command(short_help="List the tasks of a suite.")(tasks)
    app.command(short_help="Print the score of a folder of results again.")(report)
    return app


@guarded
def agents(
    suite: SuiteName = "quick",
    reasoner: Annotated[
        ReasonerName | None, typer.Option(help="built-in rules, or a language model", show_default=False)
    ] = None,
    arms: Annotated[
        str | None,
        typer.Option(
            metavar="LIST",
            help="rules, five (the agents with a model), one (one agent with all tools); all three with a model",
            show_default=False,
        ),
    ] = None,
    only: TaskGlob = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="folder of the results; a new one when not given", show_default=False
        ),
    ] = None,
    repeat: Annotated[
        int, typer.Option(metavar="N", min=1, max=100, help="attempts of each task and arm")
    ] = 1,
    resume: Annotated[
        bool, typer.Option("--resume", help="go on in a folder with results; what has one is not tried again")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="the whole result as JSON on standard output")
    ] = False,
) -> int:
    r"""Run the tasks of a suite by the built-in rules, by five agents with a model, and by one agent with all tools.

    Every attempt has the same limits and a process of its own. Success is decided by code from records and recomputation. The folder
    gets results.jsonl (as it goes on), report.json and report.csv.

    \b
    Examples:
      matsmith bench agents --suite quick
      matsmith bench agents --suite full --out bench-rules
      OPENAI_API_KEY=... MATSMITH_MODEL=... matsmith bench agents --suite full --reasoner openai --repeat 3 --out bench-model
      matsmith bench agents --suite full --reasoner openai --repeat 3 --out bench-model --resume

    \b
    Exit status: 0 finished, 1 a number without a record or a false claim of success was found,
    2 usage, 5 interrupted: the same command with --resume goes on.
    """
    from matsmith.agents.bench.runner import run_suite
    from matsmith.agents.bench.suite import load_suite
    from matsmith.app.console import make_console
    from matsmith.core.settings import load_settings

    settings = load_settings()
    name = reasoner.value if reasoner is not None else settings.reasoner
    wanted = _arms(arms, reasoner=name)
    _check_model(wanted, reasoner=name, settings=settings)
    chosen = load_suite(suite).selected(only)
    folder = out if out is not None else _new_folder(chosen)
    progress = make_console(stderr=True)
    _begin(chosen, wanted, repeat=repeat, folder=folder, settings=settings)
    try:
        with stoppable():
            results = run_suite(
                chosen,
                arms=wanted,
                reasoner=name,
                model=_model_name(settings) if name != "rules" else "",
                out=folder,
                repeat=repeat,
                again=resume,
                tell=lambda turn: _tell(turn, console=progress),
            )
    except KeyboardInterrupt:
        complain(
            "Interrupted; every finished attempt is kept.",
            hint=f"Go on with the same command, --out {shlex.quote(str(folder))} and --resume.",
        )
        return _INTERRUPTED
    return _finish(results, folder=folder, as_json=as_json)


@guarded
def tasks(
    suite: SuiteName = "full",
    only: TaskGlob = None,
    as_json: Annotated[bool, typer.Option("--json", help="machine-readable")] = False,
) -> int:
    r"""List the tasks of a suite: what is asked, under which limits, and which tools they need.

    \b
    Example:
      matsmith bench tasks --suite traps
    """
    from matsmith.agents.bench.grading import lacking_tools
    from matsmith.agents.bench.suite import load_suite
    from matsmith.app.console import make_console, plain_table, write_json
    from matsmith.core.settings import load_settings

    chosen = load_suite(suite).selected(only)
    if as_json:
        write_json([task.model_dump(mode="json") for task in chosen.tasks])
        return 0
    from rich.text import Text

    settings = load_settings()
    table = plain_table("Task", "Kind", "Asked", "Time", "Lacking", right=frozenset({"Time"}))
    for task in chosen.tasks:
        lacking = ", ".join(lacking_tools(task, settings=settings))
        table.add_row(
            Text(task.id, style="label"),
            task.kind.value,
            Text(task.prompt),
            f"{task.budget.wall_time_s:g} s",
            Text(lacking, style="unknown"),
        )
    console = make_console()
    console.print(table)
    console.print(Text(f"{len(chosen.tasks)} tasks. {chosen.about.strip()}", style="quiet"))
    return 0


@guarded
def report(
    folder: Annotated[Path, typer.Argument(help="folder of a bench", show_default=False)],
    as_json: Annotated[bool, typer.Option("--json", help="machine-readable")] = False,
) -> int:
    r"""Print the score of results that are on disk, also of a bench that was interrupted.

    \b
    Example:
      matsmith bench report bench-rules
    """
    from matsmith.agents.bench.runner import MANIFEST, read_results

    if not (folder / MANIFEST).is_file():
        raise UsageError(
            f"{folder} holds no bench.", hint="Give the folder of `matsmith bench agents --out`."
        )
    results = read_results(folder)
    if not results:
        raise UsageError(
            f"{folder} holds no result yet.", hint="Go on with `matsmith bench agents --resume`."
        )
    return _finish(results, folder=folder, as_json=as_json)


def _arms(given: str | None, *, reasoner: str) -> list[Arm]:
    from matsmith.agents.bench.attempt import Arm

    if given is None:
        return [Arm.RULES] if reasoner == "rules" else list(Arm)
    names = [name.strip() for name in given.split(",") if name.strip()]
    unknown = [name for name in names if name not in set(Arm)]
    if unknown or not names:
        raise UsageError(
            f"There is no arm {unknown[0] if unknown else given!r}.",
            hint="Choose among rules, five and one, with commas.",
        )
    return [arm for arm in Arm if arm.value in names]


def _check_model(arms: Sequence[Arm], *, reasoner: str, settings: Settings) -> None:
    """Say before anything is tried that an arm has no model. Raises `UsageError` or `SettingsError`."""
    from matsmith.agents.bench.attempt import Arm
    from matsmith.core.settings import MODEL_ROLES

    if not any(arm is not Arm.RULES for arm in arms):
        return
    if reasoner == "rules":
        raise UsageError(
            "The arms five and one need a language model.",
            hint="Add --reasoner openai, with OPENAI_API_KEY or OPENAI_BASE_URL and MATSMITH_MODEL set, or ask for --arms rules.",
        )
    from matsmith.agents.reasoners.providers import choice_for

    try:
        for role in MODEL_ROLES:
            choice_for(settings, role=role)
    except SettingsError as error:
        error.hint = f"{error.hint.rstrip('.')}, or ask for --arms rules."
        raise


def _model_name(settings: Settings) -> str:
    """Which models and servers the results are of: never a key."""
    from matsmith.agents.reasoners.providers import choice_for
    from matsmith.core.settings import MODEL_ROLES

    choices = (choice_for(settings, role=role) for role in MODEL_ROLES)
    named = (f"{one.model or 'the only model'} at {one.base_url or 'OpenAI'}" for one in choices)
    return ", ".join(dict.fromkeys(named))


def _new_folder(suite: Suite) -> Path:
    from datetime import datetime

    return Path(f"matsmith-bench/{datetime.now():%Y%m%d-%H%M%S}-{suite.name}")


def _begin(suite: Suite, arms: Sequence[Arm], *, repeat: int, folder: Path, settings: Settings) -> None:
    from rich.text import Text

    from matsmith.agents.bench.grading import lacking_tools
    from matsmith.agents.report.wording import duration_text
    from matsmith.app.console import make_console

    total = len(suite.tasks) * len(arms) * repeat
    longest = sum(task.budget.wall_time_s for task in suite.tasks) * len(arms) * repeat
    lines = [
        f"{suite.name}: {len(suite.tasks)} tasks by {', '.join(arm.value for arm in arms)}, {total} attempts, "
        f"at most {duration_text(longest)} of work; results in {folder}"
    ]
    lacking = {name for task in suite.tasks for name in lacking_tools(task, settings=settings)}
    if lacking:
        lines.append(f"Not here, so tasks that need them fail: {', '.join(sorted(lacking))}")
    console = make_console(stderr=True)
    for line in lines:
        console.print(Text(line, style="quiet"))


def _tell(turn: Turn, *, console: Console) -> None:
    """One line an attempt; where a person watches, another when it begins."""
    if turn.result is not None or console.is_terminal:
        console.print(_line(turn))


def _line(turn: Turn) -> Any:
    from rich.text import Text

    head = f"[{turn.number}/{turn.total}] {turn.arm.value:5} {turn.task.id:{_LONGEST_ID}}"
    if turn.result is None:
        return Text(f"{head} …", style="quiet")
    grade, attempt = turn.result.grade, turn.result.attempt
    line = Text(f"{head} ")
    line.append("passed" if grade.passed else "failed", style="met" if grade.passed else "not_met")
    line.append(
        f"  {attempt.ending.value}, {attempt.wall_s:.1f} s{', kept' if turn.kept else ''}", style="quiet"
    )
    if grade.failures:
        line.append(f"  {_short(grade.failures[0])}", style="quiet")
    if grade.refuted or grade.bare_numbers:
        line.append(f"  FALSE: {_short((*grade.refuted, *grade.bare_numbers)[0])}", style="not_met")
    return line


def _short(text: str) -> str:
    from matsmith.agents.report.markup import visible

    return visible(" ".join(text.split()), limit=160)


def _finish(results: Sequence[Result], *, folder: Path, as_json: bool) -> int:
    """Write the report files, print the score, and say by the exit status whether anything was made up."""
    import json

    from matsmith.agents.bench.runner import stored_manifest
    from matsmith.agents.bench.summary import as_csv, sound
    from matsmith.agents.bench.summary import as_json as bench_json
    from matsmith.app.bench_view import bench_view
    from matsmith.app.console import make_console, write_json

    data = bench_json(results, manifest=stored_manifest(folder))
    (folder / "report.json").write_text(
        json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    (folder / "report.csv").write_text(as_csv(results), encoding="utf-8")
    if as_json:
        write_json(data)
    else:
        console = make_console()
        with contextlib.suppress(BrokenPipeError):
            console.print(bench_view(results))
    return 0 if sound(results) else FAILURE
