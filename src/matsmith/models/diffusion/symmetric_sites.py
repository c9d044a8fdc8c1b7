"""Atoms of a primitive cell bound together by a space group: which Wyckoff positions they take, and how each follows its orbit's first atom.

Whether a composition fits a group is decided exactly: an element's atoms are a sum of multiplicities, in which a position without freedom is
taken by one element once and any other as often as wanted. How they move: with x = P·u + p the place of an orbit's first atom and x_i = W_i·x + w_i that of its i-th,
displacements d_i of all atoms are brought onto the group by d_i <- W_i·P·mean_j(W_j⁻¹·d_j).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matsmith.core.errors import SpecError
from matsmith.core.space_group import spglib_or_none
from matsmith.models.wyckoff_positions import WyckoffPosition, operations, wyckoff_positions

FloatArray = NDArray[np.float64]
_SAME = 1e-5
_TRIES, _TRIES_TO_KNOW = 400, 40
_PROBE_VOLUME_ANGSTROM3 = 500.0
_PROBE_ANGSTROM = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class PrimitiveGroup:
    """A space group in a primitive cell: rotations (g, 3, 3) and translations (g, 3) on fractional columns, one each a coset of the centring.

    `basis` (3, 3) has the primitive vectors as columns in the conventional axes; `positions` are the Wyckoff positions there.
    """

    number: int
    rotations: FloatArray
    translations: FloatArray
    basis: FloatArray
    positions: tuple[WyckoffPosition, ...]


Axes = tuple[int, int, int]
AXES: tuple[Axes, ...] = ((0, 1, 2), (1, 2, 0), (2, 0, 1), (0, 2, 1), (2, 1, 0), (1, 0, 2))
"""Orders of a cell's vectors, the odd ones last."""


def _sign(axes: Axes) -> float:
    return 1.0 if AXES.index(axes) < len(AXES) // 2 else -1.0


@dataclass(frozen=True, slots=True, eq=False)
class SymmetricCell:
    """n atoms in their orbits: label (n,) as given to `arrange`, leader (n,) the orbit's first atom, W (n, 3, 3), w (n, 3), P (n, 3, 3), p (n, 3)."""

    labels: NDArray[np.int64]
    leader: NDArray[np.int64]
    rotations: FloatArray
    translations: FloatArray
    projectors: FloatArray
    shifts: FloatArray

    def places(self, free: FloatArray) -> FloatArray:
        """Fractional places (n, 3) for free parameters u (n, 3), of which each orbit's first counts."""
        first = np.einsum("nab,nb->na", self.projectors, free[self.leader]) + self.shifts
        return np.mod(np.einsum("nab,nb->na", self.rotations, first) + self.translations, 1.0)

    def turned(self, axes: Axes) -> SymmetricCell:
        """The same with the vectors of the cell in another order; reversed where that order is odd, so that a crystal stays its own image."""
        order, sign = list(axes), _sign(axes)
        return SymmetricCell(
            labels=self.labels,
            leader=self.leader,
            rotations=self.rotations[:, order][:, :, order],
            translations=sign * self.translations[:, order],
            projectors=self.projectors[:, order][:, :, order],
            shifts=sign * self.shifts[:, order],
        )

    def averaging(self) -> FloatArray:
        """The matrix (n, n, 3, 3) that brings displacements of the atoms onto the group."""
        same = self.leader[:, None] == self.leader[None, :]
        out = self.rotations @ self.projectors
        back = np.linalg.inv(self.rotations)
        return (
            np.einsum("iab,jbc->ijac", out, back) * (same / same.sum(axis=1, keepdims=True))[:, :, None, None]
        )


