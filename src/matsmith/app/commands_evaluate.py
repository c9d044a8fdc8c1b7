"""`matsmith evaluate`: judge what a generator of crystals made."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from matsmith.app.guard import FAILURE, guarded, stoppable
from matsmith.core.errors import Interrupted, UsageError

if TYPE_CHECKING:
    from matsmith.tools.evaluation.evaluation import Evaluation, Hear


@guarded
def evaluate(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="DIR",
            help="crystals of any generator: CIF, POSCAR, .extxyz, .zip of CIFs, .npz table",
            show_default=False,
        ),
    ],
    reference: Annotated[
        Path | None,
        typer.Option(
            "--reference",
            metavar="TABLE|DIR",
            help="known crystals to compare with, such as the training set",
            show_default=False,
        ),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(
            "--split",
            metavar="NAME",
            help="of a table as reference: train, validation or test",
            show_default=False,
        ),
    ] = None,
    match: Annotated[
        bool,
        typer.Option("--match", help="the samples predict the structures of the reference's crystals"),
    ] = False,
    relax: Annotated[
        bool, typer.Option("--relax", help="relax them, and tell their energy above the hull")
    ] = False,
    condition: Annotated[
        list[str] | None,
        typer.Option(
            "--condition",
            metavar="NAME=X",
            help="what was asked of every sample, such as density=5; may be repeated",
            show_default=False,
        ),
    ] = None,
    first: Annotated[
        int | None,
        typer.Option("--first", metavar="N", help="only the first N samples", min=1, show_default=False),
    ] = None,
    steps: Annotated[
        int, typer.Option("--steps", metavar="N", help="evaluations a relaxation, at most", min=1, max=5000)
    ] = 300,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="folder of results [DIR-evaluation]", show_default=False),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="machine-readable; also written to evaluation.json")
    ] = False,
) -> int:
    r"""Judge the crystals that a generator made, each figure with its 95 % interval and its method.

    Validity of structure and composition, uniqueness, novelty by formula, structure and prototype; with --relax the energy above the hull, what is
    stable, unique and new, and how far atoms moved; with --reference coverage and distances between distributions; with --match match rate,
    RMSE, cRMSE and METRe at 1 and 20. What `matsmith generate` was asked for is read from its manifest, and told as a hit rate.

    A file that cannot be read counts as a sample that failed. Writes evaluation.json, evaluation.csv (figures) and samples.csv (one row a
    sample). Called again it goes on where it stopped.

    Exit status: 0, 1 when no sample could be read, 2 for wrong use, 5 when interrupted.

    \b
    Examples:
      matsmith evaluate made/
      matsmith evaluate made/ --relax --reference training.npz
      matsmith evaluate generated_crystals_cif.zip --condition density=5 --relax
      matsmith evaluate predicted.npz --reference test.npz --match --json
    """
    from matsmith.app.console import write_json
    from matsmith.core.settings import load_settings
    from matsmith.tools.evaluation.asked import condition_value, property_name
    from matsmith.tools.evaluation.evaluation import Choices
    from matsmith.tools.evaluation.evaluation import evaluate as judge
    from matsmith.tools.evaluation.samples import read_samples

    if match and reference is None:
        raise UsageError(
            "--match compares with known crystals.", hint="Give them with --reference TABLE or DIR."
        )
    if split is not None and reference is None:
        raise UsageError("--split belongs to a table given as --reference.", hint="Give --reference TABLE.")
    asked: dict[str, float] = {}
    for words in condition or []:
        name, sign, value = words.partition("=")
        if not sign:
            raise UsageError(f"{words!r} is no condition.", hint="Write it as density=5.")
        full = property_name(name)
        asked[full] = condition_value(full, value)
    target = out or folder.absolute().with_name(f"{folder.absolute().name}-evaluation")
    if target.exists() and not target.is_dir():
        raise UsageError(f"{target} is a file.", hint="Give --out a folder.")
    if target.resolve() == folder.resolve():
        raise UsageError("The results cannot stand among the samples.", hint="Give another --out.")
    samples = read_samples(folder, leave_out=target, first=first)
    known = None if reference is None else _reference(reference, split=split)
    choices = Choices(relax=relax, match=match, arguments={"max_steps": steps}, conditions=asked)
    with stoppable(), _heard() as hear:
        try:
            found = judge(
                samples, out=target, settings=load_settings(), choices=choices, reference=known, hear=hear
            )
        except KeyboardInterrupt as error:
            raise Interrupted(
                "Stopped.", hint="Call it again with the same options: what is finished is kept."
            ) from error
    if as_json:
        write_json(found.plain())
    else:
        _show(found, out=target)
    return FAILURE if found.facts["unreadable"] == len(samples) else 0


def _reference(path: Path, *, split: str | None) -> list[Any]:
    from matsmith.tools.evaluation.samples import of_table, read_samples

    if split is None:
        return read_samples(path)
    from matsmith.models.diffusion.data_format import load_table

    table = load_table(path)
    rows = table.in_split(split)
    # Under the numbers that the whole table gives them: predictions name their crystals so.
    chosen = set(rows.tolist())
    return [one for row, one in enumerate(of_table(table, name=path.name)) if row in chosen]


@contextmanager
def _heard() -> Generator[Hear]:
    """A bar a stage on a terminal, a line a tenth elsewhere."""
    from matsmith.app.console import make_console

    console = make_console(stderr=True)
    if not console.is_terminal:
        told: dict[str, int] = {}

        def say(stage: str, done: int, total: int) -> None:
            tenth = 10 * done // max(1, total)
            if done and (done == total or tenth > told.get(stage, 0)):
                told[stage] = tenth
                print(f"{stage}: {done} of {total}", file=sys.stderr, flush=True)

        yield say
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    ) as progress:
        tasks: dict[str, Any] = {}

        def show(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = progress.add_task(stage, total=total)
            progress.update(tasks[stage], completed=done)

        yield show


_PROBLEMS_TOLD = 5


def _show(found: Evaluation, *, out: Path) -> None:
    from rich.text import Text

    from matsmith.app.console import make_console, plain_table
    from matsmith.tools.evaluation.energies import NO_PHASES

    console = make_console()
    table = plain_table("Figure", "Value (95 %)", "", "of", right=frozenset({"Value (95 %)", "of"}))
    for figure in found.figures:
        table.add_row(
            Text(figure.title),
            Text(figure.text, style="label"),
            Text(figure.unit),
            Text(str(figure.count or ""), style="quiet"),
        )
    console.print(table)
    problems = Counter(one.energy.problem for one in found.judged if one.energy and one.energy.problem)
    for problem, count in problems.most_common(_PROBLEMS_TOLD):
        hint = "; `matsmith data get` brings more" if problem == NO_PHASES else ""
        console.print(Text(f"{count} of {len(found.judged)}: {problem}{hint}"), soft_wrap=True)
    unread = found.facts["unreadable"]
    console.print(
        Text(
            f"{found.facts['samples']} samples{f', {unread} of them unreadable' if unread else ''}; "
            f"methods and rows: {out}",
            style="quiet",
        ),
        soft_wrap=True,
    )
