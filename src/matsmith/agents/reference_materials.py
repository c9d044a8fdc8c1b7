"""Materials that targets compare with are measured in the run itself, by every tool that is about to measure candidates."""

from __future__ import annotations

from collections.abc import Sequence

from matsmith.agents.conditions import at_conditions
from matsmith.agents.context import REFERENCE, RunContext
from matsmith.agents.work import Work
from matsmith.core.record import Record, Status
from matsmith.core.run import EventKind
from matsmith.knowledge.formulas import reduced_key
from matsmith.tools.registry import get_tool
from matsmith.tools.strategies.sources import structures_of


def measure_references(context: RunContext, name: str, works: Sequence[Work]) -> None:
    """Measure by the tool `name` what the targets that it measures compare with, once for each way in which candidates are measured.

    What cannot be measured is told as a warning; its target stays unknown.
    """
    tool = get_tool(name)
    for target in context.spec.targets:
        if target.reference is None or target.property not in tool.measures:
            continue
        structure = _structure(context, target.reference)
        if structure is None:
            context.tell(
                EventKind.WARNING, text=f"No crystal of {target.reference} is at hand to compare with."
            )
            continue
        field = "relaxed" if "relaxed" in tool.args.model_fields else "structure"
        ways = [at_conditions(context, name, elements=work.crystal.elements) for work in works]
        for extra in [way for place, way in enumerate(ways) if way not in ways[:place]]:
            record = context.runner.run(name, {field: structure.id, **extra}, deadline=context.deadline)
            _keep(context, target.reference, record)


def _structure(context: RunContext, formula: str) -> Record | None:
    """The relaxation of the material's measured crystal, as candidates are relaxed; None where no crystal is at hand or it failed."""
    known = structures_of(reduced_key(formula))
    if not known:
        return None
    path = context.folder / f"reference-{reduced_key(formula)}.cif"
    if not path.exists():
        path.write_text(known[0].crystal.to_cif(), encoding="utf-8")
    record = context.runner.run("relax", {"structure": str(path)}, deadline=context.deadline)
    return record if record.status is Status.SUCCESS else None


def _keep(context: RunContext, formula: str, record: Record) -> None:
    if record.status is not Status.SUCCESS:
        failure = record.outcome.failure
        why = f": {failure.message}" if failure is not None else ""
        context.tell(EventKind.WARNING, text=f"{formula} could not be measured by {record.tool}{why}")
        return
    held = context.references.setdefault(formula, [])
    if all(one.id != record.id for one in held):
        context.ledger.append(REFERENCE, record.id, formula)
        held.append(record)
