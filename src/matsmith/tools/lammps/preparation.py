"""A crystal or its melt brought to a temperature and a pressure, before anything is measured of it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from matsmith.tools.lammps.coexistence import thermal_time_ps
from matsmith.tools.lammps.failures import DynamicsError
from matsmith.tools.lammps.protocol import Md, MdArgs, System
from matsmith.tools.lammps.simulation import Simulation
from matsmith.tools.lammps.states import HOTTEST_K, State, held, molten_atoms, shape_of
from matsmith.tools.lammps.structures import supercell_near
from matsmith.tools.melting import melting_point_k

if TYPE_CHECKING:
    from ase import Atoms

    from matsmith.tools.lammps.stage import Stage

_UNKNOWN_K = 1000.0
_GUESSED_K = (40.0, 5000.0)
_HOT = 1.8
_SETTLE_THERMAL_TIMES, _SETTLE_PS = 20.0, 2.0


class PhaseArgs(MdArgs):
    """Of what, in which phase, at which temperature and pressure."""

    phase: Literal["crystal", "melt"] = Field(
        default="crystal", description="crystal, or melt: melted first and cooled to the temperature"
    )
    temperature_k: float = Field(ge=10.0, le=HOTTEST_K, description="temperature in K")
    pressure_gpa: float = Field(default=0.0, ge=-2.0, le=300.0, description="pressure in GPa")


def guess_k(system: System) -> float:
    """Mean of the measured melting points of the elements, by their atoms; 1000 K for an element that none is known of."""
    points = [melting_point_k(str(symbol)) or _UNKNOWN_K for symbol in symbols_of(system.atoms)]
    return min(max(float(np.mean(points)), _GUESSED_K[0]), _GUESSED_K[1])


def symbols_of(atoms: Atoms) -> NDArray[np.str_]:
    """Symbols (n,) of the elements of atoms."""
    return np.array(cast("list[str]", atoms.get_chemical_symbols()), dtype=np.str_)


def supercell_of(system: System, *, md: Md, size: int) -> Atoms:
    """About so many atoms of the crystal, relaxed at no pressure."""
    return supercell_near(md.relaxed_cell(system, shape=shape_of(system)).atoms, atoms_aimed=size)


def prepared(
    args: PhaseArgs,
    cell: Atoms,
    *,
    simulation: Simulation,
    system: System,
    temperature_k: float | None = None,
    may_move: bool = False,
) -> State:
    """The crystal held, or the melt made and held, at a temperature.

    Raises `DynamicsError` (`molten`) where a crystal flows, unless it `may_move`, and (`stays_solid`) where none melts.
    """
    at_k = args.temperature_k if temperature_k is None else temperature_k
    settle_ps = max(_SETTLE_THERMAL_TIMES * thermal_time_ps(cell, at_k), _SETTLE_PS)
    melt = args.phase == "melt"
    if melt:
        cell = molten_atoms(
            simulation,
            temperature_k=at_k,
            hot_k=_HOT * max(at_k, guess_k(system)),
            length_ps=settle_ps,
            atoms=cell,
        )
    state = held(
        simulation,
        "hold",
        temperature_k=at_k,
        length_ps=settle_ps,
        pressure_gpa=args.pressure_gpa,
        shape="iso" if melt else shape_of(system),
        atoms=None if melt else cell,
        start_k=None if melt else 2 * at_k,
    )
    if state.molten and not melt and not may_move:
        raise DynamicsError(
            "molten",
            f"At {at_k:g} K the crystal melts with this potential.",
            hint="Give a lower temperature, or phase=melt.",
        )
    return state


def in_mean_cell(state: State) -> Atoms:
    """The atoms of a state with their velocities, in a cell of its mean volume."""
    atoms = state.atoms.copy()
    ratio = (state.volume_angstrom3.mean / float(atoms.get_volume())) ** (1 / 3)
    atoms.set_cell(np.asarray(atoms.cell) * ratio, scale_atoms=True)
    return atoms


def at_mean_energy(stage: Stage) -> Atoms:
    """The last atoms of a canonical run with velocities scaled to the run's mean energy, so that a run at constant energy has its temperature.

    Where a run ends by chance, its energy is off by as much as a few hundred atoms fluctuate: some per cent of the temperature.
    """
    rows, atoms = stage.thermo, stage.final.copy()
    energies = rows["etotal"]
    lacking = float(energies[len(energies) // 4 :].mean() - energies[-1])
    kinetic = float(rows["ke"][-1])
    share = max(1 + lacking / kinetic, 0.0) if kinetic > 0 else 1.0
    atoms.set_velocities(atoms.get_velocities() * math.sqrt(share))
    return atoms
