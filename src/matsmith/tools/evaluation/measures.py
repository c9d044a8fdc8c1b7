"""What one generated crystal is by itself: sound as a structure, sound as a composition, how dense, and a fingerprint to compare it by.

Structure: the smallest distance above 0.5 Å and the cell above 0.1 Å³, as Xie et al. (CDVAE, ICLR 2022) count it; our distances include an
atom's own images. Composition: SMACT's charge neutrality and electronegativity order (Davies et al., J. Open Source Softw. 4, 1361, 2019). The
share depends on the table of oxidation states, from 0.68 to 0.999 for one set of crystals, so tables are named and told by hash: `icsd24` is
what SMACT 4 takes by itself (states found at least three times in the ICSD of 2024), `smact14` what it took when most published figures were
made. SMACT refuses LaB6 and CaC6 by either: the figure of a training set stands beside that of the samples for that reason.
"""

from __future__ import annotations

import hashlib
import importlib.util
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from matsmith.core.crystal import Crystal
from matsmith.core.errors import DataError

FloatArray = NDArray[np.float64]
LEAST_DISTANCE_ANGSTROM, LEAST_VOLUME_ANGSTROM3 = 0.5, 0.1
OXIDATION_TABLES = {
    "icsd24": ("oxidation_states_icsd24_counts.json", "0c62295797931e65"),
    "smact14": ("oxidation_states.txt", "d5d93f85e53413e8"),
}
"""Name of a set of oxidation states -> its file in SMACT and the beginning of the SHA-256 that figures here were made with."""
NEIGHBOURS = 24
_WIDENING, _MOST_WIDENINGS = 1.3, 10


def is_structure_valid(crystal: Crystal, *, smallest_angstrom: float) -> bool:
    """Whether no two atoms touch and the cell has a volume."""
    return smallest_angstrom > LEAST_DISTANCE_ANGSTROM and crystal.volume_angstrom3 > LEAST_VOLUME_ANGSTROM3


def is_composition_valid(formula: str, *, table: str = "icsd24") -> bool:
    """Whether SMACT can balance the charges of a reduced formula by a table of oxidation states; metals among themselves count as alloys.

    A compound of an element that SMACT knows no data of (Rf to Og) has no charges to balance, and is not valid.
    """
    from pymatgen.core import Composition
    from smact.screening import ICSD24FilterConfig, smact_validity

    composition = Composition(formula)
    if len(composition) > 1 and not _smact_elements().issuperset(map(str, composition)):
        return False
    if table == "icsd24":
        config = ICSD24FilterConfig(include_zero=False, consensus=3, commonality="low")
        return bool(smact_validity(composition, icsd_filter=config))
    return bool(smact_validity(composition, oxidation_states_set=table))


@lru_cache(maxsize=1)
def _smact_elements() -> frozenset[str]:
    """Symbols of the elements that SMACT has data of."""
    from smact import element_dictionary

    return frozenset(element_dictionary())


@lru_cache(maxsize=1)
def composition_method() -> str:
    """SMACT's version, and each table with the beginning of its hash; says so when a table is not the one that was pinned."""
    import smact

    spec = importlib.util.find_spec("smact")
    if spec is None or spec.origin is None:
        raise DataError("smact is not installed.", hint="Install matsmith with its dependencies.")
    told: list[str] = []
    for name, (file, pinned) in OXIDATION_TABLES.items():
        digest = hashlib.sha256((Path(spec.origin).parent / "data" / file).read_bytes()).hexdigest()
        other = "" if digest.startswith(pinned) else f" (not the pinned {pinned})"
        told.append(f"{name} {digest[:12]}{other}")
    return f"SMACT {getattr(smact, '__version__', '')} with Pauling's test, alloys valid; oxidation states {', '.join(told)}"


def average_minimum_distances(
    crystal: Crystal, *, neighbours: int = NEIGHBOURS, scaled: bool = False
) -> FloatArray | None:
    """Distances to the first, second, ... nearest neighbour, averaged over atoms, (neighbours,) in Å; None for a cell too flat to look around in.

    They are the same for every description of a crystal and know nothing of its elements (Widdowson et al., MATCH 87, 529, 2022). `scaled`
    divides by the cube root of the volume per atom.
    """
    volume = crystal.volume_angstrom3 / len(crystal.species)
    radius = _WIDENING * (3.0 * neighbours * volume / (4.0 * np.pi)) ** (1.0 / 3.0)
    structure = crystal.to_pymatgen()
    n = len(crystal.species)
    for _ in range(_MOST_WIDENINGS):
        centres, _, _, distances = structure.get_neighbor_list(radius)
        counts = np.bincount(centres, minlength=n)
        if len(distances) > 2000 * n:
            return None
        if counts.min() >= neighbours:
            order = np.lexsort((distances, centres))
            begins = np.concatenate([[0], np.cumsum(counts)[:-1]])
            rows = np.array([distances[order[begin : begin + neighbours]] for begin in begins])
            found: FloatArray = rows.mean(axis=0)
            return found / volume ** (1.0 / 3.0) if scaled else found
        radius *= _WIDENING
    return None


def composition_profile(crystal: Crystal) -> FloatArray:
    """Cumulated shares of atoms along Mendeleev numbers (Pettifor 1984), (104,): the sum of absolute differences of two is their earth mover's distance.

    Elements that stand in for each other lie near each other on that scale (Hargreaves et al., Chem. Mater. 32, 10610, 2020).
    """
    from pymatgen.core import Element

    shares = np.zeros(104)
    for symbol, amount in crystal.amounts.items():
        place = int(Element(symbol).mendeleev_no or 0)
        shares[min(103, max(0, place))] += amount / len(crystal.species)
    return np.cumsum(shares)
