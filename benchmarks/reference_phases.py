"""The shipped phases and the fitted offsets against DFT tables: elements, formation energies, stable compounds.

    python benchmarks/reference_phases.py            # print the tables
    python benchmarks/reference_phases.py --write    # and write src/matsmith/knowledge/offsets.json

Needs the tables that `matsmith data get` downloads (`MATSMITH_DATA`). All residuals are cross-validated by formula, ten folds.
"""

from __future__ import annotations

import argparse
import gzip
import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matsmith.core.settings import load_settings
from matsmith.knowledge import phases
from matsmith.knowledge.formulas import key_amounts, reduced_key
from matsmith.knowledge.offset_fit import (
    FitSettings,
    Sample,
    Terms,
    cross_validated,
    fit_error_model,
    fit_references,
    residuals,
    sigma68,
)
from matsmith.knowledge.offsets import CLASSES, OFFSETS_FILE, compound_class, terms
from matsmith.knowledge.references import known_tables
from matsmith.knowledge.tables import KnownTables
from matsmith.tools.reference_selection import hull_level, lower_hull

FloatArray = NDArray[np.float64]
_KNOWN_ENERGIES = Path(__file__).parents[1] / "src" / "matsmith" / "knowledge" / "known_energies.json.gz"
_FEWEST_FOR_A_CLASS = 12
_NEARLY_STABLE_EV_PER_ATOM = 0.05


def samples(tables: KnownTables) -> list[Sample]:
    """The lowest phase, shipped or relaxed for this fit, of each compound that is stable or nearly so in the tables.

    Of other formulas the table often holds one hypothetical polymorph, far above what the prototypes find.
    """
    table, hull = tables.table("mp_formation_energy"), tables.table("mp_energy_above_hull")
    lowest: dict[str, Sample] = {}
    for key, energy in known_energies().items():
        amounts = key_amounts(key)
        if (
            len(amounts) > 1
            and key in table
            and key in hull
            and float(hull.rows(key)[0]) <= _NEARLY_STABLE_EV_PER_ATOM
        ):
            lowest[key] = Sample(key, amounts, energy, float(table.rows(key)[0]))
    for phase in phases.shipped_phases(phases.shipped_elements()):
        key = reduced_key(phase.formula)
        if len(phase.elements) < 2 or key not in table or key not in hull:
            continue
        if float(hull.rows(key)[0]) > _NEARLY_STABLE_EV_PER_ATOM:
            continue
        if key not in lowest or phase.energy_ev_per_atom < lowest[key].energy_ev_per_atom:
            lowest[key] = Sample(
                phase.formula, phase.amounts, phase.energy_ev_per_atom, float(table.rows(key)[0])
            )
    return [lowest[key] for key in sorted(lowest)]


def known_energies() -> dict[str, float]:
    """What `benchmarks/offset_samples.py` relaxed: lowest energy per atom of each formula, eV."""
    if not _KNOWN_ENERGIES.is_file():
        return {}
    content = json.loads(gzip.decompress(_KNOWN_ENERGIES.read_bytes()))
    return {key: float(value[0]) for key, value in content["energies_ev_per_atom"].items()}


def plain_terms(composition: Mapping[str, float]) -> dict[str, float]:
    """One reference an element and nothing more."""
    total = sum(composition.values())
    return {symbol: amount / total for symbol, amount in composition.items()}


def print_residuals(title: str, chosen: Sequence[Sample], values: FloatArray) -> None:
    """One line a class: number, bias, sigma of the middle 68 %, mean absolute error, 90th percentile."""
    kinds = np.array([compound_class(s.amounts) for s in chosen])
    print(f"\n{title} (meV/atom)")
    print(f"  {'class':26s} {'n':>5s} {'median':>7s} {'sigma68':>7s} {'MAE':>6s} {'p90':>6s}")
    for kind in ("all", *CLASSES):
        part = values if kind == "all" else values[kinds == kind]
        if len(part):
            scaled = 1000 * part
            print(
                f"  {kind:26s} {len(part):5d} {np.median(scaled):7.0f} {sigma68(scaled) if len(part) > 4 else float('nan'):7.0f} "
                f"{np.abs(scaled).mean():6.0f} {np.percentile(np.abs(scaled), 90):6.0f}"
            )


