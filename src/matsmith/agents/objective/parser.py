"""Plain language to a plan, by rules: a list of readers, each of which takes the words it is sure of.

What no reader takes is reported as it was written, so that nothing is dropped in silence. The order matters: a number is
found before the word beside it is read, and a negation before what it negates.
"""

from __future__ import annotations

import re

from pydantic import ValidationError

from matsmith.agents.decisions import Plan
from matsmith.agents.objective.atmospheres import read_atmosphere
from matsmith.agents.objective.chemistry import read_chemistry
from matsmith.agents.objective.comparisons import read_comparisons
from matsmith.agents.objective.conditions import read_conditions
from matsmith.agents.objective.draft import Draft, index_phrases
from matsmith.agents.objective.element_lists import single_element
from matsmith.agents.objective.element_words import METALS
from matsmith.agents.objective.negations import read_flags, read_negations
from matsmith.agents.objective.processing import read_processing
from matsmith.agents.objective.prototypes import PROTOTYPES
from matsmith.agents.objective.quantities import find_bounds
from matsmith.agents.objective.refusals import refuse_phrases
from matsmith.agents.objective.sizes import read_atoms, read_candidates, read_element_count
from matsmith.agents.objective.stability import read_stability, refuse_other_stabilities
from matsmith.agents.objective.structures import read_structure
from matsmith.agents.objective.targets import read_targets
from matsmith.agents.objective.vocabulary import EXAMPLE, FILLERS, SIGNS, SOFT_AFTER, SOFT_BEFORE
from matsmith.core.elements import parse_formula
from matsmith.core.errors import SpecError
from matsmith.core.spec import ALLOY, Chemistry, Conditions, DesignSpec, StructureWish

LONGEST_OBJECTIVE = 2000
_SOFT_BEFORE = index_phrases(dict.fromkeys(SOFT_BEFORE, True))
_SOFT_AFTER = index_phrases(dict.fromkeys(SOFT_AFTER, True))
_DEFAULT_SPEC = DesignSpec()


def parse_objective(objective: str) -> Plan:
    """Read an objective in plain English.

    Raises `SpecError` when it is empty, too long, says nothing about a material or names an element, a space group or a
    count that does not exist; `UnitError` for a unit of the wrong dimension; `ImpossibleObjective` for symmetries that
    exclude each other. Other contradictions are for `find_contradictions`.

    >>> plan = parse_objective("a stable oxide with a bulk modulus above 150 GPa, no cobalt")
    >>> [target.describe() for target in plan.spec.targets]
    ['energy_above_hull below 0.05 eV/atom', 'bulk_modulus above 150 GPa']
    >>> plan.spec.chemistry.required, plan.spec.chemistry.excluded, plan.not_understood
    (['O'], ['Co'], [])
    """
    if not objective.strip():
        raise SpecError("The objective is empty.", hint=EXAMPLE)
    if len(objective) > LONGEST_OBJECTIVE:
        raise SpecError(
            f"The objective has {len(objective)} characters, more than {LONGEST_OBJECTIVE}.",
            hint=f"Shorten it. {EXAMPLE}",
        )
    draft = Draft.of(objective)
    try:
        _read(draft)
        left = _left_over(draft)
        if not _says_something(draft):
            raise SpecError(_nothing_said(draft, left), hint=EXAMPLE)
        spec = _specification(draft, objective=objective)
    except ValidationError as error:
        raise SpecError(f"The objective cannot be held: {error.errors()[0]['msg']}.", hint=EXAMPLE) from error
    return Plan(
        spec=spec,
        understood=[draft.understood[place] for place in sorted(draft.understood)],
        not_understood=left,
        questions=draft.questions,
    )


def _read(draft: Draft) -> None:
    _soft_words(draft)
    bounds = find_bounds(draft)
    read_processing(draft, bounds)
    read_atmosphere(draft, bounds)
    refuse_other_stabilities(draft)
    read_comparisons(draft)
    refuse_phrases(draft, bounds)
    read_flags(draft)
    read_negations(draft)
    read_conditions(draft, bounds)
    read_element_count(draft, bounds)
    read_atoms(draft, bounds)
    read_candidates(draft, bounds)
    read_targets(draft, bounds)
    read_stability(draft, bounds)
    read_structure(draft)
    read_chemistry(draft)
    _alternatives(draft)


def _soft_words(draft: Draft) -> None:
    """Find "preferably" and its like, and how far each reaches: to the next break after it, or back to the one before it."""
    index = 0
    while index < len(draft):
        after = _SOFT_AFTER.at(draft, index)
        ends_clause = after is not None and (draft.clause_end(after[1]) == after[1])
        begins_clause = draft.clause_start(index) == index or draft.low(index - 1) in ("and", "with", "but")
        if after and ends_clause and not begins_clause:
            place = index
            while place > 0 and draft.low(place - 1) not in (",", ";", ".", "but", "and", "(", "with"):
                place -= 1
            draft.soft.append((place, index))
            draft.use(index, after[1], "a wish, not a must")
            index = after[1]
            continue
        before = _SOFT_BEFORE.at(draft, index)
        if before and not (draft.low(index) == "better" and draft.low(index + 1) == "than"):
            end = draft.clause_end(before[1] + (1 if draft.low(before[1]) == "," else 0), also=("and",))
            if "between" in [draft.low(at) for at in range(before[1], end)] and draft.low(end) == "and":
                end = draft.clause_end(end)
            draft.soft.append((before[1], end))
            draft.use(index, before[1], "a wish, not a must")
            index = before[1]
            continue
        index += 1


