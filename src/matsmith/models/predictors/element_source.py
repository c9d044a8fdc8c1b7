"""How `element_table.json` was made: element properties of Magpie, smact and pymatgen; every column names its source.

python -m matsmith.models.predictors.element_source OUTPUT.json
"""

from __future__ import annotations

import csv
import gzip
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from matsmith.core.elements import SYMBOLS
from matsmith.core.errors import DataError

_MAGPIE = "Ward et al. 2016, npj Comput. Mater. 2, 16028 (table of smact)"
_MAGPIE_COLUMNS = {
    "Number": "atomic number", "MendeleevNumber": "Mendeleev number", "AtomicWeight": "atomic weight",
    "MeltingT": "melting temperature", "Column": "group", "Row": "row", "CovalentRadius": "covalent radius",
    "Electronegativity": "electronegativity", "NsValence": "s valence", "NpValence": "p valence",
    "NdValence": "d valence", "NfValence": "f valence", "NValence": "valence electrons",
    "NsUnfilled": "s unfilled", "NpUnfilled": "p unfilled", "NdUnfilled": "d unfilled", "NfUnfilled": "f unfilled",
    "NUnfilled": "unfilled", "GSvolume_pa": "volume per atom of the element", "GSbandgap": "gap of the element",
    "GSmagmom": "moment of the element",
}  # fmt: skip
_PYMATGEN = "pymatgen's periodic table"
_PYMATGEN_COLUMNS = {
    "Bulk modulus": "bulk modulus of the element", "Van der waals radius": "van der Waals radius",
    "Molar volume": "molar volume of the element",
}  # fmt: skip
_SMACT_COLUMNS = {
    5: ("electron affinity", "Andersen et al. 1999, doi:10.1063/1.556047 (table of smact)"),
    10: ("ionisation energy", "NIST Atomic Spectra Database (table of smact)"),
    11: ("polarisability", "ctcp.massey.ac.nz/dipole-polarizabilities (table of smact)"),
}


def _installed(package: str, name: str) -> Path:
    spec = importlib.util.find_spec(package)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / name
        if path.is_file():
            return path
    raise DataError(
        f"The table {name} of the package {package} is missing.", hint="Install the pinned versions."
    )


def make_table() -> dict[str, Any]:
    """Columns, their sources and the values by symbol; a gap takes the mean of the element's group, else of all."""
    with _installed("smact", "data/magpie.csv").open(encoding="utf-8") as stream:
        magpie = {row["element"]: row for row in csv.DictReader(stream)}
    symbols = [symbol for symbol in SYMBOLS if symbol in magpie]
    if symbols != list(SYMBOLS[: len(symbols)]):
        raise DataError("Magpie's table has a gap.", hint="Install the pinned smact.")
    lines = _installed("smact", "data/element_data.txt").read_text(encoding="utf-8").splitlines()
    smact = {line.split()[0]: line.split() for line in lines if line.strip() and not line.startswith("#")}
    with gzip.open(_installed("pymatgen.core", "periodic_table.json.gz"), "rt", encoding="utf-8") as stream:
        periodic: dict[str, Any] = json.load(stream)
    columns: dict[str, tuple[str, list[float]]] = {}
    for name, title in _MAGPIE_COLUMNS.items():
        columns[title] = (_MAGPIE, [float(magpie[symbol][name]) for symbol in symbols])
    for place, (title, source) in _SMACT_COLUMNS.items():
        columns[title] = (source, [_number(smact[symbol][place]) for symbol in symbols])
    for name, title in _PYMATGEN_COLUMNS.items():
        columns[title] = (_PYMATGEN, [_number(periodic[symbol].get(name)) for symbol in symbols])
    states = {symbol: periodic[symbol].get("Common oxidation states") or [0] for symbol in symbols}
    columns["highest common oxidation state"] = (_PYMATGEN, [float(max(states[s])) for s in symbols])
    columns["lowest common oxidation state"] = (_PYMATGEN, [float(min(states[s])) for s in symbols])
    group = np.array(columns["group"][1])
    filled = {title: _filled(np.array(values), group) for title, (_, values) in columns.items()}
    return {
        "columns": list(columns),
        "sources": {title: source for title, (source, _) in columns.items()},
        "values": {
            symbol: [float(f"{filled[title][row]:.6g}") for title in columns]
            for row, symbol in enumerate(symbols)
        },
    }


def _number(value: object) -> float:
    try:
        return float(str(value))
    except ValueError:
        return float("nan")


def _filled(
    values: np.ndarray[Any, np.dtype[np.float64]], group: np.ndarray[Any, np.dtype[np.float64]]
) -> Any:
    found = values.copy()
    for row in np.flatnonzero(~np.isfinite(values)):
        alike = np.isfinite(values) & (group == group[row])
        found[row] = values[alike].mean() if alike.any() else np.nanmean(values)
    return found


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(make_table(), indent=0) + "\n", encoding="utf-8")
