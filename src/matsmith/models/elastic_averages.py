"""What follows from an elastic tensor: polycrystal averages, stability, moduli by direction, hardness, Debye temperature.

Averages are those of Voigt (1928), Reuss (1929) and Hill (1952, Proc. Phys. Soc. A 65, 349); the universal anisotropy that of
Ranganathan & Ostoja-Starzewski (2008, Phys. Rev. Lett. 101, 055504); stability is that the tensor is positive definite (Born;
Mouhat & Coudert 2014, Phys. Rev. B 90, 224104); hardness that of Chen, Niu, Li & Li (2011, Intermetallics 19, 1275); the
Debye temperature that of Anderson (1963, J. Phys. Chem. Solids 24, 909). Tensors are (6, 6), Voigt, GPa.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
_PLANCK_OVER_BOLTZMANN_K_S = 4.799243073e-11  # h / k_B (CODATA 2018)
_AVOGADRO_PER_MOL = 6.02214076e23
_DIRECTIONS_PER_QUARTER = 46
_REFINEMENTS = 6


@dataclass(frozen=True, kw_only=True)
class Averages:
    """Voigt, Reuss and Hill averages of an elastic tensor, in GPa."""

    bulk_voigt_gpa: float
    bulk_reuss_gpa: float
    shear_voigt_gpa: float
    shear_reuss_gpa: float

    @property
    def bulk_hill_gpa(self) -> float:
        """Mean of Voigt's and Reuss' bulk modulus."""
        return (self.bulk_voigt_gpa + self.bulk_reuss_gpa) / 2

    @property
    def shear_hill_gpa(self) -> float:
        """Mean of Voigt's and Reuss' shear modulus."""
        return (self.shear_voigt_gpa + self.shear_reuss_gpa) / 2

    @property
    def universal_anisotropy(self) -> float:
        """5·G_V/G_R + K_V/K_R - 6: zero for an isotropic crystal."""
        return 5 * self.shear_voigt_gpa / self.shear_reuss_gpa + self.bulk_voigt_gpa / self.bulk_reuss_gpa - 6


@dataclass(frozen=True, kw_only=True)
class DirectionalModulus:
    """Young's modulus in GPa at its extremes, each with its direction as a unit vector."""

    smallest_gpa: float
    smallest_along: tuple[float, float, float]
    largest_gpa: float
    largest_along: tuple[float, float, float]


def averages(tensor_gpa: FloatArray) -> Averages:
    """Voigt and Reuss averages of a tensor that can be inverted."""
    c, s = tensor_gpa, np.asarray(np.linalg.inv(tensor_gpa), dtype=np.float64)

    def sums(m: FloatArray) -> tuple[float, float, float]:
        return float(np.trace(m[:3, :3])), float(m[0, 1] + m[0, 2] + m[1, 2]), float(np.trace(m[3:, 3:]))

    (ca, cb, cs), (sa, sb, ss) = sums(c), sums(s)
    return Averages(
        bulk_voigt_gpa=(ca + 2 * cb) / 9,
        bulk_reuss_gpa=1 / (sa + 2 * sb),
        shear_voigt_gpa=(ca - cb + 3 * cs) / 15,
        shear_reuss_gpa=15 / (4 * sa - 4 * sb + 3 * ss),
    )


def stiffnesses_gpa(tensor_gpa: FloatArray) -> FloatArray:
    """Eigenvalues (6,) in Kelvin's notation, smallest first: a crystal is mechanically stable when all are positive."""
    root = math.sqrt(2.0)
    weights = np.array([1.0, 1.0, 1.0, root, root, root])
    return np.asarray(np.linalg.eigvalsh(tensor_gpa * np.outer(weights, weights)), dtype=np.float64)


def youngs_modulus_gpa(bulk_gpa: float, shear_gpa: float) -> float:
    """Young's modulus of an isotropic solid: 9·K·G / (3·K + G).

    >>> round(youngs_modulus_gpa(162.0, 130.0))  # magnesia
    308
    """
    return 9 * bulk_gpa * shear_gpa / (3 * bulk_gpa + shear_gpa)


def poisson_ratio(bulk_gpa: float, shear_gpa: float) -> float:
    """Poisson ratio of an isotropic solid: (3·K - 2·G) / (6·K + 2·G)."""
    return (3 * bulk_gpa - 2 * shear_gpa) / (6 * bulk_gpa + 2 * shear_gpa)


