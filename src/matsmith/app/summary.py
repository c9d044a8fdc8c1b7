"""The end of a run: its answer in one sentence, the best candidates, and where everything lies."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from matsmith.app.console import plain_table

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

    from matsmith.agents.report.model import CandidateReport, RunReport
    from matsmith.core.spec import DesignSpec

_SHOWN = 8
_STYLES = {"met": "met", "not met": "not_met", "unknown": "unknown"}
_MARKS = {"met": "✓", "not met": "✗", "unknown": "?"}


def summary_view(folder: Path, *, report: Path) -> RenderableType:
    """Return the summary of the run in a folder. Raises `LedgerError`."""
    from matsmith.agents.report.collect import collect
    from matsmith.core.ledger import Ledger

    with Ledger(folder / "ledger.sqlite", create=False) as ledger:
        return summary_of(collect(ledger), folder=folder, report=report)


def summary_of(run: RunReport, *, folder: Path, report: Path) -> RenderableType:
    """Return the summary of a collected run."""
    from rich.console import Group
    from rich.padding import Padding
    from rich.text import Text

    met = run.stop is not None and run.stop.reason == "met"
    parts: list[RenderableType] = [
        Text(),
        Text.assemble(("✓ " if met else "– ", "met" if met else "unknown"), (_visible(run.outcome), "label")),
        Text(),
    ]
    shown = run.candidates[:_SHOWN]
    if shown:
        parts += [_candidate_table(shown, run.spec, folder=folder), Text()]
    left = len(run.candidates) - len(shown)
    if left > 0:
        parts.append(Text(f"{left} more: matsmith show {folder}", style="quiet"))
    for label, path in (("Report", report), ("Crystals", folder / "candidates"), ("Ledger", folder / "ledger.sqlite")):
        parts.append(Text.assemble((f"{label:<9}", "quiet"), str(path), no_wrap=True, overflow="fold"))
    return Padding(Group(*parts), (0, 0, 0, 1), expand=False)


def _candidate_table(shown: list[CandidateReport], spec: DesignSpec | None, *, folder: Path) -> RenderableType:
    from rich.text import Text

    from matsmith.agents.report.wording import target_text, title_of

    targets = spec.targets if spec else []
    heads = [f"{title_of(target.property)}\n{target_text(target)}" for target in targets]
    table = plain_table("", "Formula", "", *heads, "Crystal")
    for candidate in shown:
        name = candidate.cif_name
        known = candidate.novelty.label == "known"
        table.add_row(
            Text(str(candidate.rank), style="quiet"),
            Text(_visible(candidate.formula), style="label"),
            Text(str(candidate.novelty.label), style="known" if known else "quiet"),
            *(_cell(candidate, index, spec) for index in range(len(targets))),
            Text(name if (folder / "candidates" / name).is_file() else "–", style="quiet"),
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
    return Text.assemble(value, "\n" if value else "", (f"{_MARKS.get(word, '·')} {word}", _STYLES.get(word, "quiet")))


def _visible(text: str) -> str:
    from matsmith.agents.report.markup import visible

    return visible(text)
