"""The volume that a decorated prototype is expected to have.

With q = (r_a + r_b) / d for every pair of atoms, the pairwise energy Σ (q/s)^14 - 2 (q/s)^7 is least at the scale
s^7 = Σ q^14 / Σ q^7. A weighted geometric mean of V s³ and the volume of spheres of covalent radius (Cordero et al., Dalton Trans. 2008,
2832) gives the estimate. The radii r = r0 + k σ(X), with σ(X) the spread of the electronegativities of the atoms, are the data-mined
ones of Chu et al., Comput. Mater. Sci. 146, 184 (2018), which pymatgen ships. Unlike a rule on the shortest bond, all contacts
count. Domain: solids at ambient pressure; molecular crystals come out too small or too large.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from functools import cache
from math import exp, pi
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matsmith.core.errors import DataError

FloatArray = NDArray[np.float64]

_REPULSIVE, _ATTRACTIVE = 14, 7
_REACH_ANGSTROM = 8.0
# Fitted to the measured volumes of the binary to quaternary compounds among the prototypes themselves (least absolute error).
_CONTACT_WEIGHT, _LOG_BIAS = 0.85, 0.243


@dataclass(frozen=True, slots=True, eq=False)
class ContactSums:
    """Σ d^-7 and Σ d^-14 over the pairs of atoms of a cell and its images, by pair of slots, (slots, slots), d in Å."""

    attractive: FloatArray
    repulsive: FloatArray


def expected_volume(
    symbols: tuple[str, ...], counts: tuple[int, ...], *, contacts: ContactSums, volume_angstrom3: float
) -> float:
    """Volume in Å³ of a cell with the elements given by slot; `contacts` and `volume_angstrom3` are those of the prototype's cell."""
    radii = _bond_radii(symbols, counts)
    contact = radii[:, None] + radii[None, :]
    repulsion = (contact**_REPULSIVE * contacts.repulsive).sum()
    attraction = (contact**_ATTRACTIVE * contacts.attractive).sum()
    scale = float(repulsion / attraction) ** (1.0 / (_REPULSIVE - _ATTRACTIVE))
    spheres = sum(
        n * 4.0 / 3.0 * pi * _covalent_radius(symbol) ** 3 for n, symbol in zip(counts, symbols, strict=True)
    )
    return (
        exp(_LOG_BIAS) * (volume_angstrom3 * scale**3) ** _CONTACT_WEIGHT * spheres ** (1.0 - _CONTACT_WEIGHT)
    )


def contact_sums(
    lattice_angstrom: FloatArray, frac_coords: FloatArray, owner: NDArray[np.int64], *, n_slots: int
) -> ContactSums:
    """Sums over the pairs of atoms of a cell; `owner` (n,) is the slot of each atom."""
    from pymatgen.optimization.neighbors import find_points_in_spheres  # pyright: ignore[reportUnknownVariableType]

    cartesian = np.ascontiguousarray(frac_coords @ lattice_angstrom)
    found: Any = find_points_in_spheres(
        cartesian,
        cartesian,
        r=_REACH_ANGSTROM,
        pbc=np.array([1, 1, 1], dtype=np.int64),
        lattice=np.ascontiguousarray(lattice_angstrom),
        tol=1e-8,
    )
    centre, point, _, distance = found
    real = distance > 1e-3
    low, high = np.zeros((n_slots, n_slots)), np.zeros((n_slots, n_slots))
    pair = (owner[centre[real]], owner[point[real]])
    np.add.at(low, pair, distance[real] ** -float(_ATTRACTIVE))
    np.add.at(high, pair, distance[real] ** -float(_REPULSIVE))
    return ContactSums(attractive=low, repulsive=high)


def pymatgen_folder() -> Path:
    """Where the installed pymatgen keeps its data. Raises `DataError` when it is not installed."""
    spec = importlib.util.find_spec("pymatgen.analysis")
    if spec is None or not spec.submodule_search_locations:
        raise DataError("pymatgen is not installed.", hint="Install matsmith with its dependencies.")
    return Path(next(iter(spec.submodule_search_locations))).parent


@cache
def _bond_radii(symbols: tuple[str, ...], counts: tuple[int, ...]) -> FloatArray:
    """Data-mined radius (slots,) in Å of each element next to the others; the covalent radius where none was mined."""
    weight = np.array(counts) / sum(counts)
    x = np.array([_electronegativity(symbol) for symbol in symbols])
    spread = float(np.sqrt(max(weight @ x**2 - (weight @ x) ** 2, 0.0)))
    mined = _mined_radii()
    return np.array([_radius_at(mined[s], spread) if s in mined else _covalent_radius(s) for s in symbols])


def _radius_at(parameters: tuple[float, float], spread: float) -> float:
    """r0 + k σ(X), in Å."""
    return parameters[0] + parameters[1] * spread


@cache
def _mined_radii() -> dict[str, tuple[float, float]]:
    import yaml

    path = pymatgen_folder() / "core" / "structure_prediction" / "DLS_bond_params.yaml"
    try:
        table: dict[str, dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise DataError(
            "The table of data-mined bond lengths is missing or damaged.", hint="Reinstall pymatgen."
        ) from error
    mined = {symbol: (float(row["r"]), float(row["k"])) for symbol, row in table.items()}
    # The table's argon is -1.7e11 Å.
    return {
        symbol: values for symbol, values in mined.items() if 0.2 < values[0] < 3.0 and abs(values[1]) < 1.0
    }


@cache
def _electronegativity(symbol: str) -> float:
    from pymatgen.core import Element

    value = float(Element(symbol).data.get("X") or 0.0)
    # He, Ne and Ar have no value on Pauling's scale; krypton's stands for them.
    return value or 3.0


@cache
def _covalent_radius(symbol: str) -> float:
    from ase.data import atomic_numbers, covalent_radii

    return float(covalent_radii[atomic_numbers[symbol]])
