"""Is a guess that looks stable stable? Formulas judged with their own row left out, by the lowest of many decorated prototypes.

    MATSMITH_DATA=DIR python benchmarks/chosen_candidates.py [--write]

Needs `benchmarks/decorated_energies.json.gz` (`decorated_energies.py` makes it). Truth is the lower of the formula's energy
above the table's hull without it (its lowest row) and of its tabled energy above hull. It is the truth of the formula and
not of the structure: where the only rows lie far above the hull and the search finds something far below them, the table may
lack the structure. Such formulas are counted both as failures and apart. The first sixty formulas are those of
`benchmarks/stability.py` and take no part in the fit. `--write` puts the fit into src/matsmith/knowledge/guesses.json.
"""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

import numpy as np
from decorated_energies import drawn, stored
from numpy.typing import NDArray
from scipy.special import ndtr

from matsmith.core.settings import Settings, load_settings
from matsmith.knowledge.formulas import key_amounts, key_elements
from matsmith.knowledge.guesses import GUESSES_FILE, Guesses
from matsmith.knowledge.offset_fit import fit_error_model
from matsmith.knowledge.offsets import compound_class
from matsmith.knowledge.references import known_tables, references_for
from matsmith.tools.potential import weights_hash

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
TEST_FORMULAS = 60
THRESHOLD_EV, MET = 0.05, 0.84
ONE_SIGMA, TWO_SIGMA = 0.6827, 0.94
# Chosen: what a search would keep. Far below the hull the references lack a phase, which is another error.
CHOSEN_EV = (-0.3, 0.05)
# The only known phases lie this far above the hull and above the guess: the table may lack the structure.
UNKNOWN_STRUCTURE_EV = 0.15


@dataclass(frozen=True, kw_only=True)
class Judged:
    """One formula without its own row: energies in eV/atom, `above` by the lowest guess, `true` by the table."""

    formula: str
    elements: int
    decorations: int
    kind: str
    formation: float
    first_guess: float
    table: float
    above: float
    sigma: float
    true: float


def judged(settings: Settings) -> list[Judged]:
    """Judge every stored formula that has a row, in the order of the draw."""
    tables = known_tables(settings.data_dir, cache_dir=settings.cache_dir)
    hull = tables.table("mp_energy_above_hull")
    found: list[Judged] = []
    energies = stored()
    for key in (key for key in drawn(tables, seed=0) if key in energies):
        lowest = energies[key]["lowest"]
        relaxed = [row["relaxed"] for row in lowest if "relaxed" in row]
        references = references_for(
            key_elements(key), data_dir=settings.data_dir, cache_dir=settings.cache_dir, only="dft_table"
        )
        table = references.table_formation_energy(key)
        if not relaxed or table is None:
            continue
        others, amounts = references.without(key), key_amounts(key)
        formation, sigma = references.formation_energy(amounts, min(relaxed))
        first = lowest[0].get("relaxed", lowest[0].get("tasted", min(relaxed)))
        true = others.energy_above_hull(key, table)
        found.append(
            Judged(
                formula=key,
                elements=len(amounts),
                decorations=energies[key]["decorations"],
                kind=compound_class(amounts),
                formation=formation,
                first_guess=references.formation_energy(amounts, first)[0],
                table=table,
                above=others.energy_above_hull(key, formation),
                sigma=math.hypot(sigma, others.competition_sigma(key)),
                true=min(true, float(hull.rows(key)[0])) if key in hull else true,
            )
        )
    return found


class Columns:
    """The judged formulas as arrays, (n,) each, in eV/atom."""

    def __init__(self, rows: list[Judged]) -> None:
        self.rows = rows
        self.above = np.array([row.above for row in rows])
        self.true = np.array([row.true for row in rows])
        self.sigma = np.array([row.sigma for row in rows])
        self.chosen: BoolArray = (self.above > CHOSEN_EV[0]) & (self.above < CHOSEN_EV[1])
        self.unknown: BoolArray = (self.true > UNKNOWN_STRUCTURE_EV) & (
            self.true - self.above > UNKNOWN_STRUCTURE_EV
        )

    def corrected(self, fit: Guesses | None) -> tuple[FloatArray, FloatArray]:
        """Energies above hull and their sigmas, as they are or as fitted."""
        if fit is None:
            return self.above, self.sigma
        return self.above + fit.shift_ev_per_atom, np.hypot(self.sigma, fit.sigma_ev_per_atom)


def fitted(rows: list[Judged]) -> Guesses:
    """Fit shift, sigma and the share of lowest phases to some formulas."""
    columns = Columns(rows)
    mine = columns.chosen & ~columns.unknown
    off = (columns.true - columns.above)[mine]
    shift = float(np.median(off))

    def covered(value: float) -> bool:
        z = np.abs(off - shift) / np.hypot(columns.sigma[mine], value)
        return bool((z <= 1).mean() >= ONE_SIGMA and (z <= 2).mean() >= TWO_SIGMA)

    extra = next((value for value in np.arange(0.0, 0.1, 0.001).tolist() if covered(value)), 0.1)
    # A guess far below every row is not one of the row's forms.
    apart = [row for row in rows if row.first_guess - row.table > -0.12]
    errors = fit_error_model(
        np.array([row.first_guess - row.table for row in apart]),
        [row.kind for row in apart],
        fewest=len(apart) + 1,
    )
    empty = Guesses(
        shift_ev_per_atom=round(shift, 4),
        sigma_ev_per_atom=round(extra, 4),
        ground_share=round(errors.ground_share, 3),
        excess_ev_per_atom=round(errors.excess_ev_per_atom, 4),
        formulas=len(rows),
        met=0,
        met_true=0,
        date=datetime.now(UTC).date().isoformat(),
        method="lowest of all decorated prototypes of the formula, own row left out; median, and a sigma that covers 68 % and 94 %, of what was within 0.05 "
        "eV/atom of the hull; share of lowest phases for the guess of lowest static energy",
        weights_hash=weights_hash(),
    )
    called, right = met(columns, empty)
    return replace(empty, met=int(called.sum()), met_true=int(right.sum()))


