"""How far the chemical potential of an element can go while a composition neither takes it up nor gives it away.

At a composition the lower hull has one supporting plane, or several where phases meet; the chemical potentials of the planes
span what the equilibrium allows (W. D. Richards, L. J. Miara, Y. Wang, J. C. Kim and G. Ceder, Chem. Mater. 28, 266 (2016)).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from matsmith.knowledge.references import ReferenceSet

_TIED_EV = 1e-6


@dataclass(frozen=True, kw_only=True)
class PotentialRange:
    """Chemical potential of an element in eV per atom above the element itself, never positive, and what borders it.

    `products_low` and `products_high` are the phases in equilibrium with it at each end.
    """

    low_ev: float
    high_ev: float
    products_low: tuple[str, ...]
    products_high: tuple[str, ...]


def potential_range(
    references: ReferenceSet,
    amounts: Mapping[str, float],
    *,
    element: str,
    formation_energy_ev_per_atom: float | None = None,
) -> PotentialRange:
    """The range of an element's chemical potential at a composition.

    A formation energy below the hull makes the composition a phase of its own; one above it leaves the hull as it is.
    """
    from pymatgen.core import Composition

    hull = references.hull
    total = sum(amounts.values())
    point = np.array([amounts.get(symbol, 0.0) / total for symbol in references.elements])
    names = [phase.formula for phase in references.phases]
    if formation_energy_ev_per_atom is not None:
        hull = hull.with_phase(point, formation_energy_ev_per_atom)
        names = [*names, "itself"]
    planes = hull.planes
    heights = planes @ point
    tied = np.flatnonzero(heights >= heights.max() - _TIED_EV)
    column = references.elements.index(element)
    values = planes[tied, column]
    low, high = tied[int(values.argmin())], tied[int(values.argmax())]
    corners = hull.facets
    labels = [*names, *references.elements]

    def held(facet: int) -> tuple[str, ...]:
        names_held = {labels[int(k)] for k in corners[facet]} - {"itself"}
        return tuple(sorted(str(Composition(name).reduced_formula) for name in names_held))

    return PotentialRange(
        low_ev=float(values.min()),
        high_ev=min(0.0, float(values.max())),
        products_low=held(int(low)),
        products_high=held(int(high)),
    )
