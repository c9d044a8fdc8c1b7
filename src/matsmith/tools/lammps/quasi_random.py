"""How mixed the atoms of a cell are, and the most mixed arrangement of them: special quasi-random structures.

Warren and Cowley's parameter of a pair of elements in a shell of neighbours (Cowley, Phys. Rev. 77, 669, 1950) is

    alpha_ij = 1 - p(j next to i) / x_j,

zero in a random alloy, negative where the two prefer each other. The most mixed arrangement has the least sum over pairs and shells of
|alpha|, found by swapping atoms while a temperature falls. The search draws from its own seed, so that a cell can be made again.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from matsmith.core.errors import ToolError

FloatArray = NDArray[np.float64]
SHELLS = 3
# Weights of the shells: nearest neighbours count most.
_WEIGHTS = (1.0, 0.5, 0.25)
_MOST_SWAPS, _SWAPS_A_SITE = 6000, 60
_RESTARTS = 3
_WARM, _COLD = 0.2, 1e-3
# Two shells stand at least so far apart, in nearest distances: those of fcc, bcc and hcp do.
_GAP = 0.08
_REACH = 2.05


def shells_of(positions: FloatArray, cell: FloatArray, *, shells: int = SHELLS) -> list[FloatArray]:
    """How often each site is a neighbour of each other in each shell, nearest first, (n, n) each; images of a site count.

    `positions` are fractional (n, 3), `cell` has the vectors in Å as rows. Raises `ToolError` where there are too few shells within reach.
    """
    from pymatgen.core import Lattice, Structure

    structure = Structure(Lattice(cell), ["H"] * len(positions), positions)
    nearest = 0.9 * (structure.volume / len(positions)) ** (1 / 3)
    centres, others, _, distances = structure.get_neighbor_list(_REACH * 1.25 * nearest)
    if not len(distances):
        raise ToolError("The cell has no neighbours within reach.", hint="Give a denser cell.")
    first = float(distances.min())
    ordered = np.sort(distances)
    edges = [0.0]
    for low, high in pairwise(ordered):
        if high - low > _GAP * first:
            edges.append(float(low + high) / 2)
    if len(edges) <= shells:
        raise ToolError(
            "The cell has too few shells of neighbours to be told apart.", hint="Give an undistorted cell."
        )
    found: list[FloatArray] = []
    for low, high in pairwise(edges[: shells + 1]):
        counts = np.zeros((len(positions), len(positions)))
        inside = (distances > low) & (distances <= high)
        np.add.at(counts, (centres[inside], others[inside]), 1.0)
        found.append(counts)
    return found


def warren_cowley(symbols: Sequence[str], *, shells: Sequence[FloatArray]) -> dict[str, tuple[float, ...]]:
    """The parameter of every pair of unlike elements in each shell, elements in alphabetical order; empty for one element."""
    elements = sorted(set(symbols))
    members = _members(symbols, elements)
    found: dict[str, tuple[float, ...]] = {}
    tables = [_alpha(members.T @ shell @ members, members.sum(axis=0)) for shell in shells]
    for place, one in enumerate(elements):
        for offset, other in enumerate(elements[place + 1 :], start=place + 1):
            found[f"{one}-{other}"] = tuple(round(float(table[place, offset]), 4) + 0.0 for table in tables)
    return found


def disorder(symbols: Sequence[str], *, shells: Sequence[FloatArray]) -> float:
    """What is made small: the weighted sum of |alpha| over pairs of elements and shells; 0 is as mixed as an infinite random alloy."""
    members = _members(symbols, sorted(set(symbols)))
    counts = [members.T @ shell @ members for shell in shells]
    return _objective(counts, members.sum(axis=0))


def most_mixed(symbols: Sequence[str], *, shells: Sequence[FloatArray], seed: int) -> list[str]:
    """The same atoms on the same sites, arranged as near to random as a few thousand swaps find."""
    elements = sorted(set(symbols))
    draw = np.random.default_rng([seed, len(symbols)])
    best, least = list(symbols), disorder(symbols, shells=shells)
    for _ in range(_RESTARTS):
        if least < 1e-9:
            break
        order: list[int] = draw.permutation(len(symbols)).tolist()
        found, value = _annealed([symbols[place] for place in order], elements, shells, draw)
        if value < least - 1e-12:
            best, least = found, value
    return best


def _annealed(
    symbols: list[str], elements: list[str], shells: Sequence[FloatArray], draw: np.random.Generator
) -> tuple[list[str], float]:
    kinds = np.array([elements.index(symbol) for symbol in symbols])
    members = _members(symbols, elements)
    amounts = members.sum(axis=0)
    near = [shell @ members for shell in shells]
    counts = [members.T @ each for each in near]
    value = _objective(counts, amounts)
    best, least = kinds.copy(), value
    swaps = min(_MOST_SWAPS, _SWAPS_A_SITE * len(symbols))
    pairs = draw.integers(0, len(symbols), size=(swaps, 2))
    chances = draw.random(swaps)
    for step, (a, b) in enumerate(pairs):
        p, q = kinds[a], kinds[b]
        if p == q:
            continue
        change = np.zeros(len(elements))
        change[q] += 1.0
        change[p] -= 1.0
        tried: list[FloatArray] = []
        for shell, beside, table in zip(shells, near, counts, strict=True):
            across = np.outer(change, beside[a] - beside[b])
            own = shell[a, a] + shell[b, b] - 2.0 * shell[a, b]
            tried.append(table + across + across.T + own * np.outer(change, change))
        new = _objective(tried, amounts)
        temperature = _WARM * (_COLD / _WARM) ** (step / swaps)
        if new <= value or chances[step] < np.exp((value - new) / temperature):
            for place, shell in enumerate(shells):
                near[place] = near[place] + np.outer(shell[:, a] - shell[:, b], change)
            counts, value = tried, new
            kinds[a], kinds[b] = q, p
            if value < least - 1e-12:
                best, least = kinds.copy(), value
                if least < 1e-9:
                    break
    return [elements[kind] for kind in best], least


def _members(symbols: Sequence[str], elements: Sequence[str]) -> FloatArray:
    """Which site holds which element, (n, k) of 0 and 1."""
    return np.array([[float(symbol == one) for one in elements] for symbol in symbols])


def _alpha(counts: FloatArray, amounts: FloatArray) -> FloatArray:
    """Parameters (k, k) from ordered pairs (k, k) and atoms of each element (k,)."""
    total = counts.sum()
    shares = amounts / amounts.sum()
    return 1.0 - counts / (total * np.outer(shares, shares))


def _objective(counts: Sequence[FloatArray], amounts: FloatArray) -> float:
    upper = np.triu_indices(len(amounts), k=1)
    return float(
        sum(
            weight * np.abs(_alpha(table, amounts)[upper]).sum()
            for weight, table in zip(_WEIGHTS, counts, strict=False)
        )
    )
