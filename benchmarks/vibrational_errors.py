"""Errors of the tools of vibrations against measured heat capacities and entropies, and the correction fitted to them.

    python benchmarks/vibrational_errors.py            # compute what is missing, print the tables
    python benchmarks/vibrational_errors.py --write    # and write src/matsmith/knowledge/vibrational_errors.json

The potential is too soft, so that its frequencies are too low: a law for one factor on all of them is fitted to the measured entropies
at 298 K, and its scatter over crystals left out of the fit is the error that everything else is propagated from.
"""

from __future__ import annotations

import argparse
import math
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import reference_statistics as statistics
from elastic_errors import law_of
from fitted_file import version_of, write_json
from numpy.typing import NDArray
from reference_computed import Store

from matsmith.core.settings import load_settings
from matsmith.knowledge.calibration import FEATURES, Law, features_of
from matsmith.knowledge.crystals import MeasuredCrystal, measured_crystals
from matsmith.knowledge.measured_properties import measured
from matsmith.models.phonons import PhononFailure
from matsmith.models.relaxed_phonons import IMAGINARY_THZ, relaxed_phonons
from matsmith.models.vibrational import Spectrum
from matsmith.tools.potential import default_potential

FloatArray = NDArray[np.float64]
OUTPUT = Path(__file__).resolve().parents[1] / "src/matsmith/knowledge/vibrational_errors.json"
_ROOM_K = 298.15
_MOST_ATOMS = 10
_HISTOGRAM = 400


@dataclass(frozen=True, kw_only=True)
class Row:
    """One crystal: its spectrum as a histogram, and what was measured, per mole of atoms."""

    key: tuple[str, str]
    amounts: dict[str, float]
    spectrum: Spectrum
    imaginary_share: float
    entropy: float | None
    heat_capacity: float | None


def compute(store: Store) -> None:
    """The spectra that the table needs and the store lacks, smallest cells first."""
    potential = default_potential(load_settings())
    wanted = set(measured("heat_capacity")) | set(measured("thermal_conductivity"))
    missing = sorted(
        (
            crystal
            for crystal in measured_crystals()
            if (crystal.formula, crystal.name) in wanted
            and store.get(_name(crystal)) is None
            and len(crystal.structure().get_primitive_structure()) <= _MOST_ATOMS
        ),
        key=lambda crystal: len(crystal.structure().get_primitive_structure()),
    )
    for number, crystal in enumerate(missing, start=1):
        ((_, found),) = relaxed_phonons([crystal.structure()], potential=potential)
        value: dict[str, Any]
        if isinstance(found, PhononFailure):
            value = {"failure": f"{found.code}: {found.message}"}
        else:
            fine = found.fine.spectrum
            value = {
                **histogram_of(fine),
                "imaginary": fine.imaginary_share(IMAGINARY_THZ),
                "volume": found.fine.structure.volume / len(found.fine.structure),
                "entropy": fine.entropy_j_per_mol_atoms_k(_ROOM_K),
                "coarse_entropy": None
                if found.coarse is None
                else found.coarse.spectrum.entropy_j_per_mol_atoms_k(_ROOM_K),
            }
        store.put(_name(crystal), value)
        print(f"  {number} of {len(missing)}: {crystal.formula}", flush=True)


def histogram_of(spectrum: Spectrum) -> dict[str, Any]:
    """A spectrum as counts of modes in equal bins between two frequencies (THz)."""
    frequencies = spectrum.frequencies_thz
    counts, edges = np.histogram(
        frequencies,
        bins=_HISTOGRAM,
        weights=np.repeat(spectrum.weights[:, None], frequencies.shape[1], axis=1),
    )
    return {"counts": counts.tolist(), "edges": [float(edges[0]), float(edges[-1])]}


def spectrum_of(held: dict[str, Any]) -> Spectrum:
    """The spectrum that a stored histogram stands for: three modes a bin, weighted by its count."""
    counts = np.array(held["counts"])
    low, high = held["edges"]
    edges = np.linspace(float(low), float(high), len(counts) + 1)
    middles = (edges[1:] + edges[:-1]) / 2
    kept = counts > 0
    return Spectrum(
        frequencies_thz=np.repeat(middles[kept][:, None], 3, axis=1), weights=counts[kept].astype(np.float64)
    )


def rows_of(store: Store) -> list[Row]:
    """The crystals that have a spectrum."""
    entropy, heat = measured("entropy"), measured("heat_capacity")
    rows: list[Row] = []
    for crystal in measured_crystals():
        held = store.get(_name(crystal))
        if not held:
            continue
        if "failure" in held:
            print(f"  {crystal.formula} {crystal.name}: {held['failure']}")
            continue
        key = (crystal.formula, crystal.name)
        composition: Any = crystal.structure().composition.reduced_composition
        atoms = float(composition.num_atoms)
        rows.append(
            Row(
                key=key,
                amounts={str(symbol): float(n) for symbol, n in composition.as_dict().items()},
                spectrum=spectrum_of(held),
                imaginary_share=float(held["imaginary"]),
                entropy=entropy[key].value / atoms if key in entropy else None,
                heat_capacity=heat[key].value / atoms if key in heat else None,
            )
        )
    return rows


def _name(crystal: MeasuredCrystal) -> str:
    return f"phonons|{crystal.formula}|{crystal.name}"


