"""Builds `knowledge/thermochemistry/species.json.gz` from NASA's table of thermodynamic coefficients.

    python benchmarks/thermochemistry_tables.py thermo.lib

`thermo.lib` is the compiled form of the table (McBride, Zehe and Gordon 2002, NASA/TP-2002-211556) that NASA's program CEA
carries: Fortran records of 175 bytes (a condensed phase over one range of temperature) and 319 bytes (a gas over the ranges
200 to 1000, 1000 to 6000 and 6000 to 20000 K, of which the first two are kept). Kept are neutral gases and condensed phases
of inorganic substances: with carbon only elements, oxides, carbonates, cyanides, halides and the smallest molecules. Elements that it lacks are those of Bartel et al. 2018, Nat. Commun. 9, 4168, as pymatgen carries them: G(T)
every 100 K, straight lines between.
"""

from __future__ import annotations

import argparse
import gzip
import importlib.util
import json
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

TARGET = Path(__file__).resolve().parent.parent / "src/matsmith/knowledge/thermochemistry/species.json.gz"
_CONDENSED_BYTES, _GAS_BYTES = 175, 319
_MOST_ATOMS_WITH_CARBON = 3
_CARBON_GASES = frozenset({"CH4", "COCL2", "C2H2", "C2H4", "CF4", "CCL4", "Fe(CO)5", "Ni(CO)4"})
_NOT_KEPT = frozenset({"He", "Ne", "Kr", "Xe", "Rn", "D", "E"})
_GASEOUS_ELEMENTS = frozenset({"H", "N", "O", "F", "Cl", "Br", "Hg", "Ar"})
EV_IN_KJ_PER_MOL, GAS_CONSTANT = 96.48533212331, 8.31446261815324e-3
_ORGANIC_LIQUID = re.compile(r"C\d*H\d|Jet|JP-|RP-1")


@dataclass(frozen=True)
class Row:
    """One record: a substance in one phase, over one range (condensed) or two (gas)."""

    name: str
    amounts: dict[str, float]
    gas: bool
    intervals: list[tuple[float, float, tuple[float, ...]]]
    reference: str


def rows(content: bytes) -> Iterator[Row]:
    """Read the records of the two known sizes; the others are blends and liquids with another layout."""
    place = 0
    while place < len(content):
        (size,) = struct.unpack_from("<i", content, place)
        record = content[place + 4 : place + 4 + size]
        place += size + 8
        if size not in (_CONDENSED_BYTES, _GAS_BYTES):
            continue
        amounts: dict[str, float] = {}
        for slot in range(5):
            symbol = record[25 + 10 * slot : 27 + 10 * slot].decode("ascii").strip().capitalize()
            (amount,) = struct.unpack_from("<d", record, 27 + 10 * slot)
            if symbol and amount:
                amounts[symbol] = amount
        numbers = struct.unpack_from(f"<{(size - 79) // 8}d", record, 79)
        name = record[:15].decode("ascii").strip().lstrip("*")
        reference = record[19:25].decode("ascii").strip()
        if size == _CONDENSED_BYTES:
            yield Row(name, amounts, False, [(numbers[0], numbers[1], numbers[3:12])], reference)
        else:
            yield Row(
                name,
                amounts,
                True,
                [(200.0, 1000.0, numbers[3:12]), (1000.0, 6000.0, numbers[12:21])],
                reference,
            )


def kept(row: Row) -> bool:
    """Whether the substance belongs in the table."""
    if set(row.amounts) & _NOT_KEPT or row.name.startswith("Inert") or row.name.endswith(("+", "-")):
        return False
    if "C" not in row.amounts:
        return True
    if row.gas:
        return row.name in _CARBON_GASES or sum(row.amounts.values()) <= _MOST_ATOMS_WITH_CARBON
    return _ORGANIC_LIQUID.match(row.name) is None


def spelled(name: str) -> str:
    """Write the table's capitals as chemists do: AL2O3(a) -> Al2O3(a).

    >>> spelled("KALSI3O8(a)"), spelled("CaCL2(L)")
    ('KAlSI3O8(a)', 'CaCl2(l)')
    """
    return re.sub(r"CL", "Cl", re.sub(r"AL", "Al", name)).replace("(L)", "(l)")


def merged(found: list[Row]) -> list[dict[str, Any]]:
    """Join the ranges of one phase; a phase that starts anew at the same temperature stays one curve."""
    table: dict[tuple[str, bool], dict[str, Any]] = {}
    for row in found:
        key = (row.name, row.gas)
        phase = "gas" if row.gas else "liquid" if row.name.endswith("(L)") else "solid"
        entry = table.setdefault(
            key,
            {
                "name": spelled(row.name),
                "amounts": row.amounts,
                "phase": phase,
                "reference": row.reference,
                "intervals": [],
            },
        )
        entry["intervals"] += [[low, high, list(numbers)] for low, high, numbers in row.intervals]
    for entry in table.values():
        entry["intervals"].sort()
    return list(table.values())


def elements_of_bartel(held: set[str]) -> Iterator[dict[str, Any]]:
    """Elements in their reference state that are not held yet; straight lines of G(T) between the tabulated temperatures."""
    folder = importlib.util.find_spec("pymatgen.core")
    path = Path((folder.submodule_search_locations or [""])[0] if folder else "") / "data" / "g_els.json"
    table: dict[str, dict[str, float]] = json.loads(path.read_text(encoding="utf-8"))
    temperatures = sorted(float(text) for text in table)
    for symbol in sorted(set(table["300"]) - held - _NOT_KEPT):
        values = {t: table[f"{t:.0f}"][symbol] * EV_IN_KJ_PER_MOL / GAS_CONSTANT for t in temperatures}
        intervals: list[list[Any]] = []
        for low, high in pairwise(temperatures):
            entropy = -(values[high] - values[low]) / (high - low)
            enthalpy = values[low] + low * entropy
            intervals.append([low, high, [0.0] * 7 + [round(enthalpy, 4), round(entropy, 7)]])
        yield {
            "name": f"{symbol}(ref)",
            "amounts": {symbol: 1.0},
            "phase": "solid",
            "reference": "element of Bartel et al. 2018, Nat. Commun. 9, 4168",
            "intervals": intervals,
        }


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("thermo_lib", type=Path, help="compiled table of NASA's CEA")
    given = parser.parse_args()
    species = merged([row for row in rows(given.thermo_lib.read_bytes()) if kept(row)])
    held = {
        next(iter(one["amounts"])) for one in species if len(one["amounts"]) == 1 and one["phase"] == "solid"
    }
    gases = {next(iter(one["amounts"])) for one in species if len(one["amounts"]) == 1}
    species += elements_of_bartel(held | (gases & _GASEOUS_ELEMENTS))
    text = json.dumps(
        {
            "source": "McBride, Zehe and Gordon 2002, NASA/TP-2002-211556",
            "species": species,
        },
        separators=(",", ":"),
    )
    TARGET.write_bytes(gzip.compress(text.encode(), compresslevel=9, mtime=0))
    phases = [entry["phase"] for entry in species]
    print(
        f"{len(species)} species: " + ", ".join(f"{phases.count(p)} {p}" for p in ("solid", "liquid", "gas"))
    )
    print(f"{TARGET.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
