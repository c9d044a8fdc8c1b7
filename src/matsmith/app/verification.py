"""Is a run still what was written? Its ledger's chain, its report and its crystals are checked against each other."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matsmith.core.errors import MatsmithError

if TYPE_CHECKING:
    from matsmith.agents.report.model import CandidateReport, RunReport
    from matsmith.core.ledger import Ledger


@dataclass(frozen=True, kw_only=True)
class RunCheck:
    """What was found; `problems` are signs of change, `notes` are things that could not be compared."""

    folder: Path
    entries: int
    records: int
    head: str
    crystals: int
    problems: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def intact(self) -> bool:
        """True when nothing was changed."""
        return not self.problems

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "folder": str(self.folder),
            "intact": self.intact,
            "entries": self.entries,
            "records": self.records,
            "head": self.head,
            "crystals": self.crystals,
            "problems": list(self.problems),
            "notes": list(self.notes),
        }


def verify_run(folder: Path) -> RunCheck:
    """Check a run's folder. Raises `LedgerError` when there is no ledger that can be read."""
    from matsmith.core.ledger import Ledger

    problems: list[str] = []
    notes: list[str] = []
    crystals = 0
    head, unreadable = _reported_head(folder / "report.json")
    if unreadable:
        problems.append(unreadable)
    with Ledger(folder / "ledger.sqlite", create=False) as ledger:
        verification = ledger.verify(head=head)
        problems += verification.problems
        if verification.intact:
            # A ledger that was changed is no measure for anything else.
            crystals = _compare_files(
                ledger, folder, head=head, last=verification.head, problems=problems, notes=notes
            )
    return RunCheck(
        folder=folder,
        entries=verification.entries,
        records=verification.records,
        head=verification.head,
        crystals=crystals,
        problems=tuple(problems),
        notes=tuple(notes),
    )


def _reported_head(path: Path) -> tuple[str | None, str]:
    """Return the ledger's head that the report notes, and what is wrong with the report's file."""
    if not path.is_file():
        return None, ""
    try:
        data: Any = json.loads(path.read_text(encoding="utf-8"))
        return str(data["ledger_head"]), ""
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None, f"{path.name}: is damaged"


def _compare_files(
    ledger: Ledger, folder: Path, *, head: str | None, last: str, problems: list[str], notes: list[str]
) -> int:
    from matsmith import __version__
    from matsmith.agents.report.collect import collect

    if head is None:
        notes.append("no report.json to compare: the run has not ended, or its report was removed")
        return 0
    try:
        report = collect(ledger)
    except MatsmithError as error:
        problems.append(error.message)
        return 0
    if head != last:
        notes.append(
            "entries were added after the report, so that only the crystals' own records are compared"
        )
        return _compare_crystals_by_record(report, folder, problems=problems)
    if report.header.version != __version__:
        notes.append(
            f"the report was written by matsmith {report.header.version}, so that its wording is not compared"
        )
        return _compare_crystals_by_record(report, folder, problems=problems)
    return _compare_text(report, folder, problems=problems)


def _with_cif(report: RunReport) -> list[CandidateReport]:
    from matsmith.agents.report.page import CARDS

    return [candidate for candidate in report.candidates if candidate.rank <= CARDS or candidate.meets]


def _compare_text(report: RunReport, folder: Path, *, problems: list[str]) -> int:
    """Compare every file with what the ledger gives, letter by letter."""
    from matsmith.agents.report.page import render_page
    from matsmith.agents.report.write import cif_text

    expected = {"report.json": report.model_dump_json(indent=1), "report.html": render_page(report)}
    chosen = _with_cif(report)
    expected |= {f"candidates/{candidate.cif_name}": cif_text(report, candidate) for candidate in chosen}
    for name, text in expected.items():
        found = _read(folder / name)
        if found is None:
            problems.append(f"{name}: is missing")
        elif found != text:
            problems.append(f"{name}: is not what the ledger says")
    return len(chosen)


def _compare_crystals_by_record(report: RunReport, folder: Path, *, problems: list[str]) -> int:
    """Compare the crystal in each CIF file with the one in the ledger, whatever the comments around it say."""
    from matsmith.tools.structure_files import read_structure

    by_start = {candidate.id[:8]: candidate for candidate in report.candidates}
    compared = 0
    for path in sorted((folder / "candidates").glob("*.cif")):
        candidate = by_start.get(path.stem.rsplit("_", 1)[-1])
        if candidate is None:
            continue
        compared += 1
        try:
            crystal = read_structure(path)
        except MatsmithError:
            problems.append(f"candidates/{path.name}: is damaged")
            continue
        if not _same_crystal(crystal, candidate.crystal):
            problems.append(f"candidates/{path.name}: is not the crystal in the ledger")
    return compared


def _same_crystal(first: Any, second: Any) -> bool:
    from pymatgen.analysis.structure_matcher import StructureMatcher

    matcher = StructureMatcher(ltol=0.001, stol=0.005, angle_tol=0.1, scale=False, primitive_cell=True)
    return bool(matcher.fit(first.to_pymatgen(), second.to_pymatgen()))


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