def project_elements(folder: Path) -> dict[str, float]:
    """The Materials Project's own energy of each element in eV/atom; empty where the folder lacks the file."""
    path = folder / "mp_elemental_reference_entries.json.gz"
    if not path.is_file():
        return {}
    entries: dict[str, dict[str, Any]] = json.loads(gzip.decompress(path.read_bytes()))
    return {
        symbol: float(entry["energy"]) / sum(entry["composition"].values())
        for symbol, entry in entries.items()
    }


def print_elements(project: Mapping[str, float], chosen: Sequence[Sample], left: FloatArray) -> None:
    """The shipped elements against the Materials Project's, and what is left of it in compounds of the worst ones."""
    own = phases.element_energies()
    difference = {symbol: own[symbol] - energy for symbol, energy in project.items() if symbol in own}
    values = 1000 * np.array(list(difference.values()))
    print(
        f"\nElements: {len(values)} of {len(project)}; the potential's against the Materials Project's: median "
        f"{np.median(values):.0f}, mean absolute {np.abs(values).mean():.0f} meV/atom"
    )
    print("  worst       element   its compounds, median residual after the fit (meV/atom)")
    met = {symbol for sample in chosen for symbol in sample.amounts}
    for symbol in sorted(met & difference.keys(), key=lambda s: -abs(difference[s]))[:8]:
        mine = left[[symbol in s.amounts for s in chosen]]
        print(
            f"  {symbol:10s} {1000 * difference[symbol]:+8.0f} {1000 * np.median(mine):+8.0f} of {len(mine)}"
        )


def print_recovery(tables: KnownTables) -> None:
    """How many binaries that are stable on the table's hull are among the shipped phases and on or near their hull."""
    hull = tables.table("mp_energy_above_hull")
    searched = phases.searched_systems()
    elements = phases.element_energies()
    shipped: dict[frozenset[str], dict[str, tuple[float, float]]] = {}
    for phase in phases.shipped_phases(phases.shipped_elements()):
        if len(phase.elements) != 2:
            continue
        second = max(phase.elements)
        x = phase.amounts[second] / sum(phase.amounts.values())
        first = min(phase.elements)
        energy = phase.energy_ev_per_atom - x * elements[second] - (1 - x) * elements[first]
        row = shipped.setdefault(phase.elements, {})
        key = reduced_key(phase.formula)
        row[key] = min((x, energy), row.get(key, (x, energy)))
    counts: Counter[str] = Counter()
    for key, above in zip(hull.keys, hull.lowest(), strict=True):
        system = frozenset(_symbols(key))
        if len(system) != 2 or system not in searched or above > 1e-6:
            continue
        counts["stable"] += 1
        row = shipped.get(system, {})
        if key in row:
            counts["shipped"] += 1
            points = lower_hull([*row.values(), (0.0, 0.0), (1.0, 0.0)])
            x, energy = row[key]
            counts["near"] += energy - hull_level(points, x) <= 0.05
    print(
        f"\nStable binaries of the table in the systems searched: {counts['stable']}; among the shipped phases "
        f"{counts['shipped']}; within 50 meV/atom of the shipped hull {counts['near']}"
    )


def _symbols(key: str) -> list[str]:
    from matsmith.knowledge.formulas import key_elements

    return key_elements(key)