def met(columns: Columns, fit: Guesses | None) -> tuple[BoolArray, BoolArray]:
    """Which formulas are called met at the threshold, and which of these truly are."""
    above, sigma = columns.corrected(fit)
    called: BoolArray = ndtr((THRESHOLD_EV - above) / sigma) >= MET
    return called, called & (columns.true <= THRESHOLD_EV + 1e-4)


def describe(title: str, columns: Columns, fits: list[Guesses | None]) -> None:
    """Print how many verdicts are true and how many errors the sigmas cover; `fits` has one entry a row, or one for all."""
    above, sigma = (np.empty(len(columns.rows)) for _ in range(2))
    called, right = (np.zeros(len(columns.rows), dtype=bool) for _ in range(2))
    for index, fit in enumerate(fits * (len(columns.rows) if len(fits) == 1 else 1)):
        a, s = columns.corrected(fit)
        c, r = met(columns, fit)
        above[index], sigma[index], called[index], right[index] = a[index], s[index], c[index], r[index]
    probability = ndtr((THRESHOLD_EV - above) / sigma)
    known = ~columns.unknown
    print(f"\n{title}")
    print(
        f"  met at {THRESHOLD_EV} eV/atom: {called.sum()} of {len(called)}, mean probability {probability[called].mean():.3f}; true "
        f"{right.sum() / called.sum():.3f}, or {right.sum() / (called & known).sum():.3f} where the structure can be known"
    )
    refuted = probability <= 1 - MET
    print(
        f"  not met: {refuted.sum()}; the formula has no phase that near the hull in {(columns.true > THRESHOLD_EV)[refuted].mean():.3f} "
        "(the others: another structure of the formula is the stable one)"
    )
    for name, mask in (
        ("chosen", columns.chosen),
        ("chosen, structure can be known", columns.chosen & known),
    ):
        z = np.abs(columns.true - above)[mask] / sigma[mask]
        print(
            f"  {name}: {mask.sum()}; one sigma covers {np.mean(z <= 1):.3f}, two {np.mean(z <= 2):.3f}; mean sigma "
            f"{1000 * sigma[mask].mean():.0f} meV/atom"
        )


def describe_errors(columns: Columns) -> None:
    """Print how far the truth lies above the guess, by what could matter."""
    print("\nTruth minus guess of the chosen ones where the structure can be known (meV/atom)")
    print(f"  {'':26s} {'n':>4s} {'16 %':>6s} {'median':>6s} {'84 %':>6s}")
    mine = columns.chosen & ~columns.unknown
    counts = np.array([row.decorations for row in columns.rows])
    sizes = np.array([row.elements for row in columns.rows])
    metals = np.array([row.kind == "intermetallic" for row in columns.rows])
    groups: list[tuple[str, BoolArray]] = [("all", mine)]
    groups += [(f"{size} elements", mine & (sizes == size)) for size in (2, 3)]
    groups += [("intermetallic", mine & metals), ("other classes", mine & ~metals)]
    groups += [
        (f"{low} to {high - 1} decorations", mine & (counts >= low) & (counts < high))
        for low, high in ((1, 11), (11, 20), (20, 40), (40, 1000))
    ]
    for name, mask in groups:
        if mask.sum() >= 8:
            low, middle, high = np.percentile(1000 * (columns.true - columns.above)[mask], [16, 50, 84])
            print(f"  {name:26s} {mask.sum():4d} {low:6.0f} {middle:6.0f} {high:6.0f}")


def main() -> None:
    """Print, and write when asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true", help="write the fit into the package")
    options = parser.parse_args()
    settings = load_settings()
    tables = known_tables(settings.data_dir, cache_dir=settings.cache_dir)
    test = set(drawn(tables, seed=0)[:TEST_FORMULAS])
    rows = [row for row in judged(settings) if row.formula not in test]
    columns = Columns(rows)
    print(
        f"{len(rows)} formulas, {columns.chosen.sum()} chosen (within {CHOSEN_EV} eV/atom of the hull); the table"
    )
    print(
        f"may lack the structure of {columns.unknown.sum()}: {', '.join(r.formula for r, u in zip(rows, columns.unknown, strict=True) if u)}"
    )
    describe_errors(columns)
    describe("Not corrected", columns, [None])
    fold = np.random.default_rng(0).permutation(len(rows)) % 10
    parts = [fitted([r for r, f in zip(rows, fold, strict=True) if f != k]) for k in range(10)]
    describe("Corrected, ten-fold cross-validation", columns, [parts[k] for k in fold.tolist()])
    fit = fitted(rows)
    print(f"\nThe fit: {json.dumps(asdict(fit), indent=1)}")
    if options.write:
        GUESSES_FILE.write_text(json.dumps(asdict(fit), indent=1) + "\n", encoding="utf-8")
        print(f"written: {GUESSES_FILE.name}")


if __name__ == "__main__":
    main()
