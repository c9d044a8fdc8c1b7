"""How samples and a reference set lie among each other: coverage, and distances between distributions.

A crystal is a point in two spaces: average minimum distances (Å, largest difference) and composition (earth mover's distance along Mendeleev
numbers). Two crystals are as far apart as the larger of both, each over its median between crystals of the reference. COV-R is the share of
reference crystals that have a sample nearer than their own fifth neighbour in the reference (coverage: Naeem et al., ICML 2020); COV-P is the
share of samples that lie so near to some reference crystal (precision: Kynkäänniemi et al., NeurIPS 2019). Fixed cut-offs, as CDVAE has
them, need other fingerprints and a choice for each data set. Half of the reference against the other half says what can be reached.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from matsmith.core.crystal import Crystal
from matsmith.tools.crystal_facts import density_of
from matsmith.tools.evaluation.figures import Figure, drawn, share
from matsmith.tools.evaluation.measures import (
    FloatArray,
    average_minimum_distances,
    composition_profile,
)

_NEIGHBOUR = 5
_MOST_POINTS = 3000
METHOD = f"{_NEIGHBOUR}th neighbour in the reference; average minimum distances and composition along Mendeleev numbers"


@dataclass(frozen=True, slots=True)
class Points:
    """Fingerprints of m crystals: mean distances (m, 24) in Å and profiles of composition (m, 104)."""

    distances: FloatArray
    profiles: FloatArray

    def __len__(self) -> int:
        return len(self.distances)

    def take(self, rows: np.ndarray) -> Points:
        """The points of some rows."""
        return Points(self.distances[rows], self.profiles[rows])


def points_of(crystals: Sequence[Crystal]) -> Points:
    """Fingerprints of the crystals that have one; a random choice of 3,000 where there are more."""
    chosen = list(crystals)
    if len(chosen) > _MOST_POINTS:
        rows = np.random.default_rng(0).choice(len(chosen), _MOST_POINTS, replace=False)
        chosen = [chosen[int(row)] for row in np.sort(rows)]
    pairs = [(average_minimum_distances(one), one) for one in chosen]
    kept = [(distances, composition_profile(one)) for distances, one in pairs if distances is not None]
    if not kept:
        return Points(np.zeros((0, 1)), np.zeros((0, 1)))
    return Points(np.array([distances for distances, _ in kept]), np.array([profile for _, profile in kept]))


def coverage(samples: Points, reference: Points) -> tuple[int, int] | None:
    """How many reference points are covered, and how many samples lie within the reference.

    None for a reference of at most five: none of its points has a fifth neighbour to measure by.
    """
    if len(reference) <= _NEIGHBOUR:
        return None
    if not len(samples):
        return 0, 0
    scales = _scales(reference)
    inside = _apart(reference, reference, scales=scales)
    np.fill_diagonal(inside, np.inf)
    radius = np.partition(inside, _NEIGHBOUR - 1, axis=1)[:, _NEIGHBOUR - 1]
    near = _apart(samples, reference, scales=scales) <= radius[None, :]
    return int(near.any(axis=0).sum()), int(near.any(axis=1).sum())


def _scales(points: Points) -> tuple[float, float]:
    rows = np.random.default_rng(0).permutation(len(points))[:500]
    some = points.take(rows)
    upper = np.triu_indices(len(some), 1)
    found = [
        float(np.median(_largest(some.distances, some.distances)[upper])),
        float(np.median(_summed(some.profiles, some.profiles)[upper])),
    ]
    return (found[0] or 1.0), (found[1] or 1.0)


def _apart(first: Points, second: Points, *, scales: tuple[float, float]) -> FloatArray:
    structure = _largest(first.distances, second.distances) / scales[0]
    return np.maximum(structure, _summed(first.profiles, second.profiles) / scales[1])


def _largest(a: FloatArray, b: FloatArray) -> FloatArray:
    from scipy.spatial.distance import cdist

    return np.asarray(cdist(a, b, metric="chebyshev"), dtype=np.float64)


def _summed(a: FloatArray, b: FloatArray) -> FloatArray:
    from scipy.spatial.distance import cdist

    return np.asarray(cdist(a, b, metric="cityblock"), dtype=np.float64)


def compared(samples: Sequence[Crystal], reference: Sequence[Crystal]) -> list[Figure]:
    """Coverage both ways with what half of the reference reaches against the other half, and Wasserstein distances of distributions."""
    made, known = points_of(samples), points_of(reference)
    order = np.random.default_rng(0).permutation(len(known))
    half = len(known) // 2
    figures = _coverage_figures(
        made, known, titles=("COV-R: reference covered", "COV-P: samples within the reference")
    ) + _coverage_figures(
        known.take(order[:half]),
        known.take(order[half:]),
        titles=tuple(f"COV-{side} of one half of the reference against the other" for side in "RP"),
        of="_of_reference_halves",
    )
    measured: tuple[tuple[str, str, Callable[[Crystal], float]], ...] = (
        ("density", "g/cm³", density_of),
        ("elements", "", lambda crystal: float(len(crystal.elements))),
        ("atoms", "", lambda crystal: float(len(crystal.species))),
    )
    for name, unit, measure in measured:
        ours = np.array([measure(crystal) for crystal in samples])
        theirs = np.array([measure(crystal) for crystal in reference])
        figures.append(_wasserstein(name, unit, ours, theirs))
    return figures


def _coverage_figures(
    samples: Points, reference: Points, *, titles: Sequence[str], of: str = ""
) -> list[Figure]:
    """Recall and precision; no value where the reference is too small for either."""
    found = coverage(samples, reference)
    counts = (0, 0) if found is None else (len(reference), len(samples))
    method = METHOD if found else f"needs a reference of more than {_NEIGHBOUR} crystals"
    return [
        share(f"coverage_{name}{of}", title, hits, count, method=method)
        for name, title, hits, count in zip(
            ("recall", "precision"), titles, found or (0, 0), counts, strict=True
        )
    ]


def _wasserstein(name: str, unit: str, ours: FloatArray, theirs: FloatArray) -> Figure:
    from scipy import stats

    library: Any = stats
    words = {"density": "density", "elements": "number of elements", "atoms": "atoms a cell"}[name]
    return drawn(
        f"wasserstein_{name}",
        f"Wasserstein distance, {words}",
        ours,
        of=lambda values: float(library.wasserstein_distance(values, theirs)),
        unit=unit,
        method="between the distributions of samples and reference; interval from samples drawn again",
    )
