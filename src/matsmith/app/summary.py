"""The end of a run: its answer in one sentence, the best candidates, and where everything lies."""

from __future__ import annotations

import contextlib
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from matsmith.app.console import plain_table

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text

    from matsmith.agents.report.model import CandidateReport, RunReport
    from matsmith.core.spec import DesignSpec

_SHOWN = 8
_WIDTH_WITH_FILES = 110
_STYLES = {"met": "met", "not met": "not_met", "unknown": "unknown"}
_MARKS = {"met": "✓", "not met": "✗", "unknown": "?"}


def print_summary(console: Console, folder: Path, *, report: Path) -> None:
    """Print the summary of the run in a folder. Raises `LedgerError`."""
    from matsmith.agents.report.collect import collect
    from matsmith.core.ledger import Ledger

    with Ledger(folder / "ledger.sqlite", create=False) as ledger:
        run = collect(ledger)
    _print_run(console, run, folder=folder)
    # Paths are not broken over lines, so that they can be copied whole.
    for label, path in (("Report", report), ("Crystals", folder / "candidates"), ("Show", None)):
        text = f"matsmith show {shlex.quote(folder.name)}" if path is None else near(path)
        console.print(f" {label:<8} {text}", soft_wrap=True)


def near(path: Path) -> str:
    """Write a path as it is reached from here, when it lies below the working folder."""
    with contextlib.suppress(ValueError, OSError):
        return str(path.relative_to(Path.cwd()))
    return str(path)


def _print_run(console: Console, run: RunReport, *, folder: Path) -> None:
    from rich.padding import Padding
    from rich.text import Text

    met = run.stop is not None and run.stop.reason == "met"
    mark = Text("✓" if met else "–", style="met" if met else "unknown")
    console.print()
    console.print(
        Padding(Text.assemble(mark, " ", (_visible(run.outcome), "label")), (0, 0, 1, 1), expand=False)
    )
    shown = run.candidates[:_SHOWN]
    if not shown:
        return
    crystals = console.width >= _WIDTH_WITH_FILES
    table = _candidate_table(shown, run.spec, folder=folder if crystals else None)
    console.print(Padding(table, (0, 0, 1, 1), expand=False))
    left = len(run.candidates) - len(shown)
    if left > 0:
        console.print(Text(f" {left} more in the report\n", style="quiet"))


def _candidate_table(
    shown: list[CandidateReport], spec: DesignSpec | None, *, folder: Path | None
) -> RenderableType:
    from rich.text import Text

    from matsmith.agents.report.wording import target_text, title_of

    targets = spec.targets if spec else []
    heads = [f"{title_of(target.property)}\n{target_text(target)}" for target in targets]
    table = plain_table("", "Formula", "", *heads, *(["Crystal"] if folder else []))
    for candidate in shown:
        name = candidate.cif_name
        known = candidate.novelty.label == "known"
        table.add_row(
            Text(str(candidate.rank), style="quiet"),
            Text(_visible(candidate.formula), style="label"),
            Text(str(candidate.novelty.label), style="known" if known else "quiet"),
            *(_cell(candidate, index, spec) for index in range(len(targets))),
            *(
                [Text(name if (folder / "candidates" / name).is_file() else "–", style="quiet")]
                if folder
                else []
            ),
        )
    return table


def _cell(candidate: CandidateReport, index: int, spec: DesignSpec | None) -> Text:
    from rich.text import Text

    from matsmith.agents.report.wording import answer_word, value_text

    verdict = next((each for each in candidate.verdicts if each.target == index), None)
    if verdict is None:
        return Text("not judged", style="quiet")
    word = answer_word(verdict, spec.targets[index] if spec else None)
    value = value_text(verdict.quantity) if verdict.quantity else ""
    return Text.assemble(
        value, "\n" if value else "", (f"{_MARKS.get(word, '·')} {word}", _STYLES.get(word, "quiet"))
    )


def _visible(text: str) -> str:
    from matsmith.agents.report.markup import visible

    return visible(text)
