"""Phonon frequencies along the usual path between the points of symmetry of a lattice (Setyawan & Curtarolo 2010, Comput. Mater. Sci. 49, 299)."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from matsmith.core.errors import UsageError

if TYPE_CHECKING:
    from pymatgen.core import Structure

FloatArray = NDArray[np.float64]
_MOST_VALUES = 6000
_MOST_WAVE_VECTORS, _FEWEST_WAVE_VECTORS = 140, 24
_SAME_LENGTH, _SAME_ANGLE_DEG = 1e-3, 0.1


@dataclass(frozen=True, kw_only=True)
class Bands:
    """Frequencies (wave vectors, branches) in THz, imaginary ones negative, at distances (wave vectors,) along the path in 1/Å.

    `ticks` name the points of symmetry by their distance; at the places in `breaks` a new piece of the path begins.
    """

    distances_per_angstrom: FloatArray
    frequencies_thz: FloatArray
    ticks: tuple[tuple[float, str], ...]
    breaks: tuple[int, ...]


def band_path(structure: Structure) -> list[list[tuple[str, FloatArray]]] | None:
    """Points of symmetry in the order in which a path visits them, piece by piece, in fractions of the cell's own reciprocal vectors.

    None where the cell is not a primitive one of its lattice.
    """
    from pymatgen.symmetry.bandstructure import HighSymmKpath

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the cell is not pymatgen's own: it is mapped to it below
        try:
            path: Any = HighSymmKpath(structure, symprec=0.01)
        except (ValueError, TypeError, KeyError, AttributeError):
            return None
    if path.kpath is None:
        return None
    found: Any = structure.lattice.find_mapping(
        path.prim.lattice, ltol=_SAME_LENGTH, atol=_SAME_ANGLE_DEG, skip_rotation_matrix=True
    )
    if found is None:
        return None
    scale = np.array(found[2], dtype=np.float64)
    if abs(abs(float(np.linalg.det(scale))) - 1.0) > 1e-6:
        return None
    # Vectors of pymatgen's cell are `scale` times ours, and so are a wave vector's fractions.
    back = np.linalg.inv(scale)
    points = {name: back @ np.array(place, dtype=np.float64) for name, place in path.kpath["kpoints"].items()}
    return [[(_shown(name), points[name]) for name in piece] for piece in path.kpath["path"]]


def bands_of(phonopy: Any, structure: Structure) -> Bands | None:
    """Bands from force constants that phonopy holds; None where there is no path, or where the cell is so large that too few points would be left."""
    branches = 3 * len(structure)
    room = min(_MOST_WAVE_VECTORS, _MOST_VALUES // branches)
    path = band_path(structure)
    if path is None or room < _FEWEST_WAVE_VECTORS:
        return None
    reciprocal = np.array(structure.lattice.reciprocal_lattice.matrix, dtype=np.float64)
    legs = [
        (piece[i], piece[i + 1], i == 0)
        for piece in path
        for i in range(len(piece) - 1)
        if not np.allclose(piece[i][1], piece[i + 1][1])
    ]
    lengths = [float(np.linalg.norm((end[1] - start[1]) @ reciprocal)) for start, end, _ in legs]
    whole = sum(lengths)
    rows: list[FloatArray] = []
    distances: list[float] = []
    ticks: list[tuple[float, str]] = []
    breaks: list[int] = []
    so_far = 0.0
    for (start, end, fresh), length in zip(legs, lengths, strict=True):
        steps = max(2, round((room - len(legs)) * length / whole))
        if fresh or not rows:
            if rows:
                breaks.append(len(rows))
                ticks[-1] = (so_far, f"{ticks[-1][1]}|{start[0]}")
            else:
                ticks.append((0.0, start[0]))
            rows.append(start[1])
            distances.append(so_far)
        for step in range(1, steps + 1):
            rows.append(start[1] + (end[1] - start[1]) * step / steps)
            distances.append(so_far + length * step / steps)
        so_far += length
        ticks.append((so_far, end[0]))
    phonopy.run_qpoints(np.array(rows), with_eigenvectors=False)
    frequencies = np.array(phonopy.qpoints.frequencies, dtype=np.float64)
    if frequencies.shape != (len(rows), branches):
        raise UsageError(
            f"{frequencies.shape} frequencies for {len(rows)} wave vectors of {branches} branches."
        )
    return Bands(
        distances_per_angstrom=np.array(distances),
        frequencies_thz=frequencies,
        ticks=tuple(ticks),
        breaks=tuple(breaks),
    )


def _shown(name: str) -> str:
    r"""A point's name as it is written: Γ, X, U₁.

    >>> _shown("\\Gamma"), _shown("X_1")
    ('Γ', 'X₁')
    """
    plain = name.replace("\\Gamma", "Γ").replace("\\Sigma", "Σ").replace("\\Delta", "Δ").replace("\\", "")
    head, _, index = plain.partition("_")
    return head + index.translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))
