"""Synthesis models on left-out formulas and on later years, against copying the nearest, charge balance and the median.

    python benchmarks/synthesis.py                     # needs the mined reactions (MATSMITH_DATA); minutes on one thread
    python benchmarks/synthesis.py --part precursors --sample 500 --json

Every composition is predicted by the one of five models that saw neither it nor the series it belongs to (see SPLIT in
models/predictors/synthesis/training.py); by formula alone, neighbours of a doped series would be trained on.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matsmith.core.elements import SYMBOLS
from matsmith.core.settings import load_settings
from matsmith.knowledge.synthesis.table import SCATTER_C, synthesis_table
from matsmith.models.predictors.compositions import FOLDS, Compositions, gather
from matsmith.models.predictors.descriptors import descriptors
from matsmith.models.predictors.evaluation import area_under_curve, left_out
from matsmith.models.predictors.model import CompositionModel
from matsmith.models.predictors.synthesis.entries import CONDITIONS, RESEMBLANCE, ROUTE, SOL_GEL, STEPS
from matsmith.models.predictors.synthesis.precursor_names import kind_shares, source_elements
from matsmith.models.predictors.synthesis.precursor_training import pairs_together, precursor_examples
from matsmith.models.predictors.synthesis.precursors import PrecursorModel, features_of
from matsmith.models.predictors.synthesis.predicting import model_of, precursor_model, threshold
from matsmith.models.predictors.synthesis.rows import Rows, rows_of
from matsmith.models.predictors.synthesis.training import given, resemblance_table, spread_out, step_table
from matsmith.models.predictors.synthesis.unlabelled import shuffled
from matsmith.models.predictors.trees import cuts_of, encode
from matsmith.tools.strategies.charge import NEUTRAL, charge_score

Array = NDArray[Any]
_SEED = 5
_PER_PUBLISHED = 10
_YEAR_TRAINED, _YEAR_TESTED = 2013, 2015
_ON_THE_FLY = 6000


def shares_of(compositions: Compositions) -> Array:
    """Atom fractions by element, (n, symbols + 1)."""
    found = np.zeros((len(compositions), len(SYMBOLS) + 1), dtype=np.float32)
    rows = np.broadcast_to(np.arange(len(compositions))[:, None], compositions.elements.shape)
    np.add.at(found, (rows, compositions.elements), compositions.fractions)
    found[:, 0] = 0.0
    return found


def nearest_distance(queries: Array, known: Array) -> Array:
    """Sum of absolute differences in fraction to the nearest known composition, (n,)."""
    return np.array([np.abs(known - one).sum(axis=1).min() for one in queries])


def steps(rows: Rows, *, sample: int) -> dict[str, Any]:
    """Errors of temperatures and times: with the route and precursors of the report, and with those predicted too."""
    found: dict[str, Any] = {}
    for name, (_, entry) in STEPS.items():
        table, conditions = step_table(rows, name)
        model = model_of(entry)
        plain = descriptors(table.compositions)
        codes = encode(model.columns(table.compositions, plain, helper=given(conditions)), model.cuts)
        middle = left_out(model, codes, table.folds)
        error = np.abs(table.values - middle[table.owner])
        formulas = np.unique(np.array(table.keys), return_inverse=True)[1][table.owner]
        per_formula = np.bincount(formulas, weights=error) / np.bincount(formulas)
        constant = np.array([np.median(table.targets[table.folds != fold]) for fold in range(FOLDS)])
        blind = np.abs(table.values - constant[table.folds][table.owner])
        found[name] = {
            "reports": len(table.values),
            "formulas": len(per_formula),
            "unit": "log10 h" if entry.scale == "log10" else "K",
            "mae_reports": float(error.mean()),
            "mae_formulas": float(per_formula.mean()),
            "mae_of_the_median": float(blind.mean()),
            "holds_90": model.card["coverage"]["0.9"],
            "holds_90_outside_of_the_domain": model.card["coverage"]["0.9 outside of the domain"],
            "holds_68": model.card["coverage"]["0.6827"],
            "mae_in_domain": model.card["error_in_domain"],
            "mae_outside": model.card["error_outside"],
            "mae_conditions_predicted": _conditions_predicted(model, table, conditions, plain=plain, sample=sample),
        }  # fmt: skip
    return found


def _conditions_predicted(
    model: CompositionModel, table: Any, conditions: Array, *, plain: Array, sample: int
) -> float:
    """Mean error when precursors come from the left-out model's likeliest set; the route is the one reported."""
    chosen = np.random.default_rng(_SEED).permutation(len(table))[:sample]
    precursors = precursor_model()
    predicted = conditions[chosen].copy()
    for row, place in enumerate(chosen.tolist()):
        one = table.compositions.part(slice(place, place + 1))
        sol_gel = conditions[place : place + 1, CONDITIONS.index(SOL_GEL)]
        features = features_of(
            one, plain[place : place + 1], centre=precursors.centre, spread=precursors.spread, sol_gel=sol_gel
        )
        logits = precursors.log_shares(features, members=[int(table.folds[place])])[0]
        sets = precursors.sets(_fractions(one), [(1.0, logits)], count=1)
        shares = {**kind_shares(sets[0].precursors if sets else ()), SOL_GEL: float(sol_gel[0])}
        predicted[row] = [shares[name] for name in CONDITIONS]
    part = table.compositions.part(chosen)
    codes = encode(model.columns(part, plain[chosen], helper=given(predicted)), model.cuts)
    middle = left_out(model, codes, table.folds[chosen])
    return float(np.abs(table.targets[chosen] - middle).mean())


