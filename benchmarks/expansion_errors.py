"""Errors of the thermal expansion at 298 K against measurement: Grueneisen's rule with a fitted law, and quasi-harmonics.

    python benchmarks/expansion_errors.py            # compute what is missing, print the table
    python benchmarks/expansion_errors.py --write    # and write src/matsmith/knowledge/expansion_errors.json

Needs src/matsmith/knowledge/vibrational_errors.json (benchmarks/vibrational_errors.py) for the correction of the frequencies, and the
store of benchmarks/elastic_errors.py for the bulk moduli of Grueneisen's rule.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import elastic_errors as elastic
import numpy as np
import reference_statistics as statistics
from fitted_file import version_of, write_json
from numpy.typing import NDArray
from reference_classes import class_of
from reference_computed import Store
from vibrational_errors import histogram_of, spectrum_of

from matsmith.core.settings import load_settings
from matsmith.knowledge.calibration import calibration, features_of
from matsmith.knowledge.crystals import MeasuredCrystal, measured_crystals
from matsmith.knowledge.expansion_errors import FEATURES
from matsmith.knowledge.measured_properties import measured
from matsmith.knowledge.reference_values import reference_values
from matsmith.knowledge.vibrational_errors import vibrational_errors
from matsmith.models.elastic_averages import debye_temperature_k
from matsmith.models.grueneisen_expansion import is_open, linear_expansion_per_k
from matsmith.models.phonons import PhononFailure
from matsmith.models.quasi_harmonic import QuasiHarmonicCrystal
from matsmith.models.quasi_harmonic_runs import quasi_harmonic_runs
from matsmith.tools.potential import default_potential

FloatArray = NDArray[np.float64]
OUTPUT = Path(__file__).resolve().parents[1] / "src/matsmith/knowledge/expansion_errors.json"
_ROOM_K = 298.15
_GRAM_PER_MOL_ANGSTROM3 = 1.66053906660


@dataclass(frozen=True, kw_only=True)
class Row:
    """One crystal: linear expansion in 1/K as measured, of the volume that minimises, and with the corrected modulus."""

    formula: str
    kind: str
    measured: float
    minimised: float
    with_modulus: float


def compute(store: Store) -> None:
    """The runs that the table needs and the store lacks, smallest cells first."""
    potential = default_potential(load_settings())
    wanted = {(v.formula, v.name) for v in reference_values() if v.property == "linear_thermal_expansion"}
    missing = sorted(
        (c for c in measured_crystals() if (c.formula, c.name) in wanted and store.get(_name(c)) is None),
        key=lambda crystal: len(crystal.structure()),
    )
    for number, crystal in enumerate(missing, start=1):
        ((_, found),) = quasi_harmonic_runs([crystal.structure()], potential=potential)
        value: dict[str, Any]
        if isinstance(found, PhononFailure):
            value = {"failure": f"{found.code}: {found.message}"}
        else:
            value = {
                "volumes": found.crystal.volumes.tolist(),
                "energies": found.crystal.energies.tolist(),
                "spectra": [histogram_of(spectrum) for spectrum in found.crystal.spectra],
            }
        store.put(_name(crystal), value)
        print(f"  {number} of {len(missing)}: {crystal.formula}", flush=True)


def rows_of(store: Store) -> list[Row]:
    """The crystals that have a run whose minimum lies within its volumes."""
    truth = {
        (v.formula, v.name): v.value * 1e-6
        for v in reference_values()
        if v.property == "linear_thermal_expansion"
    }
    rows: list[Row] = []
    for crystal in measured_crystals():
        held = store.get(_name(crystal))
        if not held:
            continue
        if "failure" in held:
            print(f"  {crystal.formula}: {held['failure']}")
            continue
        composition: Any = crystal.structure().composition
        amounts = {str(symbol): float(n) for symbol, n in composition.as_dict().items()}
        spectra = [spectrum_of(each) for each in held["spectra"]]
        middle = int(np.argmin(held["energies"]))
        factor = vibrational_errors().factor(
            amounts, mean_frequency_thz=spectra[middle].mean_frequency_thz(1.0)
        )
        made = QuasiHarmonicCrystal(
            volumes_angstrom3=np.array(held["volumes"]),
            energies_ev=np.array(held["energies"]),
            spectra=[spectrum.scaled(factor) for spectrum in spectra],
        )
        minimised = made.linear_expansion_per_k(temperature_k=_ROOM_K, pressure_gpa=0.0)
        modulus = made.bulk_modulus_gpa(temperature_k=_ROOM_K, pressure_gpa=0.0)
        state = made.state(temperature_k=_ROOM_K, pressure_gpa=0.0)
        if minimised is None or modulus is None or not modulus > 0:
            print(f"  {crystal.formula}: no minimum within the volumes")
            continue
        corrected = modulus * calibration("bulk_modulus").correction(amounts, computed=modulus)
        rows.append(
            Row(
                formula=crystal.formula,
                kind=class_of(amounts),
                measured=truth[crystal.formula, crystal.name],
                minimised=minimised,
                with_modulus=made.expansion_with_modulus_per_k(
                    temperature_k=_ROOM_K,
                    volume_angstrom3=state.volume_angstrom3,
                    bulk_modulus_gpa=corrected,
                ),
            )
        )
    return rows


def _name(crystal: MeasuredCrystal) -> str:
    return f"quasi-harmonic|{crystal.formula}|{crystal.name}"


def report(rows: Sequence[Row]) -> dict[str, Any]:
    """Print the table; returns what is to be written."""
    print(f"\n  {'':6s} measured  minimised  with modulus   (1e-6/K)")
    for row in sorted(rows, key=lambda row: row.measured):
        print(
            f"  {row.formula:6s} {1e6 * row.measured:8.1f} {1e6 * row.minimised:9.1f} {1e6 * row.with_modulus:10.1f}   {row.kind}"
        )
    names = [row.formula for row in rows]
    truth = np.array([row.measured for row in rows])
    entry: dict[str, Any] = {}
    for key in ("minimised", "with_modulus"):
        values = np.array([getattr(row, key) for row in rows])
        # Absolute with a part that grows: the expansion of a stiff crystal is small and its error is not.
        factors = np.array([float(np.median(np.delete(truth / values, k))) for k in range(len(rows))])
        corrected = factors * values
        floor = 3e-6
        scaled = ((truth - corrected) / np.hypot(corrected, floor / 0.3))[None]
        sigma = statistics.sigma_of(scaled)
        one, two = statistics.coverage(scaled, names)
        size = np.abs(corrected / truth - 1)
        print(
            f"  {key:13s} {len(rows)} crystals: factor {float(np.median(truth / values)):.2f}, left-out |error| median "
            f"{100 * np.median(size):.0f} %, 90th {100 * np.percentile(size, 90):.0f} %; sigma {sigma:.2f} of the value and "
            f"{1e6 * sigma * floor / 0.3:.1f}e-6/K; within one {one:.2f}, two {two:.2f}"
        )
        entry[key] = {
            "factor": round(float(np.median(truth / values)), 4),
            "relative": round(sigma, 4),
            "absolute_per_k": float(f"{sigma * floor / 0.3:.3e}"),
            "median_error": round(float(np.median(size)), 4),
        }
    best = min(entry, key=lambda key: entry[key]["median_error"])
    return {
        "of": best,
        **{k: v for k, v in entry[best].items() if k != "median_error"},
        "crystals": len(rows),
        "tried": sum(v.property == "linear_thermal_expansion" for v in reference_values()),
    }


def grueneisen_entry(store: Store) -> dict[str, Any]:
    """The law of the Grueneisen parameter, fitted to expansions measured at 298 K; printed with what it leaves."""
    rows = elastic.rows_of(store)
    left = elastic.leave_out(rows)
    truth = {key: value.value * 1e-6 for key, value in measured("linear_thermal_expansion").items()}
    truth |= {
        (v.formula, v.name): v.value * 1e-6
        for v in reference_values()
        if v.property == "linear_thermal_expansion"
    }
    crystals = {(c.formula, c.name): c.structure().get_primitive_structure() for c in measured_crystals()}
    x: list[list[float]] = []
    logs: list[float] = []
    names: list[str] = []
    largest = 0
    for i, row in enumerate(rows):
        found = features_of(row.amounts, computed=1.0)
        if row.key not in truth or found is None:
            continue
        bulk, shear = float(left.bulk[0][i]), float(left.shear[0][i])
        alone = linear_expansion_per_k(
            grueneisen=1.0,
            temperature_k=_ROOM_K,
            debye_k=debye_temperature_k(
                bulk_gpa=bulk,
                shear_gpa=shear,
                density_g_per_cm3=row.density_g_per_cm3,
                mass_g_per_mol_atoms=row.mass_g_per_mol,
            ),
            bulk_gpa=bulk,
            volume_angstrom3_per_atom=row.mass_g_per_mol * _GRAM_PER_MOL_ANGSTROM3 / row.density_g_per_cm3,
        )
        held = {**found, "open": float(is_open(crystals[row.key]))}
        x.append([held[name] for name in FEATURES])
        logs.append(float(np.log(truth[row.key] / alone)))
        names.append(row.key[0])
        largest = max(largest, len(crystals[row.key]))
    matrix, target = np.array(x), np.array(logs)
    residuals = statistics.left_out(matrix, target, names)
    gaps = np.expm1(residuals)
    sigma = statistics.sigma_of(gaps)
    one, two = statistics.coverage(gaps, names)
    size = np.abs(np.expm1(-residuals))
    print(
        f"\n  Grueneisen's rule, {len(names)} crystals: gamma {np.exp(np.median(target)):.2f} in the median; left-out |error| median "
        f"{100 * np.median(size):.0f} %, 90th {100 * np.percentile(size, 90):.0f} %; relative sigma {sigma:.2f}, within one {one:.2f}, "
        f"two {two:.2f}"
    )
    return {
        "law": elastic.law_of(FEATURES, matrix, target),
        "relative_sigma": round(sigma, 4),
        "crystals": len(names),
        "largest_cell": largest,
    }


def main() -> None:
    """Compute what is missing, print the table, and write when asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true", help="write knowledge/expansion_errors.json")
    parser.add_argument(
        "--store", type=Path, default=Path(tempfile.gettempdir()) / "matsmith-expansion-errors.jsonl"
    )
    parser.add_argument(
        "--elastic-store", type=Path, default=Path(tempfile.gettempdir()) / "matsmith-elastic-errors.jsonl"
    )
    parser.add_argument("--stored-only", action="store_true", help="compute nothing, print what is stored")
    options = parser.parse_args()
    store = Store(options.store)
    if not options.stored_only:
        compute(store)
    quasi = report(rows_of(store))
    rule = grueneisen_entry(Store(options.elastic_store))
    body: dict[str, Any] = {
        "grueneisen": rule,
        "quasi_harmonic": quasi,
        "source": f"{rule['crystals']} linear expansions measured near 298 K (knowledge/reference_values.json and "
        "measured_properties.json)",
    }
    body["version"] = version_of(body)
    if options.write:
        write_json(OUTPUT, body)


if __name__ == "__main__":
    main()