def report(tables: KnownTables, *, project: Mapping[str, float]) -> dict[str, Any]:
    """Print the residuals of the candidate fits and return the content of offsets.json for the chosen one.

    The fit is held towards the Materials Project's elements where they are at hand: the potential's own are off by up to
    0.2 eV/atom, and not by the same in compounds.
    """
    potential = phases.element_energies()
    own = {**potential, **{symbol: e for symbol, e in project.items() if symbol in potential}}
    chosen = samples(tables)
    print_residuals(
        "Potential's own elements, nothing fitted",
        chosen,
        residuals(chosen, potential, terms=plain_terms),
    )
    unfitted = residuals(chosen, own, terms=plain_terms)
    print_residuals("The Materials Project's elements, nothing fitted", chosen, unfitted)
    fits: dict[str, tuple[Terms, FloatArray]] = {}
    for title, some in (
        ("one reference an element", plain_terms),
        ("and a second for d metals beside O or F", terms),
    ):
        fits[title] = (some, cross_validated(chosen, own_ev=own, terms=some))
        print_residuals(f"Fitted: {title}", chosen, fits[title][1])
    for ridge in (0.005, 0.02, 0.1, 0.5):
        for huber in (0.03, 0.05, 0.1):
            left = cross_validated(
                chosen, own_ev=own, terms=terms, settings=FitSettings(huber_ev_per_atom=huber, ridge=ridge)
            )
            print(
                f"  ridge {ridge:5.3f} huber {huber:4.2f}: sigma68 {1000 * sigma68(left):.1f}, median absolute "
                f"{1000 * np.median(np.abs(left)):.1f} meV/atom"
            )
    left = cross_validated(chosen, own_ev=own, terms=terms)
    print_elements(project, chosen, left)
    mu = fit_references(chosen, own_ev=own, terms=terms)
    counted = Counter(term for s in chosen for term in terms(s.amounts))
    kinds = Counter(compound_class(s.amounts) for s in chosen)
    worst = np.argsort(-np.abs(left))[:15]
    print("  largest:", ", ".join(f"{chosen[i].formula} {1000 * left[i]:+.0f}" for i in worst))
    errors = fit_error_model(left, [compound_class(s.amounts) for s in chosen], fewest=_FEWEST_FOR_A_CLASS)
    print(
        f"  error model: {errors.ground_share:.0%} are the table's lowest polymorph, the others lie {1000 * errors.excess_ev_per_atom:.0f} "
        "meV/atom higher on average; one sigma of the potential itself (meV/atom): "
        + ", ".join(f"{name} {1000 * value:.0f}" for name, value in errors.sigma_ev_per_atom.items())
    )
    held = "the Materials Project's elements" if project else "the potential's own elements"
    return {
        "mu_ev": {name: round(value, 5) for name, value in mu.items()},
        "n_formulas": {"all": len(chosen), **dict(sorted(kinds.items())), **dict(sorted(counted.items()))},
        "sigma_ev_per_atom": {name: round(value, 4) for name, value in errors.sigma_ev_per_atom.items()},
        "polymorphs": {
            "ground_share": round(errors.ground_share, 3),
            "excess_ev_per_atom": round(errors.excess_ev_per_atom, 4),
        },
        "unfitted_bias_ev_per_atom": round(float(np.median(unfitted)), 4),
        "method": f"robust ridge (Huber) of elemental references, held towards {held}; ten-fold cross-validation by formula; lowest shipped phase "
        "against lowest table row, for binaries within 50 meV/atom of the table's hull",
        "date": datetime.now(UTC).date().isoformat(),
        "source": "Matbench v0.1 matbench_mp_e_form (Dunn et al. 2020, npj Comput. Mater. 6, 138); Materials Project, CC BY 4.0",
        "weights_hash": str(phases.shipped_method()["weights_hash"]),
    }


def main() -> None:
    """Print, and write when asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true", help="write the fitted offsets into the package")
    arguments = parser.parse_args()
    started = time.perf_counter()
    method = phases.shipped_method()
    print(
        f"{method['n_elements']} elements, {method['n_systems']} systems, {method['n_screened']} decorations screened, "
        f"{method['n_relaxed']} relaxed, {len(phases.shipped_phases(phases.shipped_elements()))} phases shipped; "
        f"{len(method['systems_missing'])} systems not searched; {phases.PHASES_FILE.stat().st_size / 1e6:.2f} MB, "
        f"loaded in {time.perf_counter() - started:.2f} s"
    )
    settings = load_settings()
    tables = known_tables(settings.data_dir, cache_dir=settings.cache_dir)
    content = report(tables, project=project_elements(settings.data_dir))
    print_recovery(tables)
    if arguments.write:
        OFFSETS_FILE.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        print(f"\nwritten: {OFFSETS_FILE.name}")


if __name__ == "__main__":
    main()
