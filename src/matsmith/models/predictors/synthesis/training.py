"""Trains what is predicted of a synthesis from published reactions; `python -m matsmith.tools.synthesis_training` brings these."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matsmith.models.predictors.compositions import Compositions, FloatArray, gather
from matsmith.models.predictors.descriptors import descriptors
from matsmith.models.predictors.evaluation import left_out
from matsmith.models.predictors.model import CompositionModel, Helper, load_model, save_model
from matsmith.models.predictors.synthesis.entries import (
    CONDITIONS,
    RESEMBLANCE,
    ROUTE,
    SOL_GEL,
    STEPS,
    weights_of,
)
from matsmith.models.predictors.synthesis.precursor_names import kind_shares
from matsmith.models.predictors.synthesis.rows import Row, Rows, fold_of_text
from matsmith.models.predictors.synthesis.unlabelled import shuffled
from matsmith.models.predictors.train import Boosting, fit_table
from matsmith.models.predictors.training_table import TrainingTable
from matsmith.models.predictors.trees import encode

SETTINGS = Boosting(90, 0.18, 31, 8)
_FINER = Boosting(150, 0.12, 31, 8)
SPLIT = (
    "five folds; a formula is in one of them, and so are the formulas of a series that one paper alone made, so that no neighbour in a series "
    "is trained on"
)
_MOST_OF_A_REACTION = 3
_MOST_FORMULAS = 10_000
_KELVIN = 273.15
_QUANTILES = 101
SEED = 11


def conditions_of(row: Row) -> tuple[float, ...]:
    """The columns of `CONDITIONS` for the reaction of a row."""
    shares = {**kind_shares(row.reaction.precursors), SOL_GEL: float(row.reaction.route == "sol-gel")}
    return tuple(shares[name] for name in CONDITIONS)


def given(conditions: NDArray[np.float64]) -> Helper:
    """A helper that gives the columns of `CONDITIONS`, (n, conditions), as they are."""

    def helper(name: str, compositions: Compositions, columns: NDArray[np.float32]) -> FloatArray:
        del compositions, columns
        return conditions[:, CONDITIONS.index(name)]

    return helper


def step_values(rows: Sequence[Row], name: str) -> list[float | None]:
    """What each row's reaction tells of a step, in the entry's unit; None where it tells nothing."""
    kind, _ = STEPS[name]
    if name.endswith("_time"):
        return [row.reaction.longest_h(kind) for row in rows]
    told = [row.reaction.highest_c(kind) for row in rows]
    return [None if one is None else one + _KELVIN for one in told]


def step_table(rows: Rows, name: str) -> tuple[TrainingTable, NDArray[np.float64]]:
    """Rows that tell of a step, grouped by formula and conditions, and the conditions of each group."""
    _, entry = STEPS[name]
    values = step_values(rows.rows, name)
    groups: dict[tuple[str, tuple[float, ...]], list[int]] = {}
    for place, row in enumerate(rows.rows):
        if values[place] is not None:
            groups.setdefault((row.key, conditions_of(row)), []).append(place)
    first = [places[0] for places in groups.values()]
    scaled = [
        np.sort(entry.to_scale(np.array([values[place] for place in places], dtype=np.float64)))
        for places in groups.values()
    ]
    table = TrainingTable(
        keys=[key for key, _ in groups],
        compositions=gather([rows.rows[place].fractions for place in first]),
        targets=np.array([float(np.median(one)) for one in scaled]),
        folds=rows.folds[np.array(first)],
        values=np.concatenate(scaled),
        owner=np.repeat(np.arange(len(first)), [len(one) for one in scaled]),
        left_out=sum(one is None for one in values),
    )
    return table, np.array([conditions for _, conditions in groups])


def fit_step(rows: Rows, name: str, *, work: Path) -> CompositionModel:
    """Train the temperature or time of a step."""
    table, conditions = step_table(rows, name)
    _, entry = STEPS[name]
    return fit_table(
        entry, table, work=work, path=weights_of(entry), helper=given(conditions), settings=_FINER if name == "calcination_temperature" else SETTINGS,
        facts={
            "split": SPLIT, "helpers": [], "formulas": len(set(table.keys)),
            "polymorphs": "not told apart; the route and the kinds of precursors (carbonate, nitrate, ...) are given, and every report counts",
        },
    )  # fmt: skip


def spread_out(rows: Rows, *, seed: int) -> list[int]:
    """Places of rows, one a formula, few of a reaction, at most `_MOST_FORMULAS`: a long series does not outweigh what else is known."""
    seen: set[str] = set()
    taken: dict[int, int] = {}
    places: list[int] = []
    order: list[int] = np.random.default_rng(seed).permutation(len(rows.rows)).tolist()
    for place in order:
        row = rows.rows[place]
        if row.key in seen or taken.get(id(row.reaction), 0) >= _MOST_OF_A_REACTION:
            continue
        seen.add(row.key)
        taken[id(row.reaction)] = taken.get(id(row.reaction), 0) + 1
        places.append(place)
    return places[:_MOST_FORMULAS]


def fit_route(rows: Rows, *, work: Path) -> CompositionModel:
    """Train which route papers took."""
    chosen = {rows.rows[place].key: place for place in spread_out(rows, seed=SEED)}
    told: dict[str, list[float]] = {key: [] for key in chosen}
    for row in rows.rows:
        if row.key in told:
            told[row.key].append(float(row.reaction.route == "sol-gel"))
    scaled = [np.sort(np.array(one)) for one in told.values()]
    table = TrainingTable(
        keys=list(chosen),
        compositions=gather([rows.rows[place].fractions for place in chosen.values()]),
        targets=np.array([float(one.mean() > 0.5) for one in scaled]),
        folds=rows.folds[np.array(list(chosen.values()))],
        values=np.concatenate(scaled),
        owner=np.repeat(np.arange(len(scaled)), [len(one) for one in scaled]),
        left_out=0,
    )
    facts = {"split": SPLIT, "polymorphs": "not told apart; the route of most reports of a formula"}
    return fit_table(
        ROUTE, table, work=work, path=weights_of(ROUTE), settings=SETTINGS, whole=False, facts=facts
    )


def resemblance_table(rows: Rows, *, seed: int = SEED) -> TrainingTable:
    """Published formulas (1) and as many shuffled ones (0)."""
    places = spread_out(rows, seed=seed)
    published = [rows.rows[place].fractions for place in places]
    other = shuffled(published, known={row.key for row in rows.rows}, seed=seed)
    truth = np.concatenate([np.ones(len(places)), np.zeros(len(other))])
    keys = [rows.rows[place].key for place in places]
    folds = [int(rows.folds[place]) for place in places] + [
        fold_of_text(str(sorted(one.items()))) for one in other
    ]
    return TrainingTable(
        keys=[*keys, *(f"unlabelled {place}" for place in range(len(other)))],
        compositions=gather([*published, *other]),
        targets=truth, folds=np.array(folds, dtype=np.int64), values=truth, owner=np.arange(len(truth)), left_out=0,
    )  # fmt: skip


def fit_resemblance(rows: Rows, *, work: Path) -> CompositionModel:
    """Train resemblance to published targets, and note how left-out published and shuffled compositions score."""
    table = resemblance_table(rows)
    facts: dict[str, Any] = {
        "split": SPLIT,
        "polymorphs": "not told apart; half of the rows are published targets, the others published targets whose elements were exchanged",
    }
    path = weights_of(RESEMBLANCE)
    model = fit_table(RESEMBLANCE, table, work=work, path=path, settings=SETTINGS, whole=False, facts=facts)
    scores = left_out(model, encode(descriptors(table.compositions), model.cuts), table.folds)
    marks = np.linspace(0.0, 1.0, _QUANTILES)
    published = table.targets > 0.5
    model.card["published_scores"] = [round(float(one), 4) for one in np.quantile(scores[published], marks)]
    model.card["other_scores"] = [round(float(one), 4) for one in np.quantile(scores[~published], marks)]
    # Elkan and Noto 2008: the mean score of left-out labelled ones is the chance that one that could be is labelled.
    model.card["labelled_share"] = float(scores[published].mean())
    save_model(model, path)
    return load_model(path, entry=RESEMBLANCE)
