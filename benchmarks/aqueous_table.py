"""Builds `knowledge/thermochemistry/ions.json` from a SUPCRT92 data file of aqueous species.

    python benchmarks/aqueous_table.py speq21.dat

The file lists for each species Gibbs energy and enthalpy of formation (cal/mol) and entropy at 298.15 K and 1 bar on the
conventional scale (H+ zero): Shock, Sassani, Willis and Sverjensky 1997, Geochim. Cosmochim. Acta 61, 907, and the papers
before it. Kept are inorganic species; of carbon's, CO2 and its ions.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

from matsmith.core.elements import is_element, parse_formula
from matsmith.core.errors import SpecError
from matsmith.knowledge.formulas import reduced_key

TARGET = Path(__file__).resolve().parent.parent / "src/matsmith/knowledge/thermochemistry/ions.json"
_PART = re.compile(r"([A-Z][a-z]?)\((\d+(?:\.\d+)?)\)")
_CHARGE = re.compile(r"([+-])\((\d+)\)\s*$")
_CAL_IN_KJ = 4.184e-3
# AuCl4-: the sign was changed from one edition to the next (NBS has -235 kJ/mol). AuOH: would let gold dissolve in pure water.
_DOUBTED = frozenset({"AuCl4-", "AuOH(aq)", "H2(aq)", "O2(aq)"})
_LARGEST_KJ = 4000.0
_CARBON = frozenset(reduced_key(f) for f in ("CO2", "CO3", "HCO3"))
_NOT_KEPT = frozenset({"He", "Ne", "Ar", "Kr", "Xe", "Rn"})


def consistent(name: str, amounts: dict[str, float]) -> bool:
    """Whether the name is a plain formula of the composition: variants by other authors and slips of the pen are not."""
    try:
        return reduced_key(parse_formula(name.removesuffix("(aq)").rstrip("+-"))) == reduced_key(amounts)
    except SpecError:
        return False


def main() -> None:
    """Read, keep, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", type=Path)
    given = parser.parse_args()
    lines = given.table.read_text(encoding="latin-1").splitlines()
    begin = max(index for index, line in enumerate(lines) if line.strip() == "aqueous species")
    kept: dict[str, list[object]] = {}
    found: set[str] = set()
    for index in range(begin, len(lines) - 2):
        composition = lines[index].split()
        numbers = lines[index + 2].split()
        charged = _CHARGE.search(lines[index]) if len(composition) == 2 else None
        if charged is None or not lines[index + 1].strip().startswith("ref:") or len(numbers) < 3:
            continue
        amounts = {
            symbol: float(number)
            for symbol, number in _PART.findall(composition[1].split("+(")[0].split("-(")[0])
        }
        if not amounts or not all(map(is_element, amounts)) or set(amounts) & _NOT_KEPT:
            continue
        if "C" in amounts and reduced_key(amounts) not in _CARBON:
            continue
        try:
            gibbs = float(numbers[0]) * _CAL_IN_KJ
        except ValueError:
            continue
        charge = int(charged[2]) * (1 if charged[1] == "+" else -1)
        name = lines[index - 1].split()[0]
        if abs(gibbs) < _LARGEST_KJ and name not in _DOUBTED and consistent(name, amounts):
            found.update(amounts)
            kept.setdefault(name, [amounts, charge, round(gibbs, 3)])
    text = json.dumps(
        {
            "source": "Shock, Sassani, Willis and Sverjensky 1997, Geochim. Cosmochim. Acta 61, 907, and Sverjensky, Shock and "
            "Helgeson 1997, ibid. 1359, as SUPCRT92 tabulates them",
            "unit": "kJ/mol, Gibbs energy of formation at 298.15 K, 1 bar, 1 mol/kg; H+ zero",
            "species": {name: kept[name] for name in sorted(kept)},
        },
        ensure_ascii=False,
        separators=(",", ":"),
    )
    TARGET.write_text(text.replace('],"', '],\n"') + "\n", encoding="utf-8")
    print(f"{len(kept)} species, {len(found)} elements")


if __name__ == "__main__":
    main()
