"""One answer of several samples of a formula: the sample that most of the others are like.

Samples of a formula fall into kinds, such as ABX3 with A or with B on the corner, as often as the model believes in each. A sample taken at random is of
the right kind with chance p² + (1 - p)² where the model's belief p is right, one of the kind that most are of with chance max(p, 1 - p); and the middle of a kind
lies nearer to what it is a noisy copy of. On Perov-5 the second is what helps: the beliefs there are little better than a coin.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from matsmith.core.errors import UsageError
from matsmith.models.diffusion.data_format import CrystalTable

NEIGHBOURS = 12
"""How many neighbours of each species an atom's surroundings are told by."""
WIDTH = 0.07
"""Distance of two fingerprints at which samples are hardly alike any more."""
_REACH = 2


def fingerprint(
    numbers: NDArray[np.int64], frac: NDArray[np.float32], lattice: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Return the mean distances (pairs of species, NEIGHBOURS) of atoms of one species to their first neighbours of another.

    In units of the cube root of the volume per atom, species in order of their numbers. The same for any choice of origin, order of atoms or (but for
    neighbours farther than two cells) cell, with pairs weighted by the atoms that the first species has. Sum of squares over the pairs is one of atoms.
    """
    cell = lattice.astype(np.float64)
    size = (abs(float(np.linalg.det(cell))) / len(numbers)) ** (1 / 3)
    steps = np.arange(-_REACH, _REACH + 1)
    shifts = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(-1, 3)
    gaps = frac[None, :, :].astype(np.float64) - frac[:, None, :]
    gaps -= np.round(gaps)
    ways = (gaps[:, :, None, :] + shifts) @ cell
    lengths = np.sqrt((ways**2).sum(-1)) / max(size, 1e-9)
    kinds = np.unique(numbers)
    rows: list[NDArray[np.float64]] = []
    for first in kinds:
        for second in kinds:
            near = np.sort(
                lengths[numbers == first][:, numbers == second].reshape((numbers == first).sum(), -1), 1
            )
            near = near[:, int(first == second) :][:, :NEIGHBOURS]  # an atom is no neighbour of itself
            rows.append(near.mean(0) * np.sqrt((numbers == first).mean() / (len(kinds) * NEIGHBOURS)))
    return np.stack(rows)


def most_alike(prints: NDArray[np.float64], *, width: float = WIDTH) -> int:
    """Return which of the fingerprints (m, pairs, NEIGHBOURS) has most others near it, those nearer counting more; the first of equals."""
    flat = prints.reshape(len(prints), -1)
    squares = ((flat[:, None] - flat[None]) ** 2).sum(-1)
    return int(np.exp(-0.5 * squares / width**2).sum(1).argmax())


def agreed(table: CrystalTable, *, of: int, width: float = WIDTH) -> CrystalTable:
    """Return of every `of` crystals in a row, which must be of one formula, the one that most of the others are like.

    Raises `UsageError` where the crystals are no whole number of such rows, or formulas differ in one.
    """
    if of < 1 or len(table) % of:
        raise UsageError(
            f"{len(table)} crystals are no whole number of {of} each.", hint="Sample so many a formula."
        )
    chosen: list[int] = []
    for begin in range(0, len(table), of):
        rows = range(begin, begin + of)
        if len({table.formulas[row] for row in rows}) > 1:
            raise UsageError(
                "Samples of different formulas cannot agree.", hint="Keep those of a formula together."
            )
        prints = [fingerprint(*table.atoms_of(row), table.lattice[row]) for row in rows]
        chosen.append(begin + most_alike(np.stack(prints), width=width))
    return table.select(np.array(chosen))
