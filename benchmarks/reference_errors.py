"""Errors of the potential against measurement, by property and class, and the corrections and sigmas fitted to them.

    python benchmarks/reference_errors.py            # compute what is missing, print the tables
    python benchmarks/reference_errors.py --write    # and write src/matsmith/knowledge/calibration.json

Every corrected figure is for formulas that were left out of the fit of the correction. Results of the potential are kept in
`--store`, so that a second run prints at once and an interrupted one goes on.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import reference_computed as computed
import reference_mechanics as mechanics
import reference_statistics as statistics
from fitted_file import version_of, write_json
from numpy.typing import NDArray
from reference_classes import class_of, print_by_class

from matsmith.core.settings import load_settings
from matsmith.knowledge.bonding_network import bonded_directions
from matsmith.knowledge.calibration import FEATURES, PRESSURE_DERIVATIVES, features_of
from matsmith.knowledge.crystals import MeasuredCrystal, measured_crystals
from matsmith.knowledge.reference_values import element_references, reference_values
from matsmith.knowledge.references import known_tables
from matsmith.tools.equation_of_state import VOLUME_FACTORS, fit_birch_murnaghan, window_spread_gpa

if TYPE_CHECKING:
    from matsmith.models.potentials.chgnet_batch import BatchedCHGNet

FloatArray = NDArray[np.float64]
OUTPUT = Path(__file__).parents[1] / "src" / "matsmith" / "knowledge" / "calibration.json"
WAYS: dict[str, tuple[str, ...]] = {
    "one factor": (),
    "power law, K = a·K^b": ("ln_computed",),
    "electronegativity": ("mean_electronegativity", "electronegativity_spread"),
    "all three (used)": FEATURES,
}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One crystal, measured and computed; a bulk modulus of None has no measurement or no fit."""

    crystal: MeasuredCrystal
    amounts: dict[str, float]
    directions: int
    measured_volume: float
    volume: float
    lattice_ratios: tuple[float, ...]
    bulk_modulus: float | None
    pressure_derivative: float
    spread_gpa: float

    @property
    def trusted(self) -> bool:
        """Whether the equation of state is of a framework and has a pressure derivative that solids have."""
        low, high = PRESSURE_DERIVATIVES
        return self.directions == 3 and low <= self.pressure_derivative <= high


@dataclass(frozen=True, kw_only=True)
class Sample:
    """ln(measured / computed) (n,) with features (n, 3), group and class of each, and the error each brings along."""

    logs: FloatArray
    features: FloatArray
    groups: list[str]
    own: FloatArray

    def only(self, keep: Sequence[bool]) -> Sample:
        """A part of it."""
        mask = np.array(keep, dtype=bool)
        return Sample(
            logs=self.logs[mask],
            features=self.features[mask],
            groups=[group for group, kept in zip(self.groups, mask, strict=True) if kept],
            own=self.own[mask],
        )


def rows_of(potential: BatchedCHGNet, store: computed.Store) -> list[Row]:
    """Every measured crystal that the potential relaxed."""
    rows: list[Row] = []
    for crystal in measured_crystals():
        cell = computed.cell_of(crystal, potential, store)
        if not cell:
            print(f"{crystal.formula} {crystal.name}: not relaxed")
            continue
        start, whole = crystal.structure(), computed.conventional(crystal, potential, store)
        before, after = np.array(start.lattice.abc), np.array(whole.lattice.abc)
        _, first = np.unique(np.round(before, 6), return_index=True)
        curve: dict[str, list[float]] = store.get(computed.key_of("curve", crystal, potential)) or {}
        volumes = np.array(curve.get("volumes", []), dtype=np.float64)
        energies = np.array(curve.get("energies", []), dtype=np.float64)
        fit = fit_birch_murnaghan(volumes, energies) if len(volumes) else None
        rows.append(
            Row(
                crystal=crystal,
                amounts={str(symbol): float(n) for symbol, n in start.composition.as_dict().items()},
                directions=bonded_directions(whole),
                measured_volume=start.volume / len(start),
                volume=whole.volume / len(whole),
                lattice_ratios=tuple(float(after[k] / before[k]) for k in first),
                bulk_modulus=None if fit is None else fit.bulk_modulus_gpa,
                pressure_derivative=np.nan if fit is None else fit.pressure_derivative,
                spread_gpa=0.0 if fit is None else window_spread_gpa(fit, volumes=volumes, energies=energies),
            )
        )
    return rows


