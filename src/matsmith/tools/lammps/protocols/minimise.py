"""Crystal at rest: cell and atoms of least energy at a pressure, by conjugate gradients, with what the potential says of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from matsmith.core.crystal import Crystal
from matsmith.core.quantity import Quantity, Truth
from matsmith.core.record import Outcome
from matsmith.tools.drawn_series import Trace, TracePlot, traces_fact
from matsmith.tools.lammps.failures import DynamicsError
from matsmith.tools.lammps.preparation import symbols_of
from matsmith.tools.lammps.protocol import Md, MdArgs, System, protocol
from matsmith.tools.lammps.states import BAR_PER_GPA, shape_of

if TYPE_CHECKING:
    from ase import Atoms

_RELAXED_EV_PER_ANGSTROM = 1e-3
_PRESSURE_LEFT_GPA = 0.02

# The reference cell of box/relax is that of its beginning: begun three times, ever finer, so that no pressure is left.
_CELL = """\
fix box all box/relax {shape} {bar} vmax 0.002 nreset 20
min_style cg
min_modify line quadratic
minimize 0.0 1.0e-6 2000 20000
unfix box
fix box all box/relax {shape} {bar} vmax 0.0005 nreset 20
minimize 0.0 1.0e-6 2000 20000
unfix box
fix box all box/relax {shape} {bar} vmax 0.0001
minimize 0.0 1.0e-8 2000 20000
"""
_ATOMS = """\
min_style cg
min_modify line quadratic
minimize 0.0 1.0e-8 5000 50000
"""


class MinimiseArgs(MdArgs):
    """Of what, and what may change."""

    cell: Literal["auto", "fixed", "iso", "aniso", "tri"] = Field(
        default="auto",
        description="what of the cell relaxes: nothing (fixed), its volume (iso), its edges (aniso), all (tri); auto: by its symmetry",
    )
    pressure_gpa: float = Field(default=0.0, ge=-20.0, le=1000.0, description="pressure in GPa")


@protocol(name="md_minimise", title="Relaxation with a classical potential", cost_s=3.0)
def run(args: MinimiseArgs, *, system: System, md: Md) -> Outcome:
    """Relax cell and atoms of a crystal at a pressure with a classical or learned potential.

    Quantities: `potential_energy` in eV/atom (of this potential alone, comparable with no other), `density` and `volume_per_atom`, and of
    an element in a cubic crystal its `lattice_parameter`. The relaxed crystal comes back. Typed failures: not_relaxed, and those of every run.

    Example: matsmith tool md_minimise --args '{"element": "Cu"}'
    """
    shape = shape_of(system) if args.cell == "auto" else args.cell
    simulation = md.simulation("minimise", system.atoms)
    if shape == "fixed":
        stage = simulation.stage("relax", _ATOMS, columns=("fmax",), title="relaxing atoms")
    else:
        stage = simulation.stage(
            "relax",
            _CELL,
            values={"shape": shape, "bar": args.pressure_gpa * BAR_PER_GPA},
            columns=("fmax",),
            title="relaxing cell and atoms",
        )
    final, rows = stage.final, stage.thermo
    static = simulation.stage("check", "run 0", columns=("fmax",), title="checking")
    left_gpa = abs(float(static.thermo["press"][-1]) / BAR_PER_GPA - args.pressure_gpa)
    force = float(static.thermo["fmax"][-1])
    if force > _RELAXED_EV_PER_ANGSTROM or (shape != "fixed" and left_gpa > _PRESSURE_LEFT_GPA):
        raise DynamicsError(
            "not_relaxed",
            f"A force of {force:.2g} eV/Å and a pressure of {left_gpa:.2g} GPa from what was asked for are left.",
            hint="Start nearer to a sensible structure, or choose another potential.",
        )
    volume = float(final.get_volume()) / len(final)
    energy = stage.potential_energy_ev / len(final)
    quantities = {
        "potential_energy": Quantity(value=energy, unit="eV/atom", sigma=0.0, truth=Truth.EXACT),
        "volume_per_atom": Quantity(value=volume, unit="angstrom**3", sigma=0.0, truth=Truth.EXACT),
        "density": Quantity(
            value=float(static.thermo["density"][-1]), unit="g/cm**3", sigma=0.0, truth=Truth.EXACT
        ),
    }
    if system.prototype in ("fcc", "bcc", "diamond") and shape == "iso":
        edge = (volume * {"fcc": 4, "bcc": 2, "diamond": 8}[system.prototype]) ** (1 / 3)
        quantities["lattice_parameter"] = Quantity(value=edge, unit="angstrom", sigma=0.0, truth=Truth.EXACT)
    energies = rows["pe"] / len(final)
    return Outcome(
        quantities=quantities,
        facts={
            "pressure_gpa": args.pressure_gpa,
            "cell": shape,
            "edges_angstrom": [round(float(each), 5) for each in final.cell.lengths()],
            "angles_deg": [round(float(each), 3) for each in final.cell.angles()],
            "largest_force_ev_per_angstrom": float(f"{force:.2g}"),
            "pressure_left_gpa": float(f"{left_gpa:.2g}"),
            "steps": len(energies),
            "energy_change_mev_per_atom": round(1000 * float(energies[-1] - energies[0]), 4),
            **traces_fact(
                TracePlot(
                    id="energy-over-steps",
                    title="Energy on the way to rest",
                    x=("step", ""),
                    y=("energy against the end", "meV/atom"),
                    traces=[
                        Trace(
                            name="energy",
                            x=np.arange(len(energies), dtype=np.float64),
                            y=1000 * (energies - energies[-1]),
                        )
                    ],
                )
            ),
        },
        crystal=_crystal(final),
        method=md.method("conjugate gradients", steps=0, atoms=len(final), ensemble="at rest"),
    )


def _crystal(atoms: Atoms) -> Crystal:
    from pymatgen.core import Structure

    return Crystal.from_pymatgen(
        Structure(np.asarray(atoms.cell), symbols_of(atoms).tolist(), atoms.get_scaled_positions())
    )


TOOL = run
