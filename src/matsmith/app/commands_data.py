"""`matsmith data get` and `data list`: the public tables that make answers better."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from matsmith.app.guard import FAILURE, complain, guarded
from matsmith.core.errors import DataError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from rich.console import Console

    from matsmith.knowledge.downloads import Fetched, Progress
    from matsmith.knowledge.synthesis.adoption import Adopted

_SYNTHESIS = "synthesis"
AsJson = Annotated[bool, typer.Option("--json", help="machine-readable")]


@guarded
def get(
    tables: Annotated[
        list[str] | None,
        typer.Argument(
            help="names from `matsmith data list`; all that matsmith uses when left out", show_default=False
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="fetch again what is here already")] = False,
    source: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="FILE",
            help="take a file of published syntheses that was downloaded by hand (for `synthesis`)",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> int:
    r"""Download tables of computed and measured values once; matsmith works without them, on less.

    \b
    Examples:
      matsmith data get
      matsmith data get mp_formation_energy
      matsmith data get synthesis
      matsmith data get synthesis --from solid-state_dataset.json.xz
    """
    from matsmith.app.console import make_console, write_json
    from matsmith.core.settings import load_settings
    from matsmith.knowledge.downloads import get_data

    settings = load_settings()
    if tables and _SYNTHESIS in tables:
        if len(tables) > 1:
            raise UsageError(
                f"{_SYNTHESIS} is fetched for itself.", hint=f"`matsmith data get {_SYNTHESIS}`."
            )
        return _get_synthesis(settings.data_dir, source, force=force, as_json=as_json)
    if source is not None:
        raise UsageError(
            f"--from goes with {_SYNTHESIS} only.", hint=f"`matsmith data get {_SYNTHESIS} --from FILE`."
        )
    console = make_console(stderr=as_json)
    with _bars(console) as progress:
        fetched = get_data(settings.data_dir, names=tables or None, progress=progress, force=force)
    if as_json:
        write_json([_fetched_json(each) for each in fetched])
        return 0
    for each in fetched:
        dropped = f", {each.dropped} unusable rows left out" if each.dropped else ""
        console.print(
            f"{each.table}: {f'{each.rows:,} rows fetched{dropped}' if each.new else 'already here'}"
        )
    console.print(f"Tables lie in {settings.data_dir}")
    return 0


def _get_synthesis(data_dir: Path, source: Path | None, *, force: bool, as_json: bool) -> int:
    """Fetch the files of reactions that are not here, or take a downloaded one in; say which are here and where the others are published."""
    from matsmith.app.console import make_console, write_json
    from matsmith.knowledge.synthesis.adoption import HOW, WHERE_FROM, adopt, fetch_missing, here
    from matsmith.knowledge.synthesis.mined import FILES

    console = make_console(stderr=as_json)
    failure: DataError | None = None
    made: list[Adopted] = []
    try:
        with _bars(console) as progress:
            made = (
                [adopt(source, data_dir)]
                if source
                else fetch_missing(data_dir, progress=progress, force=force)
            )
    except DataError as error:
        failure = error
    for one in made:
        left = ", ".join(f"{count} {why}" for why, count in one.dropped.items()) or "none"
        console.print(f"{one.route}: {one.reactions:,} reactions, in {one.path}; left out: {left}")
    present = here(data_dir)
    missing = [route for route in FILES if route not in present]
    if as_json:
        write_json(
            [
                {
                    "table": FILES[route],
                    "route": route,
                    "here": route in present,
                    "path": str(data_dir / FILES[route]),
                }
                for route in FILES
            ]
        )
    for route, path in present.items():
        console.print(f"{route}: here ({path})")
    if failure is not None:
        complain(failure.message, hint=failure.hint)
    if missing:
        console.print(f"Not here: reactions of {' and '.join(missing)} synthesis. {WHERE_FROM} {HOW}")
    return FAILURE if failure is not None else 0


@contextmanager
def _bars(console: Console) -> Generator[Callable[[Progress], None] | None]:
    """Bars of progress on a terminal; nothing elsewhere."""
    if not console.is_terminal:
        yield None
        return
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TransferSpeedColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Bars(*columns, console=console, transient=True) as bars:
        yield _on_bars(bars)


def _on_bars(bars: object) -> Callable[[Progress], None]:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

    if not isinstance(bars, Bars):
        raise TypeError("bars must be rich's Progress")
    tasks: dict[str, TaskID] = {}

    def show(progress: Progress) -> None:
        if progress.table not in tasks:
            tasks[progress.table] = bars.add_task(progress.table, total=progress.total_bytes)
        bars.update(tasks[progress.table], completed=progress.received_bytes, total=progress.total_bytes)

    return show


def _fetched_json(each: Fetched) -> dict[str, object]:
    return {
        "table": each.table,
        "path": str(each.path),
        "rows": each.rows,
        "dropped": each.dropped,
        "new": each.new,
    }


@guarded
def list_tables(as_json: AsJson = False) -> int:
    r"""List the tables: which are here, what each holds and where it comes from.

    \b
    Example:
      matsmith data list
    """
    from matsmith.app.console import make_console, plain_table, write_json
    from matsmith.core.settings import load_settings
    from matsmith.knowledge.matbench_files import DOWNLOADS
    from matsmith.knowledge.table_sources import SOURCES

    settings = load_settings()
    offered = {download.table: download for download in DOWNLOADS}
    rows: list[dict[str, object]] = []
    for name in dict.fromkeys([*SOURCES, *offered]):
        source, download = SOURCES.get(name), offered.get(name)
        file = source.file if source else download.file if download else name
        rows.append(
            {
                "table": name,
                "here": (settings.data_dir / file).is_file(),
                "holds": source.property or source.truth if source else "",
                "used": source is not None,
                "download": download is not None,
                "title": source.title if source else "",
                "date": source.date if source else "",
                "citation": source.citation if source else "",
                "path": str(settings.data_dir / file),
            }
        )
    from matsmith.knowledge.synthesis.mined import CITATION, FILES

    mined: list[dict[str, object]] = [
        {
            "table": name.removesuffix(".json.xz"),
            "here": (settings.data_dir / name).is_file(),
            "holds": f"published reactions, {route}",
            "used": True,
            "download": True,
            "title": "text-mined syntheses",
            "date": "2020",
            "citation": CITATION,
            "path": str(settings.data_dir / name),
        }
        for route, name in FILES.items()
    ]
    rows += mined
    if as_json:
        write_json(rows)
        return 0
    from rich.text import Text

    table = plain_table("Table", "Here", "Holds", "From")
    for row in rows:
        here = (
            Text("yes", style="met")
            if row["here"]
            else Text("no" if row["download"] else "no, by hand only", style="unknown")
        )
        origin = f"{row['title']} ({row['date']})" if row["title"] else "not used yet"
        table.add_row(
            Text(str(row["table"]), style="label"),
            here,
            Text(str(row["holds"]).replace("_", " ")),
            Text(origin, style="quiet"),
        )
    console = make_console()
    console.print(table)
    console.print(
        Text(
            f"\nTables lie in {settings.data_dir}; `matsmith data get` fetches those that are missing, `matsmith data get synthesis` the syntheses.",
            style="quiet",
        )
    )
    return 0
