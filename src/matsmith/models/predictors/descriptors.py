"""Descriptors of a composition in the manner of Magpie: statistics of the elements' properties over the atom fractions.

Ward et al. 2016, npj Comput. Mater. 2, 16028. The table of element properties ships as `element_table.json`, with the source of each
column; `element_source.py` makes it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from matsmith.core.elements import SYMBOLS
from matsmith.core.errors import DataError
from matsmith.models.predictors.compositions import Compositions, FloatArray

FloatMatrix = NDArray[np.float32]
_CHUNK = 20_000
_STATISTICS = ("mean", "deviation", "lowest", "highest")
_NORMS = (2.0, 3.0, 7.0)
_OWN_COLUMNS = ("H", "B", "C", "N", "O", "F", "Si", "P", "S", "Cl", "Se", "Te")
_GROUPS = {
    "alkali": "Li Na K Rb Cs",
    "alkaline earth": "Be Mg Ca Sr Ba",
    "lanthanide": "La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu",
    "actinide": "Ac Th Pa U Np Pu",
    "early transition": "Sc Y Ti Zr Hf V Nb Ta",
    "middle transition": "Cr Mo W Mn Tc Re Fe Ru Os Co Rh Ir",
    "late transition": "Ni Pd Pt Cu Ag Au",
    "d10": "Zn Cd Hg",
    "p metal": "Al Ga In Tl Sn Pb Bi",
    "pnictogen": "N P As Sb Bi",
    "chalcogen": "O S Se Te",
    "halogen": "F Cl Br I",
}


@dataclass(frozen=True)
class ElementTable:
    """`values` (symbols, columns); rows by atomic number from hydrogen on."""

    columns: tuple[str, ...]
    values: FloatArray

    @property
    def covered(self) -> frozenset[str]:
        """Symbols that have a row."""
        return frozenset(SYMBOLS[: len(self.values)])


@lru_cache(maxsize=1)
def element_table() -> ElementTable:
    """The table that ships. Raises `DataError` when it is missing or damaged."""
    try:
        text = files("matsmith.models.predictors").joinpath("element_table.json").read_text(encoding="utf-8")
        raw = json.loads(text)
        rows = [raw["values"][symbol] for symbol in SYMBOLS[: len(raw["values"])]]
        table = ElementTable(tuple(raw["columns"]), np.array(rows, dtype=np.float64))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            "The table of element properties is missing or damaged.", hint="Reinstall matsmith."
        ) from error
    if table.values.shape[1] != len(table.columns) or not np.isfinite(table.values).all():
        raise DataError("The table of element properties is damaged.", hint="Reinstall matsmith.")
    return table


def descriptor_names() -> list[str]:
    """Names of the descriptors, in the order of `descriptors`."""
    return [
        *(f"{statistic} {column}" for statistic in _STATISTICS for column in element_table().columns),
        *(f"{norm:g}-norm of fractions" for norm in _NORMS),
        "number of elements",
        "largest fraction",
        "mean ionic character",
        "largest ionic character",
        "charge left at highest states",
        "charge left at lowest states",
        "electronegativity of anions less cations",
        *(f"fraction {symbol}" for symbol in _OWN_COLUMNS),
        *(f"fraction {name}" for name in _GROUPS),
    ]


def descriptors(compositions: Compositions) -> FloatMatrix:
    """Descriptors, shape (n, columns), of compositions whose elements the table covers."""
    parts = [
        _descriptors(compositions.part(slice(begin, begin + _CHUNK)))
        for begin in range(0, len(compositions), _CHUNK)
    ]
    return np.concatenate(parts) if parts else np.zeros((0, len(descriptor_names())), dtype=np.float32)


def _descriptors(compositions: Compositions) -> FloatMatrix:
    table = element_table()
    rows, fraction = np.maximum(compositions.elements - 1, 0), compositions.fractions
    there = compositions.elements > 0
    values = table.values[rows]  # (n, k, columns)
    weight = fraction[:, :, None]
    mean = (weight * values).sum(axis=1)
    deviation = (weight * np.abs(values - mean[:, None, :])).sum(axis=1)
    lowest = np.where(there[:, :, None], values, np.inf).min(axis=1)
    highest = np.where(there[:, :, None], values, -np.inf).max(axis=1)
    norms = [((fraction**norm).sum(axis=1)) ** (1.0 / norm) for norm in _NORMS]
    own = _shares(compositions)
    stacked = [
        mean, deviation, lowest, highest,
        np.stack([*norms, there.sum(axis=1), fraction.max(axis=1), *_bonding(compositions, values, there)], axis=1),
        own,
    ]  # fmt: skip
    return np.concatenate(stacked, axis=1).astype(np.float32)


def _bonding(compositions: Compositions, values: FloatArray, there: NDArray[np.bool_]) -> list[FloatArray]:
    """Ionic character of pairs (Pauling's 1 - exp(-d^2/4)), charge left over, and the step in electronegativity; each (n,)."""
    columns = element_table().columns
    fraction = compositions.fractions
    negativity = values[:, :, columns.index("electronegativity")]
    pair = 1.0 - np.exp(-0.25 * (negativity[:, :, None] - negativity[:, None, :]) ** 2)
    weights = fraction[:, :, None] * fraction[:, None, :]
    mean_ionic = (weights * pair).sum(axis=(1, 2))
    largest_ionic = (pair * (weights > 0)).max(axis=(1, 2))
    high, low = (
        values[:, :, columns.index(f"{side} common oxidation state")] for side in ("highest", "lowest")
    )
    anion = _anions(negativity, low=low, there=there)
    cation = there & ~anion
    taken = (fraction * np.where(anion, low, 0.0)).sum(axis=1)
    at_highest = taken + (fraction * np.where(cation, np.maximum(high, 0.0), 0.0)).sum(axis=1)
    positive_low = np.where(low > 0, low, np.maximum(high, 0.0))
    at_lowest = taken + (fraction * np.where(cation, positive_low, 0.0)).sum(axis=1)
    share = np.maximum(fraction * anion, 0.0).sum(axis=1)
    of_anions = (fraction * anion * negativity).sum(axis=1) / np.maximum(share, 1e-9)
    of_cations = (fraction * cation * negativity).sum(axis=1) / np.maximum(1.0 - share, 1e-9)
    step = np.where((share > 0) & (share < 1), of_anions - of_cations, 0.0)
    return [mean_ionic, largest_ionic, at_highest, at_lowest, step]


def _anions(negativity: FloatArray, *, low: FloatArray, there: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which elements are anions, (n, k): the most electronegative one and what is close to it, where a negative state is common."""
    top = np.where(there, negativity, -np.inf).max(axis=1, keepdims=True)
    return there & (negativity > top - 0.5) & (low < 0)


def _shares(compositions: Compositions) -> FloatArray:
    """Fractions of single elements and of groups, shape (n, columns)."""
    return (compositions.fractions[:, :, None] * _members().T[compositions.elements]).sum(axis=1)


@lru_cache(maxsize=1)
def _members() -> FloatArray:
    """Whether an atomic number belongs to each of the single elements and groups, shape (columns, symbols + 1)."""
    groups = [*([symbol] for symbol in _OWN_COLUMNS), *(names.split() for names in _GROUPS.values())]
    member = np.zeros((len(groups), len(SYMBOLS) + 1))
    for row, symbols in enumerate(groups):
        for symbol in symbols:
            member[row, SYMBOLS.index(symbol) + 1] = 1.0
    return member


def parts_by_element(compositions: Compositions, *, usual: NDArray[np.float32]) -> FloatArray:
    """To which elements each descriptor is owed, shape (n, columns, k + 1); each sums to 1, and the last is for what no element there makes.

    A mean is owed to the elements that pull it away from `usual` (columns,), a lowest or highest value to the element that has it, a pair
    to both of its elements, and that an element or a group is absent to none of those that are there.
    """
    table = element_table()
    rows, fraction = np.maximum(compositions.elements - 1, 0), compositions.fractions
    there = compositions.elements > 0
    values = table.values[rows]
    width = len(table.columns)
    mean = (fraction[:, :, None] * values).sum(axis=1)
    blocks = [
        fraction[:, :, None] * np.abs(values - usual[None, None, :width]),
        fraction[:, :, None] * np.abs(values - mean[:, None, :]),
        there[:, :, None] & (values == np.where(there[:, :, None], values, np.inf).min(axis=1)[:, None, :]),
        there[:, :, None] & (values == np.where(there[:, :, None], values, -np.inf).max(axis=1)[:, None, :]),
        fraction[:, :, None] ** np.array(_NORMS),
        there[:, :, None],
        fraction[:, :, None] == fraction.max(axis=1)[:, None, None],
        _parts_of_bonding(compositions, values, there),
    ]
    owed = np.concatenate([block.astype(np.float64) for block in blocks], axis=2).transpose(0, 2, 1)
    total = owed.sum(axis=2, keepdims=True)
    owed = np.where(total > 1e-12, owed / np.maximum(total, 1e-12), fraction[:, None, :])
    own = _members()[:, compositions.elements].transpose(1, 0, 2) * fraction[:, None, :]
    held = own.sum(axis=2, keepdims=True)
    own = np.where(held > 0, own / np.maximum(held, 1e-12), 0.0)
    found = np.concatenate([owed, own], axis=1)
    return np.concatenate([found, 1.0 - found.sum(axis=2, keepdims=True)], axis=2)


def _parts_of_bonding(compositions: Compositions, values: FloatArray, there: NDArray[np.bool_]) -> FloatArray:
    """Weights of the elements in what `_bonding` returns, shape (n, k, 5)."""
    columns = element_table().columns
    fraction = compositions.fractions
    negativity = values[:, :, columns.index("electronegativity")]
    high, low = (
        values[:, :, columns.index(f"{side} common oxidation state")] for side in ("highest", "lowest")
    )
    pair = 1.0 - np.exp(-0.25 * (negativity[:, :, None] - negativity[:, None, :]) ** 2)
    weights = fraction[:, :, None] * fraction[:, None, :]
    there_both = pair * (weights > 0)
    top = there_both.max(axis=(1, 2), keepdims=True)
    anion = _anions(negativity, low=low, there=there)
    positive_low = np.where(low > 0, low, np.maximum(high, 0.0))
    cation = there & ~anion
    of_anions: FloatArray = (fraction * anion).sum(axis=1, keepdims=True)
    of_cations: FloatArray = (fraction * cation).sum(axis=1, keepdims=True)
    side: FloatArray = np.where(anion, of_anions, of_cations)
    return np.stack(
        [
            (weights * pair).sum(axis=2),
            ((there_both == top) & (top > 0)).sum(axis=2),
            fraction * np.abs(np.where(anion, low, np.maximum(high, 0.0))),
            fraction * np.abs(np.where(anion, low, positive_low)),
            np.where(there, fraction / np.maximum(side, 1e-9), 0.0),
        ],
        axis=2,
    )
