"""Parts of a crystal that are known before it is made: flat lattices of atoms, slabs, and crystals to start from.

A motif is a flat, periodic arrangement that all crystals asked for hold (kagome, Lieb, honeycomb, square, triangular, or one's own): its atoms' places and
the shape of the cell in its plane are known, the cell's third vector stands upright on it, and how large it is, how far the layers lie
apart and what else is in the cell is left to the model (structural constraints put back in every step: Okabe et al. 2024, SCIGEN).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matsmith.core.errors import SpecError

Plane = tuple[tuple[float, float], tuple[float, float]]
Triple = tuple[float, float, float]
_HEXAGONAL: Plane = ((1.0, 0.0), (-0.5, math.sqrt(3) / 2))
_SQUARE: Plane = ((1.0, 0.0), (0.0, 1.0))
_FLAT_A = 0.05
_UPRIGHT = 1e-3
LAYER_GAP_A = 3.0
"""The model sees a slab with no more empty space than this, as it saw crystals alone; the rest of the vacuum is put in at the end."""


@dataclass(frozen=True, slots=True)
class Motif:
    """A flat lattice: `plane` are its two cell vectors in units of the first one's length, `places` fractional positions in it."""

    name: str
    plane: Plane
    places: tuple[tuple[float, float], ...]

    @property
    def atoms(self) -> int:
        """Atoms of the motif in one cell."""
        return len(self.places)


MOTIFS: dict[str, Motif] = {
    motif.name: motif
    for motif in (
        Motif("kagome", _HEXAGONAL, ((0.5, 0.0), (0.0, 0.5), (0.5, 0.5))),
        Motif("honeycomb", _HEXAGONAL, ((1 / 3, 2 / 3), (2 / 3, 1 / 3))),
        Motif("triangular", _HEXAGONAL, ((0.0, 0.0),)),
        Motif("lieb", _SQUARE, ((0.0, 0.0), (0.5, 0.0), (0.0, 0.5))),
        Motif("square", _SQUARE, ((0.0, 0.0),)),
    )
}


def motif_of_structure(name: str, *, lattice: tuple[Triple, ...], places: tuple[Triple, ...]) -> Motif:
    """Make a motif of one flat layer of atoms: lattice rows in Å, fractional places, the third vector upright on the layer.

    Raises `SpecError` for atoms that do not lie in one plane, or a third vector that leans.
    """
    rows = np.array(lattice, dtype=np.float64)
    lengths = np.linalg.norm(rows, axis=1)
    lean = np.abs(rows[:2] @ rows[2]) / (lengths[:2] * lengths[2])
    if float(lean.max()) > _UPRIGHT:
        raise SpecError(
            f"The third cell vector of the motif {name} leans.", hint="Make it perpendicular to the layer."
        )
    height: NDArray[np.float64] = np.array([place[2] for place in places], dtype=np.float64)
    spread: NDArray[np.float64] = height - height[0]
    spread -= np.round(spread)
    if float(np.ptp(spread)) * float(lengths[2]) > _FLAT_A:
        raise SpecError(
            f"The atoms of the motif {name} do not lie in one plane.",
            hint="Give one flat layer; sites of a whole crystal are kept by a seed structure.",
        )
    across = float(rows[0] @ rows[1]) / float(lengths[0]) ** 2
    along = math.sqrt(max(float(lengths[1] / lengths[0]) ** 2 - across**2, 0.0))
    return Motif(
        name, ((1.0, 0.0), (across, along)), tuple((place[0] % 1.0, place[1] % 1.0) for place in places)
    )


@dataclass(frozen=True, slots=True)
class Slab:
    """A layer with empty space above: the distance in Å between its outermost atoms' planes at most, and that to the next layer."""

    thickness_a: float
    vacuum_a: float = 15.0

    @property
    def seen_a(self) -> float:
        """Length of the upright cell vector that the model works with."""
        return self.thickness_a + min(self.vacuum_a, LAYER_GAP_A)

    @property
    def cell_a(self) -> float:
        """Length of that vector in the end."""
        return self.thickness_a + self.vacuum_a


@dataclass(frozen=True, slots=True)
class Seed:
    """A crystal to start from: lattice rows in Å, fractional places, atomic numbers.

    `strength` in (0, 1] is how much noise it gets first (1 forgets it). Sites in `keep` stay where and what they are; `keep_lattice` holds the cell,
    and with `free_species` the species of all other sites are chosen anew.
    """

    numbers: tuple[int, ...]
    places: tuple[Triple, ...]
    lattice: tuple[Triple, Triple, Triple]
    strength: float = 0.4
    keep: frozenset[int] = frozenset()
    keep_lattice: bool = False
    free_species: bool = False
