"""Values from text in a run's ledger: kept under a kind of their own, so that no tool and no verdict can take them for computed ones.

A literature record is a `Record` of the tool `literature_extraction` written as kind `literature`: `Ledger.record` and `Ledger.consume`, which
hand inputs to tools, do not see it. It can be quoted as evidence and set beside a prediction.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from matsmith.core.crystal import content_hash
from matsmith.core.errors import SpecError
from matsmith.core.ledger import Ledger
from matsmith.core.quantity import Quantity, Truth
from matsmith.core.record import Method, Outcome, Record
from matsmith.core.run import Evidence
from matsmith.knowledge.formulas import reduced_key
from matsmith.knowledge.literature.extraction.values import ExtractedValue

KIND = "literature"
TOOL = "literature_extraction"
_VERSION = "1"
# `about 3.2 eV` is taken to a tenth: nobody who writes so means the last digit.
_APPROXIMATE = 0.1
_AGREES_WITHIN = 2.0


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A prediction beside a value from text. `deviations` is their difference over the combined sigma, inf without any."""

    formula: str
    registered: str
    predicted: Quantity
    predicted_by: str
    reported: Quantity
    record: Record
    deviations: float

    @property
    def agrees(self) -> bool:
        """Whether they lie within two combined sigmas of each other."""
        return self.deviations <= _AGREES_WITHIN

    @property
    def same_truth(self) -> bool:
        """Whether both speak of the same thing: a gap computed with PBE is not the measured one."""
        return self.predicted.truth is self.reported.truth


def quantity_of(value: ExtractedValue) -> Quantity | None:
    """The value as a quantity; None for a bound, which is no value, and where the registry has no name for it.

    Sigma is the printed uncertainty, half the width of a range, a tenth of an `about`, or what rounding leaves open.
    """
    if not value.registered or value.relation in ("above", "below"):
        return None
    sigma = max(
        value.sigma,
        0.5 * abs(value.high - value.low),
        _APPROXIMATE * abs(value.value) if value.approximate else 0.0,
        value.rounding,
    )
    truth = Truth.DFT_0K if value.obtained == "computed" else Truth.EXPERIMENT_300K
    return Quantity(value=value.value, unit=value.unit, sigma=sigma, truth=truth)


def record_of(value: ExtractedValue) -> Record:
    """The literature record of a value; the same words of the same document always make the same record."""
    quantity = quantity_of(value)
    outcome = Outcome(
        quantities={value.registered: quantity} if quantity is not None else {},
        facts={
            "literature": True,
            "material": value.material,
            "formula": value.formula,
            "property": value.family,
            "low": value.low,
            "high": value.high,
            "relation": value.relation,
            "unit": value.unit,
            "written": value.written,
            "conditions": list(value.conditions),
            "obtained": value.obtained,
            "quote": value.quote,
            "source": value.title,
            "citation": value.citation,
            "doi": value.doi,
            "page": value.page,
            "retracted": value.retracted,
        },
        method=Method(
            name=f"read from text ({value.extractor})" + (f": {value.method}" if value.method else ""),
            reference=value.doi or value.citation,
        ),
        warnings=("The source was retracted.",) if value.retracted else (),
    )
    return Record.of(
        outcome,
        tool=TOOL,
        tool_version=_VERSION,
        inputs={
            "document": value.document_id,
            "start": value.start,
            "end": value.end,
            "material": value.material,
            "property": value.family,
            "written": value.written,
        },
        identity=value.extractor,
        seed=0,
    )


def evidence_of(value: ExtractedValue) -> Evidence:
    """The sentence of a value as evidence: verbatim, with its place."""
    return Evidence(
        id=content_hash([value.document_id, value.start, value.quote], digits=8),
        quote=value.quote,
        source=f"{value.title} ({value.doi})" if value.doi else value.title,
        citation=value.citation,
        start=value.start,
        end=value.end,
    )


def write_values(ledger: Ledger, values: Iterable[ExtractedValue]) -> list[Record]:
    """Write the values that the ledger does not hold yet, each with its sentence as evidence once the run has gathered its own.

    Returns the new records. A run that has not looked at the literature yet still does so: evidence is only ever added to.
    """
    gathered = next(iter(ledger.entries("evidence")), None) is not None
    quoted = {entry.key for entry in ledger.entries("evidence")}
    written: list[Record] = []
    rows: list[tuple[str, str, Record | Evidence]] = []
    for value in values:
        record = record_of(value)
        if ledger.latest(KIND, record.id) is not None or any(record.id == other.id for other in written):
            continue
        written.append(record)
        rows.append((KIND, record.id, record))
        evidence = evidence_of(value)
        if gathered and evidence.id not in quoted:
            quoted.add(evidence.id)
            rows.append(("evidence", evidence.id, evidence))
    if rows:
        ledger.append_many(rows)
    return written


def read_values(ledger: Ledger, *, formula: str = "", registered: str = "") -> Iterator[Record]:
    """Yield the literature records of a ledger, of one formula and property when given."""
    wanted = _key(formula) if formula else ""
    for entry in ledger.entries(KIND):
        record = Record.model_validate_json(entry.body)
        if formula and (not wanted or record.outcome.facts.get("formula") != wanted):
            continue
        if not registered or registered in record.quantities:
            yield record


def compare(
    predictions: Sequence[tuple[str, str, str, Quantity]], records: Iterable[Record]
) -> list[Comparison]:
    """Set predictions (formula, property, what made it, quantity) beside literature records of the same formula and property."""
    found: list[Comparison] = []
    for record in records:
        if record.outcome.facts.get("retracted"):
            continue
        for formula, name, maker, predicted in predictions:
            reported = record.quantities.get(name)
            key = _key(formula)
            if reported is None or not key or record.outcome.facts.get("formula") != key:
                continue
            if reported.unit != predicted.unit:
                continue
            sigma = math.hypot(predicted.sigma, reported.sigma)
            gap = abs(predicted.value - reported.value)
            found.append(
                Comparison(
                    formula=formula,
                    registered=name,
                    predicted=predicted,
                    predicted_by=maker,
                    reported=reported,
                    record=record,
                    deviations=gap / sigma if sigma else (0.0 if gap == 0 else math.inf),
                )
            )
    return found


def predictions_in(ledger: Ledger) -> list[tuple[str, str, str, Quantity]]:
    """What a run computed of its candidates: formula, property, tool and quantity, from the last judgement of each."""
    from matsmith.core.candidate import Candidate
    from matsmith.core.run import Judgement

    judgements = {
        judgement.candidate: judgement
        for entry in ledger.entries("judgement")
        if (judgement := Judgement.model_validate_json(entry.body))
    }
    found: list[tuple[str, str, str, Quantity]] = []
    for candidate, judgement in judgements.items():
        body = ledger.latest("candidate", candidate)
        if body is None:
            continue
        formula = Candidate.model_validate_json(body).formula
        for record_id in judgement.records:
            record = ledger.record(record_id)
            if record is not None:
                found.extend(
                    (formula, name, record.tool, quantity) for name, quantity in record.quantities.items()
                )
    return found


def _key(formula: str) -> str:
    try:
        return reduced_key(formula)
    except SpecError:
        return ""