def _fractions(one: Compositions) -> dict[str, float]:
    return {
        SYMBOLS[number - 1]: float(share)
        for number, share in zip(one.elements[0], one.fractions[0], strict=True)
        if number
    }


def precursors(rows: Rows, *, sample: int) -> dict[str, Any]:
    """Exact sets on left-out reactions, one example a reaction, against copying the nearest formula's sets."""
    examples = precursor_examples(rows.rows)
    folds = rows.folds[np.array(examples.places)]
    compositions = gather([rows.rows[place].fractions for place in examples.places])
    shares = shares_of(compositions)
    sources = [frozenset(source_elements(rows.rows[place].fractions)) for place in examples.places]
    random = np.random.default_rng(_SEED)
    tested: list[int] = []
    seen: set[int] = set()
    order_tried: list[int] = random.permutation(len(folds)).tolist()
    for place in order_tried:
        reaction = id(rows.rows[examples.places[place]].reaction)
        if reaction not in seen and len(tested) < sample:
            seen.add(reaction)
            tested.append(place)
    share = _routes_left_out(compositions.part(np.array(tested)), folds[np.array(tested)])
    hits = {
        name: np.zeros(2) for name in ("model", "nearest formula", "nearest formula of the same elements")
    }
    model = precursor_model()
    by_name = dict(zip(model.names, model.keys, strict=True))
    for fold in range(FOLDS):
        here = [(row, place) for row, place in enumerate(tested) if folds[place] == fold]
        if not here:
            continue
        own = _without(model, examples, compositions, rows, folds, fold)
        others = np.flatnonzero(folds != fold)
        for row, place in here:
            part = compositions.part(slice(place, place + 1))
            by_route: list[tuple[float, Array]] = []
            for sol_gel, chance in ((0.0, 1.0 - share[row]), (1.0, share[row])):
                features = features_of(
                    part, descriptors(part), centre=own.centre, spread=own.spread, sol_gel=np.array([sol_gel])
                )
                by_route.append((chance, own.log_shares(features, members=[fold])[0]))
            sets = own.sets(rows.rows[examples.places[place]].fractions, by_route, count=5)
            ranked = [frozenset(by_name[name] for name in one.precursors) for one in sets]
            order = others[np.argsort(np.abs(shares[others] - shares[place]).sum(axis=1), kind="stable")]
            same = [other for other in order.tolist() if sources[other] == sources[place]]
            candidates = {
                "model": ranked,
                "nearest formula": _copied(order.tolist(), examples.sets),
                "nearest formula of the same elements": _copied(
                    [*same, *order[:200].tolist()], examples.sets
                ),
            }
            for name, one in candidates.items():
                hits[name] += [examples.sets[place] in one[:1], examples.sets[place] in one[:5]]
    return {
        "reactions": len(tested),
        **{name: {"top_1": float(one[0] / len(tested)), "top_5": float(one[1] / len(tested))} for name, one in hits.items()},
    }  # fmt: skip


def _without(
    model: PrecursorModel, examples: Any, compositions: Compositions, rows: Rows, folds: Array, fold: int
) -> PrecursorModel:
    """The model with its pairs counted without a fold, from a part of the examples."""
    from dataclasses import replace

    route = np.array(
        [rows.rows[place].reaction.route == "sol-gel" for place in examples.places], dtype=np.float64
    )
    some = np.random.default_rng(fold).permutation(len(folds))[:_ON_THE_FLY]
    part = compositions.part(some)
    features = features_of(
        part, descriptors(part), centre=model.centre, spread=model.spread, sol_gel=route[some]
    )
    thinned = type(examples)(
        [examples.places[place] for place in some], [examples.sets[place] for place in some],
        [examples.triples[place] for place in some], {},
    )  # fmt: skip
    pairs = pairs_together(model, thinned, features=features, folds=folds[some], without=fold)
    return replace(model, pairs=pairs)


