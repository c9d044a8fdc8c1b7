"""The specification of the next design run in a conversation: planned from words, changed, shown, and checked before it starts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast

from pydantic import ValidationError

from matsmith.agents.conversation.chat_tools import ChatTool, ToolReply, schema_of, single, text_of
from matsmith.agents.conversation.desk import Desk
from matsmith.agents.conversation.pieces import Piece, TablePiece, says
from matsmith.agents.conversation.spec_changes import changed_by_words
from matsmith.agents.decisions import Plan
from matsmith.agents.planner import PlanCheck, make_plan
from matsmith.agents.report.wording import duration_text, target_text, title_of
from matsmith.core.errors import ImpossibleObjective, SpecError, UsageError
from matsmith.core.spec import DesignSpec

_TIME_ALLOWED = re.compile(
    r"\b(?:budget|at most|within|no more than)\b.*\b(?:s|sec\w*|min\w*|h|hours?)\b", re.IGNORECASE
)


def spec_tools(desk: Desk) -> list[ChatTool]:
    """Planning without starting."""
    return [
        ChatTool(
            schema=schema_of(
                "plan_design",
                "Turn an objective into the specification of the next design run; nothing is spent. Give the person's own words.",
                objective={
                    "type": "string",
                    "description": "what is wanted, in plain language",
                    "required": True,
                },
            ),
            run_many=single(lambda arguments: plan(desk, text_of(arguments, "objective"))),
        ),
        ChatTool(
            schema=schema_of(
                "change_spec",
                "Change the specification of the next design run: an object that is merged into it (null takes a field out, a list replaces "
                'a list), such as {"chemistry": {"excluded": ["Co"]}, "candidates": 5, "budget": {"wall_time_s": 1200}}.',
                changes={"type": "object", "description": "what becomes different", "required": True},
            ),
            run_many=single(lambda arguments: change(desk, arguments.get("changes"))),
        ),
        ChatTool(
            schema=schema_of("show_spec", "The specification of the next design run."),
            run_many=single(
                lambda _: spec_reply(PlanCheck.from_spec(current_spec(desk), settings=desk.settings))
            ),
        ),
    ]


def plan(desk: Desk, objective: str) -> ToolReply:
    """Plan an objective and keep its specification for the next run."""
    made = _with_budget(make_plan(objective, reasoner=desk.reasoner))
    check = PlanCheck.of(made, settings=desk.settings)
    desk.set_spec(check.spec)
    return spec_reply(check)


def _with_budget(made: Plan) -> Plan:
    """The plan with the time that an objective allows: "..., budget 20 minutes"."""
    for words in made.not_understood:
        if not _TIME_ALLOWED.search(words):
            continue
        try:
            changed = changed_by_words(made.spec, words)
        except SpecError:
            continue
        left = [one for one in made.not_understood if one != words]
        spec = changed.model_copy(update={"objective": made.spec.objective})
        made = made.model_copy(update={"spec": spec, "not_understood": left})
    return made


def change(desk: Desk, changes: object) -> ToolReply:
    """Merge changes into the next specification. Raises `SpecError` that names the field at fault, and nothing is changed."""
    if not isinstance(changes, Mapping) or not changes:
        raise SpecError("There is no change to make.", hint='Give an object such as {"candidates": 5}.')
    before = current_spec(desk)
    merged = _merged(before.model_dump(mode="json"), cast("Mapping[str, Any]", changes))
    try:
        spec = DesignSpec.model_validate(merged)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the specification"
        raise SpecError(
            f"{where}: {first['msg']}.", hint="Nothing was changed. show_spec shows what there is."
        ) from error
    return spec_reply(desk.set_spec(spec))


def current_spec(desk: Desk) -> DesignSpec:
    """The next specification. Raises `UsageError` when there is none."""
    spec = desk.spec
    if spec is None:
        raise UsageError(
            "There is no specification yet.",
            hint='Say what you want, such as "a stable oxide with a bulk modulus above 150 GPa".',
        )
    return spec


def spec_reply(check: PlanCheck) -> ToolReply:
    """A plan as a reply: what was understood, what is asked, and what stands against it."""
    spec = check.spec
    rows = [
        ("target", f"{title_of(one.property)} {target_text(one)}{'' if one.hard else ' (a wish)'}")
        for one in spec.targets
    ]
    chemistry = spec.chemistry
    parts = [
        (
            "must contain",
            ", ".join([*chemistry.required, *(" or ".join(group) for group in chemistry.any_of)]),
        ),
        ("without", ", ".join(chemistry.excluded)),
        ("only of", ", ".join(chemistry.allowed)),
        ("formula", chemistry.formula or ""),
        ("elements", f"{chemistry.elements_min} to {chemistry.elements_max}"),
        ("structure", spec.structure.prototype or ""),
        ("space groups", _few(spec.structure.space_groups)),
        ("candidates wanted", str(spec.candidates)),
        ("known materials", "not wanted" if spec.new_only else "suffice" if spec.accept_known else ""),
        ("at most", duration_text(spec.budget.wall_time_s)),
    ]
    rows += [(name, value) for name, value in parts if value]
    pieces: list[Piece] = [TablePiece(title="The next design run", columns=("", ""), rows=tuple(rows))]
    if check.plan.not_understood:
        quoted = ", ".join(f"“{word}”" for word in check.plan.not_understood)
        pieces.append(says(f"Not understood: {quoted} (changed nothing)", "unsure"))
    if check.unclear:
        quoted = ", ".join(f"“{words}”" for words in check.unclear)
        pieces.append(says(f"Not clear: {quoted}. Say it otherwise, or it is left out.", "unsure"))
    pieces += [says(f"Assumed: {question}", "quiet") for question in check.plan.questions]
    pieces += [says(check.unmeasurable[index], "bad") for index in sorted(check.unmeasurable)]
    pieces += [says(problem, "bad") for problem in check.contradictions]
    data = {
        "spec": spec.model_dump(mode="json", exclude_defaults=True),
        "at_most_s": spec.budget.wall_time_s,
        "not_understood": check.plan.not_understood,
        "not_clear": list(check.unclear),
        "questions": check.plan.questions,
        "cannot_be_measured": [check.unmeasurable[index] for index in sorted(check.unmeasurable)],
        "contradictions": list(check.contradictions),
        "can_start": check.runnable,
    }
    return ToolReply(data=data, pieces=pieces, texts=[" ".join(row) for row in rows])


def start_sentence(desk: Desk) -> str:
    """What a person agrees to when a run starts. Raises `ImpossibleObjective` for one that must not start."""
    spec = current_spec(desk)
    check = PlanCheck.from_spec(spec, settings=desk.settings)
    if not check.runnable:
        raise ImpossibleObjective(
            check.refusal or "The objective is impossible.", hint="Change the specification."
        )
    targets = ", ".join(target.describe() for target in spec.targets) or "no target"
    return f"Start a design run ({targets}) for at most {duration_text(spec.budget.wall_time_s)}."


def _merged(base: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A merge patch (RFC 7396): null takes out, an object goes deeper, anything else replaces."""
    merged = dict(base)
    for name, value in changes.items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, Mapping) and isinstance(merged.get(name), dict):
            merged[name] = _merged(merged[name], cast("Mapping[str, Any]", value))
        else:
            merged[name] = value
    return merged


def _few(numbers: list[int]) -> str:
    if len(numbers) > 8 and numbers == list(range(numbers[0], numbers[-1] + 1)):
        return f"{numbers[0]} to {numbers[-1]}"
    return ", ".join(map(str, numbers[:12])) + (" …" if len(numbers) > 12 else "")
