"""Errors of volume and bulk modulus on measured crystals, and the calibration fitted to them.

python benchmarks/reference_errors.py            # print the table
python benchmarks/reference_errors.py --write    # and write src/matsmith/knowledge/calibration.json
"""

from __future__ import annotations

import argparse
import json
import math
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from matsmith.core.candidate import Candidate, Lineage
from matsmith.core.crystal import Crystal
from matsmith.core.ledger import Ledger
from matsmith.core.settings import load_settings
from matsmith.knowledge.crystals import measured_crystals
from matsmith.knowledge.references import known_tables
from matsmith.tools.runner import ToolRunner, local_executor

_CALIBRATION = Path(__file__).parents[1] / "src" / "matsmith" / "knowledge" / "calibration.json"


def robust_sigma(logs: list[float]) -> float:
    """Half of the central 68 % of the distribution."""
    low, high = np.percentile(logs, [16, 84])
    return float(high - low) / 2


def left_out(logs: list[float]) -> list[float]:
    """Residual of each value against the median of all others."""
    return [value - median(logs[:i] + logs[i + 1 :]) for i, value in enumerate(logs)]


def entry(ratios: dict[str, float], *, source: str) -> dict[str, Any]:
    """Factor and sigma from measured over computed."""
    logs = [math.log(ratio) for ratio in ratios.values()]
    residuals = left_out(logs)
    sigma = max(robust_sigma(residuals), 0.003)
    inside = [sum(abs(r) <= k * sigma for r in residuals) / len(residuals) for k in (1, 2)]
    print(
        f"  factor {math.exp(median(logs)):.4f}, one sigma {100 * sigma:.1f} %, n {len(logs)}; left-out errors: median "
        f"{100 * median(map(abs, residuals)):.1f} %, 90th percentile {100 * np.percentile(np.abs(residuals), 90):.1f} %; "
        f"within one sigma {inside[0]:.0%}, two {inside[1]:.0%}"
    )
    return {
        "factor": round(math.exp(median(logs)), 4),
        "relative_sigma": round(sigma, 4),
        "crystals": len(logs),
        "source": source,
        "version": date.today().isoformat(),
    }


def main() -> None:
    """Relax every measured crystal, compare, print, and write when asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--ledger", type=Path, default=Path("/tmp/matsmith-reference-errors.sqlite"))
    options = parser.parse_args()
    if not _CALIBRATION.is_file():
        neutral = {"factor": 1.0, "relative_sigma": 0.1, "crystals": 0, "source": "none", "version": "none"}
        _CALIBRATION.write_text(
            json.dumps({"bulk_modulus": neutral, "volume": neutral, "table_bulk_modulus": neutral})
        )
    settings = load_settings()
    crystals = list(measured_crystals())
    executor = local_executor(settings=settings)
    volume: dict[str, float] = {}
    modulus: dict[str, float] = {}
    table: dict[str, float] = {}
    with Ledger(options.ledger) as ledger:
        runner = ToolRunner(ledger, settings=settings, executor=executor)
        starts = [Crystal.from_pymatgen(c.structure().get_primitive_structure()) for c in crystals]
        candidates = [Candidate.of(s, lineage=Lineage(strategy="measured")) for s in starts]
        ledger.append_many(("candidate", c.id, c) for c in candidates)
        relaxed: dict[int, Any] = dict(runner.run_many("relax", [{"structure": c.id} for c in candidates]))
        good = [i for i, record in relaxed.items() if record.outcome.failure is None]
        curves = dict(runner.run_many("equation_of_state", [{"structure": relaxed[i].id} for i in good]))
        tables = known_tables(settings.data_dir, cache_dir=settings.cache_dir)
        print(
            f"{'crystal':28s} {'volume error':>12s} {'K measured':>11s} {'K potential':>12s} {'K table':>8s}"
        )
        for place, i in enumerate(good):
            crystal, record = crystals[i], curves[place]
            cell = relaxed[i].outcome.crystal
            name = f"{crystal.formula} {crystal.name}"
            measured = starts[i].volume_angstrom3 / len(starts[i].species)
            ratio = measured / (cell.volume_angstrom3 / len(cell.species))
            volume[name] = ratio
            known = crystal.bulk_modulus_gpa
            failure = record.outcome.failure
            computed = None if failure else record.outcome.facts.get("uncorrected_bulk_modulus_gpa")
            shown = failure.code if failure else computed
            row = tables.lookup("bulk_modulus", crystal.formula)
            if known and isinstance(computed, (int, float)):
                modulus[name] = known / computed
            if known and row is not None and crystal.stable_at_ambient and row.spread < 0.2 * row.value:
                table[name] = known / row.value
            print(
                f"{name:28.28s} {100 * (1 / ratio - 1):11.1f}% {known or float('nan'):11.1f} "
                f"{shown!s:>12} {row.value if row else float('nan'):8.1f}"
            )
        for i, record in relaxed.items():
            if record.outcome.failure is not None:
                print(
                    f"{crystals[i].formula:28s} {record.outcome.failure.code}: {record.outcome.failure.message}"
                )
    executor.close()
    print("volume (measured = factor x computed):")
    result = {"volume": entry(volume, source=f"{len(volume)} measured crystals (knowledge/crystals.json)")}
    print("bulk modulus, equation of state:")
    result["bulk_modulus"] = entry(
        modulus, source=f"{len(modulus)} measured bulk moduli (knowledge/crystals.json)"
    )
    if table:
        print("bulk modulus, DFT table (stated, not corrected):")
        fitted = entry(table, source=f"{len(table)} measured bulk moduli against Matbench v0.1 log_kvrh")
        result["table_bulk_modulus"] = fitted
    if options.write:
        _CALIBRATION.write_text(json.dumps(result, indent=1) + "\n")
        print(f"wrote {_CALIBRATION}")


if __name__ == "__main__":
    main()