def _copied(order: Sequence[int], sets: Sequence[frozenset[str]]) -> list[frozenset[str]]:
    found: list[frozenset[str]] = []
    for place in order:
        if sets[place] not in found:
            found.append(sets[place])
        if len(found) == 5:
            break
    return found


def _routes_left_out(compositions: Compositions, folds: Array) -> Array:
    model = model_of(ROUTE)
    return left_out(model, encode(descriptors(compositions), model.cuts), folds)


def resemblance(rows: Rows, *, sample: int) -> dict[str, Any]:
    """Left-out published targets among ten times as many compositions with the same popularity of elements."""
    model = model_of(RESEMBLANCE)
    table = resemblance_table(rows)
    published = np.flatnonzero(table.targets > 0.5)
    tested = np.random.default_rng(_SEED).permutation(published)[:sample]
    fractions = [_fractions(table.compositions.part(slice(place, place + 1))) for place in tested.tolist()]
    known = {row.key for row in rows.rows}
    scores = left_out(
        model, encode(descriptors(table.compositions.part(tested)), model.cuts), table.folds[tested]
    )
    others: list[dict[str, float]] = []
    other_scores: list[Array] = []
    for draw in range(_PER_PUBLISHED):
        drawn = shuffled(fractions, known=known, seed=1000 + draw)
        codes = encode(descriptors(gather(drawn)), model.cuts)
        # New to every fold's model: one of them judges, in turn.
        other_scores.append(model.raw(codes, members=[draw % FOLDS])[:, 0])
        others += drawn
    training = shares_of(table.compositions.part(published))
    near = np.empty(len(tested))
    for fold in range(FOLDS):
        here = table.folds[tested] == fold
        near[here] = nearest_distance(
            shares_of(table.compositions.part(tested[here])), training[table.folds[published] != fold]
        )
    some = np.random.default_rng(_SEED).permutation(len(others))[: 4 * sample]
    chosen: list[int] = some.tolist()
    fewer = gather([others[place] for place in chosen])
    return {
        **_against(
            scores, np.concatenate(other_scores), cut=threshold(model),
            balanced=(_balanced(fractions), _balanced(others)),
            near=(-near, -nearest_distance(shares_of(fewer), training)),
        ),
        "published": len(tested),
    }  # fmt: skip


def _balanced(compositions: Sequence[dict[str, float]]) -> Array:
    """Whether common states balance each; amounts to a hundredth of the formula unit."""
    return np.array([charge_score({s: round(100 * a) for s, a in one.items() if round(100 * a)}) >= NEUTRAL for one in compositions])  # fmt: skip


def _against(
    scores: Array, others: Array, *, cut: float, balanced: tuple[Array, Array], near: tuple[Array, Array]
) -> dict[str, Any]:
    """Recall, precision at ten to one and area; charge balance and distance to the nearest, at the recall that charge balance has."""
    truth = np.concatenate([np.ones(len(scores), dtype=bool), np.zeros(len(others), dtype=bool)])
    recall = float(balanced[0].mean())
    same = float(np.quantile(scores, 1.0 - recall))
    near_cut = float(np.quantile(near[0], 1.0 - recall))

    def precision(hit: float, false: float) -> float:
        return hit / max(1e-12, hit + _PER_PUBLISHED * false)

    own, by_charge = (
        precision(recall, float((others >= same).mean())),
        precision(recall, float(balanced[1].mean())),
    )
    near_truth = np.concatenate([np.ones(len(near[0]), dtype=bool), np.zeros(len(near[1]), dtype=bool)])
    return {
        "auc": area_under_curve(truth, np.concatenate([scores, others])),
        "auc_nearest": area_under_curve(near_truth, np.concatenate(near)),
        "recall": float((scores >= cut).mean()),
        "others_passing": float((others >= cut).mean()),
        "precision_10_to_1": precision(float((scores >= cut).mean()), float((others >= cut).mean())),
        "charge_balance_recall": recall,
        "charge_balance_precision": by_charge,
        "precision_at_that_recall": own,
        "times_charge_balance": own / by_charge,
        "nearest_precision_at_that_recall": precision(recall, float((near[1] >= near_cut).mean())),
    }


