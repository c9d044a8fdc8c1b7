"""Reads what an attempt rests on from its ledgers: records, the numbers it names, and the candidates it claims."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from matsmith.agents.bench.attempt import Attempt
from matsmith.agents.runs import LEDGER
from matsmith.core.candidate import Candidate
from matsmith.core.crystal import Crystal
from matsmith.core.errors import LedgerError, MatsmithError
from matsmith.core.ledger import Ledger
from matsmith.core.quantity import Quantity
from matsmith.core.record import Record, Status
from matsmith.core.references import references
from matsmith.core.run import Judgement, Stop
from matsmith.core.verdict import Verdict


@dataclass(frozen=True, kw_only=True)
class NamedQuantity:
    """A number of the answer, by the record that it stands in; `formula` is "" when the record is of no structure."""

    property: str
    quantity: Quantity
    record: Record
    formula: str


@dataclass(frozen=True, kw_only=True)
class Claimed:
    """A candidate that is said to meet the objective; without a crystal where only its formula is known."""

    formula: str
    crystal: Crystal | None
    verdicts: tuple[Verdict, ...] = ()
    named: tuple[NamedQuantity, ...] = ()


@dataclass(kw_only=True)
class Reading:
    """Everything that stands behind an attempt. `problems` are ledgers that cannot be trusted and references that lead nowhere."""

    records: dict[str, Record] = field(default_factory=dict[str, Record])
    candidates: dict[str, Candidate] = field(default_factory=dict[str, Candidate])
    crystals: dict[str, Crystal] = field(default_factory=dict[str, Crystal])
    named: list[NamedQuantity] = field(default_factory=list[NamedQuantity])
    shown: list[Record] = field(default_factory=list[Record])
    claimed: list[Claimed] = field(default_factory=list[Claimed])
    written: list[str] = field(default_factory=list[str])
    problems: list[str] = field(default_factory=list[str])

    def formula_of(self, record: Record) -> str:
        """The formula of the structure that a record is about; "" when it is about none."""
        seen: set[str] = set()
        while record.id not in seen:
            seen.add(record.id)
            if record.outcome.crystal is not None:
                return record.outcome.crystal.formula
            inner: Record | None = None
            for value in record.inputs.values():
                if not isinstance(value, str):
                    continue
                if value in self.crystals:
                    return self.crystals[value].formula
                if value in self.candidates:
                    return self.candidates[value].formula
                inner = inner or self.records.get(value)
            if inner is None:
                return ""
            record = inner
        return ""


def read(attempt: Attempt, *, files: Sequence[Path] = ()) -> Reading:
    """Read the ledgers of an attempt. `files` are the structures that the task gave, so that records of them have a formula."""
    reading = Reading()
    for path in files:
        crystal = _crystal(path)
        if crystal is not None:
            reading.crystals[crystal.canonical_hash] = crystal
    for path in dict.fromkeys([*attempt.ledgers, *(str(Path(run) / LEDGER) for run in attempt.runs)]):
        _take_ledger(Path(path), reading)
    _name(attempt, reading)
    for run in attempt.runs:
        _take_run(Path(run) / LEDGER, reading)
    return reading


def _crystal(path: Path) -> Crystal | None:
    from matsmith.tools.structure_files import is_structure_file, read_structure

    if not is_structure_file(path):
        return None
    try:
        return read_structure(path)
    except MatsmithError:
        return None  # a damaged file is part of some tasks


def _take_ledger(path: Path, reading: Reading) -> None:
    try:
        with Ledger(path, create=False) as ledger:
            found = ledger.verify()
            reading.problems += [
                f"the ledger {path.name} is not intact: {problem}" for problem in found.problems[:3]
            ]
            for entry in ledger.entries("record"):
                record = Record.model_validate_json(entry.body)
                reading.records[record.id] = record
            for entry in ledger.entries("candidate"):
                candidate = Candidate.model_validate_json(entry.body)
                reading.candidates[candidate.id] = candidate
    except (LedgerError, ValueError) as error:
        reading.problems.append(f"the ledger {path.name} cannot be read: {error}")


def _name(attempt: Attempt, reading: Reading) -> None:
    """Resolve the references of the text; a record that is only shown counts with all of its quantities."""
    for reference in references(attempt.raw):
        found = [one for key, one in reading.records.items() if key.startswith(reference.record_prefix)]
        if len(found) != 1:
            reading.problems.append(f"{reference} leads to {'no' if not found else 'more than one'} record")
            continue
        quantity = found[0].quantities.get(reference.quantity)
        if quantity is None:
            reading.problems.append(f"{reference} leads to no quantity of a successful record")
            continue
        reading.named.append(_named(found[0], reference.quantity, quantity, reading))
    for name in attempt.records:
        record = reading.records.get(name)
        if record is None:
            reading.problems.append(f"the record {name} is shown and stands in no ledger")
        elif record.status is Status.SUCCESS:
            reading.shown.append(record)
            reading.named += [_named(record, key, one, reading) for key, one in record.quantities.items()]
    unique = {(one.record.id, one.property): one for one in reading.named}
    reading.named = list(unique.values())
    reading.shown += [one.record for one in reading.named if one.record not in reading.shown]


def _named(record: Record, name: str, quantity: Quantity, reading: Reading) -> NamedQuantity:
    return NamedQuantity(property=name, quantity=quantity, record=record, formula=reading.formula_of(record))


def _take_run(path: Path, reading: Reading) -> None:
    """Take the answers of a finished design run, and the words that its critic wrote."""
    try:
        with Ledger(path, create=False) as ledger:
            stops = [Stop.model_validate_json(entry.body) for entry in ledger.entries("stop")]
            judgements = {
                entry.key: Judgement.model_validate_json(entry.body) for entry in ledger.entries("judgement")
            }
            reading.written += [_text_of(entry.body) for entry in ledger.entries("critique")]
    except (LedgerError, ValueError) as error:
        reading.problems.append(f"the run {path.parent.name} cannot be read: {error}")
        return
    for name in stops[-1].met if stops else []:
        candidate, judgement = reading.candidates.get(name), judgements.get(name)
        if candidate is None or judgement is None:
            reading.problems.append(f"the answer {name} is no candidate that was judged")
            continue
        relaxed = reading.records.get(judgement.relaxed)
        crystal = (relaxed.outcome.crystal if relaxed is not None else None) or candidate.crystal
        reading.claimed.append(
            Claimed(
                formula=crystal.formula,
                crystal=crystal,
                verdicts=tuple(judgement.verdicts),
                named=tuple(_of_verdicts(judgement, reading)),
            )
        )


def _of_verdicts(judgement: Judgement, reading: Reading) -> Iterator[NamedQuantity]:
    for verdict in judgement.verdicts:
        record = reading.records.get(verdict.record)
        if record is None:
            continue
        quantity = record.quantities.get(verdict.property)
        if quantity is not None:
            yield _named(record, verdict.property, quantity, reading)


def _text_of(body: str) -> str:
    from matsmith.agents.decisions import Critique

    return Critique.model_validate_json(body).text


def claimed_in_words(reading: Reading) -> list[Claimed]:
    """Candidates that a text claims by naming their numbers: one a formula, with all that is named of it."""
    grouped: dict[str, list[NamedQuantity]] = {}
    for one in reading.named:
        if one.formula:
            grouped.setdefault(one.formula, []).append(one)
    return [
        Claimed(formula=formula, crystal=_structure_of(named, reading), named=tuple(named))
        for formula, named in grouped.items()
    ]


def _structure_of(named: Sequence[NamedQuantity], reading: Reading) -> Crystal | None:
    for one in named:
        if one.record.outcome.crystal is not None:
            return one.record.outcome.crystal
        for value in one.record.inputs.values():
            if not isinstance(value, str):
                continue
            if value in reading.crystals:
                return reading.crystals[value]
            inner = reading.records.get(value)
            if inner is not None and inner.outcome.crystal is not None:
                return inner.outcome.crystal
    return None
