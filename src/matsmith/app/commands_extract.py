"""`matsmith extract`: values of a property read from papers, each with its sentence, its place and its source."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from matsmith.app.guard import FAILURE, complain, guarded, stoppable

if TYPE_CHECKING:
    from rich.console import Console

    from matsmith.agents.reasoners.interface import Reasoner
    from matsmith.core.settings import Settings
    from matsmith.knowledge.literature.documents import SourceDocument
    from matsmith.knowledge.literature.extraction.families import Family
    from matsmith.knowledge.literature.extraction.records import Comparison
    from matsmith.knowledge.literature.extraction.values import ExtractedValue

NOTHING_FOUND = 3


@guarded
def extract(
    files: Annotated[
        list[Path], typer.Argument(help="papers: PDF, HTML, JATS, Markdown or text", show_default=False)
    ],
    property_name: Annotated[
        str,
        typer.Option(
            "--property",
            "-p",
            metavar="NAME",
            help='what to look for, such as "band gap"',
            show_default=False,
        ),
    ],
    material: Annotated[
        str | None,
        typer.Option(
            "--material", "-m", metavar="FORMULA", help="only values of this material", show_default=False
        ),
    ] = None,
    run: Annotated[
        str | None,
        typer.Option(
            "--run",
            metavar="RUN",
            help="write the values into this run, marked as literature, and set them beside what it computed",
            show_default=False,
        ),
    ] = None,
    reasoner: Annotated[
        str | None, typer.Option("--reasoner", help="rules (default) or openai", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="machine-readable")] = False,
) -> int:
    r"""Read the values of a property from papers: material, value, unit, conditions, and the words they stand in.

    Exit status 0 when there are values, 3 when there are none, 1 when no file could be read.

    \b
    Examples:
      matsmith extract garnets.pdf --property "ionic conductivity"
      matsmith extract *.pdf -p "band gap" -m ZnO --json
      matsmith extract review.pdf -p "bulk modulus" --run 20260101-hard-oxides
    """
    from matsmith.agents.session import make_reasoner
    from matsmith.app.console import make_console, write_json
    from matsmith.core.settings import load_settings
    from matsmith.knowledge.literature.extraction.families import family_of

    settings = load_settings()
    family = family_of(property_name)
    key = _material_key(material)
    chosen = make_reasoner(reasoner or settings.reasoner, settings=settings)
    ledger_path = _ledger_path(run, settings=settings)
    progress = make_console(stderr=True)
    values: list[ExtractedValue] = []
    dropped: list[str] = []
    unread = 0
    with stoppable():
        for path, document in _documents(files):
            if document is None:
                unread += 1
                continue
            found, left = _extract(document, family, reasoner=chosen, progress=progress, name=path.name)
            values.extend(value for value in found if _is_of(value, material, key))
            dropped.extend(left)
    written, comparisons = (0, []) if ledger_path is None else _into_run(ledger_path, values)
    if as_json:
        write_json(
            {
                "property": family.name,
                "unit": family.unit,
                "values": [value.to_json() for value in values],
                "dropped": dropped,
                "written": written,
                "comparisons": [_comparison_json(each) for each in comparisons],
            }
        )
    elif unread < len(files):
        _show(make_console(), family, values, dropped=dropped)
        if ledger_path is not None:
            _show_comparisons(make_console(), written, comparisons)
    if unread == len(files):
        return FAILURE
    return 0 if values else NOTHING_FOUND


def _material_key(material: str | None) -> str:
    from matsmith.knowledge.literature.extraction.materials import formula_key

    return formula_key(material) if material else ""


def _is_of(value: ExtractedValue, material: str | None, key: str) -> bool:
    if material is None:
        return True
    return value.formula == key if key else value.material.casefold() == material.casefold()


def _ledger_path(run: str | None, *, settings: Settings) -> Path | None:
    if run is None:
        return None
    from matsmith.agents.runs import LEDGER, find_run

    return find_run(run, settings=settings) / LEDGER


def _documents(files: list[Path]) -> Any:
    """Yield each file with its document; a file that cannot be read is named, and the rest goes on."""
    from matsmith.core.errors import DataError
    from matsmith.knowledge.literature.readers.process import ReaderProcess

    with ReaderProcess() as reader:
        for path in files:
            try:
                yield path, reader.read(path, shown=str(path))
            except DataError as error:
                complain(error.message, hint=error.hint)
                yield path, None


def _extract(
    document: SourceDocument, family: Family, *, reasoner: Reasoner, progress: Console, name: str
) -> tuple[tuple[ExtractedValue, ...], tuple[str, ...]]:
    from matsmith.agents.extraction import extract as read_values

    if reasoner.name == "rules" or not progress.is_terminal:
        found = read_values(document, family, reasoner=reasoner)
    else:
        with progress.status(f"reading {name}") as status:
            found = read_values(
                document,
                family,
                reasoner=reasoner,
                tell=lambda done, total: status.update(f"reading {name}: sentence {done} of {total}"),
            )
    return found.values, found.dropped


def _into_run(path: Path, values: list[ExtractedValue]) -> tuple[int, list[Comparison]]:
    from matsmith.core.ledger import Ledger
    from matsmith.knowledge.literature.extraction.records import (
        compare,
        predictions_in,
        read_values,
        write_values,
    )

    with Ledger(path, create=False) as ledger:
        written = write_values(ledger, values)
        return len(written), compare(predictions_in(ledger), read_values(ledger))


def _show(console: Console, family: Family, values: list[ExtractedValue], *, dropped: list[str]) -> None:
    from rich.text import Text

    from matsmith.agents.report.markup import visible
    from matsmith.app.console import plain_table

    unit = f" in {family.unit}" if family.unit else ""
    if not values:
        console.print(Text(f"No value of {family.title} was found."))
    else:
        console.print(
            Text(f"{family.title}{unit}: {len(values)} value{'s' if len(values) > 1 else ''}", style="label")
        )
        table = plain_table("material", "value", "obtained", "conditions", "source", "words")
        for value in values:
            page = f", p. {value.page}" if value.page else ""
            source = f"{value.citation}{page}" + (" (retracted)" if value.retracted else "")
            obtained = f"{value.obtained} ({value.method})" if value.method else value.obtained
            cells = (
                value.material,
                in_words(value),
                obtained,
                "; ".join(value.conditions),
                source,
                value.quote,
            )
            table.add_row(*(Text(visible(" ".join(cell.split()))) for cell in cells))
        console.print(table)
    for reason in dropped:
        console.print(Text(visible(f"  dropped: {reason}"), style="quiet"))


def in_words(value: ExtractedValue) -> str:
    """A value in the registry's unit: 3.37, 2 to 2.2, at least 5, about 1.2."""
    if value.relation == "range":
        return f"{value.low:.4g} to {value.high:.4g}"
    sigma = f" ± {value.sigma:.2g}" if value.sigma else ""
    lead = {"above": "at least ", "below": "at most "}.get(
        value.relation, "about " if value.approximate else ""
    )
    return f"{lead}{value.low:.4g}{sigma}"


def _show_comparisons(console: Console, written: int, comparisons: list[Comparison]) -> None:
    from rich.text import Text

    console.print(Text(f"{written} new literature records in the run."))
    for each in comparisons:
        verdict = "agrees" if each.agrees else f"differs by {each.deviations:.1f} sigma"
        note = "" if each.same_truth else " (not the same kind of value)"
        console.print(
            Text(
                f"  {each.formula}, {each.registered}: {each.predicted_by} {each.predicted}; reported {each.reported}: {verdict}{note}"
            )
        )


def _comparison_json(each: Comparison) -> dict[str, Any]:
    return {
        "formula": each.formula,
        "property": each.registered,
        "tool": each.predicted_by,
        "predicted": each.predicted.model_dump(mode="json"),
        "reported": each.reported.model_dump(mode="json"),
        "record": each.record.id,
        "deviations": each.deviations if each.deviations != float("inf") else None,
        "agrees": each.agrees,
        "same_truth": each.same_truth,
    }