_CENTRINGS: dict[str, FloatArray] = {
    "P": np.eye(3),
    "A": np.array([[1, 0, 0], [0, 0.5, 0.5], [0, -0.5, 0.5]]),
    "C": np.array([[0.5, 0.5, 0], [-0.5, 0.5, 0], [0, 0, 1]]),
    "I": np.array([[-0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0.5, 0.5, -0.5]]),
    "F": np.array([[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]),
    "R": np.array([[2, -1, -1], [1, 1, -2], [1, 1, 1]]) / 3,
}


@lru_cache(maxsize=230)
def primitive_group(number: int) -> PrimitiveGroup:
    """Return a space group in its primitive cell. Raises `SpecError` when there is none of this number."""
    if not 1 <= number <= 230:
        raise SpecError(f"There is no space group {number}.", hint="Numbers run from 1 to 230.")
    group = operations(number)
    basis = next(
        basis
        for basis in _CENTRINGS.values()
        if _is_primitive(basis, group.rotations, group.translations, group.centrings)
    )
    inverse = np.linalg.inv(basis)
    rotations = inverse @ group.rotations @ basis
    translations = np.mod(group.translations @ inverse.T + _SAME, 1.0) - _SAME
    once: dict[tuple[int, ...], int] = {}
    for place, rotation in enumerate(rotations):
        once.setdefault(tuple(np.rint(rotation).astype(int).ravel().tolist()), place)
    chosen = list(once.values())
    positions = tuple(
        WyckoffPosition(
            multiplicity=each.multiplicity // group.centrings,
            freedom=each.freedom,
            projector=inverse @ each.projector @ basis,
            shift=inverse @ each.shift,
        )
        for each in wyckoff_positions(number)
    )
    return PrimitiveGroup(number, np.rint(rotations[chosen]), translations[chosen], basis, positions)


def _is_primitive(basis: FloatArray, rotations: FloatArray, translations: FloatArray, centrings: int) -> bool:
    """Whether these vectors span a group's translations: as many cells as centrings, and every pure translation whole in them."""
    pure = translations[np.abs(rotations - np.eye(3)).max(axis=(1, 2)) < _SAME]
    whole = pure @ np.linalg.inv(basis).T
    size = round(1 / abs(float(np.linalg.det(basis))))
    return size == centrings and bool((np.abs(whole - np.round(whole)) < _SAME).all())


def fits(number: int, amounts: Sequence[int]) -> bool:
    """Whether the atoms of a primitive cell, so many of each element, can take Wyckoff positions of a group; 0 elements always can."""
    positions = primitive_group(number).positions
    loose = tuple(sorted({each.multiplicity for each in positions if each.freedom}))
    fixed = Counter(each.multiplicity for each in positions if not each.freedom)
    return _fits(tuple(sorted(amounts)), tuple(sorted(fixed.items())), loose)


@lru_cache(maxsize=65536)
def _fits(amounts: tuple[int, ...], fixed: tuple[tuple[int, int], ...], loose: tuple[int, ...]) -> bool:
    if not amounts:
        return True
    left, rest = amounts[0], amounts[1:]
    if left == 0:
        return _fits(rest, fixed, loose)
    if any(size <= left and _fits((left - size, *rest), fixed, loose) for size in loose):
        return True
    return any(
        size <= left and count > 0 and _fits((left - size, *rest), _less(fixed, size), loose)
        for size, count in fixed
    )


def _less(fixed: tuple[tuple[int, int], ...], size: int) -> tuple[tuple[int, int], ...]:
    return tuple((each, count - (each == size)) for each, count in fixed)


def _filling(
    number: int, amounts: Mapping[int, int], random: np.random.Generator
) -> list[tuple[int, WyckoffPosition]]:
    """Positions for the atoms of every label, drawn so that what is left always fits; multiplicities alike, then positions alike."""
    positions = primitive_group(number).positions
    free = list(range(len(positions)))
    left = {int(label): amounts[int(label)] for label in random.permutation(sorted(amounts))}
    loose = tuple(sorted({each.multiplicity for each in positions if each.freedom}))
    chosen: list[tuple[int, WyckoffPosition]] = []
    for label in left:
        while left[label]:
            able: dict[int, list[int]] = {}
            for place in free:
                size = positions[place].multiplicity
                if size > left[label]:
                    continue
                after = [count - size * (other == label) for other, count in left.items()]
                fixed = Counter(
                    positions[k].multiplicity
                    for k in free
                    if not positions[k].freedom and (k != place or positions[place].freedom)
                )
                if _fits(tuple(sorted(after)), tuple(sorted(fixed.items())), loose):
                    able.setdefault(size, []).append(place)
            size = sorted(able)[int(random.integers(len(able)))]
            place = able[size][int(random.integers(len(able[size])))]
            chosen.append((label, positions[place]))
            left[label] -= size
            if positions[place].freedom == 0:
                free.remove(place)
    return chosen


def arrange(
    number: int,
    amounts: Mapping[int, int],
    *,
    random: np.random.Generator,
    orbits_min: int = 1,
    tries: int = _TRIES,
) -> SymmetricCell:
    """Draw Wyckoff positions for a primitive cell's atoms, so many of each label; label 0 stands for orbits that differ from each other.

    The crystal has exactly this space group for general parameters and different species. Raises `SpecError` when the atoms do not fit, or fit only
    in arrangements of higher symmetry.
    """
    told = f"space group {number}"
    if not fits(number, list(amounts.values())):
        raise SpecError(
            f"{_counted(amounts)} cannot take the Wyckoff positions of {told} in a primitive cell.",
            hint="Ask for another number of atoms or formula units, or another space group.",
        )
    for _ in range(tries):
        filling = _filling(number, amounts, random)
        if len(filling) < orbits_min:
            continue
        cell = _cell(number, filling)
        if _group_of(number, cell, random) == number:
            return cell
    raise SpecError(
        f"{_counted(amounts)} in {told} make only crystals of higher symmetry, or with fewer than {orbits_min} kinds of sites.",
        hint="Ask for more atoms or formula units, or for the space group of higher symmetry.",
    )


@lru_cache(maxsize=4096)
def check_arrangement(number: int, amounts: tuple[int, ...]) -> None:
    """Raise `SpecError` where atoms, so many of each element, fit a group not at all or only with a higher symmetry.

    One amount stands for atoms whose species are open.
    """
    labels = dict(enumerate(amounts, start=int(len(amounts) > 1)))
    arrange(number, labels, random=np.random.default_rng(number), tries=_TRIES_TO_KNOW)


def _counted(amounts: Mapping[int, int]) -> str:
    counts = " + ".join(str(count) for count in amounts.values())
    return f"{counts} atoms"


def _cell(number: int, filling: Sequence[tuple[int, WyckoffPosition]]) -> SymmetricCell:
    group = primitive_group(number)
    labels: list[int] = []
    leader: list[int] = []
    rows: list[tuple[FloatArray, FloatArray, FloatArray, FloatArray]] = []
    probe = np.random.default_rng(number).random(3)
    for label, position in filling:
        point = position.projector @ probe + position.shift
        images = group.rotations @ point + group.translations
        gap = images[:, None, :] - images[None, :, :]
        gap -= np.round(gap)
        same = np.abs(gap).max(axis=-1) < 10 * _SAME
        once = np.flatnonzero(~np.triu(same, k=1).any(axis=0))
        first = len(labels)
        for place in once:
            labels.append(label)
            leader.append(first)
            rows.append(
                (group.rotations[place], group.translations[place], position.projector, position.shift)
            )
    return SymmetricCell(
        labels=np.array(labels, np.int64),
        leader=np.array(leader, np.int64),
        rotations=np.array([row[0] for row in rows]),
        translations=np.array([row[1] for row in rows]),
        projectors=np.array([row[2] for row in rows]),
        shifts=np.array([row[3] for row in rows]),
    )


def _group_of(number: int, cell: SymmetricCell, random: np.random.Generator) -> int:
    """The space group of the arrangement with parameters at random, orbits of label 0 all told apart."""
    from matsmith.models.random_structures import random_lattice

    lattice = random_lattice(number, volume_angstrom3=_PROBE_VOLUME_ANGSTROM3, random=random)
    kinds = np.where(cell.labels == 0, 1000 + cell.leader, cell.labels)
    shape: Any = (
        primitive_group(number).basis.T @ lattice,
        cell.places(random.random((len(kinds), 3))),
        kinds,
    )
    found = spglib_or_none("get_symmetry_dataset", shape, tolerance_angstrom=_PROBE_ANGSTROM)
    return 0 if found is None else int(found.number)


@lru_cache(maxsize=230)
def reduced_axes(number: int) -> tuple[Axes, ...]:
    """The orders of a primitive cell's vectors that a reduced cell may have, in which vectors of equal length stand together."""
    metric = metric_projector(number) @ np.array([1.0, 2.0, 4.0, 0.1, 0.3, 0.7])
    lengths = np.round(metric[:3], 6).tolist()
    return tuple(
        axes for axes in AXES if lengths[axes[0]] != lengths[axes[2]] or lengths[axes[1]] == lengths[axes[0]]
    )


@lru_cache(maxsize=230 * len(AXES))
def metric_projector(number: int, axes: Axes = AXES[0]) -> FloatArray:
    """The matrix (6, 6) that averages a primitive cell's metric over a group, on its xx, yy, zz and √2·(yz, xz, xy); its vectors in this order."""
    pairs = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))
    rotations = primitive_group(number).rotations[:, list(axes)][:, :, list(axes)]
    columns: list[FloatArray] = []
    for row, column in pairs:
        unit = np.zeros((3, 3))
        unit[row, column] = unit[column, row] = 1.0 if row == column else 1 / np.sqrt(2)
        mean = (rotations.transpose(0, 2, 1) @ unit @ rotations).mean(axis=0)
        columns.append(np.array([mean[r, c] * (1.0 if r == c else np.sqrt(2)) for r, c in pairs]))
    return np.array(columns).T
