"""A run as a table: one row a candidate, units in the names of the columns, every value beside its sigma and its record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from matsmith.agents.report.model import CandidateReport, QuantityReport, RejectedCandidate, RunReport
from matsmith.agents.report.wording import answer_word, unit_text
from matsmith.core.errors import UsageError
from matsmith.core.spec import Target

if TYPE_CHECKING:
    from pandas import DataFrame

_FIRST = ("rank", "formula", "id", "prototype", "space_group", "novelty", "meets")
_LAST = ("stability tier", "strategy", "round", "atoms")


def column_name(name: str, unit: str, *, part: str = "") -> str:
    """The name of a column, with its unit.

    >>> column_name("bulk_modulus", "GPa"), column_name("energy_above_hull", "eV/atom", part="sigma")
    ('bulk_modulus (GPa)', 'energy_above_hull sigma (eV/atom)')
    >>> column_name("zt", "")
    'zt'
    """
    shown = f"{name} {part}".rstrip()
    return f"{shown} ({unit_text(unit)})" if unit else shown


def candidate_table(report: RunReport, *, rejected: bool = False, everything: bool = False) -> DataFrame:
    """The candidates of a run, best first; those that left early stand below, with the reason, where `rejected` asks for them.

    Of each target: value, sigma, verdict, probability, tool and record. With `everything` each other quantity that was measured
    follows with its sigma. `attrs` of the frame hold the run, its objective, and the unit of each column as the registry writes it.
    """
    try:
        from pandas import DataFrame
    except ImportError as error:
        raise UsageError("pandas is not installed.", hint="Run `pip install pandas`.") from error
    targets = _named(report.spec.targets if report.spec else [])
    units: dict[str, str] = {}
    rows = [_row(one, targets, units=units) for one in report.candidates]
    columns = [*_FIRST, *(name for label, target in targets for name in _target_columns(label, target))]
    if everything:
        for one, row in zip(report.candidates, rows, strict=True):
            columns += [
                name for name in _add_quantities(one, row, targets, units=units) if name not in columns
            ]
    columns += _LAST
    if rejected:
        columns.append("rejected")
        rows += [_rejected_row(one) for one in report.rejected]
    frame = DataFrame(rows, columns=columns)
    frame.attrs = {"run": report.header.run, "objective": report.header.objective, "units": units}
    return frame


def _named(targets: list[Target]) -> list[tuple[str, Target]]:
    """Targets with the names of their columns: a second target on the same property is told apart by a number."""
    seen: dict[str, int] = {}
    named: list[tuple[str, Target]] = []
    for target in targets:
        count = seen[target.property] = seen.get(target.property, 0) + 1
        named.append((target.property if count == 1 else f"{target.property} #{count}", target))
    return named


def _target_columns(label: str, target: Target) -> list[str]:
    value, sigma = column_name(label, target.unit), column_name(label, target.unit, part="sigma")
    return [value, sigma, *(f"{label} {part}" for part in ("verdict", "probability", "tool", "record"))]


def _row(
    candidate: CandidateReport, targets: list[tuple[str, Target]], *, units: dict[str, str]
) -> dict[str, Any]:
    row: dict[str, Any] = {
        "rank": candidate.rank,
        "formula": candidate.formula,
        "id": candidate.id,
        "prototype": candidate.prototype,
        "space_group": candidate.space_group,
        "novelty": str(candidate.novelty.label),
        "meets": candidate.meets,
        "stability tier": _tier(candidate),
        "strategy": candidate.lineage.strategy,
        "round": candidate.round,
        "atoms": len(candidate.crystal.species),
    }
    tools = {one.record: one.tool for one in candidate.quantities}
    for index, (label, target) in enumerate(targets):
        value, sigma, verdict_name, probability, tool, record = _target_columns(label, target)
        units |= {value: target.unit, sigma: target.unit}
        verdict = next((one for one in candidate.verdicts if one.target == index), None)
        row[verdict_name] = "unknown" if verdict is None else answer_word(verdict, target)
        if verdict is None or verdict.quantity is None:
            continue
        row |= {
            value: verdict.quantity.value,
            sigma: verdict.quantity.sigma,
            probability: verdict.probability if target.is_constraint else None,
            tool: tools.get(verdict.record, ""),
            record: verdict.record,
        }
    return row


def _add_quantities(
    candidate: CandidateReport,
    row: dict[str, Any],
    targets: list[tuple[str, Target]],
    *,
    units: dict[str, str],
) -> list[str]:
    """Put what was measured besides the targets into the row; of several values the one with the least sigma. The names of the columns."""
    aimed = {target.property for _, target in targets}
    best: dict[str, QuantityReport] = {}
    for one in candidate.quantities:
        kept = best.get(one.name)
        if one.name not in aimed and (kept is None or one.quantity.sigma < kept.quantity.sigma):
            best[one.name] = one
    names: list[str] = []
    for name, one in best.items():
        unit = one.quantity.unit
        pair = (column_name(name, unit), column_name(name, unit, part="sigma"))
        row |= dict(zip(pair, (one.quantity.value, one.quantity.sigma), strict=True))
        units |= dict.fromkeys(pair, unit)
        names += pair
    return names


def _tier(candidate: CandidateReport) -> str:
    """By which references its stability was judged; empty where that was measured, or not asked for."""
    by_record = {one.record: str(one.value) for one in candidate.facts if one.name == "tier"}
    judged = (verdict.record for verdict in candidate.verdicts)
    return next((by_record[record] for record in judged if record in by_record), "")


def _rejected_row(candidate: RejectedCandidate) -> Mapping[str, Any]:
    return {
        "formula": candidate.formula,
        "id": candidate.id,
        "prototype": candidate.prototype,
        "novelty": str(candidate.novelty.label),
        "meets": False,
        "strategy": candidate.strategy,
        "round": candidate.round,
        "rejected": candidate.reason,
    }
