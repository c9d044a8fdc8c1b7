"""How far two elements are from replacing each other in a crystal.

Half of the distance is mined from data: λ(a, b) of Hautier et al., Inorg. Chem. 50, 656 (2011), the log-weight of finding ion b
in the place of ion a of the same charge in known compounds, as pymatgen ships it; taken relative to a and b themselves,
over the charge that suits best. The other half is the Euclidean distance in electronegativity (Pauling), covalent
radius (Cordero et al. 2008) and modified Mendeleev number (Pettifor, Solid State Commun. 51, 31, 1984), each divided
by its standard deviation over the elements, which also covers the metals and intermetallics that ions say nothing of.
"""

from __future__ import annotations

import importlib.util
import json
import re
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from matsmith.core.elements import SYMBOLS
from matsmith.core.errors import DataError

FloatArray = NDArray[np.float64]

COVERED = 94
"""Distances are given between hydrogen and plutonium."""
INDEX: dict[str, int] = {symbol: index for index, symbol in enumerate(SYMBOLS[:COVERED])}
# λ of a pair of ions that was never observed (pymatgen's default), and the scale that makes both halves alike.
_NEVER_OBSERVED, _LAMBDA_SCALE = -5.0, 5.0
_ION = re.compile(r"([A-Z][a-z]?)(\d*\.?\d*)([+-])")


@lru_cache(maxsize=1)
def element_distances() -> FloatArray:
    """Return the symmetric matrix (94, 94) of distances, 0 on the diagonal; most good substitutions lie below 0.5."""
    features = _features()
    scaled = (features - features.mean(axis=0)) / features.std(axis=0)
    euclidean = np.sqrt(((scaled[:, None, :] - scaled[None, :, :]) ** 2).sum(axis=-1))
    distances = 0.5 * _mined() + 0.5 * euclidean
    distances.setflags(write=False)
    return distances


def element_distance(first: str, second: str) -> float:
    """Return the distance of two elements up to plutonium.

    >>> element_distance("Ca", "Sr") < element_distance("Ca", "Fe") < element_distance("Ca", "Cl")
    True
    """
    return float(element_distances()[INDEX[first], INDEX[second]])


@lru_cache(maxsize=128)
def electronegativity(symbol: str) -> float:
    """Return Pauling's electronegativity; 3.0 for the noble gases without a value, 1.3 for heavy actinides without one."""
    from pymatgen.core import Element

    value = float(Element(symbol).data.get("X") or 0.0)
    if value > 0:
        return value
    return 3.0 if symbol in {"He", "Ne", "Ar"} else 1.3


def _features() -> FloatArray:
    from ase.data import covalent_radii
    from pymatgen.core import Element

    rows = [
        (
            electronegativity(symbol),
            float(covalent_radii[index + 1]),
            float(Element(symbol).mendeleev_no or 0.0),
        )
        for symbol, index in INDEX.items()
    ]
    return np.array(rows)


def _mined() -> FloatArray:
    weights = _lambda_table()
    itself = np.diag(weights)
    distance = np.clip(0.5 * (itself[:, None] + itself[None, :]) - weights, 0.0, None) / _LAMBDA_SCALE
    np.fill_diagonal(distance, 0.0)
    return distance


def _lambda_table() -> FloatArray:
    """Return λ (94, 94), each the largest over the charges that both elements take."""
    spec = importlib.util.find_spec("pymatgen.core")
    if spec is None or not spec.submodule_search_locations:
        raise DataError("pymatgen is not installed.", hint="Install matsmith with its dependencies.")
    path = Path(next(iter(spec.submodule_search_locations))) / "structure_prediction" / "data" / "lambda.json"
    table = np.full((COVERED, COVERED), _NEVER_OBSERVED)
    try:
        rows: list[tuple[str, str, float]] = json.loads(path.read_text(encoding="utf-8"))
        for first, second, weight in rows:
            one, two = _ION.fullmatch(first), _ION.fullmatch(second)
            # The table also holds a placeholder ion (D1+); pairs of different charge would unbalance the formula.
            if one is None or two is None or one.groups()[1:] != two.groups()[1:]:
                continue
            i, j = INDEX.get(one[1]), INDEX.get(two[1])
            if i is not None and j is not None:
                table[i, j] = table[j, i] = max(table[i, j], float(weight))
    except (OSError, ValueError, TypeError) as error:
        raise DataError(
            "The table of ionic substitutions is missing or damaged.", hint="Reinstall pymatgen."
        ) from error
    return table