def sample(
    rows: Sequence[Row], measured: Sequence[float], values: Sequence[float], own: Sequence[float]
) -> Sample:
    """What laws are fitted to; every crystal of the table has an electronegativity."""
    features: list[list[float]] = []
    for row, value in zip(rows, values, strict=True):
        found = features_of(row.amounts, computed=value)
        if found is None:
            raise SystemExit(f"{row.crystal.formula} has no electronegativity")
        features.append([found[name] for name in FEATURES])
    return Sample(
        logs=np.log(np.array(measured) / np.array(values)),
        features=np.array(features),
        groups=[row.crystal.formula for row in rows],
        own=np.array(own),
    )


def say(title: str, data: Sample, names: Sequence[str]) -> FloatArray:
    """Print the left-out errors and the coverage of one way, and return the residuals (repeats, n)."""
    chosen = data.features[:, [FEATURES.index(name) for name in names]]
    residuals = statistics.left_out(chosen, data.logs, data.groups)
    errors = 100 * statistics.relative_errors(residuals)
    one, two = statistics.coverage(residuals, data.groups, own=data.own)
    sigma = statistics.sigma_of(residuals, own=np.tile(data.own, (len(residuals), 1)))
    print(
        f"  {title:42s} n {len(data.logs):3d}   median {np.median(errors):5.2f} %   90th {np.percentile(errors, 90):5.1f} %   "
        f"sigma {100 * sigma:5.2f} %   within one {one:.3f}, two {two:.3f}"
    )
    return residuals


def entry(data: Sample, outside: Sample, *, source: str) -> dict[str, Any]:
    """One calibration: factor, law, and sigmas by quantile inside and outside the tested domain."""
    law = statistics.fit(data.features, data.logs)
    residuals = statistics.left_out(data.features, data.logs, data.groups)
    held: dict[str, Any] = {
        "factor": round(float(np.exp(np.median(data.logs))), 4),
        "relative_sigma": round(
            statistics.sigma_of(residuals, own=np.tile(data.own, (len(residuals), 1))), 4
        ),
        "crystals": len(data.logs),
        "source": source,
        "version": "",
        "law": {
            "intercept": round(law.intercept, 5),
            "coefficients": dict(zip(FEATURES, np.round(law.coefficients, 5).tolist(), strict=True)),
            "ranges": {
                name: [round(float(column.min()), 4), round(float(column.max()), 4)]
                for name, column in zip(FEATURES, data.features.T, strict=True)
            },
        },
    }
    if len(outside.logs):
        clipped = np.clip(outside.features, data.features.min(axis=0), data.features.max(axis=0))
        left = outside.logs - law.shift(clipped)
        held["outside_sigma"] = round(statistics.sigma_of(left, own=outside.own), 4)
        held["outside_crystals"] = len(left)
        errors = 100 * statistics.relative_errors(left)
        print(
            f"  outside the tested domain: n {len(left)}, median {np.median(errors):.1f} %, 90th "
            f"{np.percentile(errors, 90):.0f} %, sigma {100 * held['outside_sigma']:.0f} %"
        )
    return held


def volumes(rows: list[Row]) -> tuple[dict[str, Any], int]:
    """Volume and lattice constants: raw, corrected and left out, by class; the calibration and how many values."""
    print(
        "\nVolume per atom (measured at 298 K; the corrections are fitted without the formula that is judged)"
    )
    ones = [row.measured_volume for row in rows]
    data = sample(rows, ones, [row.volume for row in rows], [0.0] * len(rows))
    frame = [row.directions == 3 for row in rows]
    for way, names in WAYS.items():
        say(f"{way}, all", data, names)
    inside = data.only(frame)
    one = say("one factor, frameworks", inside, ())
    residuals = say("all three (used), frameworks", inside, FEATURES)
    kept = [row for row, is_frame in zip(rows, frame, strict=True) if is_frame]
    classes = [class_of(row.amounts) for row in kept]
    print_by_class("volume", classes, raw=one, corrected=residuals)
    print("Lattice constants (a, b, c that differ), the cube root of the law on each")
    raw: list[float] = []
    left: list[float] = []
    kinds: list[str] = []
    formulas: list[str] = []
    for row, residual in zip(kept, residuals.mean(axis=0), strict=True):
        total = np.log(row.measured_volume / row.volume)
        for ratio in row.lattice_ratios:
            raw.append(-float(np.log(ratio)))
            left.append(-float(np.log(ratio)) - float(total - residual) / 3)
            kinds.append(class_of(row.amounts))
            formulas.append(row.crystal.formula)
    print_by_class("lattice constant", kinds, raw=np.array([raw]), corrected=np.array([left]))
    is_cubic = np.array([row.crystal.space_group >= 195 for row in kept for _ in row.lattice_ratios])
    for title, mask in (("cubic", is_cubic), ("other", ~is_cubic)):
        part = np.array([left])[:, mask]
        one_share, two_share = statistics.coverage(
            part, [f for f, m in zip(formulas, mask, strict=True) if m]
        )
        print(
            f"  {title}: n {mask.sum()}, sigma of a lattice constant {100 * statistics.sigma_of(part):.2f} %; "
            f"within one {one_share:.3f}, two {two_share:.3f}"
        )
    outside = data.only([not is_frame for is_frame in frame])
    source = f"{len(kept)} measured frameworks (knowledge/crystals.json)"
    return entry(inside, outside, source=source), len(rows) + len(raw)


