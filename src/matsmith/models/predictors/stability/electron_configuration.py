"""Descriptors of the view of electron configurations: how many electrons stand in each subshell, over the elements of a formula.

Ground states of neutral atoms: the Madelung rule, and the atoms that depart from it (NIST Atomic Spectra Database, levels of 2023).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from matsmith.core.elements import SYMBOLS
from matsmith.models.predictors.compositions import Compositions, FloatArray

SUBSHELLS = (
    "1s",
    "2s",
    "2p",
    "3s",
    "3p",
    "4s",
    "3d",
    "4p",
    "5s",
    "4d",
    "5p",
    "6s",
    "4f",
    "5d",
    "6p",
    "7s",
    "5f",
    "6d",
    "7p",
)
"""In the order in which they are filled."""
_ROOM = {"s": 2, "p": 6, "d": 10, "f": 14}
# What a departure takes from one subshell and puts into another.
_DEPARTURES = {
    "Cr": {"4s": 1, "3d": 5}, "Cu": {"4s": 1, "3d": 10}, "Nb": {"5s": 1, "4d": 4}, "Mo": {"5s": 1, "4d": 5},
    "Ru": {"5s": 1, "4d": 7}, "Rh": {"5s": 1, "4d": 8}, "Pd": {"5s": 0, "4d": 10}, "Ag": {"5s": 1, "4d": 10},
    "La": {"4f": 0, "5d": 1}, "Ce": {"4f": 1, "5d": 1}, "Gd": {"4f": 7, "5d": 1}, "Pt": {"6s": 1, "5d": 9},
    "Au": {"6s": 1, "5d": 10}, "Ac": {"5f": 0, "6d": 1}, "Th": {"5f": 0, "6d": 2}, "Pa": {"5f": 2, "6d": 1},
    "U": {"5f": 3, "6d": 1}, "Np": {"5f": 4, "6d": 1}, "Cm": {"5f": 7, "6d": 1},
}  # fmt: skip
_STATISTICS = ("mean", "deviation", "lowest", "highest")


def configuration(symbol: str) -> dict[str, int]:
    """Electrons of an element by subshell.

    >>> configuration("Cr")["3d"], configuration("O")["2p"], sum(configuration("U").values())
    (5, 4, 92)
    """
    left = SYMBOLS.index(symbol) + 1
    found: dict[str, int] = {}
    for name in SUBSHELLS:
        found[name] = min(left, _ROOM[name[1]])
        left -= found[name]
    return found | _DEPARTURES.get(symbol, {})


@lru_cache(maxsize=1)
def _table() -> FloatArray:
    """Electrons by atomic number and subshell, first row of zeros, shape (symbols + 1, subshells)."""
    rows = [[0] * len(SUBSHELLS)]
    rows += [[configuration(symbol)[name] for name in SUBSHELLS] for symbol in SYMBOLS]
    return np.array(rows, dtype=np.float64)


def configuration_names() -> list[str]:
    """Names of the columns of `configuration_descriptors`."""
    return [f"{statistic} {name}" for statistic in _STATISTICS for name in SUBSHELLS] + [
        f"share of {room} subshells filled" for room in _ROOM
    ]


def configuration_descriptors(compositions: Compositions) -> NDArray[np.float32]:
    """Statistics of the occupations over the atom fractions, shape (n, columns)."""
    there = (compositions.elements > 0)[:, :, None]
    values, weight = _table()[compositions.elements], compositions.fractions[:, :, None]
    mean = (weight * values).sum(axis=1)
    deviation = (weight * np.abs(values - mean[:, None, :]) * there).sum(axis=1)
    lowest = np.where(there, values, np.inf).min(axis=1)
    highest = np.where(there, values, -np.inf).max(axis=1)
    # The fraction of outer subshells that are neither empty nor full, by kind: where bonds are made.
    rooms = np.array([_ROOM[name[1]] for name in SUBSHELLS])
    partly = (values > 0) & (values < rooms)
    kinds = np.array([name[1] for name in SUBSHELLS])
    filled = [
        (weight[:, :, 0] * np.where(partly & (kinds == kind), values / rooms, 0.0).sum(axis=2)).sum(axis=1)
        for kind in _ROOM
    ]
    return np.concatenate([mean, deviation, lowest, highest, np.stack(filled, axis=1)], axis=1).astype(
        np.float32
    )
