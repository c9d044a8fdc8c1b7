"""How atoms stand about each other: radial distribution, coordination, structure factor, from frames of a trajectory.

    g(r) = n(r, r + dr) / (N ρ 4π r² dr),     N(r) = 4π ρ ∫ g s² ds,     S(q) = |Σ exp(i q·r)|² / N

S(q) is summed directly over the wave vectors that the periodic cell has, all atoms weighted alike, so that nothing is cut off; it is
that of the numbers of atoms, without the scattering lengths of X-rays or neutrons.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from matsmith.models.potentials.interface import FloatArray, IntArray
from matsmith.tools.lammps.failures import DynamicsError

if TYPE_CHECKING:
    from ase import Atoms

_GHOSTS = 400_000
_VECTORS_A_SHELL, _INNER, _FARTHEST = 48, 6, 24


@dataclass(frozen=True, slots=True, kw_only=True)
class RadialDistribution:
    """g (k,) at radii (k,) in Å, the atoms within each radius (k,), and g of each pair of kinds by (a, b) with a ≤ b."""

    radii_angstrom: FloatArray
    g: FloatArray
    within: FloatArray
    partial: dict[tuple[int, int], FloatArray]
    density_per_angstrom3: float

    def peak(self) -> tuple[float, float]:
        """Place in Å and height of the first peak: the highest point before the distribution first falls back below one."""
        above = np.flatnonzero(self.g > 1.0)
        if not len(above):
            raise DynamicsError(
                "no_shell",
                "The radial distribution has no peak.",
                hint="Take more frames or a larger cutoff.",
            )
        first = int(above[0])
        below = np.flatnonzero(self.g[first:] < 1.0)
        end = first + (int(below[0]) if len(below) else len(self.g) - first)
        top = first + int(np.argmax(self.g[first:end]))
        return float(self.radii_angstrom[top]), float(self.g[top])

    def minimum(self) -> float:
        """Place in Å of the first minimum, from a curve smoothed over 0.2 Å: between it and the origin lies the first shell."""
        place, _ = self.peak()
        step = float(self.radii_angstrom[1] - self.radii_angstrom[0])
        smooth = _smooth(self.g, max(1, round(0.2 / step)))
        # Where the shells are sharp the minimum is an empty stretch, of which the middle counts.
        inside = (self.radii_angstrom > 1.05 * place) & (self.radii_angstrom < 1.75 * place)
        low = smooth[inside]
        if not len(low):
            raise DynamicsError(
                "no_shell",
                "The radial distribution ends before its first minimum.",
                hint="Take a larger cutoff.",
            )
        nearest = self.radii_angstrom[inside][low <= low.min() + 1e-3]
        gap = np.flatnonzero(np.diff(nearest) > 1.5 * step)
        return float(nearest[: int(gap[0]) + 1 if len(gap) else len(nearest)].mean())

    def neighbours(self, within_angstrom: float) -> float:
        """Mean number of neighbours up to a distance."""
        step = float(self.radii_angstrom[1] - self.radii_angstrom[0])
        return float(np.interp(within_angstrom, self.radii_angstrom + 0.5 * step, self.within))

    def coordination(self) -> float:
        """Mean number of neighbours in the first shell, up to the first minimum."""
        return self.neighbours(self.minimum())

    @classmethod
    def mean(cls, parts: Sequence[RadialDistribution], *, weights: Sequence[float]) -> RadialDistribution:
        """The mean of distributions at the same radii."""
        share = np.asarray(weights, dtype=np.float64) / float(np.sum(weights))
        return cls(
            radii_angstrom=parts[0].radii_angstrom,
            g=share @ np.array([part.g for part in parts]),
            within=share @ np.array([part.within for part in parts]),
            partial={
                pair: share @ np.array([part.partial[pair] for part in parts]) for pair in parts[0].partial
            },
            density_per_angstrom3=float(share @ [part.density_per_angstrom3 for part in parts]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StructureFactor:
    """S (k,) at wave numbers (k,) in 1/Å, each the mean over the vectors of its shell."""

    q_per_angstrom: FloatArray
    s: FloatArray

    def peak(self) -> tuple[float, float]:
        """Wave number in 1/Å and height of the highest peak."""
        top = int(np.argmax(self.s))
        return float(self.q_per_angstrom[top]), float(self.s[top])


def radial_distribution(
    positions_angstrom: FloatArray,
    *,
    cells_angstrom: FloatArray,
    kinds: IntArray,
    cutoff_angstrom: float,
    bin_angstrom: float = 0.05,
) -> RadialDistribution:
    """g(r) of frames (f, n, 3) in cells (f, 3, 3), of atoms of the kinds (n,), averaged over the frames.

    Periodic images are counted as often as they lie within the cutoff, so that any cell serves, however small or oblique.
    """
    bins = max(2, round(cutoff_angstrom / bin_angstrom))
    edges: FloatArray = np.linspace(0.0, cutoff_angstrom, bins + 1)
    shells: FloatArray = 4 / 3 * math.pi * np.diff(edges**3)
    names: list[int] = np.unique(kinds).tolist()
    pairs = [(a, b) for a in names for b in names if a <= b]
    counts = {pair: np.zeros(bins) for pair in pairs}
    for frame, cell in zip(positions_angstrom, cells_angstrom, strict=True):
        volume = abs(float(np.linalg.det(cell)))
        for first, second, distance in _neighbours(frame, cell, cutoff_angstrom):
            low, high = np.minimum(kinds[first], kinds[second]), np.maximum(kinds[first], kinds[second])
            for a, b in pairs:
                chosen = distance[(low == a) & (high == b)]
                counts[(a, b)] += np.histogram(chosen, edges)[0] * volume
    frames, atoms = positions_angstrom.shape[:2]
    volumes = np.abs(np.linalg.det(cells_angstrom))
    of_kind = {name: int((kinds == name).sum()) for name in names}
    partial: dict[tuple[int, int], FloatArray] = {}
    for a, b in pairs:
        # Every pair is met twice, once from each end.
        expected = of_kind[a] * of_kind[b] * (1 if a == b else 2) * shells * frames
        partial[(a, b)] = counts[(a, b)] / expected
    total: FloatArray = np.sum(list(counts.values()), axis=0)
    g: FloatArray = total / (atoms**2 * shells * frames)
    density = atoms * float((1 / volumes).mean())
    return RadialDistribution(
        radii_angstrom=0.5 * (edges[1:] + edges[:-1]),
        g=g,
        within=np.cumsum(g * shells * density),
        partial=partial,
        density_per_angstrom3=density,
    )


def structure_factor(
    positions_angstrom: FloatArray,
    *,
    cells_angstrom: FloatArray,
    most_per_angstrom: float = 10.0,
    bin_per_angstrom: float = 0.1,
    seed: int = 0,
) -> StructureFactor:
    """S(q) of frames (f, n, 3) in cells (f, 3, 3) of almost one size, up to a wave number; of full shells a sample of vectors is taken."""
    reciprocal: FloatArray = np.asarray(
        2 * math.pi * np.linalg.inv(cells_angstrom.mean(axis=0)), dtype=np.float64
    )
    indices = _wave_vectors(
        reciprocal, most=most_per_angstrom, width=bin_per_angstrom, rng=np.random.default_rng(seed)
    )
    lengths = np.linalg.norm(indices @ reciprocal.T, axis=1)
    total = np.zeros(len(indices))
    for frame, cell in zip(positions_angstrom, cells_angstrom, strict=True):
        total += _intensities(frame, cell, indices)
    values = total / (positions_angstrom.shape[0] * positions_angstrom.shape[1])
    shells = (lengths / bin_per_angstrom).astype(np.int64)
    filled, inverse, held = np.unique(shells, return_inverse=True, return_counts=True)
    return StructureFactor(
        q_per_angstrom=np.bincount(inverse, weights=lengths, minlength=len(filled)) / held,
        s=np.bincount(inverse, weights=values, minlength=len(filled)) / held,
    )


def sharpest_reflection(
    positions_angstrom: FloatArray, *, cell_angstrom: FloatArray, most_per_angstrom: float
) -> float:
    """The largest |Σ exp(i q·r)|² / N of any single wave vector up to a wave number, of one frame (n, 3).

    In a crystal it grows with the number of atoms; in a melt or a glass it stays some ten times the mean at the peak, by chance.
    """
    reach = np.minimum(
        np.ceil(most_per_angstrom * np.linalg.norm(cell_angstrom, axis=1) / (2 * math.pi)), _FARTHEST
    ).astype(np.int64)
    first, second, third = (int(each) for each in reach)
    # Half of all: opposites are alike.
    grid: IntArray = np.indices((first + 1, 2 * second + 1, 2 * third + 1)).reshape(3, -1).T.astype(np.int64)
    grid -= np.array([0, second, third])
    lengths = np.linalg.norm(2 * math.pi * grid @ np.linalg.inv(cell_angstrom).T, axis=1)
    chosen = grid[(lengths > 1e-9) & (lengths <= most_per_angstrom)]
    return float(_intensities(positions_angstrom, cell_angstrom, chosen).max()) / len(positions_angstrom)


def _intensities(frame: FloatArray, cell: FloatArray, indices: IntArray) -> FloatArray:
    """|Σ exp(i q·r)|² (v,) of one frame (n, 3) for wave vectors (v, 3) of the cell.

    exp(i h x) of all orders h comes from one table: three multiplications a vector and atom in place of a sine.
    """
    reach = int(np.abs(indices).max())
    fractional: FloatArray = np.asarray(frame @ np.linalg.inv(cell), dtype=np.float64)
    powers = np.exp(2j * math.pi * np.arange(-reach, reach + 1)[:, None, None] * fractional[None])
    found = np.empty(len(indices))
    for begin in range(0, len(indices), 256):
        h, k, m = (indices[begin : begin + 256] + reach).T
        waves = np.einsum("vn,vn,vn->v", powers[h, :, 0], powers[k, :, 1], powers[m, :, 2])
        found[begin : begin + 256] = np.abs(waves) ** 2
    return found


def _wave_vectors(reciprocal: FloatArray, *, most: float, width: float, rng: np.random.Generator) -> IntArray:
    """Indices (v, 3) of wave vectors up to a length, one of each pair of opposites, of each shell at most a fixed number.

    The innermost are all there; beyond, random directions are rounded to the vectors that the cell has.
    """
    inner = np.arange(-_INNER, _INNER + 1)
    block = np.stack(np.meshgrid(inner, inner, inner, indexing="ij"), axis=-1).reshape(-1, 3)
    shells = math.ceil(most / width)
    directions = rng.normal(size=(shells, 3 * _VECTORS_A_SHELL, 3))
    directions /= np.linalg.norm(directions, axis=2, keepdims=True)
    drawn = (directions * (width * (np.arange(shells) + 0.5))[:, None, None]).reshape(-1, 3)
    rounded = np.rint(drawn @ np.linalg.inv(reciprocal).T).astype(np.int64)
    found: IntArray = np.unique(np.concatenate([block, rounded]), axis=0)
    h, k, m = found.T
    found = found[(h > 0) | ((h == 0) & ((k > 0) | ((k == 0) & (m > 0))))]
    lengths = np.linalg.norm(found @ reciprocal.T, axis=1)
    found, lengths = found[lengths <= most], lengths[lengths <= most]
    order = rng.permutation(len(found))
    shell = (lengths[order] / width).astype(np.int64)
    place = np.argsort(shell, kind="stable")
    ordered: IntArray = shell[place]
    starts: IntArray = np.asarray(np.searchsorted(ordered, ordered), dtype=np.int64)
    return found[order[place[np.arange(len(place)) - starts < _VECTORS_A_SHELL]]]


def _neighbours(
    positions: FloatArray, cell: FloatArray, cutoff: float
) -> Iterator[tuple[IntArray, IntArray, FloatArray]]:
    """Ordered pairs (i, j, distance) within the cutoff, in parts; j stands for an atom or one of its images."""
    from scipy import spatial

    kd_tree: Any = spatial.KDTree

    fractional = positions @ np.linalg.inv(cell)
    fractional -= np.floor(fractional)
    heights = 1 / np.linalg.norm(np.linalg.inv(cell), axis=0)
    pad = cutoff / heights
    ghosts: list[FloatArray] = []
    owners: list[IntArray] = []
    for image in product(*(range(-math.ceil(p), math.ceil(p) + 1) for p in pad)):
        shifted = fractional + np.array(image)
        near = np.flatnonzero(((shifted > -pad) & (shifted < 1 + pad)).all(axis=1))
        ghosts.append(shifted[near] @ cell)
        owners.append(near.astype(np.int64))
    places, owner = np.concatenate(ghosts), np.concatenate(owners)
    if len(places) > _GHOSTS:
        raise DynamicsError(
            "too_large",
            f"Neighbours within {cutoff:g} Å of {len(positions)} atoms are too many to count.",
            hint="Take a smaller cutoff or fewer atoms.",
        )
    tree: Any = kd_tree(places)
    inside = fractional @ cell
    for begin in range(0, len(inside), 1000):
        part: Any = kd_tree(inside[begin : begin + 1000])
        found: Any = part.sparse_distance_matrix(tree, cutoff, output_type="ndarray")
        real: NDArray[np.bool_] = found["v"] > 1e-9
        yield (
            found["i"][real].astype(np.int64) + begin,
            owner[found["j"][real]],
            np.asarray(found["v"][real], dtype=np.float64),
        )


def _smooth(values: FloatArray, width: int) -> FloatArray:
    return np.convolve(
        np.pad(values, width, mode="edge"), np.ones(2 * width + 1) / (2 * width + 1), mode="valid"
    )


def nearest_angstrom(atoms: Atoms) -> float:
    """Mean distance in Å from an atom to its nearest neighbour or image."""
    cell = np.asarray(atoms.cell, dtype=np.float64)
    places = np.asarray(atoms.get_positions(), dtype=np.float64)
    # From 1.3 spacings on, and wider where the atoms sit in molecules or layers far apart.
    radius = 1.3 * (abs(float(np.linalg.det(cell))) / len(places)) ** (1 / 3)
    for _ in range(6):
        best = np.full(len(places), np.inf)
        for first, _second, distance in _neighbours(places, cell, radius):
            np.minimum.at(best, first, distance)
        if np.isfinite(best).all():
            return float(best.mean())
        radius *= 1.5
    raise DynamicsError(
        "bad_cell", "Atoms stand alone in their cell.", hint="Give a crystal, without vacuum."
    )
