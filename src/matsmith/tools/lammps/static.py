"""Crystals at rest: atoms relaxed in a given cell, optionally along one axis only, with the stress that is left.

Every static protocol makes its cells in Python, hands each to the simulator, and reads energy, stress and positions back: the
template holds nothing but the minimiser.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from matsmith.models.potentials.interface import FloatArray
from matsmith.tools.lammps.failures import DynamicsError
from matsmith.tools.lammps.structures import restricted

if TYPE_CHECKING:
    from ase import Atoms

    from matsmith.tools.lammps.simulation import Simulation, Stage

GPA_PER_BAR = 1e-4
EV_PER_ANGSTROM2_IN_MJ_PER_M2 = 16021.76634
FORCE_TOLERANCE_EV_PER_ANGSTROM = 1e-4
FORCE_LEFT_EV_PER_ANGSTROM = 10 * FORCE_TOLERANCE_EV_PER_ANGSTROM
"""What may be left where the line search ends at the rounding of the energy: beyond, a crystal is not at rest."""
_MOST_ITERATIONS = 5000
_MINIMISE = """min_style cg
min_modify dmax 0.05 line quadratic
minimize 0.0 {force_tolerance} {most} {most_evaluations}
"""
_SETTLE = """min_style fire
minimize 0.0 {force_tolerance} {most} {most}
"""
_ALONG_NORMAL = "fix lateral all setforce 0.0 0.0 NULL\n"
_RIM = "group rim id {first_of_rim}:{last_of_rim}\nfix rim rim setforce 0.0 0.0 0.0\n"
_THICKNESS = "fix normal all box/relax z 0.0 vmax 0.001 scaleyz no scalexz no\n"


@dataclass(frozen=True, kw_only=True)
class Rest:
    """A cell at rest: total energy in eV, stress (3, 3) in GPa (positive under tension), and the atoms as they came out."""

    energy_ev: float
    stress_gpa: FloatArray
    atoms: Atoms
    stage: Stage


def at_rest(
    simulation: Simulation,
    name: str,
    atoms: Atoms,
    *,
    along_normal: bool = False,
    free_thickness: bool = False,
    rim: tuple[int, int] | None = None,
    title: str = "",
) -> Rest:
    """Relax the atoms of one cell to 0.1 meV/Å, the cell kept.

    `along_normal` lets atoms move along z alone, `free_thickness` relaxes the length along z as well; `rim` holds the atoms of these
    places (first, last; counted from 0). Raises `DynamicsError` (`not_relaxed`) when a force of more than 1 meV/Å is left on what may move.
    """
    held = ""
    values: dict[str, int | float] = {}
    if rim is not None:
        held += _RIM
        values = {"first_of_rim": rim[0] + 1, "last_of_rim": rim[1] + 1}
    if along_normal:
        held += _ALONG_NORMAL
    thickness = _THICKNESS if free_thickness else ""
    # The forces of a row are those that the fixes before it left: none on what is held.
    stage = simulation.stage(
        name,
        held + thickness + _MINIMISE,
        atoms=atoms,
        values={
            **values,
            "force_tolerance": FORCE_TOLERANCE_EV_PER_ANGSTROM,
            "most": _MOST_ITERATIONS,
            "most_evaluations": 4 * _MOST_ITERATIONS,
        },
        columns=("fmax",),
        title=title,
    )
    return rest_of(settled(stage, simulation, held=held, values=values))


def settled(
    stage: Stage, simulation: Simulation, *, held: str = "", values: Mapping[str, int | float] | None = None
) -> Stage:
    """The stage itself where its forces are gone, or one after it in which atoms come to rest by damped motion, in its cell.

    Where an energy is rough, as that of a potential with a hard cutoff is, a line search ends early; damped motion looks at forces alone.
    `held` and its values say what may not move. Raises `DynamicsError` (`not_relaxed`) when forces are left even then.
    """
    if stage.thermo["fmax"][-1] > FORCE_LEFT_EV_PER_ANGSTROM:
        stage = simulation.stage(
            f"{stage.name}_settled",
            held + _SETTLE,
            values={
                **(values or {}),
                "force_tolerance": FORCE_TOLERANCE_EV_PER_ANGSTROM,
                "most": _MOST_ITERATIONS,
            },
            columns=("fmax",),
            title="atoms come to rest",
        )
    left = float(stage.thermo["fmax"][-1])
    if not left <= FORCE_LEFT_EV_PER_ANGSTROM:
        raise DynamicsError(
            "not_relaxed",
            f"{stage.name.replace('_', ' ')}: a force of {left:.2g} eV/Å is left after {stage.thermo['step'][-1]:.0f} steps of relaxing.",
            hint="Start nearer to a sensible structure, take fewer atoms (size), or choose another potential.",
        )
    return stage


def rest_of(stage: Stage) -> Rest:
    """Energy and stress of the last row of a stage."""
    return Rest(
        energy_ev=stage.potential_energy_ev,
        stress_gpa=stresses_gpa(stage.thermo)[-1],
        atoms=stage.final,
        stage=stage,
    )


def stresses_gpa(thermo: dict[str, FloatArray]) -> FloatArray:
    """Cauchy stresses (rows, 3, 3) in GPa, positive under tension, from the pressure's components in bar."""
    x, y, z = (thermo[name] for name in ("pxx", "pyy", "pzz"))
    xy, xz, yz = (thermo[name] for name in ("pxy", "pxz", "pyz"))
    rows = np.array([[x, xy, xz], [xy, y, yz], [xz, yz, z]])
    return np.asarray(-GPA_PER_BAR * np.moveaxis(rows, 2, 0), dtype=np.float64)


def deformed(atoms: Atoms, deformation: FloatArray) -> tuple[Atoms, FloatArray]:
    """The cell under a deformation (3, 3; v' = v @ deformation) in the simulator's frame, and the rotation (3, 3) that leads there.

    A vector there is v' @ rotation, so a tensor comes back as rotation @ tensor @ rotation.T.
    """
    moved = atoms.copy()
    moved.set_cell(np.asarray(atoms.cell.array) @ deformation, scale_atoms=True)
    turned, rotation = restricted(moved)
    return turned, rotation.T