def chen_hardness_gpa(bulk_gpa: float, shear_gpa: float) -> float:
    """Vickers hardness 2·(k²·G)^0.585 - 3 with k = G/K, never below zero (Chen et al. 2011).

    >>> round(chen_hardness_gpa(443.0, 535.0))  # diamond
    95
    """
    return max(0.0, 2 * ((shear_gpa / bulk_gpa) ** 2 * shear_gpa) ** 0.585 - 3)


def tian_hardness_gpa(bulk_gpa: float, shear_gpa: float) -> float:
    """Vickers hardness 0.92·k^1.137·G^0.708 with k = G/K (Tian, Xu & Zhao 2012, Int. J. Refract. Met. Hard Mater. 33, 93)."""
    return 0.92 * (shear_gpa / bulk_gpa) ** 1.137 * shear_gpa**0.708


def debye_temperature_k(
    *, bulk_gpa: float, shear_gpa: float, density_g_per_cm3: float, mass_g_per_mol_atoms: float
) -> float:
    """Debye temperature from the mean velocity of sound of an isotropic solid; the mass is that of a mole of mean atoms.

    >>> round(debye_temperature_k(bulk_gpa=162.0, shear_gpa=131.0, density_g_per_cm3=3.585, mass_g_per_mol_atoms=20.15))
    942
    """
    density = 1000 * density_g_per_cm3
    longitudinal = math.sqrt(1e9 * (bulk_gpa + 4 * shear_gpa / 3) / density)
    transverse = math.sqrt(1e9 * shear_gpa / density)
    mean = (3 / (2 / transverse**3 + 1 / longitudinal**3)) ** (1 / 3)
    atoms_per_m3 = density * _AVOGADRO_PER_MOL / (mass_g_per_mol_atoms / 1000)
    return _PLANCK_OVER_BOLTZMANN_K_S * (3 * atoms_per_m3 / (4 * math.pi)) ** (1 / 3) * mean


def youngs_modulus_along(tensor_gpa: FloatArray, directions: FloatArray) -> FloatArray:
    """Young's modulus (n,) in GPa under tension along unit vectors (n, 3)."""
    x, y, z = directions.T
    load = np.stack([x * x, y * y, z * z, y * z, x * z, x * y], axis=1)
    return 1 / np.einsum("ni,ij,nj->n", load, np.linalg.inv(tensor_gpa), load)


def directional_modulus(tensor_gpa: FloatArray) -> DirectionalModulus:
    """Extremes of Young's modulus over all directions: a grid over the half sphere, refined about its extremes."""
    polar = np.linspace(0, math.pi / 2, _DIRECTIONS_PER_QUARTER)
    azimuth = np.linspace(0, 2 * math.pi, 4 * _DIRECTIONS_PER_QUARTER, endpoint=False)
    angles = np.stack(np.meshgrid(polar, azimuth, indexing="ij"), axis=-1).reshape(-1, 2)
    low = _refined(tensor_gpa, angles, sign=1.0)
    high = _refined(tensor_gpa, angles, sign=-1.0)
    return DirectionalModulus(
        smallest_gpa=low[0], smallest_along=low[1], largest_gpa=high[0], largest_along=high[1]
    )


def _refined(
    tensor_gpa: FloatArray, angles: FloatArray, *, sign: float
) -> tuple[float, tuple[float, float, float]]:
    step = math.pi / 2 / (_DIRECTIONS_PER_QUARTER - 1)
    grid = np.stack(np.meshgrid(*2 * [np.linspace(-1, 1, 9)], indexing="ij"), axis=-1).reshape(-1, 2)
    around = angles
    best = angles[0]
    for _ in range(_REFINEMENTS):
        values = sign * youngs_modulus_along(tensor_gpa, _unit_vectors(around))
        best = around[int(values.argmin())]
        around = np.concatenate([best[None], best + step * grid])
        step /= 3
    vector = _unit_vectors(best[None])[0]
    vector = vector * (1.0 if vector[np.abs(vector) > 1e-9][-1] > 0 else -1.0)
    along = (
        round(float(vector[0]), 4) + 0.0,
        round(float(vector[1]), 4) + 0.0,
        round(float(vector[2]), 4) + 0.0,
    )
    return float(youngs_modulus_along(tensor_gpa, vector[None])[0]), along


def _unit_vectors(angles: FloatArray) -> FloatArray:
    polar, azimuth = angles.T
    return np.stack([np.sin(polar) * np.cos(azimuth), np.sin(polar) * np.sin(azimuth), np.cos(polar)], axis=1)
