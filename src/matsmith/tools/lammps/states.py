"""A material held at a temperature and a pressure: its mean volume, density and enthalpy with errors, and whether it melted meanwhile.

Constant temperature and pressure by the equations of G. J. Martyna, D. J. Tobias and M. L. Klein, J. Chem. Phys. 101, 4177 (1994). The
run is one stage: what comes before the series is steady, at least its first quarter, is left out of every mean.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from matsmith.core.quantity import Quantity, Truth
from matsmith.models.dynamics import BOLTZMANN_EV_PER_K
from matsmith.models.potentials.interface import FloatArray
from matsmith.tools.lammps.failures import DynamicsError
from matsmith.tools.lammps.pair_correlations import nearest_angstrom
from matsmith.tools.lammps.statistics import FEWEST_SAMPLES, Average, average, drift, steady_from

if TYPE_CHECKING:
    from ase import Atoms

    from matsmith.tools.lammps.protocol import System
    from matsmith.tools.lammps.simulation import Simulation, Stage

Shape = Literal["iso", "aniso", "tri"]
BAR_PER_GPA = 1e4
EV_PER_BAR_ANGSTROM3 = 6.241509074e-7
HOTTEST_K = 10000.0
_FIRST_SHARE = 0.25
_MOLTEN_SHARE, _GROWING = 0.35, 1.25
_SAMPLES = 1000
_ATTEMPTS, _HOTTER = 3, 1.4
_BOILED, _GROWN = 1.6, 1.08

# Velocities of twice the temperature where the atoms stand on their sites: half of the kinetic energy becomes potential.
START = "velocity all create {start_k} {seed} mom yes rot no dist gaussian\n"
_HELD = """\
compute moved all msd com yes
fix move all npt temp {temperature_k} {temperature_k} {damp_t} {shape} {pressure_bar} {pressure_bar} {damp_p}
fix still all momentum 100 linear 1 1 1
run {steps}
"""
_AT_VOLUME = """\
compute moved all msd com yes
fix move all nvt temp {from_k} {to_k} {damp_t}
fix still all momentum 100 linear 1 1 1
run {steps}
"""
_HEATED = """\
fix move all npt temp {from_k} {to_k} {damp_t} {shape} {pressure_bar} {pressure_bar} {damp_p}
fix still all momentum 100 linear 1 1 1
run {steps}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Means at one temperature over `length_ps`; enthalpy E + pV in eV per atom, lengths (3,) of the cell's edges in Å with errors (3,).

    `heat_capacity_ev_per_k` per atom is that of the fluctuations of the enthalpy, var(H) / k T². `swing` is the root mean square
    displacement since the start over the distance of neighbours; `molten` where it is large and still grows.
    """

    temperature_k: float
    pressure_gpa: float
    atoms: Atoms
    length_ps: float
    measured_k: Average
    volume_angstrom3: Average
    density_g_per_cm3: Average
    enthalpy_ev: Average
    potential_ev: Average
    pressure_bar: Average
    lengths_angstrom: FloatArray
    lengths_sigma_angstrom: FloatArray
    heat_capacity_ev_per_k: float
    swing: float
    molten: bool
    doubts: tuple[str, ...]

    @property
    def side_angstrom(self) -> tuple[float, float]:
        """Cube root of the volume and its error."""
        side = self.volume_angstrom3.mean ** (1 / 3)
        return side, self.volume_angstrom3.sigma / (3 * side**2)


def held(
    simulation: Simulation,
    name: str,
    *,
    temperature_k: float,
    length_ps: float,
    pressure_gpa: float = 0.0,
    shape: Shape = "iso",
    atoms: Atoms | None = None,
    start_k: float | None = None,
) -> State:
    """Hold at a temperature and a pressure; with `start_k` velocities are drawn anew, else those of the stage before go on."""
    steps = steps_of(length_ps, simulation)
    stage = simulation.stage(
        name,
        (START if start_k is not None else "") + _HELD,
        steps=steps,
        atoms=atoms,
        values={
            "temperature_k": temperature_k,
            "pressure_bar": pressure_gpa * BAR_PER_GPA,
            "shape": shape,
            **({} if start_k is None else {"start_k": start_k}),
        },
        columns=("c_moved[4]",),
        every=max(1, steps // _SAMPLES),
        title=f"{temperature_k:g} K",
    )
    return state_of(stage, temperature_k=temperature_k, pressure_gpa=pressure_gpa, length_ps=length_ps)


def heated(
    simulation: Simulation,
    name: str,
    *,
    from_k: float,
    to_k: float,
    length_ps: float,
    pressure_gpa: float = 0.0,
    shape: Shape = "iso",
    atoms: Atoms | None = None,
    start_k: float | None = None,
    samples: int = _SAMPLES,
) -> Stage:
    """Change the temperature at a steady rate, up or down; the thermo rows of the stage tell what happened on the way."""
    steps = steps_of(length_ps, simulation)
    return simulation.stage(
        name,
        (START if start_k is not None else "") + _HEATED,
        steps=steps,
        atoms=atoms,
        values={
            "from_k": from_k,
            "to_k": to_k,
            "pressure_bar": pressure_gpa * BAR_PER_GPA,
            "shape": shape,
            **({} if start_k is None else {"start_k": start_k}),
        },
        every=max(1, steps // samples),
        title=f"{from_k:g} K to {to_k:g} K",
    )


def molten_atoms(
    simulation: Simulation, *, atoms: Atoms, temperature_k: float, hot_k: float, length_ps: float
) -> Atoms:
    """A melt at a temperature: melted at a hotter one, where it has to flow, and cooled, in the crystal's cell grown to about a melt's.

    The volume stands meanwhile, so that nothing boils on the way. Raises DynamicsError (`stays_solid`) where it does not flow.
    """
    grown = atoms.copy()
    grown.set_cell(np.asarray(atoms.cell) * _GROWN ** (1 / 3), scale_atoms=True)
    hot = hot_k
    for attempt in range(_ATTEMPTS):
        hot = min(hot_k * _HOTTER**attempt, HOTTEST_K)
        melt = simulation.stage(
            f"melt_{attempt}",
            (START if attempt == 0 else "") + _AT_VOLUME,
            steps=steps_of(length_ps, simulation),
            atoms=grown if attempt == 0 else None,
            values={"from_k": hot, "to_k": hot, "start_k": 2 * hot},
            columns=("c_moved[4]",),
            title=f"melt at {hot:.0f} K",
        )
        if _motion(melt)[1]:
            cooled = simulation.stage(
                "cool",
                _AT_VOLUME,
                steps=steps_of(length_ps, simulation),
                values={"from_k": hot, "to_k": temperature_k},
                title=f"cool to {temperature_k:.0f} K",
            )
            return cooled.final
    raise DynamicsError(
        "stays_solid",
        f"At {hot:.0f} K the atoms did not begin to flow within {length_ps:g} ps.",
        hint="Give a higher temperature or a longer run; a network such as silica flows too slowly for this.",
    )


def _motion(stage: Stage) -> tuple[float, bool]:
    """Largest root mean square displacement in the second half of a stage over the distance of neighbours, and whether that is flow."""
    squares = stage.thermo.get("c_moved[4]")
    if squares is None or len(squares) < FEWEST_SAMPLES:
        return 0.0, False
    moved = np.sqrt(np.maximum(squares, 0.0)) / nearest_angstrom(stage.initial)
    quarter, half = len(moved) // 4, len(moved) // 2
    swing = float(moved[half:].max())
    growing = float(moved[-quarter:].mean()) > _GROWING * float(moved[quarter:half].mean())
    # A crystal's atoms swing about one place, those of a melt move on from wherever they were.
    return swing, swing > 2 * _MOLTEN_SHARE or (swing > _MOLTEN_SHARE and growing)


def state_of(stage: Stage, *, temperature_k: float, pressure_gpa: float, length_ps: float) -> State:
    """The means of a stage that held one temperature and one pressure."""
    rows, count = stage.thermo, len(stage.final)
    if rows["vol"][-1] > _BOILED * rows["vol"][0]:
        raise DynamicsError(
            "evaporated",
            f"At {temperature_k:g} K and {pressure_gpa:g} GPa the volume grew by {rows['vol'][-1] / rows['vol'][0]:.1f} times: it boils.",
            hint="Give a lower temperature or a pressure.",
        )
    bar = pressure_gpa * BAR_PER_GPA
    enthalpy = (rows["etotal"] + bar * EV_PER_BAR_ANGSTROM3 * rows["vol"]) / count
    start = max(steady_from(enthalpy), steady_from(rows["vol"]), int(_FIRST_SHARE * len(enthalpy)))
    kept: dict[str, FloatArray] = {name: values[start:] for name, values in rows.items()}
    kept["enthalpy"] = enthalpy[start:]
    lengths = [average(edge) for edge in edges_of(kept)]
    spread = float(kept["enthalpy"].var(ddof=1))
    volume, energy = average(kept["vol"]), average(kept["enthalpy"])
    swing, molten = _motion(stage)
    doubts = [
        f"at {temperature_k:g} K the {what} still drifts: give a longer length_ps"
        for what, values in (("volume", kept["vol"]), ("enthalpy", kept["enthalpy"]))
        if not drift(values).steady
    ]
    if not (volume.resolved and energy.resolved):
        doubts.append(
            f"at {temperature_k:g} K the run is short against its own memory: the error is a lower bound"
        )
    return State(
        temperature_k=temperature_k,
        pressure_gpa=pressure_gpa,
        atoms=stage.final,
        length_ps=length_ps,
        measured_k=average(kept["temp"]),
        volume_angstrom3=volume,
        density_g_per_cm3=average(kept["density"]),
        enthalpy_ev=energy,
        potential_ev=average(kept["pe"]).times(1 / count),
        pressure_bar=average(kept["press"]),
        lengths_angstrom=np.array([each.mean for each in lengths]),
        lengths_sigma_angstrom=np.array([each.sigma for each in lengths]),
        heat_capacity_ev_per_k=count * spread / (BOLTZMANN_EV_PER_K * temperature_k**2),
        swing=swing,
        molten=molten,
        doubts=tuple(doubts),
    )


def edges_of(rows: Mapping[str, FloatArray]) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Lengths of the cell's three edges over the rows of a thermo output, (n,) each, tilts counted.

    >>> rows = {"lx": 4.0, "ly": 3.0, "lz": 2.0, "xy": 4.0, "xz": 1.0, "yz": 2.0}
    >>> [round(float(edge[0]), 6) for edge in edges_of({name: np.array([each]) for name, each in rows.items()})]
    [4.0, 5.0, 3.0]
    """
    second = np.hypot(rows["ly"], rows["xy"])
    third = np.sqrt(rows["lz"] ** 2 + rows["xz"] ** 2 + rows["yz"] ** 2)
    return rows["lx"], second, third


def steps_of(length_ps: float, simulation: Simulation) -> int:
    """Steps of a run of a length."""
    return max(1, math.ceil(length_ps / simulation.timestep_ps))


def shape_of(system: System) -> Shape:
    """Which lengths and angles of a cell may change: one for all in a cubic crystal, three in an orthogonal cell, else all."""
    if system.prototype in ("fcc", "bcc", "diamond"):
        return "iso"
    from matsmith.core.space_group import spglib_or_none

    cell = system.atoms
    given: Any = (np.asarray(cell.cell), cell.get_scaled_positions(), cell.get_atomic_numbers())
    found: Any = spglib_or_none("get_symmetry_dataset", given, tolerance_angstrom=1e-2)
    if found is not None and int(found.number) >= 195:
        return "iso"
    angles = np.asarray(cell.cell.angles())
    return "aniso" if np.allclose(angles, 90.0, atol=1e-3) else "tri"


def measured(value: float, sigma: float, unit: str) -> Quantity:
    """A quantity with its statistical error, as a measurement at the conditions would give it."""
    return Quantity(value=value, unit=unit, sigma=sigma, truth=Truth.EXPERIMENT_AT_CONDITIONS)
