"""Linear thermal expansion by Grueneisen's rule from the corrected bulk modulus, with a Grueneisen parameter fitted to measured crystals.

The potential's own quasi-harmonics are off by a factor of two and do not exist for many crystals (`quasi_harmonic` gives them as a second
opinion); the rule with a law for the parameter, left out of its fit, errs by a fifth in the median. It is the mean over
directions. Frameworks of corner-sharing polyhedra, which may even shrink, lie outside: there it confirms nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from pydantic import Field

from matsmith.core.quantity import Quantity, Truth
from matsmith.core.record import Outcome
from matsmith.core.settings import Settings
from matsmith.knowledge.expansion_errors import expansion_errors
from matsmith.models.elastic_averages import stiffnesses_gpa
from matsmith.models.elastic_response import ElasticResponse
from matsmith.models.grueneisen_expansion import (
    coordination_numbers,
    is_open,
    linear_expansion_per_k,
    mean_square_displacement_angstrom2,
)
from matsmith.tools.base import Args, Deps, StructureRef, tool
from matsmith.tools.elastic_moduli import debye_temperature_of, elastic_identity, moduli_of, sound_responses
from matsmith.tools.melting import near_melting, refused_as_molten, swing_ratio
from matsmith.tools.potential import is_default, name_of
from matsmith.tools.results import method_of
from matsmith.tools.second_opinion import opinion_on_shear, opinions_identity

_TESTED_K = (250.0, 350.0)
# Assumed, not measured: for a potential that was not held against the measured tensors.
_UNTESTED_RELATIVE_SIGMA = 0.5
_BRIDGE = 2


class ThermalExpansionArgs(Args):
    """Which structure, and the temperature."""

    structure: StructureRef
    temperature_k: float = Field(default=298.15, ge=0, le=3000, description="temperature in K")


def run_many(batch: Sequence[ThermalExpansionArgs], *, deps: Deps) -> Iterator[tuple[int, Outcome]]:
    """All crystals share the batches of their strained cells."""
    asked = {index: deps.crystal(args.structure).to_pymatgen() for index, args in enumerate(batch)}
    for index, found, seconds in sound_responses(asked, settings=deps.settings):
        outcome = found if isinstance(found, Outcome) else _outcome(found, args=batch[index], deps=deps)
        yield index, outcome.model_copy(update={"wall_s": seconds})


def _outcome(result: ElasticResponse, *, args: ThermalExpansionArgs, deps: Deps) -> Outcome:
    moduli = moduli_of(result, settings=deps.settings)
    structure = result.structure
    mass = float(structure.composition.weight) / len(structure)
    volume = structure.volume / len(structure)
    amounts = {str(symbol): float(n) for symbol, n in structure.composition.as_dict().items()}
    known = expansion_errors()
    gamma = known.grueneisen.parameter(amounts, is_open=is_open(structure))
    if gamma is None:
        return Outcome.failed(
            "not_covered",
            f"{structure.composition.reduced_formula} holds an element without electronegativity, which the Grueneisen parameter is "
            "taken from.",
            hint="quasi_harmonic computes the expansion, with a larger error.",
        )

    def expansion_per_k(debye_k: float) -> float:
        return linear_expansion_per_k(
            grueneisen=gamma,
            temperature_k=args.temperature_k,
            debye_k=debye_k,
            bulk_gpa=moduli.bulk_gpa,
            volume_angstrom3_per_atom=volume,
        )

    debye = debye_temperature_of(structure, bulk_gpa=moduli.bulk_gpa, shear_gpa=moduli.shear_gpa)
    value = expansion_per_k(debye)
    opinion = opinion_on_shear(
        structure,
        shear_gpa=moduli.shear_gpa,
        sigma_gpa=moduli.error("shear_modulus").of(moduli.shear_gpa),
    )
    # Where the second opinion differs beyond the errors, both are possible, and so is what lies between.
    other = value
    if opinion.doubted is not None:
        shear = opinion.doubted.value_gpa
        other = expansion_per_k(debye_temperature_of(structure, bulk_gpa=moduli.bulk_gpa, shear_gpa=shear))
    default = is_default(deps.settings)
    relative = known.grueneisen.relative_sigma if default else _UNTESTED_RELATIVE_SIGMA
    source = (
        f"{known.source}, version {known.version}"
        if default
        else f"{name_of(deps.settings)} was not held against measurement here: an assumed error"
    )
    square = mean_square_displacement_angstrom2(args.temperature_k, debye_k=debye, mass_g_per_mol=mass)
    ratio = swing_ratio(structure, mean_square_angstrom2=square)
    refusal = refused_as_molten(structure, temperature_k=args.temperature_k, ratio=ratio)
    if refusal is not None:
        return refusal
    caveat = (
        near_melting(ratio)
        or _caveat(result, args=args, largest_cell=known.grueneisen.largest_cell)
        or opinion.words
    )
    return Outcome(
        quantities={
            "thermal_expansion": Quantity(
                value=value,
                unit="1/K",
                sigma=math.hypot(relative * value, other - value),
                truth=Truth.EXPERIMENT_300K,
            )
        },
        facts={
            "temperature_k": args.temperature_k,
            "volumetric_expansion_per_k": float(f"{3 * value:.5g}"),
            "grueneisen_parameter": round(gamma, 3),
            "open_structure": is_open(structure),
            "bulk_modulus_gpa": round(moduli.bulk_gpa, 2),
            "debye_temperature_k": round(debye, 1),
            "second_opinion_on_shear": opinion.fact,
            "inconclusive": {"thermal_expansion": caveat} if caveat else {},
        },
        method=method_of(
            deps.settings,
            name="Grueneisen's rule with a fitted parameter and the corrected bulk modulus",
            reference=source,
        ),
        warnings=(caveat,) if caveat else (),
    )


def _caveat(result: ElasticResponse, *, args: ThermalExpansionArgs, largest_cell: int) -> str:
    structure = result.structure
    if len(structure) > 1 and min(coordination_numbers(structure)) <= _BRIDGE:
        return (
            "atoms with two neighbours make a framework that can turn its polyhedra, and may expand less or shrink: the rule does not "
            "know that"
        )
    if stiffnesses_gpa(result.relaxed_ion.tensor_gpa)[0] <= 0:
        return "the potential finds the crystal mechanically unstable"
    if len(structure) > largest_cell:
        return f"the rule was held against cells of at most {largest_cell} atoms, and this one has {len(structure)}"
    low, high = _TESTED_K
    if not low <= args.temperature_k <= high:
        return "the rule was held against measurement near 298 K alone"
    return ""


def _identity(settings: Settings) -> str:
    return f"{elastic_identity(settings)}:{expansion_errors().version}:{opinions_identity()}"


@tool(
    name="thermal_expansion",
    title="Thermal expansion, linear",
    version="2",
    measures=("thermal_expansion",),
    cost_s=8.0,
    needs_worker=True,
    identity=_identity,
    run_many=run_many,
)
def run(args: ThermalExpansionArgs, *, deps: Deps) -> Outcome:
    """Linear thermal expansion (1/K, mean over directions, against experiment) of a crystal by Grueneisen's rule.

    Typed failures: molten, too_large, dispersion_bound, not_covered, unphysical, and those of the relaxation.

    Example: matsmith tool thermal_expansion --args '{"structure": "MgO.cif"}'
    """
    return next(iter(run_many([args], deps=deps)))[1]


TOOL = run
