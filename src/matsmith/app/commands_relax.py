"""`matsmith relax`: relax the crystals of many files at once."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from matsmith.app.guard import FAILURE, complain, guarded, stoppable
from matsmith.core.errors import Interrupted, UsageError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from matsmith.core.crystal import Crystal
    from matsmith.core.settings import Settings
    from matsmith.tools.relax_files import Batch, FileJob


@guarded
def relax(
    paths: Annotated[
        list[Path], typer.Argument(help="CIF or POSCAR files, or folders of them", show_default=False)
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="folder for the results")],
    keep_symmetry: Annotated[
        bool, typer.Option("--keep-symmetry", help="keep the space group of each crystal")
    ] = False,
    potential: Annotated[
        str | None,
        typer.Option(
            "--potential",
            metavar="NAME[:MODEL]",
            help="another potential than that of the settings; `matsmith doctor` lists those installed",
            show_default=False,
        ),
    ] = None,
    fmax: Annotated[
        float, typer.Option("--fmax", metavar="X", help="largest force left, in eV/Å", min=1e-4, max=1.0)
    ] = 0.05,
    pressure: Annotated[
        float, typer.Option("--pressure", metavar="P", help="in GPa", min=-20.0, max=500.0)
    ] = 0.0,
    steps: Annotated[
        int, typer.Option("--steps", metavar="N", help="evaluations a crystal, at most", min=1, max=5000)
    ] = 300,
    as_json: Annotated[
        bool, typer.Option("--json", help="machine-readable; also written to relax.json")
    ] = False,
) -> int:
    r"""Relax atoms and cell of every crystal in shared batches.

    Writes a relaxed CIF a file and relax.json with energies, volumes, forces and failures. A file that is no crystal is
    told and left out. Called again with the same options it goes on where it stopped: what is finished is kept.

    Exit status: 0 when all were relaxed, 1 when some failed, 2 for wrong use, 5 when interrupted.

    \b
    Examples:
      matsmith relax structures/ --out relaxed/
      matsmith relax a.cif POSCAR --out relaxed --keep-symmetry --fmax 0.01
      matsmith relax structures --out relaxed-mace --potential mace
    """
    from matsmith.app.console import make_console, write_json
    from matsmith.core.settings import load_settings
    from matsmith.tools.relax_files import SUMMARY, Batch, gather, summary

    settings = with_potential(load_settings(), potential)
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file.", hint="Give --out a folder.")
    batch = Batch(
        jobs=gather(paths, out=out),
        out=out,
        arguments={
            "force_tolerance_ev_per_angstrom": fmax,
            "max_steps": steps,
            "pressure_gpa": pressure,
            "keep_symmetry": keep_symmetry,
        },
    )
    out.mkdir(parents=True, exist_ok=True)
    stopped = False
    with stoppable():
        try:
            _work(batch, settings=settings)
        except KeyboardInterrupt:
            stopped = True
    found = summary(batch, settings=settings, space_group=_space_group)
    (out / SUMMARY).write_text(_json(found), encoding="utf-8")
    if as_json:
        write_json(found)
    else:
        make_console().print(_table(found))
    if stopped:
        raise Interrupted(
            f"Stopped with {found['waiting']} of {found['files']} files left.",
            hint="Call it again with the same options: what is finished is kept.",
        )
    if found["failed"]:
        complain(
            f"{found['failed']} of {found['files']} files failed.", hint=f"{out / SUMMARY} has the reasons."
        )
        return FAILURE
    return 0


def with_potential(settings: Settings, choice: str | None) -> Settings:
    """Put a potential into the settings. Raises `UsageError` for an unknown name, `PotentialError` for one not installed."""
    from matsmith.core.errors import PotentialError
    from matsmith.models.potentials.registry import entry_of

    entry = entry_of(choice if choice is not None else settings.potential)
    if entry.missing is not None:
        raise PotentialError(entry.missing, hint=f"Run `{entry.install}`.")
    return settings if choice is None else settings.model_copy(update={"potential": choice})


def _work(batch: Batch, *, settings: Settings) -> None:
    from matsmith.app.console import make_console
    from matsmith.tools.relax_files import relax_batch

    console = make_console(stderr=True)
    total, told = len(batch.jobs), 0
    progress: Any = None
    manager: AbstractContextManager[Any] = nullcontext()
    if console.is_terminal:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        manager = progress = Progress(
            TextColumn("relaxing"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        )
    with manager:
        task: Any = None if progress is None else progress.add_task("relaxing", total=total)
        for count, job in enumerate(relax_batch(batch, settings=settings), start=1):
            if job.failure is not None:
                _tell_failure(job, progress)
            if progress is not None:
                progress.update(task, completed=count)
            elif count == total or 10 * count // total > told:
                told = 10 * count // total
                print(f"{count} of {total}", file=sys.stderr, flush=True)


def _tell_failure(job: FileJob, progress: Any) -> None:
    """One line on what is wrong with a file, above the bar where there is one."""
    failure = job.failure
    if failure is None:
        return
    message = failure.message.replace(str(job.path), "it")
    line = " ".join(f"{job.name}: {failure.code}: {message} {failure.hint}".split())
    if progress is None:
        complain(line)
    else:
        from rich.text import Text

        progress.console.print(Text(f"matsmith: {line}"), soft_wrap=True)


def _json(value: object) -> str:
    import json

    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _space_group(crystal: Crystal) -> str:
    """The space group within 0.05 Å, or a dash."""
    from matsmith.core.settings import load_settings
    from matsmith.tools.base import Deps
    from matsmith.tools.symmetry import TOOL, SymmetryArgs

    deps = Deps(settings=load_settings(), inputs={"it": crystal})
    symbol = TOOL.run(SymmetryArgs(structure="it"), deps=deps).facts.get("space_group_symbol")
    return str(symbol) if symbol else "-"


def _table(found: dict[str, Any]) -> RenderableType:
    from rich.text import Text

    from matsmith.app.console import plain_table

    numbers = ("Atoms", "eV/atom", "Å³/atom", "change", "eV/Å", "Steps")
    table = plain_table(
        "File", "Formula", "Atoms", "Space group", "eV/atom", "Å³/atom", "change", "eV/Å", "Steps", "",
        right=frozenset(numbers),
    )  # fmt: skip
    for entry in found["results"]:
        cells = [
            Text(entry["file"]),
            Text(entry.get("formula", ""), style="label"),
            Text(str(entry.get("atoms", ""))),
        ]
        if entry["state"] == "relaxed":
            before, after = entry["space_group_before"], entry["space_group"]
            volume = entry["volume_angstrom3_per_atom"]
            change = 100.0 * (volume / entry["volume_before_angstrom3_per_atom"] - 1.0)
            cells += [
                Text(after if after == before else f"{before} → {after}"),
                Text(f"{entry['energy_ev_per_atom']:.4f}"),
                Text(f"{volume:.3f}"),
                Text(f"{change:+.1f} %", style="quiet"),
                Text(f"{entry['largest_force_ev_per_angstrom']:.3f}"),
                Text(str(entry["steps"])),
                Text("relaxed", style="met"),
            ]
        else:
            failed = entry["state"] == "failed"
            state = entry["failure"]["code"] if failed else "waiting"
            cells += [Text("")] * 6 + [Text(state, style="not_met" if failed else "quiet")]
        table.add_row(*cells)
    return table
