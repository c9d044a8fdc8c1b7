"""A run as a program reads it: its candidates as tables and structures, and every number with the record behind it.

    run = open_run("20260102-030400-a-stable-oxide")
    run.to_pandas(); run.structures(); run.candidate("MgO").explain(); run.record("9f3c")

A run that was interrupted, or still goes on, reads as far as it has come.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from matsmith.agents.runs import LEDGER, crystal_of
from matsmith.agents.structure_exchange import atoms_of
from matsmith.core.crystal import Crystal
from matsmith.core.errors import LedgerError, UsageError
from matsmith.core.ledger import Ledger
from matsmith.core.quantity import Quantity
from matsmith.core.record import Record
from matsmith.core.verdict import Verdict

if TYPE_CHECKING:
    from ase import Atoms
    from pandas import DataFrame
    from pymatgen.core import Structure

    from matsmith.agents.report.model import CandidateReport, RejectedCandidate, RunReport


@dataclass(frozen=True, kw_only=True)
class SavedRun:
    """A run in its folder. What is read is what stands in the ledger at that moment."""

    folder: Path

    @property
    def contents(self) -> RunReport:
        """Everything that the report shows, as plain data. Raises `LedgerError` for a folder without a run."""
        path = self.folder / LEDGER
        with Ledger(path, create=False) as ledger:
            head = ledger.head
        return _collected(path, head)

    @property
    def objective(self) -> str:
        """What was asked for."""
        return self.contents.header.objective

    @property
    def outcome(self) -> str:
        """How it ended, or how far it has come, in a sentence."""
        return self.contents.outcome

    @property
    def finished(self) -> bool:
        """Whether it has ended; one that has not can be resumed."""
        return self.contents.stop is not None

    @property
    def candidates(self) -> list[RunCandidate]:
        """Those that were judged and not rejected, best first."""
        report = self.contents
        return [RunCandidate(run=self, entry=one) for one in report.candidates]

    def candidate(self, key: str | int) -> RunCandidate:
        """One candidate by its rank, the beginning of its id, or its formula. Raises `UsageError` when none or several fit.

        A rejected one is found too, and says why it was.
        """
        from matsmith.agents.conversation.explain import candidate_named

        report = self.contents
        if isinstance(key, int) and not 1 <= key <= len(report.candidates):
            raise UsageError(
                f"This run has no candidate of rank {key}.",
                hint=f"Ranks run from 1 to {len(report.candidates)}."
                if report.candidates
                else "It has none that was not rejected.",
            )
        return RunCandidate(run=self, entry=candidate_named(report, str(key)))

    def record(self, record_id: str) -> Record:
        """A record by its id or the beginning of it. Raises `LedgerError` when none or several fit."""
        wanted = record_id.strip().lower()
        with Ledger(self.folder / LEDGER, create=False) as ledger:
            found = ledger.find_record(wanted) if wanted else None
        if found is None:
            raise LedgerError(
                f"This run has no record {record_id!r}.",
                hint="`candidate(...).records` lists those of a candidate.",
            )
        return found

    def to_pandas(self, *, rejected: bool = False, everything: bool = False) -> DataFrame:
        """A row a candidate, best first: each target's value, sigma, verdict and record, with units in the columns' names.

        With `rejected` those that left early follow, with the reason; with `everything` all that was measured besides the targets.
        """
        from matsmith.agents.result_tables import candidate_table

        return candidate_table(self.contents, rejected=rejected, everything=everything)

    def structures(self) -> list[Structure]:
        """The candidates' crystals for pymatgen, in the order of their ranks: relaxed where they were relaxed. Lengths in Å."""
        return [one.structure() for one in self.candidates]

    def atoms(self) -> list[Atoms]:
        """The candidates' crystals for ASE, in the order of their ranks. Raises `UsageError` where ASE is not installed."""
        return [one.atoms() for one in self.candidates]

    def __len__(self) -> int:
        return len(self.contents.candidates)

    def __bool__(self) -> bool:
        return True

    def _repr_html_(self) -> str:
        from matsmith.agents.notebook_view import run_html

        return run_html(self.contents, folder=self.folder)