def _alternatives(draft: Draft) -> None:
    """Report an "or": between two things that were understood it cannot be held, and all of them are asked for."""
    starts = {start for start, _ in draft.targets}
    for index in range(1, len(draft) - 1):
        if draft.low(index) != "or" or not draft.free(index):
            continue
        place = index + 1
        while draft.low(place) in ("a", "an", "the", "with", "has", "have") and draft.free(place):
            place += 1
        if draft.used[index - 1] and place < len(draft) and draft.used[place]:
            draft.refuse(index, index + 1)
            draft.ask(
                f"Alternatives ({draft.words(index - 1, place + 1)!r}) cannot be held; all of it is asked for."
            )
    for start, end in draft.soft:
        wishes = [
            one for place, one in draft.understood.items() if start <= place < end and place not in starts
        ]
        for wish in wishes:
            if not wish.meaning.startswith("a wish"):
                draft.ask(f"{wish.words!r}: only a property can be a wish; this is taken as a must.")


def _left_over(draft: Draft) -> list[str]:
    """The words that no reader took and that are not filler, as written, neighbours together."""
    count = len(draft)
    unknown = [draft.refused[at] or (not draft.used[at] and not _is_filler(draft, at)) for at in range(count)]
    for at in range(1, count - 1):
        joined = (
            draft.tokens[at - 1].end == draft.tokens[at].start
            and draft.tokens[at].end == draft.tokens[at + 1].start
        )
        sign = draft.low(at) in ("-", "/", ".", "'") and draft.low(at + 1) not in SIGNS
        if joined and sign and unknown[at - 1] and not draft.used[at] and not draft.used[at + 1]:
            unknown[at] = unknown[at + 1] = True
    left: list[str] = []
    start: int | None = None
    for at in range(count + 1):
        if at < count and unknown[at]:
            start = at if start is None else start
        elif start is not None:
            left.append(draft.words(start, at))
            start = None
    return left


def _is_filler(draft: Draft, index: int) -> bool:
    word = draft.low(index)
    return (
        word in FILLERS
        or word in SIGNS
        or (word == "i" and single_element(draft, index, in_list=False) is None)
    )


def _says_something(draft: Draft) -> bool:
    chemistry = (
        draft.required
        or draft.any_of
        or draft.excluded
        or draft.allowed
        or draft.formula
        or draft.elements_range
    )
    structure = draft.prototype or draft.motif or draft.space_groups or draft.atoms_range != (None, None)
    return bool(draft.targets or chemistry or structure or draft.flags)


_COMPOUND = re.compile(r"\bcompounds?\b", re.IGNORECASE)
_ELEMENTAL = re.compile(
    r"\b(?:elements? or (?:a )?compounds?|compounds? or (?:an )?(?:pure )?elements?|pure element|elemental)\b",
    re.IGNORECASE,
)


def _nothing_said(draft: Draft, left: list[str]) -> str:
    reason = f" {draft.questions[0]}" if draft.questions else ""
    if any(draft.refused):
        return f"{left[0]!r} is nothing that can be checked here, and the rest says nothing about a material.{reason}"
    what = f"{left[0]!r} says" if len(left) == 1 and len(left[0]) <= 80 else "This says"
    return f"{what} nothing about a material that can be sought.{reason}"


def _specification(draft: Draft, *, objective: str) -> DesignSpec:
    # A compound has two elements at least, unless an element alone is named as well.
    fewest = 2 if _COMPOUND.search(objective) and not _ELEMENTAL.search(objective) else 1
    low, high = draft.elements_range or (fewest, max(5, len(set(draft.required))))
    required = list(draft.required)
    if draft.formula:
        required += parse_formula(draft.formula)
        if draft.elements_range is None:
            low = high = len(parse_formula(draft.formula))
    allowed = draft.allowed
    if "closed" in draft.flags and not allowed:
        allowed = [*required, *(symbol for group in draft.any_of for symbol in group)]
    if allowed and set(METALS) <= set(allowed):
        allowed = [*allowed, *required]
    chemistry = Chemistry(
        required=required,
        any_of=[
            group
            for group in draft.any_of
            if not set(group) & set((draft.formula and parse_formula(draft.formula)) or ())
        ],
        excluded=draft.excluded,
        allowed=allowed,
        formula=draft.formula,
        elements_min=min(low, 10),
        elements_max=min(high, 10),
        charge_neutral="charge_neutral" in draft.flags,
        earth_abundant="earth_abundant" in draft.flags,
        non_toxic="non_toxic" in draft.flags,
    )
    alloy = "solid_solution" in draft.flags and not draft.formula and draft.prototype is None
    least, most = draft.atoms_range
    cell = PROTOTYPES[draft.prototype].atoms if draft.prototype else 1
    default_most = max(_DEFAULT_SPEC.structure.atoms_max, cell, least or 1)
    if least is not None and most is not None and least > most:
        raise SpecError(
            f"At least {least} and at most {most} atoms leaves no size.", hint="Widen the limits."
        )
    structure = StructureWish(
        prototype=draft.prototype,
        space_groups=draft.space_groups,
        atoms_min=least or 1,
        atoms_max=most or default_most,
        known_atoms_max=most or max(default_most, _DEFAULT_SPEC.structure.known_atoms_max),
        motif=ALLOY if alloy else draft.motif,
    )
    return DesignSpec(
        objective=objective,
        targets=[target for _, target in sorted(draft.targets, key=lambda pair: pair[0])],
        chemistry=chemistry,
        structure=structure,
        conditions=Conditions(
            temperature_k=draft.temperature_k,
            pressure_gpa=draft.pressure_gpa,
            atmosphere=draft.atmosphere,
            oxygen_low_bar=draft.oxygen_bar and draft.oxygen_bar[0],
            oxygen_high_bar=draft.oxygen_bar and draft.oxygen_bar[1],
        ),
        candidates=draft.candidates or _DEFAULT_SPEC.candidates,
        new_only="new_only" in draft.flags,
    )
