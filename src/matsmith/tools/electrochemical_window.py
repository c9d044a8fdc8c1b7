"""The voltages between which a material neither takes up nor gives off its mobile ion, against the phases at hand.

At a voltage V against the metal the ion's chemical potential is μ = -zV. The composition is in equilibrium over the range of μ
that the planes of the convex hull allow at it: below, it is reduced, above, oxidised (W. D. Richards et al., Chem. Mater. 28, 266
(2016); Y. Zhu, X. He and Y. Mo, ACS Appl. Mater. Interfaces 7, 23685 (2015)). Slow decomposition widens what is seen in a cell,
and phases that are missing widen what is computed here.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pydantic import Field, JsonValue

from matsmith.core.errors import DataError, MatsmithError
from matsmith.core.quantity import Quantity, Truth
from matsmith.core.record import Outcome
from matsmith.core.settings import Settings
from matsmith.knowledge.method_errors import method_error
from matsmith.knowledge.redox import ION_CHARGES, removable
from matsmith.tools.base import Args, Deps, StructureRef, tool
from matsmith.tools.mobile_ion import mobile_ion
from matsmith.tools.potential import NAME, is_default, potential
from matsmith.tools.potential import identity as potential_identity
from matsmith.tools.reference_identity import shipped_identity, tables_identity
from matsmith.tools.results import foreign_energy, hint_for, method_of

if TYPE_CHECKING:
    from matsmith.core.crystal import Crystal
    from matsmith.knowledge.references import ReferenceSet

_ON_HULL_EV_PER_ATOM = 1e-4
_UNSTABLE_EV_PER_ATOM = 0.1
# What transition metals that change their oxidation state were measured to be off by (method_errors.json, voltage).
_REDOX_V = 0.3
_SEVERAL_ELEMENTS_V = 0.15
"""Assumed: 30 meV/atom on each side of a reaction that moves one ion of some seven atoms."""


class WindowArgs(Args):
    """Which material, and against which ion's metal."""

    structure: StructureRef
    ion: str | None = Field(
        default=None, description="the ion of the cell; without it the one that the structure holds"
    )


def _identity(settings: Settings) -> str:
    version = method_error("window_limit").version
    return f"{potential_identity(settings)}:{shipped_identity()}:{tables_identity(settings)}:{version}"


@tool(
    name="electrochemical_window",
    title="Electrochemical window",
    measures=("reduction_voltage", "oxidation_voltage"),
    cost_s=1.0,
    needs_worker=True,
    identity=_identity,
)
def run(args: WindowArgs, *, deps: Deps) -> Outcome:
    """Voltages (V against the ion's metal) at which a material is reduced and oxidised, by thermodynamics alone.

    A material that does not hold the ion is stable from the voltage at which it takes it up. Facts: what it falls apart into at
    both ends, its energy above the hull, and the references. Typed failures: no_ion, foreign_energy, no_references, and those of
    the relaxation where no reference holds the formula.
    """
    from matsmith.knowledge.references import references_for

    crystal = deps.crystal(args.structure)
    ion = args.ion or mobile_ion(crystal.elements)
    if ion is None or ion not in ION_CHARGES:
        named = f"{ion} is no ion that a battery shuttles" if ion else f"{crystal.formula} holds no such ion"
        return Outcome.failed(
            "no_ion", f"{named}.", hint=f"Name the ion of the cell: one of {', '.join(ION_CHARGES)}."
        )
    if not is_default(deps.settings):
        return foreign_energy(deps.settings.potential)
    system = sorted({*crystal.elements, ion})
    try:
        references = references_for(
            system, data_dir=deps.settings.data_dir, cache_dir=deps.settings.cache_dir
        )
    except MatsmithError as error:
        if not isinstance(error, DataError) and len(system) <= 8:
            raise
        return Outcome.failed("no_references", error.message, hint=error.hint)
    energy = _formation_energy(crystal, references, deps=deps)
    if isinstance(energy, Outcome):
        return energy
    return _measured(crystal, ion, references, formation=energy, deps=deps)


