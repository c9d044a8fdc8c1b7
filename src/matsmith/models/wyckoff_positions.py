"""The Wyckoff positions of a space group, found from its operations.

A position is the set of points that the same operations leave in place. The mean of these operations projects any point onto it:
x -> P x + p. All positions are found by projecting points onto the fixed points of single operations, in turn, which ends
where those sets meet, and by asking which operations leave the point that is reached in place. Nothing is tabulated but the
operations, which are spglib's (the first setting of each group: monoclinic groups with the axis b, rhombohedral ones on hexagonal axes).
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matsmith.core.errors import DataError, StructureError

FloatArray = NDArray[np.float64]

_SAME = 1e-6
_DOUBLINGS = 6
_LARGEST_HALL_NUMBER = 530
DENOMINATOR = 48
"""Projections and shifts are whole multiples of one part in so many."""
_NEIGHBOURS: FloatArray = np.array(list(product((-1, 0, 1), repeat=3)), dtype=np.float64)
# A line such as (x, 2x, z) leaves the cell before it comes back to it.
_FARTHER: FloatArray = np.array(list(product((-2, -1, 0, 1, 2), repeat=3)), dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WyckoffPosition:
    """One position: `multiplicity` atoms a conventional cell, `freedom` free coordinates, and the projection P (3, 3), p (3,) onto it."""

    multiplicity: int
    freedom: int
    projector: FloatArray
    shift: FloatArray

    def nearest(self, point: FloatArray) -> FloatArray:
        """The point (3,) of the position that the projection makes of any point, fractional."""
        return self.projector @ point + self.shift


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Operations:
    """Operations of a space group in its conventional cell: `rotations` (n, 3, 3), `translations` (n, 3), `centrings` of the n being translations."""

    rotations: FloatArray
    translations: FloatArray
    centrings: int

    def orbit(self, point: FloatArray) -> FloatArray:
        """The points (m, 3) that the operations make of a fractional point, each once, in [0, 1)."""
        images: FloatArray = np.mod(self.rotations @ point + self.translations, 1.0)
        gap = images[:, None, :] - images[None, :, :]
        gap -= np.round(gap)
        same = np.abs(gap).max(axis=-1) < 10 * _SAME
        return images[~np.triu(same, k=1).any(axis=0)]


@lru_cache(maxsize=230)
def operations(number: int) -> Operations:
    """The operations of a space group by its number. Raises `StructureError` when there is none of this number."""
    import spglib

    library: Any = spglib
    hall = _hall_numbers().get(number)
    if hall is None:
        raise StructureError(f"There is no space group {number}.", hint="Numbers run from 1 to 230.")
    found = library.get_symmetry_from_database(hall)
    rotations = np.array(found["rotations"], dtype=np.float64)
    pure = np.abs(rotations - np.eye(3)).max(axis=(1, 2)) < _SAME
    return Operations(
        rotations=rotations,
        translations=np.array(found["translations"], dtype=np.float64),
        centrings=int(pure.sum()),
    )


@lru_cache(maxsize=1)
def _hall_numbers() -> dict[int, int]:
    """The first Hall number of each space group."""
    import spglib

    library: Any = spglib
    first: dict[int, int] = {}
    for hall in range(1, _LARGEST_HALL_NUMBER + 1):
        first.setdefault(int(library.get_spacegroup_type(hall).number), hall)
    return first


@lru_cache(maxsize=230)
def wyckoff_positions(number: int) -> tuple[WyckoffPosition, ...]:
    """The positions of a space group, the general one last, from the table that `derived_positions` was written to.

    Positions that symmetry of the lattice alone makes alike (4a and 4b of Fm-3m) are two; images of one position are one. Raises
    `StructureError` when there is no group of this number.
    """
    rows = _table().get(str(number))
    if rows is None:
        raise StructureError(f"There is no space group {number}.", hint="Numbers run from 1 to 230.")
    return tuple(
        WyckoffPosition(
            multiplicity=int(row[0]),
            freedom=int(row[1]),
            projector=np.array(row[2:11], dtype=np.float64).reshape(3, 3) / DENOMINATOR,
            shift=np.array(row[11:], dtype=np.float64) / DENOMINATOR,
        )
        for row in rows
    )


@lru_cache(maxsize=1)
def _table() -> dict[str, list[list[int]]]:
    try:
        packed = files("matsmith.models").joinpath("wyckoff_positions.json.gz").read_bytes()
        return json.loads(gzip.decompress(packed))
    except (OSError, ValueError, EOFError) as error:
        raise DataError(
            "The table of Wyckoff positions is missing or damaged.", hint="Reinstall matsmith."
        ) from error


def derived_positions(number: int) -> tuple[WyckoffPosition, ...]:
    """The positions of a space group worked out from its operations, as `wyckoff_positions` holds them; the same on every call."""
    group = operations(number)
    projectors, origins, first = _fixed_sets(group)
    random = np.random.default_rng(number)
    found: list[tuple[WyckoffPosition, FloatArray]] = []

    def take(point: FloatArray) -> None:
        point = np.mod(point, 1.0)
        position = _position_at(point, group)
        if position is not None and not _is_held(position, found):
            found.append((position, group.orbit(point)))

    inside = first & ((origins > -0.5 - _SAME) & (origins < 1 - _SAME)).all(axis=1)
    for projector, origin in zip(projectors[inside], origins[inside], strict=True):
        take(projector @ random.random(3) + origin)
    # What is more special lies where the set of a position meets the fixed points of one more operation.
    place = 0
    while place < len(found):
        position = found[place][0]
        if position.freedom:
            for point in _meeting_points(position, projectors, origins, start=random.random(3)):
                take(point)
        place += 1
    general = WyckoffPosition(
        multiplicity=len(group.rotations), freedom=3, projector=np.eye(3), shift=np.zeros(3)
    )
    special = sorted((position for position, _ in found), key=lambda w: (w.multiplicity, w.freedom))
    return (*special, general)


def _fixed_sets(group: Operations) -> tuple[FloatArray, FloatArray, NDArray[np.bool_]]:
    """Projections P (k, 3, 3), p (k, 3) onto the fixed points near the cell of every operation that has some.

    The flags (k,) mark the sets of one rotation out of each class of those that the group's rotations turn into each other.
    """
    kept: dict[bytes, tuple[FloatArray, FloatArray, bool]] = {}
    inverses = np.linalg.inv(group.rotations)
    classes: dict[bytes, bytes] = {}
    for rotation, translation in zip(group.rotations, group.translations, strict=True):
        if np.abs(rotation - np.eye(3)).max() < _SAME:
            continue
        own = np.rint(rotation).astype(np.int8).tobytes()
        if own not in classes:
            turned = np.rint(group.rotations @ rotation @ inverses).astype(np.int8)
            classes |= {each.tobytes(): own for each in turned}
        powers = [np.eye(3)]
        while np.abs(powers[-1] @ rotation - np.eye(3)).max() > _SAME:
            powers.append(powers[-1] @ rotation)
        projector = np.mean(powers, axis=0)
        # The k-th power moves by (1 + R + ... + R^(k-1)) t.
        gathered = np.mean(np.cumsum([np.zeros((3, 3)), *powers[:-1]], axis=0), axis=0)
        for shift in _NEIGHBOURS:
            step = translation + shift
            if np.abs(projector @ step).max() > _SAME:
                continue  # a screw or a glide: nothing stays in place
            origin = gathered @ step
            key = np.round(np.concatenate([projector.ravel(), origin]), 4) + 0.0
            kept.setdefault(key.tobytes(), (projector, origin, classes[own] == own))
    sets = list(kept.values())
    return (
        np.array([projector for projector, _, _ in sets]).reshape(len(sets), 3, 3),
        np.array([origin for _, origin, _ in sets]).reshape(len(sets), 3),
        np.array([first for _, _, first in sets], dtype=np.bool_),
    )


def _meeting_points(
    position: WyckoffPosition, projectors: FloatArray, origins: FloatArray, *, start: FloatArray
) -> FloatArray:
    """Points (m, 3) where a position's set meets each of the other sets that it meets. Projections in turn end there (von Neumann)."""
    matrix = projectors @ position.projector
    step = projectors @ position.shift + origins
    for _ in range(_DOUBLINGS):
        matrix, step = matrix @ matrix, (matrix @ step[:, :, None])[:, :, 0] + step
    points = matrix @ start + step
    on_one = np.abs(points @ position.projector.T + position.shift - points).max(axis=1) < _SAME
    back: FloatArray = (projectors @ points[:, :, None])[:, :, 0] + origins
    met = points[on_one & (np.abs(back - points).max(axis=1) < _SAME)]
    # Many sets meet this one in the same points of the cell.
    once = np.unique(np.round(np.mod(met, 1.0), 5), axis=0, return_index=True)[1]
    return met[np.sort(once)]


