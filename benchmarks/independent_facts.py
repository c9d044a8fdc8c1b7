"""Facts for the independent check of verdicts: tables, measured crystals, prices; shares no code with the package.

The package's own data files are read as facts (measured crystals, prices, toxicity); everything done with them is written
here a second time, from their description alone.
"""

from __future__ import annotations

import csv
import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from math import gcd
from pathlib import Path
from typing import Any

import numpy as np
import spglib
from numpy.typing import NDArray
from pymatgen.analysis.phase_diagram import PDEntry, PhaseDiagram
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Composition, Lattice, Structure

KNOWLEDGE = Path(__file__).resolve().parents[1] / "src" / "matsmith" / "knowledge"
NAMED_TABLES = (
    "mp_formation_energy",
    "mp_energy_above_hull",
    "mp_log10_bulk_modulus",
    "mp_log10_shear_modulus",
    "mp_band_gap",
    "expt_band_gap",
    "mp_refractive_index",
    "mp_stability",
    "jarvis_stability",
)
# At least 50 mg in a kilogram of crust, or more than 0.5 % of dry air (CRC Handbook of Chemistry and Physics, section 14).
COMMON_ELEMENTS = frozenset(
    [
        "O",
        "Si",
        "Al",
        "Fe",
        "Ca",
        "Na",
        "Mg",
        "K",
        "Ti",
        "H",
        "P",
        "Mn",
        "F",
        "Ba",
        "Sr",
        "S",
        "C",
        "Zr",
        "Cl",
        "V",
        "Cr",
        "Rb",
        "Ni",
        "Zn",
        "Ce",
        "Cu",
        "N",
        "Ar",
    ]
)
Key = tuple[tuple[str, int], ...]

_PLAIN = re.compile(r"([A-Z][a-z]?)(\d*)")


