"""How far stand-ins for missing rows lie from the rows that they stand for, and whether their errors say so.

    MATSMITH_DATA=DIR python benchmarks/table_gaps.py

Every binary that may stand in (`knowledge/table_gaps.py`) and has a row in the table all the same is hidden in turn: the offsets
are fitted without it (ten folds by formula), and its energy is held against the lowest hidden row.
"""

from __future__ import annotations

import argparse

import numpy as np
from numpy.typing import NDArray
from reference_phases import project_elements, samples

from matsmith.core.settings import load_settings
from matsmith.knowledge import phases
from matsmith.knowledge.formulas import key_amounts, reduced_key
from matsmith.knowledge.offset_fit import Sample, fit_references, residuals
from matsmith.knowledge.offsets import compound_class, terms
from matsmith.knowledge.references import known_tables
from matsmith.knowledge.table_gaps import gap_phases, known_compounds

BoolArray = NDArray[np.bool_]
_FOLDS = 10


def main() -> None:
    """Measure and print."""
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    settings = load_settings()
    tables = known_tables(settings.data_dir, cache_dir=settings.cache_dir)
    table, hull = tables.table("mp_formation_energy"), tables.table("mp_energy_above_hull")
    stand_ins = {phase.formula: phase for phase in gap_phases()}
    hidden = [key for key in stand_ins if key in table]
    energies: dict[str, float] = {}
    for phase in phases.shipped_phases(phases.shipped_elements()):
        key = reduced_key(phase.amounts)
        energies[key] = min(phase.energy_ev_per_atom, energies.get(key, phase.energy_ev_per_atom))
    potential = phases.element_energies()
    own = {**potential, **{s: e for s, e in project_elements(settings.data_dir).items() if s in potential}}
    every = samples(tables)
    order: list[int] = np.random.default_rng(0).permutation(len(hidden)).tolist()
    fold = {hidden[place]: index % _FOLDS for index, place in enumerate(order)}
    errors: dict[str, float] = {}
    for k in range(_FOLDS):
        mu = fit_references(
            [s for s in every if fold.get(reduced_key(s.amounts)) != k], own_ev=own, terms=terms
        )
        left = [
            Sample(key, key_amounts(key), energies[key], float(table.rows(key)[0]))
            for key in hidden
            if fold[key] == k
        ]
        errors |= {s.formula: float(e) for s, e in zip(left, residuals(left, mu, terms=terms), strict=True)}
    error = np.array([errors[key] for key in hidden])
    sigma = np.array([stand_ins[key].sigma_ev_per_atom for key in hidden])
    above = np.array([float(hull.rows(key)[0]) if key in hull else np.nan for key in hidden])
    known = known_compounds()
    real = np.array([key in known for key in hidden])
    kinds = np.array([compound_class(key_amounts(key)) for key in hidden])
    groups: dict[str, BoolArray] = {
        "all": np.ones(len(hidden), dtype=bool),
        "known compounds": real,
        "by their charges only": ~real,
        "row on the hull": above <= 1e-3,
        "row above the hull": above > 1e-3,
    }
    groups |= {kind: kinds == kind for kind in dict.fromkeys(kinds.tolist())}
    print(f"{len(stand_ins)} stand-ins, {len(hidden)} of them with a row, hidden in turn (meV/atom)")
    print(
        f"  {'':26s} {'n':>4s} {'median':>6s} {'mean abs':>8s} {'90 %':>5s} {'sigma':>6s}  within one, two sigma   over two below the row"
    )
    for name, mask in groups.items():
        if mask.sum() >= 10:
            z, e = error[mask] / sigma[mask], 1000 * error[mask]
            print(
                f"  {name:26s} {mask.sum():4d} {np.median(e):6.0f} {np.abs(e).mean():8.0f} {np.percentile(np.abs(e), 90):5.0f} "
                f"{1000 * sigma[mask].mean():6.0f}  {np.mean(np.abs(z) <= 1):.3f} {np.mean(np.abs(z) <= 2):.3f}            {np.mean(z < -2):.3f}"
            )
    ranked: list[int] = np.argsort(error).tolist()
    print(
        "  lowest against their rows: " + ", ".join(f"{hidden[i]} {1000 * error[i]:+.0f}" for i in ranked[:8])
    )
    print("  highest: " + ", ".join(f"{hidden[i]} {1000 * error[i]:+.0f}" for i in ranked[-8:][::-1]))


if __name__ == "__main__":
    main()
