"""Energy of mixing of an alloy's cell: how far it lies above or below its elements, each in its own crystal, with one potential.

    ΔE = E(alloy)/n - Σ x_i E(element i)/atom.

A random solution of positive ΔE comes apart into its elements unless the entropy of mixing, at most -k Σ x ln x, outweighs it. Compounds
may lie lower still than the elements: an alloy that this does not refute is not shown to be stable.
"""

from __future__ import annotations

from pydantic import Field, JsonValue

from matsmith.core.quantity import Quantity, Truth
from matsmith.core.record import Outcome
from matsmith.models.dynamics import BOLTZMANN_EV_PER_K
from matsmith.tools.lammps.alloys import alloy_of, symbols_of
from matsmith.tools.lammps.failures import DynamicsError
from matsmith.tools.lammps.protocol import Md, MdArgs, System, protocol
from matsmith.tools.lammps.structures import lattice_cell, supercell_near, usual_lattice

# Assumed: potentials fitted to alloys give energies of mixing within about so much of density-functional theory, often too low.
_SIGMA_EV_PER_ATOM = 0.05


class MixingEnergyArgs(MdArgs):
    """Of which cell, how large it is made, and the temperature at which the entropy of mixing is weighed against the energy."""

    size: int = Field(
        default=1,
        ge=1,
        le=100_000,
        description="atoms aimed at: the cell is repeated where it has fewer, so that more of it can relax",
    )
    temperature_k: float = Field(
        default=300.0,
        gt=0,
        le=4000,
        description="temperature in K at which solution and elements are compared",
    )


@protocol(
    name="md_mixing_energy", title="Energy of mixing of an alloy", measures=(), cost_s=10.0, version="2"
)
def run(args: MixingEnergyArgs, *, system: System, md: Md) -> Outcome:
    """Hold the cell of an alloy against its elements, each relaxed with the same potential: does a random solution come apart?

    Quantities: energy of mixing in eV/atom, free energy of mixing at the temperature with the ideal entropy of a random solution.

    Example: `matsmith md mixing_energy --alloy "Al0.9Cu0.1"`
    """
    if len(system.elements) < 2:
        raise DynamicsError(
            "one_element", f"{system.formula} is no alloy.", hint="Give a cell of two elements or more."
        )
    atoms = system.atoms
    if args.size > len(atoms):
        atoms = supercell_near(atoms, atoms_aimed=args.size)
    mixed = md.relaxed_cell(atoms, shape="tri")
    symbols = symbols_of(atoms)
    alloy = alloy_of({symbol: float(symbols.count(symbol)) for symbol in set(symbols)})
    alone: dict[str, float] = {}
    for symbol in alloy.elements:
        prototype, a, c = usual_lattice(symbol)
        cell = lattice_cell(prototype, symbol, a, c=c)
        alone[symbol] = md.relaxed_cell(cell, elements=system.elements).energy_ev_per_atom
    energy = mixed.energy_ev_per_atom - sum(share * alone[one] for one, share in alloy.fractions.items())
    entropy = BOLTZMANN_EV_PER_K * alloy.mixing_entropy
    free = energy - args.temperature_k * entropy
    outweighed = energy / entropy if energy > 0 else 0.0
    told = abs(free) >= _SIGMA_EV_PER_ATOM
    facts: dict[str, JsonValue] = {
        "composition": alloy.describe(),
        "energies_of_the_elements_ev_per_atom": {one: round(value, 5) for one, value in alone.items()},
        "ideal_entropy_outweighs_it_above_k": round(outweighed, 1),
        "comes_apart_into_its_elements": free > 0 if told else None,
    }
    if not told:
        verdict = (
            f"at {args.temperature_k:g} K the random solution lies {1000 * abs(free):.1f} meV/atom {'above' if free > 0 else 'below'} its elements, "
            f"entropy included: within the potential's error of {1000 * _SIGMA_EV_PER_ATOM:.0f} meV/atom, so that whether it comes apart is open"
        )
    elif free > 0:
        verdict = (
            f"at {args.temperature_k:g} K the random solution is metastable: it lies {1000 * free:.1f} meV/atom above its elements, "
            f"entropy included, and below {outweighed:.0f} K it comes apart where atoms can move"
        )
    else:
        verdict = (
            f"at {args.temperature_k:g} K the random solution lies {-1000 * free:.1f} meV/atom below its elements, which does not refute it; "
            "ordered compounds may lie lower, beyond its limit of solubility it is metastable"
        )

    def quantity(value: float) -> Quantity:
        return Quantity(value=value, unit="eV/atom", sigma=_SIGMA_EV_PER_ATOM, truth=Truth.DFT_0K)

    return Outcome(
        quantities={"mixing_energy": quantity(energy), "free_energy_of_mixing": quantity(free)},
        facts=facts,
        method=md.method(
            "relaxed cells of the alloy and of its elements", steps=0, atoms=len(symbols), ensemble="at rest"
        ),
        warnings=(verdict,),
    )


TOOL = run
