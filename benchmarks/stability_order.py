"""Stability from composition on formulas left out, and what it saves: relaxations spent on each stable find, with and without it.

    MATSMITH_DATA=DIR python benchmarks/stability_order.py [--json]

First the ROC-AUC, calibration and share of stable formulas among the first of an order. Then a search as it is made: formulas whose prototypes were
decorated, screened by static energies and relaxed with the potential (`decorated_energies.json.gz`), of the fold that no view was trained on, judged
with their own row hidden. They are put in order by what the screening promises, by the chance alone and by both, and relaxed in that order; a
find is a formula within 0.05 eV/atom of the hull by the table.
"""

from __future__ import annotations

import argparse
import json
import math
from typing import Any

import numpy as np
from chosen_candidates import THRESHOLD_EV, judged
from decorated_energies import stored
from numpy.typing import NDArray

from matsmith.core.errors import DataError
from matsmith.core.quantity import Quantity
from matsmith.core.settings import Settings, load_settings
from matsmith.knowledge.formulas import key_amounts, key_elements
from matsmith.knowledge.references import Tier, references_for
from matsmith.models.predictors.compositions import composition_key, fold_of, read_formula
from matsmith.models.predictors.stability.model import chances, stability_model
from matsmith.models.predictors.stability.train import LEFT_OUT

FloatArray = NDArray[np.float64]
WEIGHTS = (0.0, 0.25, 0.5, 1.0)
# As agents/estimates.py takes a screened energy: relaxing gains 0.06 eV/atom, with a scatter of 0.12.
GAIN_EV, SIGMA_EV = 0.06, 0.12
DRAWS = 2000


def search(settings: Settings, *, tier: Tier) -> dict[str, Any]:
    """Relaxations a stable find costs, in each order, over the first quarter and half of the list; draws of formulas give the errors."""
    energies = stored()
    rows = [row for row in judged(settings) if _left_out(row.formula)]
    promised: list[float] = []
    for row in rows:
        try:
            references = references_for(
                key_elements(row.formula),
                data_dir=settings.data_dir,
                cache_dir=settings.cache_dir,
                only=tier,
            )
        except DataError:
            promised.append(math.nan)
            continue
        static = min(one["static"] for one in energies[row.formula]["lowest"])
        formation, _ = references.formation_energy(key_amounts(row.formula), static)
        above = references.without(row.formula).energy_above_hull(row.formula, formation)
        rough = Quantity(value=above - GAIN_EV, unit="eV/atom", sigma=SIGMA_EV)
        promised.append(math.log(max(1e-4, rough.probability(high=THRESHOLD_EV))))
    untold = np.isnan(promised)
    screening = np.where(untold, math.log(0.5), promised)
    chance = np.log([one.probability for one in chances([row.formula for row in rows])])
    found = np.array([row.true <= THRESHOLD_EV for row in rows])
    orders = {
        **{f"screening + {weight:g} log chance": screening + weight * chance for weight in WEIGHTS},
        "chance where the screening says nothing, as in a run": np.where(untold, chance, screening),
        "chance alone": chance,
    }
    random = np.random.default_rng(0)
    result: dict[str, Any] = {
        "formulas": len(rows),
        "stable": int(found.sum()),
        "without_references": int(untold.sum()),
        "orders": {},
    }
    for name, score in orders.items():
        result["orders"][name] = {}
        for share in (0.25, 0.5):
            costs = [_cost(score, found, share=share)]
            for _ in range(DRAWS):
                drawn = random.integers(0, len(rows), len(rows))
                costs.append(_cost(score[drawn], found[drawn], share=share))
            result["orders"][name][f"{share:g}"] = [costs[0], float(np.std(costs[1:]))]
    result["orders"]["no order"] = {"0.25": [len(rows) / max(1, int(found.sum())), 0.0]}
    return result


def _left_out(formula: str) -> bool:
    return fold_of(composition_key(read_formula(formula))) == LEFT_OUT


def _cost(score: FloatArray, found: NDArray[np.bool_], *, share: float) -> float:
    first = np.argsort(-score, kind="stable")[: max(1, round(share * len(score)))]
    return len(first) / max(1, int(found[first].sum()))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    card, settings = stability_model().card, load_settings()
    tiers: tuple[Tier, ...] = ("dft_table", "shipped")
    results = {tier: search(settings, tier=tier) for tier in tiers}
    if arguments.json:
        print(json.dumps({"model": card["databases"], "search": results}, indent=2))
        return
    print("| database | left out | stable | ROC-AUC | of views | calibration error | published |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name, own in card["databases"].items():
        views = ", ".join(f"{view} {value:.4f}" for view, value in own["roc_auc_of_views"].items())
        print(
            f"| {name} | {own['left_out']} | {100 * own['base_rate']:.1f} % | {own['roc_auc']:.4f} | {views} "
            f"| {own['calibration_error']:.4f} | {own['published'] or '–'} |"
        )
    for tier, result in results.items():
        print(
            f"\nScreened against {tier}: {result['formulas']} left-out formulas with relaxed energies, {result['stable']} of them within "
            f"{THRESHOLD_EV} eV/atom of the hull, {result['without_references']} without references"
        )
        print("| order | relaxations a find, first quarter | first half |")
        print("| --- | --- | --- |")
        for name, costs in result["orders"].items():
            told = " | ".join(f"{value:.2f} ± {error:.2f}" for value, error in costs.values())
            print(f"| {name} | {told} |")


if __name__ == "__main__":
    main()
