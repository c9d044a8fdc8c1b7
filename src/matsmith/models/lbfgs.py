"""Limited-memory BFGS for one crystal: atoms and cell move together, steps are capped and taken back when they climb.

The variable is (displacements in Å, scaled symmetric strain), always relative to the present cell: a step (u, ε) takes the positions r to
(r + u)·exp(ε) and the lattice L to L·exp(ε). Strain is scaled by a length, so that one scalar curvature fits both parts.
Source of the two-loop recursion: J. Nocedal, Math. Comp. 35, 773 (1980). It is used without a line search: a step
that raises the objective is halved, and the curvature seen on it is kept.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np

from matsmith.models.potentials.interface import CrystalArrays, FloatArray

_FIRST_CURVATURE_EV_PER_ANGSTROM2 = 30.0
_MAX_DISPLACEMENT_ANGSTROM = 0.2
_MAX_STRAIN = 0.05
_MEMORY = 20


def cell_length_angstrom(n_atoms: int) -> float:
    """Length that turns strain into a displacement of the same stiffness.

    d²E/dε² is about n·Ω·C with Ω near 15 Å³ and C near 1 eV/Å³, d²E/du² about 15 eV/Å²: their ratio is about n Å².
    """
    return float(np.sqrt(n_atoms))


def symmetric_exponential(strain: FloatArray) -> FloatArray:
    """Exp of a symmetric matrix (3, 3)."""
    values, vectors = np.linalg.eigh(strain)
    return np.asarray((vectors * np.exp(values)) @ vectors.T, dtype=np.float64)


def displaced(crystal: CrystalArrays, step: FloatArray) -> CrystalArrays:
    """The crystal after a step, shape (3n + 9,); nothing is changed in place."""
    n = crystal.n_atoms
    strain = step[3 * n :].reshape(3, 3) / cell_length_angstrom(n)
    frac = crystal.frac_coords + np.linalg.solve(crystal.lattice_angstrom.T, step[: 3 * n].reshape(n, 3).T).T
    lattice = crystal.lattice_angstrom
    if strain.any():
        lattice = lattice @ symmetric_exponential(strain)
    return CrystalArrays(numbers=crystal.numbers, frac_coords=frac, lattice_angstrom=lattice)


@dataclass(slots=True, eq=False)
class LimitedMemoryBFGS:
    """State of the optimiser: the last accepted point, the step being tried, and the pairs of changes remembered."""

    crystal: CrystalArrays
    objective_ev: float = np.inf
    gradient: FloatArray | None = None
    tried: FloatArray | None = None
    shrink: float = 1.0
    steps: deque[FloatArray] = field(default_factory=lambda: deque(maxlen=_MEMORY))
    changes: deque[FloatArray] = field(default_factory=lambda: deque(maxlen=_MEMORY))

    def accept(
        self, crystal: CrystalArrays, *, objective_ev: float, gradient: FloatArray, slack_ev: float
    ) -> bool:
        """Take in an evaluated point; False when it lies too high and the step has to be tried shorter."""
        if self.gradient is not None and self.tried is not None:
            change = gradient - self.gradient
            if float(self.tried @ change) > 1e-10:
                self.steps.append(self.tried)
                self.changes.append(change)
            if not objective_ev <= self.objective_ev + slack_ev:
                return False
        self.crystal, self.objective_ev, self.gradient = crystal, objective_ev, gradient
        self.shrink = min(1.0, 2 * self.shrink)
        return True

    def reject(self) -> None:
        """Try half the length next time; after three times, forget the curvature."""
        self.shrink *= 0.5
        if self.shrink < 0.1:
            self.steps.clear()
            self.changes.clear()

    def propose(self) -> CrystalArrays:
        """The next point to evaluate."""
        if self.gradient is None:
            return self.crystal
        step = self._capped(self._direction(self.gradient))
        self.tried = step
        return displaced(self.crystal, step)

    def _direction(self, gradient: FloatArray) -> FloatArray:
        q = -gradient
        weights: list[float] = []
        for s, y in zip(reversed(self.steps), reversed(self.changes), strict=True):
            weight = float(s @ q) / float(s @ y)
            weights.append(weight)
            q = q - weight * y
        if self.steps:
            s, y = self.steps[-1], self.changes[-1]
            q = q * (float(s @ y) / float(y @ y))
        else:
            q = q / _FIRST_CURVATURE_EV_PER_ANGSTROM2
        for s, y, weight in zip(self.steps, self.changes, reversed(weights), strict=True):
            q = q + (weight - float(y @ q) / float(s @ y)) * s
        return q

    def _capped(self, step: FloatArray) -> FloatArray:
        n = self.crystal.n_atoms
        moved = float(np.sqrt((step[: 3 * n].reshape(n, 3) ** 2).sum(axis=1).max()))
        strained = float(np.abs(step[3 * n :]).max()) / cell_length_angstrom(n)
        excess = max(moved / _MAX_DISPLACEMENT_ANGSTROM, strained / _MAX_STRAIN, 1.0)
        return step * (self.shrink / excess)
