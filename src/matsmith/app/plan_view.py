"""A plan as a person reads it before spending anything: what was understood, what was not, what cannot be measured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from matsmith.app.console import plain_table
from matsmith.core.properties import PROPERTIES

if TYPE_CHECKING:
    from rich.console import RenderableType

    from matsmith.agents.planner import PlanCheck
    from matsmith.core.spec import Chemistry, DesignSpec, Target


def plan_json(check: PlanCheck) -> dict[str, Any]:
    """Return the plan as plain data; `matsmith design --spec` takes it back, edited or not."""
    plan = check.plan
    return {
        "spec": check.spec.model_dump(mode="json"),
        "understood": [entry.model_dump(mode="json") for entry in plan.understood],
        "not_understood": list(plan.not_understood),
        "unclear": list(check.unclear),
        "questions": list(plan.questions),
        "reported": [entry.model_dump(mode="json") for entry in plan.reported],
        "unmeasurable": [
            {"target": index, "property": check.spec.targets[index].property, "reason": reason}
            for index, reason in sorted(check.unmeasurable.items())
        ],
        "contradictions": list(check.contradictions),
        "warnings": list(plan.warnings),
        "runnable": check.runnable,
        "refusal": check.refusal,
    }


def plan_view(check: PlanCheck) -> RenderableType:
    """Return everything that a person should know before saying yes."""
    from rich.console import Group
    from rich.padding import Padding
    from rich.text import Text

    plan = check.plan
    parts: list[RenderableType] = []
    if plan.understood:
        understood = plain_table("You wrote", "Understood as")
        for entry in plan.understood:
            understood.add_row(_text(entry.words), _text(entry.meaning))
        parts += [understood, Text()]
    parts.append(_spec_table(check))
    before = len(parts)
    if plan.not_understood:
        quoted = ", ".join(f"“{word}”" for word in plan.not_understood)
        parts.append(_note("Not understood", f"{quoted} (changed nothing)", style="unknown"))
    if check.unclear:
        quoted = ", ".join(f"“{words}”" for words in check.unclear)
        what = "in the place of a requirement: say it otherwise, or `matsmith design --leave-out` goes on without"
        parts.append(_note("Not clear", f"{quoted} {what}", style="not_met"))
    for _, reason in sorted(check.unmeasurable.items()):
        parts.append(_note("Cannot be measured", reason, style="not_met"))
    for question in plan.questions:
        parts.append(_note("Assumed", question, style="known"))
    for reported in plan.reported:
        # One that reaches nothing stands among the warnings.
        if reported.sentence not in plan.warnings:
            parts.append(_note("Reported", reported.sentence, style="known"))
    for warning in plan.warnings:
        parts.append(_note("Warning", warning, style="unknown"))
    for problem in check.contradictions:
        parts.append(_note("Impossible", problem, style="not_met"))
    if len(parts) > before:
        parts.insert(before, Text())
    return Padding(Group(*parts), (0, 0, 0, 1), expand=False)


def _spec_table(check: PlanCheck) -> RenderableType:
    spec = check.spec
    table = plain_table("Wanted", "", show_header=False)
    for index, target in enumerate(spec.targets):
        table.add_row(
            _text("Target" if target.hard else "Wish", style="label"), _target_line(check, index, target)
        )
    for label, value in [*_chemistry_lines(spec.chemistry), *_other_lines(spec)]:
        table.add_row(_text(label, style="label"), _text(value))
    return table


def _target_line(check: PlanCheck, index: int, target: Target) -> RenderableType:
    from matsmith.agents.conditions import serves
    from matsmith.agents.report.wording import target_text

    entry = PROPERTIES[target.property]
    tools = [name for name in entry.tools if serves(name, check.spec.conditions)]
    line = _text(f"{entry.title} {target_text(target)}")
    if index in check.unmeasurable:
        line.append("  no tool measures it", style="not_met")
    elif tools:
        line.append(f"  by {', '.join(tools)}", style="quiet")
    return line


def _chemistry_lines(chemistry: Chemistry) -> list[tuple[str, str]]:
    lines = [
        ("Formula", chemistry.formula or ""),
        ("Must contain", ", ".join(chemistry.required)),
        *(("One of", _shortened(group)) for group in chemistry.any_of),
        ("Without", _shortened(chemistry.excluded)),
        ("Only of", _shortened(chemistry.allowed)),
    ]
    if (chemistry.elements_min, chemistry.elements_max) != (1, 5):
        low, high = chemistry.elements_min, chemistry.elements_max
        lines.append(("Elements", str(low) if low == high else f"{low} to {high}"))
    flags = [
        ("charge-balanced", chemistry.charge_neutral),
        ("earth-abundant", chemistry.earth_abundant),
        ("non-toxic", chemistry.non_toxic),
    ]
    lines.append(("Elements are", ", ".join(word for word, wanted in flags if wanted)))
    return [(label, value) for label, value in lines if value]


def _other_lines(spec: DesignSpec) -> list[tuple[str, str]]:
    from matsmith.agents.report.wording import duration_text, space_groups_text

    structure, conditions = spec.structure, spec.conditions
    shape = [
        structure.prototype or "",
        structure.motif or "",
        space_groups_text(structure.space_groups),
        f"at most {structure.atoms_max} atoms in the cell" if structure.atoms_max != 20 else "",
        f"at least {structure.atoms_min} atoms in the cell" if structure.atoms_min > 1 else "",
    ]
    at = [
        "" if conditions.temperature_k is None else f"{conditions.temperature_k:g} K",
        "" if conditions.pressure_gpa is None else f"{conditions.pressure_gpa:g} GPa",
        conditions.describe_atmosphere(),
    ]
    kind = (
        "only new ones"
        if spec.new_only
        else "known ones count"
        if spec.accept_known
        else "new ones, beside what is known"
    )
    count = f"{spec.candidates}, {kind}"
    cost = spec.budget.model_cost_usd
    priced = "" if cost is None else f", at most {cost:g} USD for language models"
    lines = [
        ("Structure", ", ".join(part for part in shape if part)),
        ("Conditions", " and ".join(part for part in at if part)),
        ("Candidates", count),
        (
            "Budget",
            f"{duration_text(spec.budget.wall_time_s)}, at most {spec.budget.evaluations:,} evaluations{priced}",
        ),
    ]
    return [(label, value) for label, value in lines if value]


def _shortened(symbols: list[str]) -> str:
    if len(symbols) <= 24:
        return ", ".join(symbols)
    return f"{', '.join(symbols[:20])} and {len(symbols) - 20} more"


def _note(label: str, text: str, *, style: str) -> RenderableType:
    from rich.text import Text

    return Text.assemble((f"{label}: ", style), _text(text))


def _text(value: str, *, style: str = "") -> Any:
    from rich.text import Text

    from matsmith.agents.report.markup import visible

    return Text(visible(value), style=style)