def by_year(rows: Rows, *, sample: int) -> dict[str, Any]:
    """Trained on targets published to one year, asked for those that were first published after another."""
    from sklearn.ensemble import HistGradientBoostingClassifier  # pyright: ignore[reportMissingImports]

    first: dict[str, int] = {}
    for row in rows.rows:
        year = row.reaction.year
        first[row.key] = min(first.get(row.key, 9999), year if year is not None else 0)
    places = spread_out(rows, seed=_SEED)
    early = [place for place in places if 0 < first[rows.rows[place].key] <= _YEAR_TRAINED][:_ON_THE_FLY]
    late = [place for place in places if _YEAR_TESTED <= first[rows.rows[place].key] < 9999][:sample]
    known = {row.key for row in rows.rows}
    past, future = ([rows.rows[place].fractions for place in part] for part in (early, late))
    negatives = shuffled(past, known=known, seed=1)
    columns = descriptors(gather([*past, *negatives]))
    cuts = cuts_of(columns)
    model: Any = HistGradientBoostingClassifier(
        learning_rate=0.12,
        max_iter=150,
        max_leaf_nodes=31,
        min_samples_leaf=8,
        max_features=0.3,
        random_state=_SEED,
    )
    model.fit(encode(columns, cuts).astype(np.float32), np.r_[np.ones(len(past)), np.zeros(len(negatives))])

    def score(some: list[Any]) -> Array:
        codes = encode(descriptors(gather(some)), cuts).astype(np.float32)
        return np.asarray(model.predict_proba(codes)[:, 1])

    others = shuffled(future, known=known, seed=2)
    training = shares_of(gather(past))
    scores = score(future)
    return {
        "trained_to": _YEAR_TRAINED,
        "tested_from": _YEAR_TESTED,
        "published": len(future),
        **_against(
            scores, score(others), cut=0.5,
            balanced=(_balanced([dict(one) for one in future]), _balanced(others)),
            near=tuple(-nearest_distance(shares_of(gather(part)), training) for part in (future, others)),  # pyright: ignore[reportArgumentType]
        ),
    }  # fmt: skip


def scatter(rows: Rows) -> dict[str, Any]:
    """How far papers' temperatures scatter about the median of their composition (C): robust one sigma, with what the look-up uses."""
    found: dict[str, Any] = {}
    for kind in SCATTER_C:
        told: dict[str, dict[str, list[float]]] = {}
        for row in rows.rows:
            value = row.reaction.highest_c(kind)
            if value is not None:
                told.setdefault(row.key, {}).setdefault(row.reaction.doi, []).append(value)
        residuals: list[float] = []
        for papers in told.values():
            own = np.array([np.median(one) for one in papers.values()])
            if len(own) >= 3:
                # The median of few takes part of the scatter with it.
                residuals += list(np.abs(own - np.median(own)) * np.sqrt(len(own) / (len(own) - 1)))
        found[kind] = {
            "sigma_c": 1.4826 * float(np.median(residuals)),
            "papers": len(residuals),
            "used": SCATTER_C[kind],
        }
    return found


def route(rows: Rows) -> dict[str, Any]:
    """Which route papers took, on left-out formulas."""
    del rows
    card = model_of(ROUTE).card
    return {"auc": card["roc_auc"], "formulas": card["formulas"]}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parts = ("scatter", "route", "steps", "resemblance", "by_year", "precursors")
    parser.add_argument("--part", action="append", choices=parts)
    parser.add_argument(
        "--sample", type=int, default=2000, help="how many left-out ones are tried where each is dear"
    )
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    settings = load_settings()
    table = synthesis_table(settings.data_dir, cache_dir=settings.cache_dir)
    if table is None:
        raise SystemExit("The mined reactions are not here: `matsmith data get synthesis` fetches them.")
    rows = rows_of(table.reactions)
    measured: dict[str, Any] = {"reactions": len(table), "left_out": table.dropped}
    sampled = {"steps": steps, "resemblance": resemblance, "by_year": by_year, "precursors": precursors}
    for part in arguments.part or parts:
        if part in sampled:
            measured[part] = sampled[part](rows, sample=arguments.sample)
        else:
            measured[part] = scatter(rows) if part == "scatter" else route(rows)
        if not arguments.json:
            print(part, json.dumps(measured[part], indent=1), flush=True)
    if arguments.json:
        print(json.dumps(measured, indent=2))


if __name__ == "__main__":
    main()