def matching_factor(spectrum: Spectrum, entropy: float) -> float:
    """Ln of the factor on the frequencies that gives the measured entropy at 298 K, by bisection."""
    low, high = math.log(0.3), math.log(4.0)
    for _ in range(50):
        middle = (low + high) / 2
        if spectrum.scaled(math.exp(middle)).entropy_j_per_mol_atoms_k(_ROOM_K) > entropy:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def report(rows: Sequence[Row]) -> dict[str, Any]:
    """Print the tables; returns what is to be written."""
    sound = [row for row in rows if row.entropy is not None and row.imaginary_share == 0]
    logs = np.array([matching_factor(row.spectrum, row.entropy or 0.0) for row in sound])
    groups = [row.key[0] for row in sound]
    matrix = np.array([_features(row) for row in sound])
    residuals = statistics.left_out(matrix, logs, groups)
    sigma = statistics.sigma_of(residuals)
    one, two = statistics.coverage(residuals, groups)
    factor = math.exp(float(np.median(logs)))
    plain = statistics.sigma_of(statistics.left_out(np.zeros((len(logs), 0)), logs, groups))
    print(
        f"\n  frequencies: {len(logs)} crystals, measured over computed {factor:.3f} in the median, 10th to 90th percentile "
        f"{np.exp(np.percentile(logs, 10)):.2f} to {np.exp(np.percentile(logs, 90)):.2f}; sigma of the logarithm {plain:.3f} with one "
        f"factor, {sigma:.3f} with the law (left out: within one sigma {one:.2f}, two {two:.2f})"
    )
    law = law_of(FEATURES, matrix, logs)
    unstable = [row.key[0] for row in rows if row.imaginary_share > 0]
    print(
        f"  called dynamically unstable, all of them stable: {len(unstable)} of {len(rows)}: {', '.join(unstable)}"
    )
    heat = _heat(rows, law=Law.model_validate(law), sigma=sigma)
    return {
        "frequency_law": law,
        "frequency_factor": round(factor, 4),
        "frequency_sigma": round(sigma, 4),
        "frequency_crystals": len(logs),
        **heat,
        "unstable_of_stable": [len(unstable), len(rows)],
        "source": f"{len(logs)} entropies and {heat['heat_crystals']} heat capacities measured at 298 K "
        "(knowledge/measured_properties.json)",
    }


def _features(row: Row) -> FloatArray:
    found = features_of(row.amounts, computed=row.spectrum.mean_frequency_thz(1.0))
    if found is None:
        raise SystemExit(f"{row.key} has an element without electronegativity")
    return np.array([found[name] for name in FEATURES])


def _heat(rows: Sequence[Row], *, law: Law, sigma: float) -> dict[str, Any]:
    """Measured heat capacity at constant pressure over that of the corrected spectrum at constant volume."""
    picked = [row for row in rows if row.heat_capacity is not None and row.imaginary_share == 0]
    plain = np.array([row.spectrum.heat_capacity_j_per_mol_atoms_k(_ROOM_K) for row in picked])
    corrected = [
        row.spectrum.scaled(law.factor(dict(zip(FEATURES, _features(row), strict=True)))) for row in picked
    ]
    values = np.array([spectrum.heat_capacity_j_per_mol_atoms_k(_ROOM_K) for spectrum in corrected])
    truth = np.array([row.heat_capacity for row in picked], dtype=np.float64)
    own = np.array(
        [
            abs(
                spectrum.scaled(math.exp(sigma)).heat_capacity_j_per_mol_atoms_k(_ROOM_K)
                - spectrum.scaled(math.exp(-sigma)).heat_capacity_j_per_mol_atoms_k(_ROOM_K)
            )
            / (2 * value)
            for spectrum, value in zip(corrected, values, strict=True)
        ]
    )
    groups = [row.key[0] for row in picked]
    logs = np.log(truth / values)
    residuals = statistics.left_out(np.zeros((len(logs), 0)), logs, groups)
    rest = statistics.sigma_of(residuals, own=own)
    one, two = statistics.coverage(residuals, groups, own=own)
    print(
        f"  heat capacity at 298 K, {len(logs)} crystals: median |error| {100 * np.median(np.abs(plain / truth - 1)):.1f} % as "
        f"computed, {100 * np.median(np.abs(np.expm1(-residuals))):.1f} % corrected and left out, 90th "
        f"{100 * np.percentile(np.abs(np.expm1(-residuals)), 90):.1f} %; within one sigma {one:.2f}, two {two:.2f}"
    )
    print(
        f"    measured over corrected: {math.exp(float(np.median(logs))):.3f}, sigma beside the frequencies {rest:.3f}"
    )
    return {
        "heat_factor": round(math.exp(float(np.median(logs))), 4),
        "heat_sigma": round(rest, 4),
        "heat_crystals": len(logs),
    }


def main() -> None:
    """Compute what is missing, print the tables, and write when asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true", help="write knowledge/vibrational_errors.json")
    parser.add_argument(
        "--store", type=Path, default=Path(tempfile.gettempdir()) / "matsmith-vibrational-errors.jsonl"
    )
    parser.add_argument("--stored-only", action="store_true", help="compute nothing, print what is stored")
    options = parser.parse_args()
    store = Store(options.store)
    if not options.stored_only:
        compute(store)
    body = report(rows_of(store))
    body["version"] = version_of(body)
    if options.write:
        write_json(OUTPUT, body)


if __name__ == "__main__":
    main()
