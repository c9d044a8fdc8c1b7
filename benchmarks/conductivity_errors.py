"""Errors of Slack's estimate of the lattice thermal conductivity against measurement, and the law fitted to them.

python benchmarks/conductivity_errors.py            # from the store of benchmarks/elastic_errors.py; prints the table
python benchmarks/conductivity_errors.py --write    # and writes src/matsmith/knowledge/conductivity_errors.json
"""

from __future__ import annotations

import argparse
import math
import tempfile
from pathlib import Path
from typing import Any

import elastic_errors as elastic
import numpy as np
import reference_statistics as statistics
from fitted_file import version_of, write_json
from reference_computed import Store

from matsmith.knowledge.calibration import features_of
from matsmith.knowledge.conductivity_errors import FEATURES, features
from matsmith.knowledge.crystals import measured_crystals
from matsmith.knowledge.measured_properties import measured
from matsmith.models.elastic_averages import debye_temperature_k, poisson_ratio
from matsmith.models.slack_conductivity import grueneisen_parameter, slack_conductivity_w_per_m_k

OUTPUT = Path(__file__).resolve().parents[1] / "src/matsmith/knowledge/conductivity_errors.json"
_GRAM_PER_MOL_ANGSTROM3 = 1.66053906660
_ROOM_K = 300.0


def main() -> None:
    """Print the table, and write when asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true", help="write knowledge/conductivity_errors.json")
    parser.add_argument(
        "--store", type=Path, default=Path(tempfile.gettempdir()) / "matsmith-elastic-errors.jsonl"
    )
    options = parser.parse_args()
    rows = elastic.rows_of(Store(options.store))
    left = elastic.leave_out(rows)
    known = measured("thermal_conductivity")
    cells = {(c.formula, c.name): len(c.structure().get_primitive_structure()) for c in measured_crystals()}
    x: list[list[float]] = []
    truth: list[float] = []
    computed: list[float] = []
    names: list[str] = []
    largest = 0
    for i, row in enumerate(rows):
        found = features_of(row.amounts, computed=1.0)
        if row.key not in known or found is None:
            continue
        bulk, shear = float(left.bulk[0][i]), float(left.shear[0][i])
        volume = row.mass_g_per_mol * _GRAM_PER_MOL_ANGSTROM3 / row.density_g_per_cm3
        debye = debye_temperature_k(
            bulk_gpa=bulk,
            shear_gpa=shear,
            density_g_per_cm3=row.density_g_per_cm3,
            mass_g_per_mol_atoms=row.mass_g_per_mol,
        )
        largest = max(largest, cells[row.key])
        names.append(row.key[0])
        truth.append(known[row.key].value)
        computed.append(
            slack_conductivity_w_per_m_k(
                debye_k=debye,
                grueneisen=grueneisen_parameter(poisson_ratio(bulk, shear)),
                mass_g_per_mol_atoms=row.mass_g_per_mol,
                volume_angstrom3_per_atom=volume,
                atoms_in_primitive_cell=cells[row.key],
                temperature_k=_ROOM_K,
            )
        )
        held = features(
            debye_k=debye,
            mass_g_per_mol=row.mass_g_per_mol,
            volume_angstrom3=volume,
            electronegativity_spread=found["electronegativity_spread"],
        )
        x.append([held[name] for name in FEATURES])
    logs, matrix = np.log(np.array(truth) / np.array(computed)), np.array(x)
    residuals = statistics.left_out(matrix, logs, names)
    # Relative to the value given out, since that is what the error is quoted for.
    gaps = np.expm1(residuals)
    sigma = statistics.sigma_of(gaps)
    one, two = statistics.coverage(gaps, names)
    print(f"  {'':10s} measured   Slack   corrected, left out")
    for i in np.argsort(truth)[::-1]:
        print(
            f"  {names[i]:10s} {truth[i]:8.1f} {computed[i]:8.1f} {truth[i] / math.exp(residuals[:, i].mean()):8.1f}"
        )
    print(
        f"\n  {len(names)} crystals: Slack's estimate is off by a factor of {math.exp(float(np.median(np.abs(logs)))):.2f} in the median, "
        f"after the law and left out by {math.exp(float(np.median(np.abs(residuals)))):.2f} (90th {math.exp(float(np.percentile(np.abs(residuals), 90))):.2f}); "
        f"relative sigma {sigma:.2f}, within one {one:.2f}, two {two:.2f}"
    )
    body: dict[str, Any] = {
        "law": elastic.law_of(FEATURES, matrix, logs),
        "relative_sigma": round(sigma, 4),
        "uncorrected_factor": round(math.exp(float(np.median(np.abs(logs)))), 3),
        "crystals": len(names),
        "largest_cell": largest,
        "source": f"{len(names)} lattice conductivities measured at 300 K (knowledge/measured_properties.json)",
    }
    body["version"] = version_of(body)
    if options.write:
        write_json(OUTPUT, body)


if __name__ == "__main__":
    main()
