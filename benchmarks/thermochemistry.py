"""Measures the errors of the thermochemistry and prints them; `--write` stores them where the tools read them.

    MATSMITH_DATA=... python benchmarks/thermochemistry.py [--write]

1. Tables against tables: enthalpies of formation of one solid in NASA's table and in `formation_enthalpies.yaml`.
2. The descriptor of G(T) against tabulated solids, from measured volumes or those of the phases that ship.
3. Enthalpies of formation from DFT (table of the Materials Project) with fitted references of the elements, each compound
   left out in turn, against measured ones; the same for reactions between oxides of one metal.
4. Temperatures of decomposition and limits of stability in oxygen against measurements.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from matsmith.core.elements import parse_formula
from matsmith.core.settings import load_settings
from matsmith.knowledge.crystals import measured_crystals
from matsmith.knowledge.formulas import key_amounts, reduced_key
from matsmith.knowledge.phases import shipped_elements, shipped_phases
from matsmith.knowledge.references import known_tables
from matsmith.knowledge.thermochemistry.atmosphere import NAMED, Atmosphere
from matsmith.knowledge.thermochemistry.calibration import EnthalpyFit, Errors
from matsmith.knowledge.thermochemistry.descriptor import gibbs_above_enthalpy
from matsmith.knowledge.thermochemistry.formation import tabulated
from matsmith.knowledge.thermochemistry.species import (
    KJ_PER_MOL_IN_EV,
    ROOM_K,
    Species,
    all_species,
    best_solid,
)
from matsmith.knowledge.thermochemistry.transitions import (
    DecompositionTemperature,
    decomposition_temperature,
    window,
)

HERE = Path(__file__).resolve().parent
TARGET = HERE.parent / "src/matsmith/knowledge/thermochemistry/errors.json"
TEMPERATURES = (300.0, 500.0, 700.0, 900.0, 1100.0, 1300.0, 1500.0, 1800.0)
ONE_SIGMA = 68.27
RIDGES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
# Oxygen bonded to oxygen: the fitted reference of oxide ions does not serve them.
PEROXIDES = frozenset(
    reduced_key(f)
    for f in ("Li2O2", "Na2O2", "K2O2", "Rb2O2", "Cs2O2", "NaO2", "KO2", "RbO2", "CsO2", "BaO2", "SrO2")
)
THIRTY = (
    "Li2O", "Na2O", "K2O", "BeO", "MgO", "CaO", "SrO", "BaO", "Al2O3", "Ga2O3", "In2O3", "SiO2", "GeO2", "SnO2", "PbO", "Sc2O3", "Y2O3", "La2O3", "CeO2", "TiO2", "Ti2O3", "ZrO2", "HfO2", "V2O3", "Nb2O5", "Cr2O3", "MnO", "Fe2O3", "NiO", "ZnO", "CoO", "CuO", "Cu2O", "CdO", "Ta2O5", "WO3", "MoO3", "B2O3", "Ag2O", "Bi2O3",
)  # fmt: skip
# Temperatures in K of decomposition in the gas named (own gas at 1 bar where none is): equilibrium measurements.
DECOMPOSITIONS: tuple[tuple[str, str, float, str], ...] = (
    ("CaCO3", "", 1170.0, "CO2 reaches 1 atm: Baker 1962, J. Chem. Soc., 464"),
    ("MgCO3", "", 675.0, "CO2 reaches 1 bar: Robie and Hemingway 1995, USGS Bulletin 2131"),
    ("Ca(OH)2", "", 785.0, "H2O reaches 1 atm at 512 °C: Halstead and Moore 1957, J. Chem. Soc., 3873"),
    ("Mg(OH)2", "", 541.0, "H2O reaches 1 bar: Robie and Hemingway 1995, USGS Bulletin 2131"),
    ("Ag2O", "", 462.0, "O2 reaches 1 atm near 190 °C: Otto 1966, J. Electrochem. Soc. 113, 643"),
    ("CuO", "dry air", 1300.0, "CuO to Cu2O in air at 1026 °C: CRC Handbook of Chemistry and Physics"),
    ("Fe2O3", "dry air", 1663.0, "Fe2O3 to Fe3O4 in air near 1390 °C: Muan 1958, Am. J. Sci. 256, 171"),
    (
        "Mn2O3",
        "dry air",
        1150.0,
        "Mn2O3 to Mn3O4 in air at 877 °C: Muan and Osborn 1965, Phase Equilibria among Oxides",
    ),
    ("Co3O4", "dry air", 1173.0, "Co3O4 to CoO in air near 900 °C: CRC Handbook of Chemistry and Physics"),
)
# log10 of the oxygen pressure in bar at 1000 K of metal-oxide and oxide-oxide pairs: Frost 1991, Rev. Mineral. 25, 1.
BUFFERS = {"NiO": -24930.0 / 1000 + 9.36, "Fe2O3": -25700.6 / 1000 + 14.558}
ORDER = ("MgO", "Al2O3", "NiO", "Fe2O3", "CuO")


@dataclass(frozen=True)
class Enthalpy:
    """Measured and computed enthalpy of formation in eV/atom."""

    formula: str
    measured: float
    computed: float


def measured_enthalpies() -> dict[str, float]:
    """Enthalpy of formation at 298 K by key, eV/atom: NASA's table and `solids.json`, then the list of this folder."""
    found: dict[str, float] = {}
    for anion in _listed().values():
        for row in anion:
            amounts = parse_formula(row["formula"])
            found[reduced_key(amounts)] = row["value"] / KJ_PER_MOL_IN_EV / sum(amounts.values())
    for species in all_species():
        if species.phase == "solid" and len(species.amounts) > 1 and not _fractional(species):
            solid = best_solid(species.formula, ROOM_K)
            if solid is not None and solid.covers(ROOM_K):
                found[species.formula] = solid.enthalpy(ROOM_K) / KJ_PER_MOL_IN_EV / solid.atoms
    return found


