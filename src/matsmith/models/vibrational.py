"""Thermodynamics of harmonic vibrations from frequencies on a mesh: heat capacity, entropy, free energy, density of states.

With x = h·nu / (k_B·T) a mode has the free energy h·nu/2 + k_B·T·ln(1 - exp(-x)), the entropy k_B·(x/(exp(x) - 1) - ln(1 -
exp(-x))) and the heat capacity k_B·x²·exp(x)/(exp(x) - 1)² (Born & Huang 1954, Dynamical Theory of Crystal Lattices). Imaginary
frequencies are given as negative ones; they and the three modes that only move the crystal take no part.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matsmith.core.errors import UsageError

FloatArray = NDArray[np.float64]
BOLTZMANN_EV_PER_K = 8.617333262e-5
PLANCK_EV_PER_THZ = 4.135667696e-3
EV_IN_J_PER_MOL = 96485.33212
_PLANCK_J_S = 6.62607015e-34
_ATOMIC_MASS_KG = 1.66053906660e-27
# Below this a mode only moves the crystal, or cannot be told from one that does.
STILL_THZ = 0.05


@dataclass(frozen=True, kw_only=True)
class Spectrum:
    """Frequencies (q, 3n) in THz on a mesh of wave vectors with their weights (q,), of a cell of n atoms."""

    frequencies_thz: FloatArray
    weights: FloatArray

    def __post_init__(self) -> None:
        if (
            self.frequencies_thz.ndim != 2
            or self.frequencies_thz.shape[1] % 3
            or self.frequencies_thz.size == 0
        ):
            raise UsageError("A spectrum needs frequencies of shape (q, 3n).")
        if self.weights.shape != self.frequencies_thz.shape[:1] or not (self.weights > 0).all():
            raise UsageError("A spectrum needs one positive weight for each wave vector.")

    @property
    def n_atoms(self) -> int:
        """Atoms in the cell."""
        return self.frequencies_thz.shape[1] // 3

    @property
    def lowest_thz(self) -> float:
        """The lowest frequency; negative when it is imaginary."""
        return float(self.frequencies_thz.min())

    @property
    def highest_thz(self) -> float:
        """The highest frequency."""
        return float(self.frequencies_thz.max())

    def imaginary_share(self, tolerance_thz: float) -> float:
        """Share of the modes with an imaginary frequency beyond the tolerance."""
        weighted = (self.frequencies_thz < -tolerance_thz) * self.weights[:, None]
        return float(weighted.sum() / (self.weights.sum() * self.frequencies_thz.shape[1]))

    def mean_frequency_thz(self, power: float) -> float:
        """Mean over the modes of the frequency to a power, to the inverse of that power."""
        frequencies, shares = self._modes()
        return float((shares @ frequencies**power / shares.sum()) ** (1 / power))

    def scaled(self, factor: float) -> Spectrum:
        """The same spectrum with every frequency multiplied by a positive factor."""
        return Spectrum(frequencies_thz=self.frequencies_thz * factor, weights=self.weights)

    def mean_square_displacement_angstrom2(self, temperature_k: float, *, mass_g_per_mol: float) -> float:
        """Mean square distance of an atom of the mean mass from its place, all three directions together."""
        frequencies, shares = self._modes()
        # <u^2> of a mode is (h / (8 pi^2 m nu)) coth(h nu / 2 k T); 1e20 makes it square angstrom.
        prefactor = _PLANCK_J_S / (8 * np.pi**2 * mass_g_per_mol * _ATOMIC_MASS_KG * 1e12) * 1e20
        occupation = np.ones_like(frequencies)
        if temperature_k > 0:
            occupation = 1 / np.tanh(np.minimum(self._ratio(frequencies, temperature_k), 700) / 2)
        return self._per_atom(shares @ (prefactor * occupation / frequencies))

    def heat_capacity_j_per_mol_atoms_k(self, temperature_k: float) -> float:
        """Heat capacity at constant volume, per mole of atoms; zero at 0 K.

        >>> flat = Spectrum(frequencies_thz=np.full((1, 3), 1e-1), weights=np.ones(1))
        >>> round(flat.heat_capacity_j_per_mol_atoms_k(300.0), 2)  # Dulong and Petit
        24.94
        """
        if temperature_k <= 0:
            return 0.0
        frequencies, shares = self._modes()
        x = self._ratio(frequencies, temperature_k)
        per_mode = (x / (2 * np.sinh(np.minimum(x, 700) / 2))) ** 2
        return self._per_atom(shares @ per_mode) * BOLTZMANN_EV_PER_K * EV_IN_J_PER_MOL

    def entropy_j_per_mol_atoms_k(self, temperature_k: float) -> float:
        """Entropy of the vibrations, per mole of atoms."""
        if temperature_k <= 0:
            return 0.0
        frequencies, shares = self._modes()
        x = self._ratio(frequencies, temperature_k)
        per_mode = x / np.expm1(np.minimum(x, 700)) - np.log1p(-np.exp(-x))
        return self._per_atom(shares @ per_mode) * BOLTZMANN_EV_PER_K * EV_IN_J_PER_MOL

    def free_energy_ev_per_atom(self, temperature_k: float) -> float:
        """Helmholtz free energy of the vibrations with their zero point, in eV per atom."""
        frequencies, shares = self._modes()
        zero_point = shares @ (PLANCK_EV_PER_THZ * frequencies / 2)
        if temperature_k <= 0:
            return self._per_atom(zero_point)
        x = self._ratio(frequencies, temperature_k)
        thermal = BOLTZMANN_EV_PER_K * temperature_k * (shares @ np.log1p(-np.exp(-x)))
        return self._per_atom(zero_point + thermal)

    def density_of_states(
        self, *, points: int = 200, width_thz: float | None = None
    ) -> tuple[FloatArray, FloatArray]:
        """Frequencies (points,) in THz and states per THz and cell (points,), each mode a Gaussian; they sum up to 3n."""
        span = max(self.highest_thz, STILL_THZ)
        width = width_thz or span / 60
        low = min(self.lowest_thz, 0.0) - 4 * width
        grid = np.linspace(low, span + 4 * width, points)
        shares = np.repeat(self.weights / self.weights.sum(), self.frequencies_thz.shape[1])
        gaps = (grid[:, None] - self.frequencies_thz.ravel()[None, :]) / width
        states = np.exp(-(gaps**2) / 2) @ shares / (width * np.sqrt(2 * np.pi))
        return grid, np.asarray(states, dtype=np.float64)

    def _modes(self) -> tuple[FloatArray, FloatArray]:
        """Frequencies of the modes that take part, and how many of each there are in one cell."""
        shares = np.repeat(self.weights / self.weights.sum(), self.frequencies_thz.shape[1])
        frequencies = self.frequencies_thz.ravel()
        kept = frequencies > STILL_THZ
        if not kept.any():
            raise UsageError("No mode of the spectrum has a real frequency.")
        return frequencies[kept], shares[kept]

    def _per_atom(self, sum_over_cell: float | FloatArray) -> float:
        # What modes were left out is made up for: the crystal has three a mode for each atom.
        _, shares = self._modes()
        return float(sum_over_cell / shares.sum() * 3)

    @staticmethod
    def _ratio(frequencies_thz: FloatArray, temperature_k: float) -> FloatArray:
        return PLANCK_EV_PER_THZ * frequencies_thz / (BOLTZMANN_EV_PER_K * temperature_k)
