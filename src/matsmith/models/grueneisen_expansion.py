"""Thermal expansion by Grueneisen's rule from bulk modulus, volume and Debye temperature alone.

    alpha = gamma · C_v / (3·K·V),    C_v = 9·k_B·(T/theta)³ ∫ x⁴·eˣ/(eˣ - 1)² dx from 0 to theta/T

per atom (Grueneisen 1912, Ann. Phys. 344, 257; Debye 1912, Ann. Phys. 344, 789). The Grueneisen parameter is not computed but set: it
lies near two in close-packed crystals and below one in open ones with four neighbours or fewer, where modes that bend bonds soften
on compression.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from matsmith.core.errors import UsageError

if TYPE_CHECKING:
    from pymatgen.core import Structure

EV_PER_ANGSTROM3_IN_GPA = 160.21766208
_BOLTZMANN_EV_PER_K = 8.617333262e-5
_HBAR2_OVER_K_U_ANGSTROM2_K = 48.5087  # hbar² / (k_B · atomic mass unit)
# Neighbours are those within this many times the distance of the nearest one.
_NEIGHBOUR_REACH = 1.2
_FARTHEST_ANGSTROM = 6.0
_OPEN = 4.01


def debye_heat_capacity(temperature_k: float, *, debye_k: float) -> float:
    """Heat capacity at constant volume over 3·k_B, by Debye.

    >>> round(debye_heat_capacity(1000.0, debye_k=100.0), 3), round(debye_heat_capacity(300.0, debye_k=300.0), 3)
    (1.0, 0.952)
    """
    if not debye_k > 0:
        raise UsageError(f"A Debye temperature of {debye_k:g} K is not positive.")
    if temperature_k <= 0:
        return 0.0
    ratio = min(debye_k / temperature_k, 500.0)
    x = np.linspace(ratio / 4000, ratio, 4000)
    integrand = (x**2 / (2 * np.sinh(np.minimum(x, 600) / 2))) ** 2
    return float(3 / ratio**3 * np.trapezoid(integrand, x))


def mean_square_displacement_angstrom2(
    temperature_k: float, *, debye_k: float, mass_g_per_mol: float
) -> float:
    """Mean square distance of an atom from its place, three directions together: 9·hbar²·T/(m·k_B·theta²), for high temperatures.

    >>> round(mean_square_displacement_angstrom2(300.0, debye_k=343.0, mass_g_per_mol=63.546), 4)  # copper
    0.0175
    """
    if not debye_k > 0 or not mass_g_per_mol > 0:
        raise UsageError("A Debye temperature and a mass have to be positive.")
    return 9 * _HBAR2_OVER_K_U_ANGSTROM2_K * temperature_k / (mass_g_per_mol * debye_k**2)


def linear_expansion_per_k(
    *,
    grueneisen: float,
    temperature_k: float,
    debye_k: float,
    bulk_gpa: float,
    volume_angstrom3_per_atom: float,
) -> float:
    """Linear thermal expansion by Grueneisen's rule.

    >>> alpha = linear_expansion_per_k(grueneisen=2.0, temperature_k=298.0, debye_k=343.0, bulk_gpa=137.0,
    ...     volume_angstrom3_per_atom=11.81)
    >>> round(1e6 * alpha, 1)  # copper: 16.5
    16.0
    """
    heat_ev_per_k = 3 * _BOLTZMANN_EV_PER_K * debye_heat_capacity(temperature_k, debye_k=debye_k)
    modulus = bulk_gpa / EV_PER_ANGSTROM3_IN_GPA
    return grueneisen * heat_ev_per_k / (3 * modulus * volume_angstrom3_per_atom)


def coordination_numbers(structure: Structure) -> list[int]:
    """Neighbours of every atom within 1.2 times the distance of its nearest one."""
    centres, _, _, distances = structure.get_neighbor_list(_FARTHEST_ANGSTROM)
    numbers: list[int] = []
    for index in range(len(structure)):
        own = np.asarray(distances, dtype=np.float64)[np.asarray(centres) == index]
        numbers.append(int((own < _NEIGHBOUR_REACH * own.min()).sum()) if len(own) else 0)
    return numbers


def is_open(structure: Structure) -> bool:
    """Whether the atoms have four neighbours or fewer in the mean, as in diamond and sphalerite."""
    return float(np.mean(coordination_numbers(structure))) <= _OPEN
