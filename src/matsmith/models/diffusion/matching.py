"""How well predicted crystals match known ones: match rate, RMSE, cRMSE and METRe at k samples a crystal.

A match is one of pymatgen's StructureMatcher with stol 0.5, ltol 0.3, angle_tol 10, as in the literature of the field. RMSE is over matched
crystals, in units of the cube root of the volume per atom. cRMSE counts a miss as 0.5, and METRe is the share of known crystals that any
sample of their formula matches, whichever of the formula's crystals it was drawn for (Martirossyan et al. 2025). At stol 0.5 atoms at
random in the right cell match often, at a large RMSE: a match rate says little without it.
"""

from __future__ import annotations

import sys
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from matsmith.core.elements import SYMBOLS

if TYPE_CHECKING:
    from pymatgen.core import Structure

MISS = 0.5
"""What a crystal without a match counts in cRMSE: the matcher's own limit."""


@dataclass(frozen=True, slots=True)
class Score:
    """Figures at k samples a crystal; shares in [0, 1] with one standard error, RMSE without unit."""

    k: int
    crystals: int
    match: float
    match_error: float
    rmse: float
    crmse: float
    metre: float
    metre_rmse: float


def to_structure(
    numbers: NDArray[np.int64], frac: NDArray[np.float32], lattice: NDArray[np.float32]
) -> Structure:
    """Return a pymatgen structure of atomic numbers (n,), coordinates (n, 3) and lattice (3, 3) in Å."""
    from pymatgen.core import Lattice, Structure

    symbols = [SYMBOLS[int(number) - 1] for number in numbers]
    return Structure(Lattice(lattice.astype(np.float64)), symbols, frac.astype(np.float64))


def distances(
    known: list[Structure], formulas: list[str], samples: list[list[Structure]], *, quiet: bool = False
) -> list[NDArray[np.float64]]:
    """Return for every known crystal the distances to all samples of its formula, own samples first; infinite where there is no match."""
    from pymatgen.analysis.structure_matcher import StructureMatcher

    matcher = StructureMatcher(stol=0.5, ltol=0.3, angle_tol=10)
    found: list[NDArray[np.float64]] = []
    for index, crystal in enumerate(known):
        others = [
            s for j, made in enumerate(samples) if j != index and formulas[j] == formulas[index] for s in made
        ]
        values: list[float] = []
        for sample in [*samples[index], *others]:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                result = cast("tuple[float, float] | None", matcher.get_rms_dist(crystal, sample))
            values.append(float("inf") if result is None else float(result[0]))
        found.append(np.array(values))
        if not quiet and (index + 1) % 50 == 0:
            print(f"{index + 1} of {len(known)} crystals compared", file=sys.stderr, flush=True)
    return found


def score(found: list[NDArray[np.float64]], *, own: list[int], k: int) -> Score:
    """Return the figures at the first k of each crystal's `own` samples; METRe takes the first k of every other crystal of its formula too."""
    best: list[float] = []
    anyone: list[float] = []
    for values, count in zip(found, own, strict=True):
        best.append(float(values[: min(k, count)].min()))
        others = values[count:].reshape(-1, count)[:, :k] if len(values) > count else values[:0]
        anyone.append(min(best[-1], float(others.min()) if others.size else float("inf")))
    nearest, pooled = np.array(best), np.array(anyone)
    hit, hit_pooled = np.isfinite(nearest), np.isfinite(pooled)
    share = float(hit.mean())
    return Score(
        k=k,
        crystals=len(found),
        match=share,
        match_error=float(np.sqrt(share * (1 - share) / len(found))),
        rmse=float(nearest[hit].mean()) if hit.any() else float("nan"),
        crmse=float(np.where(hit, nearest, MISS).mean()),
        metre=float(hit_pooled.mean()),
        metre_rmse=float(pooled[hit_pooled].mean()) if hit_pooled.any() else float("nan"),
    )
