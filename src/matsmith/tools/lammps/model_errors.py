"""What a potential itself is off by, added to the statistical error of what was measured with it.

Dynamics measures a potential as precisely as its length allows; the material is another thing. Copper's melting point by its best known
potential is 1,325 ± 8 K, and copper melts at 1,358 K. The shares here are assumed from what `benchmarks/molecular_dynamics.py` finds against
experiment (melting of Cu, Ar and Si; moduli of Al, Ni, Fe, W and diamond; expansion, latent heat, diffusion), rounded up, since a
potential chosen for another material may never have been fitted to the property at all: an aluminium of an alloy's potential is at half
of its stiffness at 600 K. They are one sigma as a share of the value.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from matsmith.core.quantity import Quantity, Truth

VERSION = "1"
"""Part of what a measurement's identity is: raise it with every change below."""
SAID = "errors hold what a potential is assumed to be off by; what the run itself leaves open is in statistical_sigma"
SHARES: Mapping[str, float] = {
    "melting_point": 0.08,
    "two_phase_temperature": 0.08,
    "order_disorder_temperature": 0.25,
    "glass_transition": 0.2,
    "latent_heat": 0.15,
    "density": 0.03,
    "density_at_temperature": 0.03,
    "solid_density": 0.03,
    "liquid_density": 0.04,
    "glass_density": 0.05,
    "heat_capacity_at_temperature": 0.06,
    "molar_heat_capacity": 0.06,
    "thermal_expansion_at_temperature": 0.2,
    "thermal_conductivity_at_temperature": 0.5,
    "diffusivity_at_temperature": 0.5,
    "activation_energy": 0.25,
    "bulk_modulus": 0.15,
    "shear_modulus": 0.25,
    "youngs_modulus": 0.25,
    "youngs_modulus_along_direction": 0.25,
    "poisson_ratio": 0.15,
    "c11": 0.2,
    "c12": 0.2,
    "c44": 0.25,
    "tensile_strength": 0.3,
    "yield_stress": 0.3,
    "surface_energy": 0.25,
    "lowest_surface_energy": 0.25,
    "mean_surface_energy": 0.25,
    "vacancy_formation_energy": 0.2,
    "vacancy_migration_energy": 0.25,
    "vacancy_activation_energy": 0.2,
    "migration_barrier": 0.25,
    "barrier_backward": 0.25,
    "stacking_fault_energy": 0.4,
    "unstable_stacking_fault_energy": 0.3,
}
_LEARNED: Mapping[str, float] = {
    "shear_modulus": 0.5,
    "youngs_modulus": 0.5,
    "youngs_modulus_along_direction": 0.5,
    "c11": 0.3,
    "c44": 0.6,
    "surface_energy": 0.35,
    "migration_barrier": 0.5,
    "vacancy_migration_energy": 0.5,
}
"""The learned potential is far too soft in shear, in the median half of what is measured, and its barriers are too low."""


def share_of(name: str, *, learned: bool) -> float:
    """One sigma of the potential as a share of the value; 0 where a quantity is the potential's own (an energy, a lattice parameter).

    >>> share_of("c44", learned=False), share_of("shear_modulus_at_temperature", learned=True), share_of("surface_energy_111", learned=False)
    (0.25, 0.5, 0.25)
    """
    names = (
        name,
        name.removesuffix("_at_temperature"),
        "surface_energy" if name.startswith("surface_energy_") else name,
    )
    for table in (_LEARNED, SHARES) if learned else (SHARES,):
        for each in names:
            if each in table:
                return table[each]
    return 0.0


def with_model_errors(
    quantities: Mapping[str, Quantity], *, learned: bool
) -> tuple[dict[str, Quantity], dict[str, float]]:
    """The quantities with the potential's error added in squares, and the statistical errors of those that were widened."""
    widened, statistical = dict[str, Quantity](), dict[str, float]()
    for name, quantity in quantities.items():
        share = share_of(name, learned=learned)
        if share and quantity.truth is not Truth.EXACT:
            statistical[name] = quantity.sigma
            sigma = math.hypot(quantity.sigma, share * abs(quantity.value))
            quantity = quantity.model_copy(update={"sigma": sigma})
        widened[name] = quantity
    return widened, statistical
