"""`matsmith data crystals` and `data decorate`: the tables of crystals that a generator is trained on."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from matsmith.app.guard import guarded, stoppable
from matsmith.core.errors import Interrupted, UsageError

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable

    from matsmith.core.settings import Settings
    from matsmith.knowledge.exchange import Exchange
    from matsmith.models.diffusion.data_format import CrystalTable
    from matsmith.tools.training_builder import Progress
    from matsmith.tools.training_table import Assembled, Moduli, Split

AsJson = Annotated[bool, typer.Option("--json", help="machine-readable")]
_TELL_EVERY_S = 10.0


@guarded
def crystals(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE...",
            help="shipped, materials-project, a CSV file with a cif column (MP-20, Alex-MP-20, Perov-5, Carbon-24), a folder of CIFs, "
            "a folder of `matsmith data decorate`, or a table made before",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="the table, NAME.npz")],
    max_atoms: Annotated[int, typer.Option("--max-atoms", help="leave larger cells out")] = 20,
    split: Annotated[
        str,
        typer.Option(
            "--split", metavar="formula|type", help="what is kept apart: formulas, or kinds of structure"
        ),
    ] = "formula",
    moduli: Annotated[
        str,
        typer.Option(
            "--moduli",
            metavar="composition|static|none",
            help="bulk moduli that no source tells: predicted from the formula, or by static energies (slower)",
        ),
    ] = "composition",
    workers: Annotated[int, typer.Option("--workers", help="processes that read")] = 1,
    elements: Annotated[
        str,
        typer.Option("--elements", metavar="A,B", help="materials-project: only materials with all of these"),
    ] = "",
    above_hull: Annotated[
        float, typer.Option("--above-hull", help="materials-project: at most so far above the hull, eV/atom")
    ] = 0.1,
    limit: Annotated[
        int | None,
        typer.Option("--limit", help="materials-project: at most so many", show_default=False),
    ] = None,
    as_json: AsJson = False,
) -> int:
    r"""Make the table of crystals that `matsmith train diffusion` reads, from one source or several.

    Cells are reduced, symmetry is found, duplicates and broken entries are left out and counted, and formulas are split into training, validation
    and test. A call that was stopped goes on with what it had read. `materials-project` needs MP_API_KEY.

    \b
    Examples:
      matsmith data crystals shipped --out crystals.npz
      matsmith data crystals mp_20/train.csv my_cifs/ --out mine.npz --workers 8
      matsmith data crystals materials-project --elements Li,O --out lithium-oxides.npz
      matsmith data crystals shipped decorated/ --split type --out by-type.npz
    """
    from matsmith.app.console import make_console, write_json
    from matsmith.core.settings import load_settings
    from matsmith.tools.training_table import PROJECT, TableSettings, assemble, check_sources

    settings = load_settings()
    if out.suffix != ".npz" or out.is_dir():
        raise UsageError(f"{out} is no name of a table.", hint="Give --out a name that ends in .npz.")
    wanted = TableSettings(
        max_atoms=max_atoms,
        split=cast("Split", split),
        moduli=cast("Moduli", moduli),
        workers=workers,
        elements=tuple(part.strip() for part in elements.split(",") if part.strip()),
        above_hull_ev_per_atom=above_hull,
        limit=limit,
    )
    check_sources(sources)
    with stoppable():
        try:
            made = assemble(
                sources,
                out,
                wanted=wanted,
                settings=settings,
                exchange=_project(settings) if PROJECT in sources else None,
                quiet=False,
                report=_teller(),
            )
        except KeyboardInterrupt:
            raise Interrupted("Stopped.", hint="Call it again with the same options: it goes on.") from None
    if as_json:
        write_json(_as_json(made, out))
        return 0
    console = make_console()
    for line in _summary(made, out):
        console.print(line, soft_wrap=True)
    return 0


def _project(settings: Settings) -> Exchange:
    from matsmith.knowledge.project_summaries import exchange_for

    if settings.mp_api_key is None:
        raise UsageError("There is no key for the Materials Project.", hint="Set MP_API_KEY.")
    return exchange_for(settings.mp_api_key.get_secret_value(), cache_dir=settings.cache_dir)


def _teller() -> Callable[[str, int, int], None]:
    """A line on standard error now and then, with the time that is left."""
    begun: dict[str, float] = {}
    told: dict[str, float] = {}

    def tell(what: str, done: int, total: int) -> None:
        now = time.monotonic()
        start = begun.setdefault(what, now)
        if now - told.get(what, start) >= _TELL_EVERY_S:
            told[what] = now
            _say(f"{what}: {done} of {total}", (now - start) / done * (total - done))

    return tell


def _say(text: str, seconds_left: float | None) -> None:
    from matsmith.app.durations import clock

    left = "" if seconds_left is None else f", {clock(seconds_left)} left"
    print(text + left, file=sys.stderr, flush=True)


def _shares(table: CrystalTable) -> dict[str, int]:
    from matsmith.models.diffusion.data_format import SPLITS

    return {name: len(table.in_split(name)) for name in SPLITS}


def _known(table: CrystalTable) -> dict[str, int]:
    import numpy as np

    return {name: int(np.isfinite(values).sum()) for name, values in table.properties.items()}


def _as_json(made: Assembled, out: Path) -> dict[str, object]:
    return {
        "table": str(out),
        "crystals": len(made.table),
        "formulas": len(set(made.table.formulas)),
        "kinds_of_structure": len(set(made.table.types)),
        "split": _shares(made.table),
        "known": _known(made.table),
        "read": made.read,
        "skipped": dict(made.skipped),
        "duplicates": made.duplicates,
        "references": dict(made.tiers),
    }


def _summary(made: Assembled, out: Path) -> list[str]:
    table = made.table
    shares = ", ".join(f"{count:,} {name}" for name, count in _shares(table).items())
    lines = [
        f"{len(table):,} crystals of {len(set(table.formulas)):,} formulas and {len(set(table.types)):,} kinds of structure in {out}: {shares}",
        "known: " + ", ".join(f"{name} of {count:,}" for name, count in _known(table).items()),
        f"left out: {_counted(made.skipped)}; {made.duplicates:,} duplicates",
    ]
    if made.tiers:
        lines.append(f"energies above hull against: {_counted(made.tiers)}")
    return lines


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.most_common()) or "none"


@guarded
def decorate(
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="folder of the build; an earlier one goes on")
    ],
    count: Annotated[int, typer.Option("--n", help="decorations to compute, earlier ones included")] = 3000,
    elements: Annotated[
        str, typer.Option("--elements", metavar="3,4", help="how many elements, two to five")
    ] = "3,4",
    atoms_max: Annotated[int, typer.Option("--max-atoms", help="largest primitive cell")] = 12,
    seed: Annotated[int, typer.Option("--seed", help="another seed draws other formulas")] = 0,
    workers: Annotated[int, typer.Option("--workers", help="processes that compute; 1 on a GPU")] = 1,
    budget: Annotated[
        str, typer.Option("--time", metavar="40m", help="begin nothing after so long", show_default=False)
    ] = "",
    as_json: AsJson = False,
) -> int:
    r"""Compute crystals to train on: prototypes decorated by likely substitutions, relaxed and labelled by the potential.

    Every finished decoration is kept at once: the same call goes on where it was stopped, also after `kill -9`, and a larger --n adds to what is
    there. What does not relax, overlaps or ends far from the hull is counted with its reason. About three small cells a second on one core.

    \b
    Examples:
      matsmith data decorate --out decorated --n 3000 --time 40m
      matsmith data decorate --out decorated --n 30000 --elements 2,3,4 --max-atoms 20 --workers 8
      matsmith data crystals shipped decorated --out crystals.npz
    """
    from matsmith.app.console import make_console, write_json
    from matsmith.app.durations import parse_duration
    from matsmith.core.settings import load_settings
    from matsmith.tools.training_builder import build
    from matsmith.tools.training_plan import PlanSettings

    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file.", hint="Give --out a folder.")
    try:
        sizes = tuple(sorted({int(part) for part in elements.split(",")}))
    except ValueError as error:
        raise UsageError(f"{elements!r} are no numbers of elements.", hint="Write them like 3,4.") from error
    wanted = PlanSettings(count=count, elements=sizes, atoms_max=atoms_max, seed=seed)
    told = [time.monotonic()]

    def report(progress: Progress) -> None:
        if time.monotonic() - told[0] >= _TELL_EVERY_S:
            told[0] = time.monotonic()
            done = progress.earlier + progress.done
            _say(f"{done} of {progress.total}, {progress.kept} kept", progress.seconds_left)

    with stoppable():
        try:
            made = build(
                out,
                wanted=wanted,
                settings=load_settings(),
                workers=workers,
                budget_s=parse_duration(budget) if budget else None,
                report=report,
            )
        except KeyboardInterrupt:
            raise Interrupted("Stopped.", hint="Call it again with the same options: it goes on.") from None
    left = made.total - made.earlier - made.done
    if as_json:
        found = {"folder": str(out), "planned": made.total, "kept": made.kept, "left": left}
        write_json(found | {"failed": dict(made.failed)})
        return 0
    console = make_console()
    console.print(
        f"{made.kept:,} crystals in {out}, {made.total - left:,} of {made.total:,} decorations computed"
    )
    console.print(f"left out: {_counted(made.failed)}", soft_wrap=True)
    if left:
        console.print(f"{left:,} are left: the same call goes on.")
    return 0
