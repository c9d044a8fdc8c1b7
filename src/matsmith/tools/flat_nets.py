"""Whether a crystal holds a flat net of one element: kagome, Lieb, honeycomb, square or triangular.

Every atom of such a net sees its nearest neighbours in the plane under the angles of one site of the motif, at one distance, and all kinds of sites occur. Distances may
differ by a twelfth and angles by eight degrees, and atoms of the element off the plane may be a little nearer than those in it, so that a net survives a relaxation and one whose triangles breathe does not count.
"""

from __future__ import annotations

import itertools
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from matsmith.core.crystal import Crystal
from matsmith.models.diffusion.motifs import MOTIFS, Motif

FloatArray = NDArray[np.float64]
Angles = tuple[float, ...]
_REACH_ANGSTROM, _FLAT_ANGSTROM = 6.5, 0.3
_SAME_LENGTH, _SAME_ANGLE_DEGREES = 1 / 12, 8.0
# A plane through atoms far from each other, with nearer ones above and below it, is no net.
_LONGEST = 1.2
_EXACT = 1e-6


def holds_motif(crystal: Crystal, name: str) -> bool:
    """Whether atoms of one element form the net of this name in a plane of the crystal."""
    wanted = _environments(MOTIFS[name])
    structure = crystal.to_pymatgen()
    first, second, images, _ = structure.get_neighbor_list(_REACH_ANGSTROM)
    places: FloatArray = np.array(structure.cart_coords)
    ways: FloatArray = places[second] + images @ np.array(structure.lattice.matrix) - places[first]
    symbols = np.array(crystal.species)
    alike = symbols[first] == symbols[second]
    near = {
        site: (second[chosen], ways[chosen])
        for site in range(len(symbols))
        if (chosen := alike & (first == site)).any()
    }
    return any(_net_at(site, near, wanted) for site in near)


def _net_at(site: int, near: dict[int, tuple[NDArray[np.int64], FloatArray]], wanted: set[Angles]) -> bool:
    """Whether the net runs through this site, in any plane that two neighbours at one distance span with it."""
    _, ways = near[site]
    lengths: FloatArray = np.linalg.norm(ways, axis=1)
    order = [place for place in np.argsort(lengths).tolist() if lengths[place] < _LONGEST * lengths.min()]
    for one, other in itertools.combinations(order, 2):
        length = float(lengths[one])
        if lengths[other] > length * (1 + _SAME_LENGTH):
            continue
        normal: FloatArray = np.cross(ways[one], ways[other])
        size = float(np.linalg.norm(normal))
        if size > 0.3 * length**2 and _spreads(site, near, wanted, normal=normal / size, length=length):
            return True
    return False


def _spreads(
    site: int,
    near: dict[int, tuple[NDArray[np.int64], FloatArray]],
    wanted: set[Angles],
    *,
    normal: FloatArray,
    length: float,
) -> bool:
    """Whether every atom that is reached along the plane from this site has one of the surroundings wanted, and all of them occur."""
    waiting, seen, kinds = [site], {site}, set[Angles]()
    while waiting:
        others, ways = near[waiting.pop()]
        inside = np.abs(ways @ normal) < _FLAT_ANGSTROM
        others, ways = others[inside], ways[inside]
        lengths = np.linalg.norm(ways, axis=1)
        bonded = lengths < length * (1 + _SAME_LENGTH)
        if not bonded.any() or lengths.min() < length * (1 - _SAME_LENGTH):
            return False
        kind = _alike(_angles(ways[bonded], normal), wanted)
        if kind is None:
            return False
        kinds.add(kind)
        fresh = set(others[bonded].tolist()) - seen
        seen |= fresh
        waiting += sorted(fresh)
    return kinds == wanted


def _angles(ways: FloatArray, normal: FloatArray) -> Angles:
    """Angles in degrees from one neighbour to the next around the normal, beginning with the one that makes the smallest sequence."""
    along = ways[0] / np.linalg.norm(ways[0])
    turns = np.degrees(np.arctan2(ways @ np.cross(normal, along), ways @ along)) % 360.0
    turns.sort()
    gaps = np.diff(np.concatenate([turns, turns[:1] + 360.0]))
    rows = [tuple(float(round(gap, 3)) for gap in np.roll(gaps, place)) for place in range(len(gaps))]
    return min(rows)


def _alike(found: Angles, wanted: set[Angles]) -> Angles | None:
    for kind in wanted:
        turned = (np.roll(found, place) for place in range(len(found)))
        if len(kind) == len(found) and any(
            np.abs(row - np.array(kind)).max() < _SAME_ANGLE_DEGREES for row in turned
        ):
            return kind
    return None


@lru_cache(maxsize=16)
def _known(motif: Motif) -> frozenset[Angles]:
    plane: FloatArray = np.array(motif.plane)
    shifts: FloatArray = np.array(list(itertools.product(range(-2, 3), repeat=2)), dtype=np.float64)
    places: FloatArray = np.array(motif.places)
    found: set[Angles] = set()
    around = [((places[:, None] + shifts - place).reshape(-1, 2)) @ plane for place in places]
    shortest = min(float(np.partition(np.linalg.norm(ways, axis=1), 1)[1]) for ways in around)
    for ways in around:
        lengths = np.linalg.norm(ways, axis=1)
        bonded = ways[(lengths > _EXACT) & (lengths < shortest * (1 + _SAME_LENGTH))]
        flat = np.column_stack([bonded, np.zeros(len(bonded))])
        found.add(_angles(flat, np.array([0.0, 0.0, 1.0])))
    return frozenset(found)


def _environments(motif: Motif) -> set[Angles]:
    """The surroundings of the motif's sites: the angles between neighbours, one sequence a kind of site."""
    return set(_known(motif))
