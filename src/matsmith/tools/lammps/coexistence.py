"""Solid and melt in one cell: how the cell is made, which atoms flow, and where, along the cell, the one ends and the other begins.

Atoms are told apart by what they do, not by a lattice: within a few times the time that an atom needs to cross the distance of its
neighbours, atoms of a melt leave their places and atoms of a crystal do not. That serves any structure and any number of elements.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

from matsmith.models.dynamics import ACCELERATION, BOLTZMANN_EV_PER_K
from matsmith.models.potentials.interface import FloatArray
from matsmith.tools.lammps.failures import DynamicsError
from matsmith.tools.lammps.pair_correlations import nearest_angstrom

if TYPE_CHECKING:
    from ase import Atoms

LAG_THERMAL_TIMES = 8.0
"""Over so many thermal times is an atom's displacement looked at."""
_LEFT = 0.5
_BINS = 20
_SOLID, _LIQUID = 0.25, 0.6
_GONE = 0.12
_FIRST_STEP, _LARGEST_STEP = 0.06, 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Phases:
    """Share of atoms that flow, by time (k,) in frames, and along the third axis of the cell (bins,) in the last frames.

    `solid` and `liquid` tell whether a slab of each is there at the end.
    """

    by_time: FloatArray
    along: FloatArray
    solid: bool
    liquid: bool

    @property
    def share(self) -> float:
        """Share that flows at the end."""
        return float(self.by_time[-max(1, len(self.by_time) // 5) :].mean())

    @property
    def both(self) -> bool:
        """Whether solid and melt stand side by side."""
        return self.solid and self.liquid


def thermal_time_ps(atoms: Atoms, temperature_k: float) -> float:
    """The time in which an atom at its thermal speed crosses the distance of its neighbours, d √(m / kT).

    >>> from ase.build import bulk
    >>> round(thermal_time_ps(bulk("Cu", cubic=True), 1358.0), 2)
    0.61
    """
    mass = float(np.mean(atoms.get_masses()))
    speed_angstrom_per_fs = math.sqrt(BOLTZMANN_EV_PER_K * temperature_k / mass * ACCELERATION)
    return nearest_angstrom(atoms) / speed_angstrom_per_fs / 1000


def long_cell(atoms: Atoms, *, atoms_aimed: int) -> Atoms:
    """About so many atoms in a cell about twice as long along its third axis as it is wide."""
    from matsmith.tools.lammps.structures import supercell_near

    lengths = np.asarray(atoms.cell.lengths(), dtype=np.float64)
    if np.allclose(atoms.cell.angles(), 90.0, atol=0.01):
        width = (atoms.get_volume() / len(atoms) * atoms_aimed / 2) ** (1 / 3)
        across = np.maximum(1, np.rint(width / lengths[:2])).astype(int)
        per_layer = len(atoms) * int(across.prod())
        up = max(2, 2 * round(atoms_aimed / per_layer / 2))
        return cast("Atoms", atoms.repeat((int(across[0]), int(across[1]), up)))
    return cast("Atoms", supercell_near(atoms, atoms_aimed=max(1, atoms_aimed // 2)).repeat((1, 1, 2)))


def loosened(atoms: Atoms, *, crystal: float, growth: float) -> tuple[Atoms, float]:
    """The atoms with room for a melt: what lies above a share `crystal` of the cell is stretched along the third vector.

    Returns them with the height in Å, along the normal of the first two vectors, at which the stretched part begins.
    """
    cell = np.asarray(atoms.cell, dtype=np.float64)
    fractional: FloatArray = np.asarray(atoms.get_scaled_positions(), dtype=np.float64)
    longer = crystal + (1 - crystal) * growth
    up = fractional[:, 2]
    fractional[:, 2] = np.where(up < crystal, up, crystal + (up - crystal) * growth) / longer
    grown = atoms.copy()
    grown.set_cell(cell * np.array([[1.0], [1.0], [longer]]), scale_atoms=False)
    grown.set_scaled_positions(fractional)
    normal = np.cross(cell[0], cell[1])
    return grown, crystal * float(abs(cell[2] @ normal)) / float(np.linalg.norm(normal))


def phases(
    positions_angstrom: FloatArray, *, cells_angstrom: FloatArray, spacing_angstrom: float, lag: int
) -> Phases:
    """Which share of the atoms flows, from unwrapped frames (f, n, 3) in cells (f, 3, 3); displacements over `lag` frames."""
    count = len(positions_angstrom)
    if count <= lag:
        raise DynamicsError("too_short", f"{count} frames are too few to see who flows within {lag} of them.")
    # In fractions of the cell, so that its own breathing is not taken for flow.
    fractional = np.einsum("fnk,fkl->fnl", positions_angstrom, np.linalg.inv(cells_angstrom))
    moved = fractional[lag:] - fractional[:-lag]
    moved -= moved.mean(axis=1, keepdims=True)
    distance = np.linalg.norm(np.einsum("fnk,fkl->fnl", moved, cells_angstrom[lag:]), axis=2)
    flows = distance > _LEFT * spacing_angstrom
    last = max(1, len(flows) // 5)
    place = (0.5 * (fractional[lag:] + fractional[:-lag]))[-last:, :, 2] % 1.0
    bins = np.minimum((place * _BINS).astype(np.int64), _BINS - 1)
    held = np.bincount(bins.ravel(), minlength=_BINS)
    flowing = np.bincount(bins.ravel(), weights=flows[-last:].ravel(), minlength=_BINS)
    along = flowing / np.maximum(held, 1)
    # Three neighbouring bins together, round the end of the cell: a slab, not a fluctuation.
    slabs = (np.roll(along, 1) + along + np.roll(along, -1)) / 3
    by_time = flows.mean(axis=1)
    share = float(by_time[-last:].mean())
    return Phases(
        by_time=by_time,
        along=along,
        solid=bool(slabs.min() < _SOLID) and share < 1 - _GONE,
        liquid=bool(slabs.max() > _LIQUID) and share > _GONE,
    )


@dataclass(slots=True)
class Bracket:
    """What is known of the melting temperature: all froze that began at `low_k`, all melted that began at `high_k`.

    Where the last atoms freeze or melt, the temperature overshoots in a small cell: the beginnings bound it more surely than the ends.
    While only one side is known each step is twice the last one: a guess from the elements may lie at a third of a compound's.
    """

    low_k: float = 0.0
    high_k: float = math.inf
    steps: int = 0

    def after_freezing(self, start_k: float, final_k: float) -> float:
        """The next guess where all froze and the heat set free stopped at `final_k`: it melts above `start_k`."""
        self.low_k = max(self.low_k, start_k)
        return self._next(final_k, 1 + self._step())

    def after_melting(self, start_k: float, final_k: float) -> float:
        """The next guess where all melted and the heat taken up stopped at `final_k`: it melts below `start_k`."""
        self.high_k = min(self.high_k, start_k)
        return self._next(final_k, 1 / (1 + self._step()))

    @property
    def said(self) -> str:
        """What is known, in words."""
        if not math.isfinite(self.high_k):
            return f"above {self.low_k:.0f} K"
        return (
            f"between {self.low_k:.0f} and {self.high_k:.0f} K"
            if self.low_k > 0
            else f"below {self.high_k:.0f} K"
        )

    def _step(self) -> float:
        self.steps += 1
        return min(_FIRST_STEP * 2 ** (self.steps - 1), _LARGEST_STEP)

    def _next(self, final_k: float, factor: float) -> float:
        if self.low_k > 0 and math.isfinite(self.high_k):
            return 0.5 * (self.low_k + self.high_k)
        return factor * final_k