def formula_key(formula: str) -> Key | None:
    """Elements and smallest whole amounts, sorted; None when the amounts are not whole numbers.

    >>> formula_key("Mg2O2") == formula_key("OMg")
    True
    """
    amounts: dict[str, float] = {}
    if re.fullmatch(r"(?:[A-Z][a-z]?\d*)+", formula):
        for symbol, amount in _PLAIN.findall(formula):
            amounts[symbol] = amounts.get(symbol, 0) + int(amount or 1)
    else:
        amounts = {str(element): float(amount) for element, amount in Composition(formula).items()}
    whole = {symbol: round(amount) for symbol, amount in amounts.items()}
    if any(abs(whole[symbol] - amount) > 1e-6 or whole[symbol] < 1 for symbol, amount in amounts.items()):
        return None
    divisor = gcd(*whole.values())
    return tuple(sorted((symbol, amount // divisor) for symbol, amount in whole.items()))


class Tables:
    """The tables of a folder, read when asked for: reduced formula -> its rows."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._held: dict[str, dict[Key, list[float]]] = {}
        self._diagrams: dict[frozenset[str], PhaseDiagram] = {}

    def table(self, name: str) -> dict[Key, list[float]]:
        """Rows of one table by formula; empty when the file is not there. Truth values are read as 1 and 0."""
        if name not in self._held:
            path = self.folder / f"{name}.csv.gz"
            rows: dict[Key, list[float]] = {}
            for formula, text in _rows(path):
                key = formula_key(formula)
                if key is not None:
                    lowered = text.lower()
                    value = float(lowered == "true") if lowered in ("true", "false") else float(text)
                    rows.setdefault(key, []).append(value)
            self._held[name] = rows
        return self._held[name]

    def rows(self, name: str, key: Key | None) -> list[float]:
        """Rows of a formula, ascending."""
        return sorted(self.table(name).get(key, [])) if key is not None else []

    def holding(self, key: Key | None) -> list[str]:
        """Names of the tables in which a formula stands."""
        return [name for name in NAMED_TABLES if key is not None and key in self.table(name)]

    def formation_energies(self, elements: frozenset[str]) -> dict[Key, float]:
        """Lowest formation energy of every compound of these elements, eV/atom."""
        return {
            key: min(energies)
            for key, energies in self.table("mp_formation_energy").items()
            if len(key) > 1 and all(symbol in elements for symbol, _ in key)
        }

    def diagram(self, elements: frozenset[str]) -> PhaseDiagram:
        """Convex hull over the lowest formation energy of every formula of these elements; elements at 0 eV/atom."""
        if elements not in self._diagrams:
            entries = [PDEntry(Composition(symbol), 0.0) for symbol in sorted(elements)]
            for key, energy in self.formation_energies(elements).items():
                composition = Composition(dict(key))
                entries.append(PDEntry(composition, energy * composition.num_atoms))
            self._diagrams[elements] = PhaseDiagram(entries)
        return self._diagrams[elements]

    def above_hull(self, key: Key, formation_ev_per_atom: float) -> float:
        """Distance of a formation energy from that hull, eV/atom; negative below it."""
        diagram = self.diagram(frozenset(symbol for symbol, _ in key))
        return formation_ev_per_atom - float(diagram.get_hull_energy_per_atom(Composition(dict(key))))


def _rows(path: Path) -> Iterator[tuple[str, str]]:
    if not path.is_file():
        return
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        next(reader)
        for row in reader:
            yield row[0], row[1]


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One measured crystal."""

    formula: str
    name: str
    prototype: str
    structure: Structure
    stable: bool | None
    bulk_modulus_gpa: float | None
    density_g_per_cm3: float


def _expanded(row: dict[str, Any]) -> Structure:
    """Expand the orbits by spglib's operations in the standard setting: origin choice 2, hexagonal axes."""
    operations = _operations(int(row["space_group"]))
    species: list[str] = []
    positions: list[NDArray[np.float64]] = []
    for element, *position in row["sites"]:
        orbit: list[NDArray[np.float64]] = []
        for rotation, translation in operations:
            image = (rotation @ np.array(position, dtype=float) + translation) % 1.0
            if all(float(np.abs((image - held + 0.5) % 1.0 - 0.5).max()) > 1e-3 for held in orbit):
                orbit.append(image)
        species += [str(element)] * len(orbit)
        positions += orbit
    return Structure(Lattice.from_parameters(*row["lattice"]), species, positions)


@cache
def _operations(space_group: int) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    types = {hall: spglib.get_spacegroup_type(hall) for hall in range(1, 531)}
    settings = {hall: kind.choice for hall, kind in types.items() if kind and kind.number == space_group}
    hall = next(
        (hall for wanted in ("2", "H") for hall, choice in settings.items() if choice == wanted),
        min(settings),
    )
    found: Any = spglib.get_symmetry_from_database(hall)
    return list(zip(found["rotations"], found["translations"], strict=True))


class Facts:
    """The facts files of the package, read as data."""

    def __init__(self, folder: Path = KNOWLEDGE) -> None:
        self.folder = folder
        self._built: dict[int, Measured] = {}

    @cached_property
    def _crystal_rows(self) -> list[dict[str, Any]]:
        return json.loads((self.folder / "crystals.json").read_text(encoding="utf-8"))["crystals"]

    @cached_property
    def _elements(self) -> dict[str, Any]:
        return json.loads((self.folder / "elements.json").read_text(encoding="utf-8"))

    def crystals(self, key: Key | None = None) -> list[Measured]:
        """Measured crystals, or those of one formula."""
        chosen = [
            number
            for number, row in enumerate(self._crystal_rows)
            if key is None or formula_key(str(row["formula"])) == key
        ]
        return [self._crystal(number) for number in chosen]

    def _crystal(self, number: int) -> Measured:
        if number not in self._built:
            row = self._crystal_rows[number]
            self._built[number] = Measured(
                formula=row["formula"],
                name=row["name"],
                prototype=row["prototype"],
                structure=_expanded(row),
                stable=row["stable_at_ambient"],
                bulk_modulus_gpa=row["bulk_modulus_gpa"],
                density_g_per_cm3=row["density_g_per_cm3"],
            )
        return self._built[number]

    def match(self, structure: Structure, key: Key | None) -> Measured | None:
        """The measured crystal with this formula and structure, if there is one."""
        matcher = StructureMatcher()
        return next((one for one in self.crystals(key) if matcher.fit(structure, one.structure)), None)

    def price_usd_per_kg(self, key: Key) -> tuple[float, float] | None:
        """Lower and upper price of the elements by mass; None when one has no quote."""
        quotes: dict[str, Any] = self._elements["prices_usd_per_kg"]
        composition = Composition(dict(key))
        low = high = 0.0
        for element in composition:
            quote = quotes.get(str(element))
            if quote is None:
                return None
            share = float(composition.get_wt_fraction(element))
            low += share * quote["low"]
            high += share * quote["high"]
        return low, high

    def toxic(self, symbol: str) -> bool:
        """Whether the file lists the element as toxic."""
        entry = self._elements["toxicity"].get(symbol)
        return entry is not None and entry["class"] == "toxic"