def _fractional(species: Species) -> bool:
    return any(abs(n - round(n)) > 1e-3 for n in species.amounts.values())


def _listed() -> dict[str, list[dict[str, Any]]]:
    return yaml.safe_load((HERE / "formation_enthalpies.yaml").read_text(encoding="utf-8"))["anions"]


def tables_against_tables() -> float:
    """One sigma of an enthalpy of formation, eV/atom: the 68th percentile of differences between two tables, over √2."""
    differences: list[float] = []
    for anion in _listed().values():
        for row in anion:
            amounts = parse_formula(row["formula"])
            solid = best_solid(amounts, ROOM_K)
            if solid is None or not solid.source.startswith("McBride"):
                continue
            own = solid.enthalpy(ROOM_K) / solid.atoms
            differences.append((own - row["value"] / sum(amounts.values())) / KJ_PER_MOL_IN_EV)
    spread = float(np.percentile(np.abs(differences), ONE_SIGMA))
    print(
        f"Tables against tables: {len(differences)} solids, median {1000 * median(map(abs, differences)):.1f}, "
        f"68 % within {1000 * spread:.1f} meV/atom"
    )
    return spread / math.sqrt(2)


def volumes() -> dict[str, float]:
    """Volume in Å³ per atom by key: measured crystals, then the lowest phases that ship."""
    found: dict[str, float] = {}
    for phase in shipped_phases(shipped_elements()):
        crystal = phase.crystal()
        found.setdefault(reduced_key(phase.formula), crystal.volume_angstrom3 / len(crystal.species))
    for crystal in measured_crystals():
        structure = crystal.structure()
        if crystal.stable_at_ambient is not False:
            found[reduced_key(crystal.formula)] = float(structure.volume) / len(structure)
    return found


def descriptor_errors() -> tuple[list[tuple[float, float, float]], int]:
    """(temperature, mean error, spread after it) of the descriptor against the tables, eV/atom."""
    known = volumes()
    residuals: dict[float, list[float]] = {}
    used: set[str] = set()
    for formula in sorted({s.formula for s in all_species() if s.phase == "solid" and len(s.amounts) > 1}):
        volume = known.get(formula)
        room = best_solid(formula, ROOM_K)
        if volume is None or room is None or not room.covers(ROOM_K):
            continue
        for temperature in TEMPERATURES:
            solid = best_solid(formula, temperature)
            if solid is None or not solid.covers(temperature):
                continue
            per_atom = solid.gibbs(temperature) / solid.atoms - room.enthalpy(ROOM_K) / room.atoms
            guess = gibbs_above_enthalpy(
                key_amounts(formula), volume_angstrom3_per_atom=volume, temperature_k=temperature
            )
            residuals.setdefault(temperature, []).append(guess - per_atom / KJ_PER_MOL_IN_EV)
            used.add(formula)
    rows: list[tuple[float, float, float]] = []
    print(f"Descriptor of G(T) against {len(used)} tabulated solids, meV/atom:")
    for temperature, errors in sorted(residuals.items()):
        bias = median(errors)
        spread = float(np.percentile(np.abs(np.array(errors) - bias), ONE_SIGMA))
        rows.append((temperature, round(bias, 4), round(spread, 4)))
        print(
            f"  {temperature:5.0f} K  {len(errors):3d} solids  median {1000 * bias:+6.1f}  68 % within {1000 * spread:5.1f}"
        )
    return rows, len(used)


