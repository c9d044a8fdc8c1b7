"""Contradictions of a specification with itself or with physics, found before anything is spent."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import combinations

from matsmith.agents.objective.element_words import NOBLE_GASES
from matsmith.agents.objective.formulas import reduced
from matsmith.agents.objective.prototypes import PROTOTYPES, ratios_of
from matsmith.core.elements import parse_formula
from matsmith.core.errors import SpecError
from matsmith.core.properties import PROPERTIES, physical_problem
from matsmith.core.quantity import Relation
from matsmith.core.space_group import crystal_system
from matsmith.core.spec import DesignSpec, Target

# Krypton, xenon and radon form solids with fluorine, oxygen and chlorine; for the lighter ones none is known at ambient pressure.
_INERT = frozenset(("He", "Ne", "Ar"))


def find_contradictions(spec: DesignSpec) -> list[str]:
    """Say, one sentence each, why no crystal can meet the specification and what to change; empty when nothing is found."""
    return [
        *_physics(spec),
        *_between_targets(spec),
        *_elements(spec),
        *_formula(spec),
        *_prototype(spec),
    ]


def _physics(spec: DesignSpec) -> Iterator[str]:
    for target in spec.hard_targets:
        entry = PROPERTIES[target.property]
        low, high = target.interval.low, target.interval.high
        problem = None
        if low > entry.high:
            problem = physical_problem(target.property, low)
        elif high < entry.low or (target.relation is Relation.BELOW and high <= entry.low == 0):
            problem = physical_problem(target.property, high)
            if problem is None:
                problem = f"No solid has a {entry.title} below {high:g} {entry.unit}."
        if problem:
            yield f"{problem.replace(' .', '.')} Change the target '{target.describe()}'."


def _between_targets(spec: DesignSpec) -> Iterator[str]:
    hard = spec.hard_targets
    for one, other in combinations(hard, 2):
        if one.property == other.property and not _overlap(one, other):
            yield (
                f"'{one.describe()}' and '{other.describe()}' cannot both hold: drop one of them or let the ranges overlap."
            )
    optimised = [target for target in spec.targets if not target.is_constraint]
    for one, other in combinations(optimised, 2):
        if one.property == other.property and one.relation is not other.relation:
            yield f"The {PROPERTIES[one.property].title} cannot be maximised and minimised at once: keep one of the two."


def _overlap(one: Target, other: Target) -> bool:
    low, high = max(one.interval.low, other.interval.low), min(one.interval.high, other.interval.high)
    if low == high and math.isfinite(low):
        return {one.relation, other.relation} != {Relation.ABOVE, Relation.BELOW}
    return low < high


def _elements(spec: DesignSpec) -> Iterator[str]:
    chemistry = spec.chemistry
    required, excluded, allowed = set(chemistry.required), set(chemistry.excluded), set(chemistry.allowed)
    both = [symbol for symbol in chemistry.required if symbol in excluded]
    if both:
        yield f"{_names(both)} must and must not occur: drop the requirement or the exclusion."
    for group in chemistry.any_of:
        if set(group) <= excluded:
            yield f"One of {_names(group)} must occur, and all of them are excluded: leave one of them in."
        elif allowed and not set(group) & (allowed - excluded):
            yield f"One of {_names(group)} must occur, and none of them is allowed: add one to the allowed elements."
    if allowed:
        outside = [symbol for symbol in chemistry.required if symbol not in allowed]
        if outside:
            yield f"{_names(outside)} must occur and is not among the allowed elements: add it to them or drop it."
        if allowed <= excluded:
            yield "All allowed elements are excluded: leave one of them in."
        usable = len(allowed - excluded)
        if 0 < usable < chemistry.elements_min:
            yield (
                f"At least {chemistry.elements_min} elements are wanted and only {usable} can be used: "
                f"allow more elements or ask for fewer."
            )
    if chemistry.elements_min > chemistry.elements_max:
        yield (
            f"At least {chemistry.elements_min} and at most {chemistry.elements_max} elements leaves no number of elements: "
            f"widen the limits."
        )
    needed = len(required) + _disjoint_groups(spec)
    if needed > chemistry.elements_max:
        yield (
            f"{needed} different elements are required and at most {chemistry.elements_max} may occur: "
            f"raise the number of elements or require fewer."
        )
    if required and required <= _INERT:
        yield f"{_names(sorted(required))} forms no crystal by itself that is of use here: require another element with it."
    elif required and required <= set(NOBLE_GASES) and chemistry.elements_max == len(required):
        yield f"{_names(sorted(required))} alone is a gas at ambient conditions: require another element with it."
    elif allowed and allowed - excluded and (allowed - excluded) <= set(NOBLE_GASES):
        yield "Only noble gases are allowed, and they form no compound with each other: allow another element."


def _disjoint_groups(spec: DesignSpec) -> int:
    """A lower bound on the elements that the groups add to the required ones: groups that share nothing."""
    taken = set(spec.chemistry.required)
    added = 0
    for group in sorted(spec.chemistry.any_of, key=len):
        if not taken & set(group):
            taken |= set(group)
            added += 1
    return added


def _formula(spec: DesignSpec) -> Iterator[str]:
    chemistry = spec.chemistry
    if chemistry.formula is None:
        return
    try:
        elements = set(parse_formula(chemistry.formula))
    except SpecError as error:
        yield f"{error.message} Give another formula."
        return
    banned = sorted(elements & set(chemistry.excluded))
    # An element that is required and excluded is said once, above.
    said = set(chemistry.required) & set(chemistry.excluded)
    banned = [symbol for symbol in banned if symbol not in said]
    if banned:
        yield f"{chemistry.formula} contains {_names(banned)}, which is excluded: change the formula or the exclusion."
    missing = sorted(set(chemistry.required) - elements)
    if missing:
        yield f"{chemistry.formula} does not contain {_names(missing)}, which is required: change the formula or drop it."
    if chemistry.allowed and not elements <= set(chemistry.allowed) | said:
        outside = sorted(elements - set(chemistry.allowed) - set(chemistry.required))
        if outside:
            yield f"{chemistry.formula} contains {_names(outside)}, which is not allowed: add it to the allowed elements."
    for group in chemistry.any_of:
        if not elements & set(group):
            yield f"{chemistry.formula} contains none of {_names(group)}, one of which must occur: change one of the two."
    if not chemistry.elements_min <= len(elements) <= chemistry.elements_max:
        yield (
            f"{chemistry.formula} has {len(elements)} elements, and {chemistry.elements_min} to {chemistry.elements_max} are "
            f"wanted: change one of the two."
        )


def _prototype(spec: DesignSpec) -> Iterator[str]:
    entry = PROTOTYPES.get(spec.structure.prototype or "")
    if entry is None:
        return
    chemistry = spec.chemistry
    if chemistry.elements_max < entry.elements_min:
        yield (
            f"A {entry.name} crystal needs {entry.elements_min} elements and at most {chemistry.elements_max} may occur: "
            f"allow more elements or drop the structure type."
        )
    least = max(chemistry.elements_min, len(chemistry.required))
    if entry.elements_max is not None and least > entry.elements_max:
        yield (
            f"The {entry.name} structure is one of elements, and {least} different elements are wanted: name the structure "
            f"type of a compound, such as zincblende."
        )
    if spec.structure.atoms_max < entry.atoms:
        yield (
            f"The cell of {entry.name} has {entry.atoms} atoms and at most {spec.structure.atoms_max} are allowed: "
            f"allow {entry.atoms} or more."
        )
    groups = spec.structure.space_groups
    if entry.space_group and groups and entry.space_group not in groups:
        wanted = (
            str(groups[0])
            if len(groups) == 1
            else " or ".join(dict.fromkeys(crystal_system(number) for number in groups))
        )
        yield (
            f"A {entry.name} crystal has space group {entry.space_group}, not {wanted}: drop the symmetry or the structure type."
        )
    ratios = ratios_of(entry.name)
    if chemistry.formula and ratios:
        try:
            amounts = tuple(
                sorted(int(amount) for amount in parse_formula(reduced(chemistry.formula)).values())
            )
        except SpecError:
            return
        if amounts not in ratios:
            yield (
                f"{chemistry.formula} does not have the stoichiometry of {entry.name}: change the formula or drop the "
                f"structure type."
            )


def _names(symbols: list[str]) -> str:
    return (
        ", ".join(symbols) if len(symbols) <= 8 else f"{', '.join(symbols[:6])} ... ({len(symbols)} elements)"
    )
