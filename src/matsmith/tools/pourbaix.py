"""Stability of a solid in water at 25 °C, one pH and one potential: its place in the Pourbaix diagram."""

from __future__ import annotations

import math

from pydantic import Field, JsonValue

from matsmith.core.errors import MatsmithError
from matsmith.core.quantity import Quantity, Truth
from matsmith.core.record import Outcome
from matsmith.knowledge.thermochemistry.aqueous import PER_PH_EV, AqueousState, state_in_water
from matsmith.knowledge.thermochemistry.calibration import thermochemical_errors
from matsmith.knowledge.thermochemistry.species import ROOM_K
from matsmith.tools.base import Deps, tool
from matsmith.tools.thermochemical import SolidArgs, Subject, refused, subject_of, tables_version

# Gibbs energies of formation of ions in different compilations agree within about 2 kJ/mol.
_ION_SIGMA_EV = 0.02
_OXYGEN_LINE_V = 1.229
_NEAR = (-2.0, 0.0, 2.0)


class PourbaixArgs(SolidArgs):
    """Which solid, in which water."""

    ph: float = Field(default=7.0, ge=-2.0, le=16.0)
    potential_v: float = Field(
        default=0.0, ge=-4.0, le=4.0, description="against the standard hydrogen electrode"
    )
    concentration_mol_per_kg: float = Field(
        default=1e-6, ge=1e-12, le=10.0, description="of each dissolved species"
    )


@tool(
    name="pourbaix",
    title="Stability in water",
    measures=("energy_above_hull_in_water",),
    cost_s=0.1,
    identity=tables_version,
)
def run(args: PourbaixArgs, *, deps: Deps) -> Outcome:
    """Gibbs energy (eV/atom) of a solid above what it turns into in water at 25 °C; negative where it is stable.

    Competitors are the tabulated solids and ions of its elements, hydroxides among them. Films that protect a metal, and slow
    dissolution, are not in it. For a solid that the tables lack give formation, a record of stability; the answer then refutes
    and does not confirm. Typed failures: no_enthalpy, outside_domain, no_data.

    Example: matsmith tool pourbaix formula=ZnO ph=4 potential_v=0.2
    """
    subject = subject_of(args, deps=deps)
    if isinstance(subject, Outcome):
        return subject
    try:
        gibbs = subject.solid.gibbs_kj_per_mol(ROOM_K)
        found = _state(subject, gibbs, args, ph=args.ph)
        beside: dict[str, JsonValue] = {
            f"pH {args.ph + step:g}": round(
                _state(subject, gibbs, args, ph=args.ph + step).excess_ev_per_atom, 4
            )
            for step in _NEAR
            if -2.0 <= args.ph + step <= 16.0
        }
    except MatsmithError as error:
        return refused(error)
    atoms = sum(subject.solid.amounts.values())
    tables = thermochemical_errors().tables_sigma_ev_per_atom
    sigma = math.hypot(
        subject.solid.sigma_ev_per_atom(ROOM_K),
        tables,
        *(_ION_SIGMA_EV * count / atoms for _, count in found.products),
    )
    value, basis = found.excess_ev_per_atom, "tabulated solids and ions"
    if subject.hull_0k is not None and subject.hull_0k[0] > value:
        (value, sigma), basis = subject.hull_0k, "hull at 0 K"
    warnings = [subject.caveat] if subject.caveat else []
    if not -PER_PH_EV * args.ph <= args.potential_v <= _OXYGEN_LINE_V - PER_PH_EV * args.ph:
        warnings.append("water itself is not stable at this potential: it gives off hydrogen or oxygen")
    name = "energy_above_hull_in_water"
    return Outcome(
        quantities={name: Quantity(value=value, unit="eV/atom", sigma=sigma, truth=Truth.EXPERIMENT_300K)},
        facts={
            "stable": value <= 0,
            "products": " + ".join(f"{count:.4g} {product}" for product, count in found.products),
            "conditions": f"pH {args.ph:g}, {args.potential_v:g} V against the standard hydrogen electrode, "
            f"{args.concentration_mol_per_kg:g} mol/kg",
            "ev_per_atom_at": beside,
            "dissolved_species_considered": found.ions,
            "basis": basis,
            "tabulated": subject.solid.measured,
            **({"inconclusive": {name: subject.caveat}} if subject.caveat else {}),
        },
        method=subject.method("Pourbaix diagram at one point, linear programme over solids and ions"),
        warnings=tuple(warnings),
    )


def _state(subject: Subject, gibbs: float, args: PourbaixArgs, *, ph: float) -> AqueousState:
    return state_in_water(
        subject.solid.amounts,
        gibbs_kj_per_mol=gibbs,
        ph=ph,
        potential_v=args.potential_v,
        concentration_mol_per_kg=args.concentration_mol_per_kg,
    )


TOOL = run
