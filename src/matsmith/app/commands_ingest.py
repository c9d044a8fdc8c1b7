"""`matsmith ingest`: takes papers into the library that `matsmith ask` answers from."""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from matsmith.app.guard import guarded

if TYPE_CHECKING:
    from matsmith.knowledge.literature.ingest import Ingestion, Tell
    from matsmith.knowledge.literature.metadata import MetadataService

_SHOWN_FAILURES = 20
# For one answer, so that a lost network is noticed soon.
_PATIENCE_S = 15.0
_STAGES = {
    "reading": "Reading",
    "asking": "Asking services",
    "words": "Indexing words",
    "meaning": "Indexing meaning",
}


class ReaderName(StrEnum):
    """What reads PDF files."""

    PDFIUM = "pdfium"
    DOCLING = "docling"


@guarded
def ingest(
    paths: Annotated[
        list[Path], typer.Argument(help="files or folders: PDF, HTML, JATS, Markdown, text, BibTeX, Zotero")
    ],
    library: Annotated[
        Path | None,
        typer.Option(
            "--library", help="folder of the library; MATSMITH_LIBRARY when left out", show_default=False
        ),
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="read files again that have not changed")] = False,
    reader: Annotated[
        ReaderName,
        typer.Option(
            help="what reads PDF files: pdfium is quick; docling recognises layout and tables by learned models, which it downloads once, and "
            "needs matsmith[documents]; with --again it reads what is there already anew"
        ),
    ] = ReaderName.PDFIUM,
    metadata: Annotated[
        bool | None,
        typer.Option(
            "--metadata/--no-metadata",
            help="ask Crossref, OpenAlex, Semantic Scholar and arXiv about the papers, and whether they were retracted; "
            "off unless MATSMITH_LOOK_UP_METADATA is set",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="machine-readable")] = False,
) -> int:
    r"""Take papers into your library, so that `matsmith ask` can answer from them, quoted word for word.

    What is there already is left alone, so the same command goes on after an interruption. Files that cannot be read are listed
    with the reason, and the exit status is then 1; the rest is taken in. Nothing is sent anywhere without --metadata, which sends the
    DOI or the title of a paper.

    \b
    Examples:
      matsmith ingest garnets.pdf
      matsmith ingest ~/papers ~/Zotero --metadata
      matsmith ingest scans/ --reader docling
    """
    from matsmith.app.console import make_console, write_json
    from matsmith.app.guard import stoppable
    from matsmith.core.errors import Interrupted
    from matsmith.core.settings import load_settings
    from matsmith.knowledge.literature.ingest import ingest as take_in

    settings = load_settings()
    folder = library or settings.library_dir
    services: list[MetadataService] = []
    if settings.look_up_metadata if metadata is None else metadata:
        from matsmith.knowledge.literature.metadata import services_from

        services = services_from(settings, patience_s=_PATIENCE_S)
    console = make_console(stderr=as_json)
    try:
        with stoppable(), _progress(console) as tell:
            report = take_in(
                paths,
                folder=folder,
                settings=settings,
                tell=tell,
                again=again,
                reader=reader.value,
                services=services,
            )
    except KeyboardInterrupt:
        raise Interrupted(
            "Stopped; what was finished is in the library.", hint="Run the same command again to go on."
        ) from None
    if as_json:
        write_json(_plain(report))
    else:
        _print(report, console)
    return 1 if report.failures else 0


@contextlib.contextmanager
def _progress(console: Any) -> Generator[Tell]:
    """Bars on a terminal, a line now and then elsewhere."""
    if not console.is_terminal:
        told: dict[str, int] = {}

        def say(stage: str, done: int, total: int, name: str) -> None:
            tenth = 10 * done // total if total else 10
            if total > 20 and told.get(stage) != tenth:
                told[stage] = tenth
                console.print(f"{_STAGES[stage]}: {done:,} of {total:,}")
            del name

        yield say
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[name]}", style="quiet", markup=False),
    )
    with Progress(*columns, console=console, transient=True) as bars:
        tasks: dict[str, Any] = {}

        def show(stage: str, done: int, total: int, name: str) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(_STAGES[stage], total=total, name="")
            bars.update(
                tasks[stage],
                completed=done,
                total=total,
                name=name.replace("\\", "/").rsplit("/", 1)[-1][:40],
            )

        yield show


def _print(report: Ingestion, console: Any) -> None:
    from rich.text import Text

    for failure in report.failures[:_SHOWN_FAILURES]:
        console.print(
            Text.assemble(("not read: ", "not_met"), f"{failure.message} ", (failure.hint, "quiet"))
        )
    if len(report.failures) > _SHOWN_FAILURES:
        console.print(
            Text(
                f"... and {len(report.failures) - _SHOWN_FAILURES} more; --json lists them all.",
                style="quiet",
            )
        )
    for path, warning in report.warnings[:_SHOWN_FAILURES]:
        console.print(Text.assemble(("note: ", "unknown"), f"{path}: {warning}"))
    counts = (
        (report.new, "new"),
        (report.better, "replaced by a fuller copy"),
        (report.same, "there already under another name"),
        (report.unchanged, "unchanged"),
        (len(report.failures), "not read"),
        (report.skipped, "of other kinds left out"),
    )
    console.print(
        Text(
            "Files: " + (", ".join(f"{count:,} {what}" for count, what in counts if count) or "none to read")
        )
    )
    console.print(
        Text(
            f"Papers in the library: {report.documents:,}; passages, with those of the built-in notes: {report.passages:,}."
        )
    )
    if report.asked:
        console.print(
            Text(f"Papers that services were asked about: {report.asked:,}; known to them: {report.known:,}.")
        )
    if report.retracted:
        console.print(Text(f"{report.retracted} of them are retracted and marked so.", style="unknown"))
    if report.dense_note:
        console.print(Text(f"Found by words alone. {report.dense_note}", style="unknown"))
    console.print(Text(f'Ask it: matsmith ask "..."   ({report.library})', style="quiet"))


def _plain(report: Ingestion) -> dict[str, object]:
    from dataclasses import asdict

    return {**asdict(report), "warnings": [{"path": path, "warning": text} for path, text in report.warnings]}