@dataclass(frozen=True, kw_only=True)
class RunCandidate:
    """One candidate of a run, judged or rejected."""

    run: SavedRun
    entry: CandidateReport | RejectedCandidate

    @property
    def id(self) -> str:
        """Hash of its canonical structure."""
        return self.entry.id

    @property
    def formula(self) -> str:
        """Reduced formula."""
        return self.entry.formula

    @property
    def judged(self) -> CandidateReport | None:
        """What was found out about it; None for one that was rejected."""
        from matsmith.agents.report.model import CandidateReport

        return self.entry if isinstance(self.entry, CandidateReport) else None

    @property
    def rejected(self) -> str:
        """Why it left the run early; empty when it did not."""
        from matsmith.agents.report.model import RejectedCandidate

        return self.entry.reason if isinstance(self.entry, RejectedCandidate) else ""

    @property
    def rank(self) -> int | None:
        """Its place, from 1; None for one that was rejected."""
        return self.judged.rank if self.judged is not None else None

    @property
    def meets(self) -> bool:
        """Whether it meets every hard target."""
        return self.judged is not None and self.judged.meets

    @property
    def novelty(self) -> str:
        """known, new ordering, new or unchecked."""
        return str(self.entry.novelty.label)

    @property
    def verdicts(self) -> list[Verdict]:
        """One a target; none for a rejected one."""
        return list(self.judged.verdicts) if self.judged is not None else []

    @property
    def quantities(self) -> dict[str, Quantity]:
        """What was measured, by the property's name: the value that its verdict rests on, else the one with the least sigma."""
        judged = self.judged
        if judged is None:
            return {}
        found: dict[str, Quantity] = {}
        for one in sorted(judged.quantities, key=lambda one: one.quantity.sigma):
            found.setdefault(one.name, one.quantity)
        found |= {one.property: one.quantity for one in judged.verdicts if one.quantity is not None}
        return found

    @property
    def records(self) -> list[Record]:
        """Everything that was computed or looked up for it, in the order of its making; failures too."""
        with Ledger(self.run.folder / LEDGER, create=False) as ledger:
            found = [ledger.record(record_id) for record_id in self.entry.records]
        return [record for record in found if record is not None]

    def record_of(self, property_name: str) -> Record:
        """The record that a property's value stands in. Raises `UsageError` when it was not measured."""
        judged = self.judged
        named = {} if judged is None else {one.name: one.record for one in reversed(judged.quantities)}
        named |= {verdict.property: verdict.record for verdict in self.verdicts if verdict.record}
        if property_name not in named:
            raise UsageError(
                f"No {property_name!r} was measured for {self.formula}.",
                hint=f"There are: {', '.join(sorted(named)) or 'no quantities'}.",
            )
        return self.run.record(named[property_name])

    @property
    def crystal(self) -> Crystal:
        """Its crystal: relaxed where it was relaxed, as proposed otherwise."""
        return self.judged.crystal if self.judged is not None else crystal_of(self.run.folder, self.id)

    def structure(self) -> Structure:
        """Its crystal for pymatgen, lengths in Å."""
        return self.crystal.to_pymatgen()

    def atoms(self) -> Atoms:
        """Its crystal for ASE, lengths in Å."""
        return atoms_of(self.crystal)

    def cif(self) -> str:
        """Its crystal as CIF, with the verdicts and their records in the comment."""
        if self.judged is None:
            return self.crystal.to_cif()
        from matsmith.agents.report.write import cif_text

        return cif_text(self.run.contents, self.judged)

    def explain(self) -> str:
        """Why it stands where it does: in sentences, then target by target; each number names its record."""
        from matsmith.agents.conversation.explain import explain_candidate
        from matsmith.agents.conversation.pieces import TablePiece, TextPiece

        lines: list[str] = []
        for piece in explain_candidate(self.run.contents, self.id).pieces:
            if isinstance(piece, TextPiece):
                lines.append(piece.text)
            elif isinstance(piece, TablePiece):
                lines += [
                    f"- {row[0]}: "
                    + ", ".join(
                        f"{name} {text}" for name, text in zip(piece.columns[1:], row[1:], strict=True)
                    )
                    for row in piece.rows
                ]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        from matsmith.agents.notebook_view import candidate_html

        return candidate_html(self)


@lru_cache(maxsize=4)
def _collected(path: Path, head: str) -> RunReport:
    """The report of a ledger as it stands with this head: read once, however often it is looked at."""
    from matsmith.agents.report.collect import collect

    del head
    with Ledger(path, create=False) as ledger:
        return collect(ledger)