def _formation_energy(
    crystal: Crystal, references: ReferenceSet, *, deps: Deps
) -> tuple[float, str] | Outcome:
    """Formation energy in eV/atom of the formula's own phase, or of the structure relaxed, and where it is from."""
    from matsmith.models.relaxation import RelaxationFailure, relax

    known = references.phase(crystal.formula)
    if known is not None:
        return known.formation_energy_ev_per_atom, f"{known.source} ({known.date})"
    ((_, result),) = relax([crystal.to_pymatgen()], potential=potential(deps.settings))
    if isinstance(result, RelaxationFailure):
        return Outcome.failed(result.code, result.message, hint=hint_for(result.code))
    amounts = {symbol: float(n) for symbol, n in crystal.amounts.items()}
    return references.formation_energy(amounts, result.energy_ev_per_atom)[0], f"{NAME}, relaxed"


def _measured(
    crystal: Crystal, ion: str, references: ReferenceSet, *, formation: tuple[float, str], deps: Deps
) -> Outcome:
    from matsmith.knowledge.chemical_potentials import potential_range

    energy, source = formation
    amounts = {symbol: float(n) for symbol, n in crystal.amounts.items()}
    above = references.energy_above_hull(crystal.formula, energy)
    below = above < -_ON_HULL_EV_PER_ATOM
    found = potential_range(
        references, amounts, element=ion, formation_energy_ev_per_atom=energy if below else None
    )
    charge = ION_CHARGES[ion]
    known = method_error("window_limit")
    reduction, oxidation = known.corrected(-found.high_ev / charge), known.corrected(-found.low_ev / charge)
    # An element at zero is the metal itself: there is nothing to correct at that end.
    reduction = 0.0 if found.high_ev > -_ON_HULL_EV_PER_ATOM else reduction
    if ion not in crystal.elements:
        oxidation = math.inf
    # The references are binary salts: of more elements each side of the reaction has phases of its own error.
    sigma = math.hypot(known.sigma(1.0), _SEVERAL_ELEMENTS_V if len(crystal.elements) > 2 else 0.0)
    if ion in amounts and removable(amounts, ion=ion):
        sigma = math.hypot(sigma, _REDOX_V)
    warnings: list[str] = []
    if above > _ON_HULL_EV_PER_ATOM:
        warnings.append(
            f"it lies {1000 * above:.0f} meV/atom above the hull: the window is that of the phases it falls apart into"
        )
        if above > _UNSTABLE_EV_PER_ATOM:
            sigma = math.hypot(sigma, 0.5)
    if references.tier == "shipped":
        warnings.append("only the phases that ship are at hand: what is missing makes the window too wide")
    quantities = {
        "reduction_voltage": Quantity(value=reduction, unit="V", sigma=sigma, truth=Truth.EXPERIMENT_300K)
    }
    if math.isfinite(oxidation):
        quantities["oxidation_voltage"] = Quantity(
            value=max(oxidation, reduction), unit="V", sigma=sigma, truth=Truth.EXPERIMENT_300K
        )
    facts: dict[str, JsonValue] = {
        "ion": ion,
        "window_v": round(oxidation - reduction, 3) if math.isfinite(oxidation) else None,
        "beside_when_reduced": list(found.products_high),
        "beside_when_oxidised": list(found.products_low),
        "energy_above_hull_ev_per_atom": round(max(0.0, above), 4),
        "formation_energy_from": source,
        "references": f"{references.title} ({references.date}), {len(references.phases)} phases",
        "tier": references.tier,
        # Missing competitors only ever widen the window: it can refute and not confirm.
        "inconclusive": dict.fromkeys(quantities, f"against {references.title} alone")
        if references.tier == "shipped"
        else {},
    }
    return Outcome(
        quantities=quantities,
        facts=facts,
        method=method_of(
            deps.settings,
            name=f"range of the chemical potential of {ion} on the convex hull",
            reference=f"{references.title} ({references.date}); {known.source}",
        ),
        warnings=tuple(warnings),
    )


TOOL = run
