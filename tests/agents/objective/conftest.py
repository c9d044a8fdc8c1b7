from __future__ import annotations

from collections.abc import Callable

import pytest

from matsmith.agents.decisions import Plan
from matsmith.core.spec import DesignSpec


def _elements(symbols: list[str]) -> str:
    return ",".join(symbols) if len(symbols) <= 12 else f"{len(symbols)} elements"


def _describe(plan: Plan) -> str:
    """Write everything of a plan's specification that differs from an empty one, so that nothing can slip in unseen."""
    spec, empty = plan.spec, DesignSpec(objective=plan.spec.objective)
    chemistry, structure, conditions = spec.chemistry, spec.structure, spec.conditions
    said = [target.describe() + (" [soft]" if not target.hard else "") for target in spec.targets]
    said += [f"contains {_elements(chemistry.required)}"] * bool(chemistry.required)
    said += [f"any of {_elements(group)}" for group in chemistry.any_of]
    said += [f"without {_elements(chemistry.excluded)}"] * bool(chemistry.excluded)
    said += [f"only {_elements(chemistry.allowed)}"] * bool(chemistry.allowed)
    said += [f"formula {chemistry.formula}"] * bool(chemistry.formula)
    if (chemistry.elements_min, chemistry.elements_max) != (1, 5):
        said.append(f"{chemistry.elements_min}-{chemistry.elements_max} elements")
    said += [flag for flag in ("charge_neutral", "earth_abundant", "non_toxic") if getattr(chemistry, flag)]
    said += [f"prototype {structure.prototype}"] * bool(structure.prototype)
    groups = structure.space_groups
    if groups:
        assert groups == sorted(groups)
        said.append(
            f"space groups {groups[0]}"
            if len(groups) == 1
            else f"space groups {groups[0]}-{groups[-1]} ({len(groups)})"
        )
    if (structure.atoms_min, structure.atoms_max) != (1, 20):
        said.append(f"{structure.atoms_min}-{structure.atoms_max} atoms")
    if conditions.temperature_k is not None:
        said.append(f"{conditions.temperature_k:g} K")
    if conditions.pressure_gpa is not None:
        said.append(f"{conditions.pressure_gpa:g} GPa")
    if conditions.has_atmosphere:
        said.append(conditions.describe_atmosphere())
    said += [f"{spec.candidates} candidates"] * (spec.candidates != empty.candidates)
    said += ["new only"] * spec.new_only
    assert spec.budget == empty.budget
    assert spec.probability_met == empty.probability_met
    said += [f"motif {structure.motif}"] * (structure.motif is not None)
    return "; ".join(said)


@pytest.fixture(scope="session")
def describe() -> Callable[[Plan], str]:
    return _describe