def bulk_moduli(rows: list[Row]) -> tuple[dict[str, Any], int]:
    """Bulk modulus from the equation of state: the ways tried, the one used, by class; the calibration."""
    chosen = [row for row in rows if row.crystal.bulk_modulus_gpa and row.bulk_modulus]
    measured = [float(row.crystal.bulk_modulus_gpa or np.nan) for row in chosen]
    values = [float(row.bulk_modulus or np.nan) for row in chosen]
    own = [row.spread_gpa / value for row, value in zip(chosen, values, strict=True)]
    data = sample(chosen, measured, values, own)
    trusted = [row.trusted for row in chosen]
    inside, outside = data.only(trusted), data.only([not good for good in trusted])
    low, high = PRESSURE_DERIVATIVES
    print(
        f"\nBulk modulus; trusted: a framework, and dK/dP between {low:g} and {high:g}. Wanted: 9 % and 25 %"
    )
    for way, names in WAYS.items():
        say(f"{way}, all", data, names)
    left = {way: say(f"{way}, trusted", inside, names) for way, names in WAYS.items()}
    one, residuals = left["one factor"], left["all three (used)"]
    kept = [row for row, good in zip(chosen, trusted, strict=True) if good]
    print_by_class("bulk modulus", [class_of(row.amounts) for row in kept], raw=one, corrected=residuals)
    refused = [row.crystal.name for row, good in zip(chosen, trusted, strict=True) if not good]
    print(f"  not trusted: {', '.join(refused)}")
    source = f"{len(kept)} measured bulk moduli (knowledge/crystals.json)"
    held = entry(inside, outside, source=source)
    with_table(kept, inside, residuals.mean(axis=0))
    return held, len(chosen)


def with_table(rows: list[Row], data: Sample, residuals: FloatArray) -> None:
    """The potential, the DFT table and both weighted, where the table has the formula."""
    settings = load_settings()
    tables = known_tables(settings.data_dir, cache_dir=settings.cache_dir)
    found = [tables.lookup("bulk_modulus", row.crystal.formula) for row in rows]
    both = [k for k, known in enumerate(found) if known is not None and rows[k].crystal.stable_at_ambient]
    if not both:
        print("  the DFT table of bulk moduli is not here: nothing to weigh with")
        return
    logs = [
        np.log(float(rows[k].crystal.bulk_modulus_gpa or np.nan) / known.value)
        for k in both
        if (known := found[k])
    ]
    table = statistics.left_out(
        np.zeros((len(both), 0)), np.array(logs), [data.groups[k] for k in both]
    ).mean(axis=0)
    own = residuals[both]
    first, second = statistics.sigma_of(own), statistics.sigma_of(table)
    weight = second**2 / (first**2 + second**2)
    for title, left in (
        ("potential, corrected", own),
        ("DFT table, one factor", table),
        (f"both, the potential with {weight:.2f}", weight * own + (1 - weight) * table),
    ):
        errors = 100 * statistics.relative_errors(left)
        print(
            f"  where the table has it: {title:32s} n {len(both)}   median {np.median(errors):.1f} %   "
            f"90th {np.percentile(errors, 90):.1f} %"
        )


