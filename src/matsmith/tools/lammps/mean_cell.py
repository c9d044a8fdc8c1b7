"""The mean cell of a crystal at a temperature under no pressure, with its atoms on their sites: where constant-volume runs begin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from matsmith.models.potentials.interface import FloatArray
from matsmith.tools.lammps.failures import DynamicsError
from matsmith.tools.lammps.statistics import Average, average, drift

if TYPE_CHECKING:
    from ase import Atoms

    from matsmith.tools.lammps.simulation import Simulation

_BOX = """velocity all create {double_k} {seed} mom yes rot no dist gaussian
fix box all npt temp {temperature_k} {temperature_k} {damp_t} {shape} 0.0 0.0 {damp_p} flip no
run {steps}
"""
_WARMING_SHARE = 0.25
_LARGEST_DRIFT = 0.005


@dataclass(frozen=True, kw_only=True)
class MeanCell:
    """The crystal in its mean cell, its volume in Å³ with error, and the rows of the run it comes from."""

    atoms: Atoms
    volume_angstrom3: Average
    times_ps: FloatArray
    volumes_angstrom3: FloatArray


def mean_cell(
    simulation: Simulation,
    atoms: Atoms,
    *,
    temperature_k: float,
    steps: int,
    shape: Literal["iso", "aniso", "tri"],
    name: str = "box",
) -> MeanCell:
    """Hold a crystal at a temperature under no pressure and take the mean of its cell.

    Raises `DynamicsError` (`unsteady`) when the volume still drifts by more than half a percent: it melts or transforms.
    """
    stage = simulation.stage(
        name,
        _BOX,
        steps=steps,
        atoms=atoms,
        # On their sites the atoms give half of the kinetic energy away.
        values={"temperature_k": temperature_k, "double_k": 2 * temperature_k, "shape": shape},
        title=f"mean cell at {temperature_k:g} K",
    )
    rows = stage.thermo
    kept = {key: row[int(_WARMING_SHARE * len(row)) :] for key, row in rows.items()}
    volume, change = average(kept["vol"]), drift(kept["vol"])
    if not change.steady and abs(change.change) > _LARGEST_DRIFT * volume.mean:
        raise DynamicsError(
            "unsteady",
            f"The volume still drifts by {100 * change.change / volume.mean:.1f} % at {temperature_k:g} K.",
            hint="The crystal may melt or transform: take a lower temperature, or a longer run.",
        )
    mean = stage.initial.copy()
    if shape == "iso":
        scale = (volume.mean / mean.get_volume()) ** (1 / 3)
        cell = np.asarray(mean.cell.array) * scale
    else:
        x, y, z, xy, xz, yz = (float(kept[key].mean()) for key in ("lx", "ly", "lz", "xy", "xz", "yz"))
        cell = np.array([[x, 0.0, 0.0], [xy, y, 0.0], [xz, yz, z]])
    mean.set_cell(cell, scale_atoms=True)
    return MeanCell(atoms=mean, volume_angstrom3=volume, times_ps=rows["time"], volumes_angstrom3=rows["vol"])