def gathered() -> list[Enthalpy]:
    """Compounds with a measured enthalpy and a DFT formation energy."""
    settings = load_settings()
    table = known_tables(settings.data_dir, cache_dir=settings.cache_dir).table("mp_formation_energy")
    found: list[Enthalpy] = []
    for key, value in sorted(measured_enthalpies().items()):
        if key in table and key not in PEROXIDES:
            found.append(Enthalpy(key, value, float(min(table.rows(key)))))
    return found


def fitted(
    rows: list[Enthalpy], *, ridge: float
) -> tuple[dict[str, float], NDArray[np.float64], NDArray[np.float64]]:
    """References by element, and the residual (measured minus fitted) of each compound with it in and with it left out."""
    elements = sorted({symbol for row in rows for symbol in key_amounts(row.formula)})
    matrix = np.array([[_share(row.formula, symbol) for symbol in elements] for row in rows])
    wanted = np.array([row.measured - row.computed for row in rows])
    inverse = np.linalg.inv(matrix.T @ matrix + ridge * np.eye(len(elements)))
    solution = np.asarray(inverse @ matrix.T @ wanted, dtype=np.float64)
    residual = np.asarray(wanted - matrix @ solution, dtype=np.float64)
    leverage = np.einsum("ij,jk,ik->i", matrix, inverse, matrix)
    return dict(zip(elements, (float(x) for x in solution), strict=True)), residual, residual / (1 - leverage)


def _share(formula: str, symbol: str) -> float:
    amounts = key_amounts(formula)
    return amounts.get(symbol, 0) / sum(amounts.values())


def enthalpy_errors() -> EnthalpyFit:
    """Fit the references and print what is left on compounds left out."""
    rows = gathered()
    best = _best_ridge(rows)
    references, _, left_out = fitted(rows, ridge=best)
    raw = [row.measured - row.computed for row in rows]
    print(
        f"Enthalpies of formation from DFT, {len(rows)} compounds, {len(references)} elements, ridge {best}:"
    )
    _print_kj("  before the fit, all", raw)
    _print_kj("  left out, all", left_out)
    error = {row.formula: float(e) for row, e in zip(rows, left_out, strict=True)}
    by_key = {row.formula: row for row in rows}
    oxides = [key for key in error if "O" in key_amounts(key) and len(key_amounts(key)) == 2]
    # A tenth of the formulas was kept out of the table: the first thirty that it holds.
    thirty = [reduced_key(f) for f in THIRTY if reduced_key(f) in error][:30]
    _print_kj("  left out, binary oxides", [error[key] for key in oxides])
    _print_kj("  before the fit, the thirty", [by_key[key].measured - by_key[key].computed for key in thirty])
    _print_kj(f"  left out, {len(thirty)} oxides", [error[key] for key in thirty])
    worst = sorted(thirty, key=lambda key: -abs(error[key]))[:5]
    print("  worst of the thirty:", ", ".join(f"{key} {96.485 * error[key]:+.1f}" for key in worst))
    _print_kj("  reactions between oxides of one metal", list(_reactions(oxides, error)))
    sigma = float(np.percentile(np.abs(left_out), ONE_SIGMA))
    return EnthalpyFit(
        references_ev_per_atom={symbol: round(value, 4) for symbol, value in references.items()},
        left_out_sigma_ev_per_atom=round(sigma, 4),
        unfitted_sigma_ev_per_atom=round(float(np.percentile(np.abs(raw), ONE_SIGMA)), 4),
        compounds=len(rows),
        source="measured enthalpies of formation against DFT formation energies (matbench_mp_e_form, Dunn et al. 2020, "
        "npj Comput. Mater. 6, 138; Materials Project, CC BY 4.0)",
    )


def whole_prediction(fit: EnthalpyFit, descriptor: list[tuple[float, float, float]]) -> None:
    """Print G(T) of tabulated solids as if the tables lacked them: enthalpy with the solid left out of the fit, descriptor."""
    rows = gathered()
    _, _, left_out = fitted(rows, ridge=_best_ridge(rows))
    known = volumes()
    errors = Errors(
        tables_sigma_ev_per_atom=0.0,
        descriptor=tuple(descriptor),
        descriptor_compounds=0,
        enthalpy=fit,
        source="",
    )
    print("G(T) of solids that the tables are taken to lack (enthalpy from DFT, descriptor):")
    for temperature in (300.0, 700.0, 1100.0, 1500.0):
        off: list[float] = []
        inside = 0
        sigma = math.hypot(fit.left_out_sigma_ev_per_atom, errors.descriptor_sigma(temperature))
        for row, error in zip(rows, left_out, strict=True):
            solid, room, volume = (
                best_solid(row.formula, temperature),
                best_solid(row.formula, ROOM_K),
                known.get(row.formula),
            )
            if (
                solid is None
                or room is None
                or volume is None
                or not solid.covers(temperature)
                or not room.covers(ROOM_K)
            ):
                continue
            amounts = key_amounts(row.formula)
            thermal = gibbs_above_enthalpy(
                amounts, volume_angstrom3_per_atom=volume, temperature_k=temperature
            )
            thermal -= errors.descriptor_bias(temperature)
            table = (
                solid.gibbs(temperature) / solid.atoms - room.enthalpy(ROOM_K) / room.atoms
            ) / KJ_PER_MOL_IN_EV
            off.append(thermal - table - float(error))
            inside += abs(off[-1]) <= sigma
        print(
            f"  {temperature:5.0f} K  {len(off):3d} solids  median {1000 * median(map(abs, off)):5.1f} meV/atom, "
            f"{100 * inside / len(off):.0f} % within one sigma ({1000 * sigma:.0f})"
        )