def table_entry(rows: list[Row]) -> dict[str, Any] | None:
    """The DFT table of bulk moduli against measurement."""
    settings = load_settings()
    tables = known_tables(settings.data_dir, cache_dir=settings.cache_dir)
    ratios: list[float] = []
    groups: list[str] = []
    for row in rows:
        known = tables.lookup("bulk_modulus", row.crystal.formula)
        measured = row.crystal.bulk_modulus_gpa
        if known and measured and row.crystal.stable_at_ambient and known.spread < 0.2 * known.value:
            ratios.append(float(np.log(measured / known.value)))
            groups.append(row.crystal.formula)
    if not ratios:
        return None
    logs = np.array(ratios)
    print("\nBulk modulus, DFT table (Matbench v0.1 log_kvrh; formulas whose polymorphs agree within 20 %)")
    empty = Sample(
        logs=logs, features=np.zeros((len(logs), len(FEATURES))), groups=groups, own=np.zeros(len(logs))
    )
    residuals = say("one factor", empty, ())
    return {
        "factor": round(float(np.exp(np.median(logs))), 4),
        "relative_sigma": round(statistics.sigma_of(residuals), 4),
        "crystals": len(logs),
        "source": f"{len(logs)} measured bulk moduli against Matbench v0.1 log_kvrh",
        "version": "",
    }


def elements(rows: list[Row]) -> int:
    """The elements against the Delta project's measured and all-electron values, nothing corrected."""
    by_symbol = {
        row.crystal.formula: row for row in rows if len(row.amounts) == 1 and row.crystal.stable_at_ambient
    }
    print(
        "\nElements at 0 K (Lejaeghere et al. 2016, Science 351, aad3000; nothing corrected): computed / reference - 1"
    )
    count = 0
    for title in ("measured", "all_electron"):
        for name, unit in (("volume", "angstrom3"), ("bulk_modulus", "gpa")):
            gaps: list[float] = []
            for reference in element_references():
                row = by_symbol.get(reference.symbol)
                known: float | None = getattr(reference, f"{title}_{name}_{unit}")
                value = None if row is None else getattr(row, name)
                if known and value:
                    gaps.append(100 * (value / known - 1))
            count += len(gaps)
            size = np.abs(gaps)
            print(
                f"  {title:12s} {name:13s} n {len(gaps):3d}   mean {np.mean(gaps):+6.2f} %   median size {np.median(size):5.2f} %   "
                f"90th {np.percentile(size, 90):5.1f} %"
            )
    return count


def main() -> None:
    """Compute what is missing, print the tables, and write when asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true", help="write knowledge/calibration.json")
    parser.add_argument(
        "--store",
        type=Path,
        default=Path(tempfile.gettempdir()) / "matsmith-reference-errors.jsonl",
        help="where results of the potential are kept",
    )
    parser.add_argument("--stored-only", action="store_true", help="compute nothing, print what is stored")
    options = parser.parse_args()
    from matsmith.models.potentials.chgnet_batch import BatchedCHGNet

    potential, store = BatchedCHGNet(), computed.Store(options.store)
    crystals = measured_crystals()
    if not options.stored_only:
        computed.relaxed_cells(crystals, potential=potential, store=store)
        computed.energy_curves(crystals, factors=VOLUME_FACTORS, potential=potential, store=store)
        mechanics.compute(crystals, potential=potential, store=store)
    rows = rows_of(potential, store)
    result: dict[str, Any] = {}
    result["volume"], count = volumes(rows)
    result["bulk_modulus"], more = bulk_moduli(rows)
    table = table_entry(rows)
    if table is None:
        print("\nthe DFT table of bulk moduli is not here (MATSMITH_DATA): its calibration stays as it is")
        table = json.loads(OUTPUT.read_text(encoding="utf-8"))["table_bulk_modulus"]
    result["table_bulk_modulus"] = table
    count += more + elements(rows)
    modulus = {(row.crystal.formula, row.crystal.name): row for row in rows}
    count += mechanics.report(
        potential=potential,
        store=store,
        curves={
            key: (row.volume, row.bulk_modulus, row.pressure_derivative if row.trusted else None)
            for key, row in modulus.items()
            if row.bulk_modulus
        },
        calibration=result["bulk_modulus"],
    )
    print(
        f"\n{count} values compared; the table holds {len(reference_values())} values beside lattices and bulk moduli"
    )
    for held in result.values():
        said = {key: value for key, value in held.items() if key != "version"}
        held["version"] = held["version"] or version_of(said)
    if options.write:
        write_json(OUTPUT, result)


if __name__ == "__main__":
    main()
