"""Where a crystal is molten, and what knows only vibrations has to be refused.

An element is molten above its measured melting point (as pymatgen lists it). Of compounds no melting points are at hand: there Lindemann's
rule serves (1910, Phys. Z. 11, 609), that a solid melts when its atoms swing by a tenth to a seventh of the distance of neighbours:
by harmonic vibrations aluminium, copper and tungsten reach 11 % at their melting points, magnesia 14 % and halite 15 %.
"""

from __future__ import annotations

import math
import warnings
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from matsmith.core.record import Outcome

if TYPE_CHECKING:
    from pymatgen.core import Structure

DOUBTFUL_SWING, MELTED_SWING = 0.105, 0.15


def swing_ratio(structure: Structure, *, mean_square_angstrom2: float) -> float:
    """Root mean square displacement of an atom over the distance of nearest neighbours."""
    return math.sqrt(mean_square_angstrom2) / _nearest_angstrom(structure)


def refused_as_molten(structure: Structure, *, temperature_k: float, ratio: float) -> Outcome | None:
    """The typed failure `molten` above the melting point of an element or where atoms swing too far, or None."""
    hint = "Ask for a lower temperature, or run molecular dynamics."
    elements = [str(element.symbol) for element in structure.composition.elements]
    point = melting_point_k(elements[0]) if len(elements) == 1 else None
    if point is not None and temperature_k > point:
        return Outcome.failed(
            "molten",
            f"{elements[0]} melts at {point:.0f} K: at {temperature_k:g} K harmonic vibrations say nothing.",
            hint=hint,
        )
    if ratio > MELTED_SWING:
        return Outcome.failed(
            "molten",
            f"At {temperature_k:g} K the atoms would swing by {100 * ratio:.0f} % of the distance of neighbours: solids melt between 10 "
            "and 15 %, and harmonic vibrations say nothing beyond.",
            hint=hint,
        )
    return None


def near_melting(ratio: float) -> str:
    """Why a result near the melting point is in doubt; empty where it is not near."""
    if ratio <= DOUBTFUL_SWING:
        return ""
    return (
        f"the atoms swing by {100 * ratio:.0f} % of the distance of neighbours: the crystal is near its melting point, where vibrations "
        "are no longer harmonic"
    )


@lru_cache(maxsize=128)
def melting_point_k(symbol: str) -> float | None:
    """Melting point of an element in K; None where none is listed.

    >>> round(melting_point_k("Cu") or 0)
    1358
    """
    from pymatgen.core import Element

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        point = Element(symbol).melting_point
    return None if point is None or not math.isfinite(float(point)) else float(point)


def _nearest_angstrom(structure: Structure) -> float:
    for radius in (3.0, 4.0, 6.0, 10.0):
        distances = structure.get_neighbor_list(radius)[3]
        if len(distances):
            return float(np.min(distances))
    return 10.0
