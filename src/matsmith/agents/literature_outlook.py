"""What the literature says of a plan before anything is spent: the values reported for each target, and whether any reaches it.

It is a hint for whoever approves the plan, and changes no target: that nothing in the corpus reaches a value is no proof that nothing can.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matsmith.agents.decisions import Plan
from matsmith.agents.leads import comparable, stance_of
from matsmith.agents.literature import reports
from matsmith.agents.literature_measured import contradicted
from matsmith.core.errors import DataError
from matsmith.core.properties import PROPERTIES
from matsmith.core.quantity import Relation
from matsmith.core.reported import ReportedRange, ReportedValue
from matsmith.core.run import Evidence, Lead, Stance
from matsmith.core.spec import DesignSpec, Target
from matsmith.knowledge.formulas import key_amounts
from matsmith.knowledge.literature.extraction.materials import formula_key

_MEETING_NAMED = 4


def informed(plan: Plan, *, folder: Path | None) -> Plan:
    """The plan with what the literature reports of its targets; a target that nothing reported reaches is said in a warning.

    A library that cannot be read is said in a warning too, and the notes are searched alone.
    """
    warnings = list(plan.warnings)
    try:
        found = reports(plan.spec, folder=folder)
    except DataError as error:
        warnings.append(f"The library was left out: {error}")
        found = reports(plan.spec)
    ranges = reported_ranges(found, spec=plan.spec)
    warnings += [one.sentence for one in ranges if one.reached is False]
    return plan.model_copy(update={"reported": ranges, "warnings": warnings})


def reported_ranges(evidence: Sequence[Evidence], *, spec: DesignSpec) -> list[ReportedRange]:
    """The range of what is reported for each target, in the order of the targets; nothing for those of which nothing is."""
    sound = [one for one in evidence if not one.retracted]
    found = (_range(target, sound, spec=spec) for target in spec.targets)
    return [one for one in found if one is not None]


def _range(target: Target, evidence: Sequence[Evidence], *, spec: DesignSpec) -> ReportedRange | None:
    values: list[tuple[ReportedValue, Lead]] = []
    sources: set[str] = set()
    for one in evidence:
        for lead in one.leads:
            key = formula_key(lead.name)
            if lead.property != target.property or not key or not _allowed(key, spec) or contradicted(lead):
                continue
            if not comparable(lead.conditions, conditions=spec.conditions):
                continue
            if stance_of(lead.low, lead.high, target) is not lead.stance:
                # Only reported, although its number would say more: a computed value where a measured one is wanted.
                continue
            value = ReportedValue(
                material=lead.name,
                formula=key,
                low=lead.low,
                high=lead.high,
                evidence=one.id,
                source=one.citation or one.source,
                words=lead.words,
            )
            values.append((value, lead))
            sources.add(one.document)
    if not values:
        return None
    lowest = min(values, key=lambda pair: (_end(pair[0], highest=False), pair[0].formula))[0]
    highest = max(values, key=lambda pair: (_end(pair[0], highest=True), pair[0].formula))[0]
    meeting: dict[str, ReportedValue] = {}
    for value, lead in values:
        if lead.stance is Stance.WORTH_TRYING:
            meeting.setdefault(value.formula, value)
    reached = bool(meeting) if target.is_constraint else None
    return ReportedRange(
        property=target.property,
        unit=target.unit,
        values=len(values),
        sources=len(sources),
        lowest=lowest,
        highest=highest,
        meeting=list(meeting),
        reached=reached,
        sentence=_sentence(
            target, lowest=lowest, highest=highest, meeting=list(meeting.values()), reached=reached
        ),
    )


def _end(value: ReportedValue, *, highest: bool) -> float:
    """The end that counts; an open side counts by the other one."""
    ends = (value.high, value.low) if highest else (value.low, value.high)
    return next(end for end in ends if end is not None)


def _allowed(key: str, spec: DesignSpec) -> bool:
    from matsmith.tools.strategies.chemistry_filter import conforms_chemistry

    return conforms_chemistry(spec, key_amounts(key)) is None


def _sentence(
    target: Target,
    *,
    lowest: ReportedValue,
    highest: ReportedValue,
    meeting: Sequence[ReportedValue],
    reached: bool | None,
) -> str:
    title = PROPERTIES[target.property].title
    wanted = f"{title} {_wanted(target)}"
    if meeting:
        more = len(meeting) - _MEETING_NAMED
        named = ", ".join(f"{value.material} ({value.source})" for value in meeting[:_MEETING_NAMED])
        return (
            f"{wanted}: the literature searched has it of {named}{f' and {more} more' if more > 0 else ''}."
        )
    low, high = (
        f"{_written(value, target.unit)} of {value.material} ({value.source})" for value in (lowest, highest)
    )
    if target.relation in (Relation.ABOVE, Relation.MAXIMISE):
        quoted = f"the highest value quoted is {high}"
    elif target.relation in (Relation.BELOW, Relation.MINIMISE):
        quoted = f"the lowest value quoted is {low}"
    else:
        quoted = f"values quoted go from {low} to {high}"
    if reached is False:
        return (
            f"{wanted}: of no allowed material does the literature searched report it; {quoted}. "
            "That is no proof that none can."
        )
    return f"{title}: {quoted}, in the literature searched."


def _wanted(target: Target) -> str:
    return target.describe().removeprefix(target.property).strip()


def _written(value: ReportedValue, unit: str) -> str:
    if value.low is not None and value.high is not None:
        text = f"{value.low:.4g}" if value.low == value.high else f"{value.low:.4g} to {value.high:.4g}"
    else:
        text = f"above {value.low:.4g}" if value.low is not None else f"below {value.high:.4g}"
    return f"{text} {unit}".strip()
