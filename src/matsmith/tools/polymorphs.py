"""The forms of one formula that the potential cannot tell apart, and the range that a property has over them.

Universal potentials order polymorphs wrongly within some 50 meV/atom: CHGNet puts anatase under rutile and fcc under hcp
titanium. So no form within that of the lowest is dropped: all are carried, and the property is what they span.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from matsmith.core.crystal import Crystal
from matsmith.core.quantity import Quantity
from matsmith.core.record import Failure, Outcome
from matsmith.core.settings import Settings
from matsmith.tools.base import Args, Deps, StructureRef, tool
from matsmith.tools.potential import identity as potential_identity
from matsmith.tools.potential import is_default, name_of, potential
from matsmith.tools.results import calibration_for, hint_for, method_of

if TYPE_CHECKING:
    from pymatgen.core import Structure

UNRESOLVED_EV_PER_ATOM = 0.05
# Static energies of decorated structure types lie above the relaxed ones by up to this; beyond it a type is left out.
_ABOVE_STATIC_LOWEST_EV_PER_ATOM = 0.3
_MAX_STEPS = 200
_LABEL_OF_GIVEN = "as given"


class PolymorphsArgs(Args):
    """Which form to start from, which property to give the range of, and how many structure types to try beside it."""

    structure: StructureRef
    property: Literal["density", "volume_per_atom", "bulk_modulus"] = "density"
    most_types: int = Field(
        default=6, ge=0, le=30, description="structure types of the library tried, beside the measured forms"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Start:
    label: str
    structure: Structure


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    label: str
    crystal: Crystal
    energy_ev_per_atom: float


def _identity(settings: Settings) -> str:
    from matsmith.knowledge.prototypes import library_version

    foreign = _foreign(settings)
    versions = [calibration_for(name, foreign=foreign).version for name in ("volume", "bulk_modulus")]
    return ":".join((potential_identity(settings), library_version(), *versions))


def _foreign(settings: Settings) -> str | None:
    return None if is_default(settings) else name_of(settings)


@tool(
    name="polymorphs",
    title="Forms of one formula and the range of a property",
    version="2",
    measures=("density", "volume_per_atom", "bulk_modulus"),
    cost_s=20.0,
    needs_worker=True,
    identity=_identity,
)
def run(args: PolymorphsArgs, *, deps: Deps) -> Outcome:
    """Relax a structure beside the measured forms of its formula and the structure types that fit it, in shared batches.

    Quantity: the property, averaged over every form within 50 meV/atom of the lowest, with a sigma that spans them. Facts: the
    forms with their energies above the lowest, `unresolved` (those carried), `range` of the property over them, `resolved`
    (only one form is left). Typed failures: those of the relaxation, where the structure given fails, and of the property's tool.
    """
    given = deps.crystal(args.structure)
    starts = [_Start(label=_LABEL_OF_GIVEN, structure=given.to_pymatgen()), *_measured(given.formula)]
    starts += _from_library(given, most=args.most_types, deps=deps)
    forms, failure = _relaxed(starts, deps=deps)
    if failure is not None:
        return Outcome(failure=failure)
    lowest = forms[0].energy_ev_per_atom
    carried = [form for form in forms if form.energy_ev_per_atom - lowest <= UNRESOLVED_EV_PER_ATOM]
    values, problem = _values(args.property, carried, deps=deps)
    if problem is not None:
        return Outcome(failure=problem)
    numbers = [value.value for value in values]
    return Outcome(
        quantities={args.property: over(values)},
        facts={
            "formula": given.formula,
            "forms_tried": len(starts),
            "forms": [
                {
                    "form": form.label,
                    "above_lowest_ev_per_atom": round(form.energy_ev_per_atom - lowest, 4),
                    "atoms": len(form.crystal.species),
                }
                for form in forms
            ],
            "unresolved": [
                {
                    "form": form.label,
                    "value": round(value.value, 4),
                    "sigma": round(value.sigma, 4),
                    "unit": value.unit,
                }
                for form, value in zip(carried, values, strict=True)
            ],
            "range": {
                "low": round(min(numbers), 4),
                "high": round(max(numbers), 4),
                "unit": values[0].unit,
            },
            "resolved": len(carried) == 1,
            "resolution_ev_per_atom": UNRESOLVED_EV_PER_ATOM,
        },
        crystal=carried[0].crystal,
        method=method_of(
            deps.settings,
            name="forms within 50 meV/atom of the lowest, all carried",
            reference="forms: as given, measured crystals that ship, AFLOW structure types",
        ),
        warnings=()
        if len(carried) == 1
        else (f"{len(carried)} forms lie within the error of the potential: the value spans them",),
    )


def _measured(formula: str) -> list[_Start]:
    from matsmith.knowledge.crystals import find

    return [
        _Start(label=f"measured: {entry.name}", structure=entry.structure().get_primitive_structure())
        for entry in find(formula)
    ]


def _from_library(given: Crystal, *, most: int, deps: Deps) -> list[_Start]:
    """The structure types of the library that fit the formula, by their static energies."""
    from matsmith.knowledge.formulas import reduced_key
    from matsmith.tools.competing_screening import decorations_of, formula_key, screen
    from matsmith.tools.reference_evaluation import crystal_of

    if most == 0:
        return []
    wanted = reduced_key(given.amounts)
    fitting = [each for each in decorations_of(given.elements) if formula_key(each) == wanted]
    screened = sorted(
        screen(fitting, potential=potential(deps.settings)),
        key=lambda each: (each.energy_ev_per_atom, each.decoration.prototype.name),
    )
    starts: list[_Start] = []
    for each in screened[:most]:
        if each.energy_ev_per_atom - screened[0].energy_ev_per_atom <= _ABOVE_STATIC_LOWEST_EV_PER_ATOM:
            structure = crystal_of(each.decoration)
            structure.scale_lattice(structure.volume * math.exp(each.log_volume_change))
            starts.append(_Start(label=each.decoration.prototype.label, structure=structure))
    return starts


def _relaxed(starts: Sequence[_Start], *, deps: Deps) -> tuple[list[_Form], Failure | None]:
    """Every distinct form, lowest first; a failure only where the structure given, which comes first, cannot be relaxed."""
    from matsmith.models.relaxation import RelaxationFailure, RelaxationSettings, relax
    from matsmith.tools.duplicates import merge

    # Symmetry is kept: without it a form slides into a lower one, and there is nothing left to tell apart.
    settings = RelaxationSettings(max_steps=_MAX_STEPS, keep_symmetry=True)
    found: dict[int, _Form] = {}
    results = relax((s.structure for s in starts), potential=potential(deps.settings), settings=settings)
    for place, result in results:
        if not isinstance(result, RelaxationFailure):
            crystal = Crystal.from_pymatgen(result.structure)
            found[place] = _Form(
                label=starts[place].label, crystal=crystal, energy_ev_per_atom=result.energy_ev_per_atom
            )
        elif place == 0:
            return [], Failure(code=result.code, message=result.message, hint=hint_for(result.code))
    ordered = [found[place] for place in sorted(found)]
    groups = merge([form.crystal for form in ordered])
    distinct: dict[int, _Form] = {}
    for group, form in zip(groups, ordered, strict=True):
        distinct.setdefault(group, form)
    return sorted(distinct.values(), key=lambda form: (form.energy_ev_per_atom, form.label)), None


def _values(name: str, forms: Sequence[_Form], *, deps: Deps) -> tuple[list[Quantity], Failure | None]:
    """The property of each form, in their order; the failure of the first form of which it cannot be had."""
    foreign = _foreign(deps.settings)
    if name != "bulk_modulus":
        from matsmith.tools.density import volume_quantities

        known = calibration_for("volume", foreign=foreign)
        return [volume_quantities(form.crystal, known)[name] for form in forms], None
    from matsmith.tools.equation_of_state import EquationOfStateArgs
    from matsmith.tools.equation_of_state import run_many as measure

    inputs = {str(place): form.crystal for place, form in enumerate(forms)}
    calls = [EquationOfStateArgs(structure=key) for key in inputs]
    inner = Deps(settings=deps.settings, inputs=inputs, seed=deps.seed)
    outcomes = dict(measure(calls, deps=inner))
    values: list[Quantity] = []
    for place, form in enumerate(forms):
        failure = outcomes[place].failure
        if failure is not None:
            return [], failure.model_copy(update={"message": f"{form.label}: {failure.message}"})
        values.append(outcomes[place].quantities[name])
    return values, None


def over(values: Sequence[Quantity]) -> Quantity:
    """Mean over equally likely forms, with the sigma of that mixture: their own errors and how far they lie apart."""
    mean = sum(value.value for value in values) / len(values)
    variance = sum(value.sigma**2 + (value.value - mean) ** 2 for value in values) / len(values)
    return values[0].model_copy(update={"value": mean, "sigma": math.sqrt(variance)})


TOOL = run