def _position_at(point: FloatArray, group: Operations) -> WyckoffPosition | None:
    """The position of a point, None for a point in general position."""
    images: FloatArray = group.rotations @ point + group.translations
    gap: FloatArray = point - images
    whole = np.round(gap)
    stay = np.abs(gap - whole).max(axis=1) < 10 * _SAME
    if stay.sum() < 2:
        return None
    projector = group.rotations[stay].mean(axis=0)
    shift = (group.translations[stay] + whole[stay]).mean(axis=0)
    return WyckoffPosition(
        multiplicity=len(group.rotations) // int(stay.sum()),
        freedom=round(float(np.trace(projector))),
        projector=projector,
        shift=shift,
    )


def _is_held(position: WyckoffPosition, found: list[tuple[WyckoffPosition, FloatArray]]) -> bool:
    """Whether a position is an image of one that was found: some operation takes a point of the one onto the other's set."""
    alike = [
        orbit
        for other, orbit in found
        if (other.multiplicity, other.freedom) == (position.multiplicity, position.freedom)
    ]
    if not alike:
        return False
    images = np.concatenate(alike)
    near = (images[:, None, :] + _FARTHER[None, :, :]).reshape(-1, 3)
    ends = near @ position.projector.T + position.shift
    return bool((np.abs(ends - near).max(axis=1) < 100 * _SAME).any())
