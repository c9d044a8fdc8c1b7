"""Gibbs energy of a solid at temperature from its volume and masses alone: the descriptor of Bartel et al.

    G_delta(T) = (-2.48e-4 ln V - 8.94e-5 m/V) T + 0.181 ln T - 0.882      in eV/atom

with V the volume per atom in Å³ and m the reduced mass in u (Bartel et al. 2018, Nat. Commun. 9, 4168, found by SISSO on 262
compounds between 300 and 1800 K). Then G(T) = H(298 K) + G_delta(T), on the scale of `species.py`. Its error was measured here
against the tabulated solids (`benchmarks/thermochemistry.py`), after taking off G_delta at 298.15 K what it misses there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import combinations

from matsmith.core.errors import SpecError

LOWEST_K, HIGHEST_K = 300.0, 2000.0
"""Where the descriptor was fitted (to 1800 K) and is still used (to 2000 K)."""


def reduced_mass(amounts: Mapping[str, float]) -> float:
    """Stoichiometrically weighted reduced mass in u: over pairs, (x_i + x_j) m_i m_j / (m_i + m_j), by (n - 1) sum x.

    >>> round(reduced_mass({"Mg": 1, "O": 1}), 2)
    9.65
    """
    from matsmith.knowledge.elements import facts

    if len(amounts) < 2:
        raise SpecError(
            "The descriptor of G(T) serves compounds, not elements.", hint="Elements stand in the tables."
        )
    total = 0.0
    for first, second in combinations(sorted(amounts), 2):
        a, b = facts(first).atomic_mass_g_per_mol, facts(second).atomic_mass_g_per_mol
        total += (amounts[first] + amounts[second]) * a * b / (a + b)
    return total / ((len(amounts) - 1) * sum(amounts.values()))


def gibbs_above_enthalpy(
    amounts: Mapping[str, float], *, volume_angstrom3_per_atom: float, temperature_k: float
) -> float:
    """G(T) - H(298 K) of a solid compound in eV/atom. Raises `SpecError` outside 300 to 2000 K or for no volume.

    >>> round(gibbs_above_enthalpy({"Mg": 1, "O": 1}, volume_angstrom3_per_atom=9.35, temperature_k=1000), 3)
    -0.278
    """
    if not LOWEST_K - 2 <= temperature_k <= HIGHEST_K:
        raise SpecError(
            f"G(T) from the descriptor is fitted between {LOWEST_K:g} and {HIGHEST_K:g} K, not at {temperature_k:g} K.",
            hint="Give a temperature inside, or a compound of the tables.",
        )
    if not volume_angstrom3_per_atom > 0:
        raise SpecError("The volume per atom must be positive.", hint="Give a crystal with a volume.")
    slope = -2.48e-4 * math.log(volume_angstrom3_per_atom)
    slope -= 8.94e-5 * reduced_mass(amounts) / volume_angstrom3_per_atom
    return slope * temperature_k + 0.181 * math.log(temperature_k) - 0.882