def _best_ridge(rows: list[Enthalpy]) -> float:
    return min(RIDGES, key=lambda value: median(np.abs(fitted(rows, ridge=value)[2])))


def _reactions(oxides: list[str], error: Mapping[str, float]) -> Iterable[float]:
    """Errors in eV per atom of the products of MOx + O2 -> MOy, each oxide's error taken with it left out of the fit."""
    for first in oxides:
        for second in oxides:
            a, b = key_amounts(first), key_amounts(second)
            metal = next(symbol for symbol in a if symbol != "O")
            if metal not in b or a["O"] / a[metal] >= b["O"] / b[metal]:
                continue
            scale = b[metal] / a[metal]
            total = sum(b.values()) * error[second] - scale * sum(a.values()) * error[first]
            yield total / sum(b.values())


def _print_kj(label: str, errors: Iterable[float]) -> None:
    size = np.abs(np.fromiter((float(e) for e in errors), dtype=float)) * KJ_PER_MOL_IN_EV
    print(
        f"{label}: median {np.median(size):.1f}, mean {np.mean(size):.1f}, 68 % within "
        f"{np.percentile(size, ONE_SIGMA):.1f} kJ/mol of atoms ({len(size)})"
    )


def transitions() -> None:
    """Print temperatures of decomposition and windows in oxygen."""
    print("Decomposition, K (own gas at 1 bar, or the atmosphere named):")
    inside = 0
    for formula, name, measured, source in DECOMPOSITIONS:
        solid = tabulated(parse_formula(formula))
        if solid is None:
            print(f"  {formula}: not tabulated")
            continue
        found = decomposition_temperature(solid, pressures_bar=NAMED[name] if name else {}, high_k=2500.0)
        if not isinstance(found, DecompositionTemperature):
            print(f"  {formula}: no decomposition found, measured {measured:.0f} ({source})")
            continue
        inside += abs(found.temperature_k - measured) <= 150
        print(
            f"  {formula:8s} {name or 'own gas':8s} {found.temperature_k:6.0f} ± {found.sigma_k:3.0f}  measured {measured:5.0f}  "
            f"{found.temperature_k - measured:+5.0f}  {found.state.equation(formula)}  ({source})"
        )
    print(f"  within 150 K: {inside} of {len(DECOMPOSITIONS)}")
    print("Lowest oxygen pressure at 1000 K, log10 of bar:")
    lows: dict[str, float] = {}
    for formula in ORDER:
        solid = tabulated(parse_formula(formula))
        found = solid and window(solid, Atmosphere(temperature_k=1000.0, pressures_bar={"O2": 1.0}))
        if found is None or found.low is None or found.below is None:
            print(f"  {formula}: no limit")
            continue
        lows[formula] = found.low
        known = f", measured {BUFFERS[formula]:.2f}" if formula in BUFFERS else ""
        print(f"  {formula:6s} {found.low:7.2f} ± {found.sigma:.2f}{known}  {found.below.equation(formula)}")
    print(f"  in the right order ({' < '.join(ORDER)}): {sorted(lows, key=lows.__getitem__) == list(ORDER)}")


def main() -> None:
    """Measure, print, and write when asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    tables = tables_against_tables()
    rows, used = descriptor_errors()
    enthalpy = enthalpy_errors()
    whole_prediction(enthalpy, rows)
    if given.write:
        errors = Errors(
            tables_sigma_ev_per_atom=round(tables, 4),
            descriptor=tuple(rows),
            descriptor_compounds=used,
            enthalpy=enthalpy,
            source="measured by benchmarks/thermochemistry.py",
        )
        TARGET.write_text(json.dumps(errors.model_dump(mode="json"), indent=1) + "\n", encoding="utf-8")
        print(f"wrote {TARGET.name}")
    transitions()


if __name__ == "__main__":
    main()
