"""What the models say of making a composition: resemblance, route, precursors, and each step with its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from matsmith.core.errors import SpecError
from matsmith.core.reactions import ROUTES, Route
from matsmith.models.predictors.compositions import Compositions, FloatArray, gather, read_formula
from matsmith.models.predictors.descriptors import descriptors
from matsmith.models.predictors.library import check_covered
from matsmith.models.predictors.model import CompositionModel, Predictions, load_model
from matsmith.models.predictors.synthesis.entries import (
    CONDITIONS,
    PRECURSORS,
    RESEMBLANCE,
    ROUTE,
    SOL_GEL,
    STEPS,
    weights_of,
)
from matsmith.models.predictors.synthesis.precursor_file import load_precursors
from matsmith.models.predictors.synthesis.precursor_names import kind_shares
from matsmith.models.predictors.synthesis.precursors import PrecursorModel, PrecursorSet, features_of
from matsmith.models.predictors.targets import PredictedProperty

_SETS_PER_ROUTE = 4
_PASSING = 0.1
"""So many left-out published targets score below what counts as resembling them."""


@dataclass(frozen=True, kw_only=True)
class StepPrediction:
    """One number of a step: value and 90 % interval in the unit, one sigma, and whether the composition is like those trained on."""

    name: str
    value: float
    sigma: float
    low90: float
    high90: float
    unit: str
    in_domain: bool
    outside_because: str = ""


@dataclass(frozen=True, kw_only=True)
class Resemblance:
    """`score` from 0 to 1; the shares of left-out published targets and of exchanged compositions that score lower."""

    score: float
    resembles: bool
    above_published: float
    above_other: float
    in_domain: bool


@dataclass(frozen=True, kw_only=True)
class SynthesisPrediction:
    """The answer for one composition. `sol_gel_share` is the chance of that route, `route` the one that the steps are for."""

    formula: str
    resemblance: Resemblance
    sol_gel_share: float
    route: Route
    precursors: tuple[PrecursorSet, ...]
    steps: Mapping[str, StepPrediction]


@lru_cache(maxsize=16)
def _loaded(path: Path, entry: PredictedProperty, changed_ns: int) -> CompositionModel:
    del changed_ns  # part of the key only: a changed file is read again
    return load_model(path, entry=entry)


@lru_cache(maxsize=2)
def _precursors(changed_ns: int) -> PrecursorModel:
    del changed_ns
    return load_precursors(PRECURSORS)


def _changed(path: Path) -> int:
    return path.stat().st_mtime_ns if path.is_file() else 0


def model_of(entry: PredictedProperty) -> CompositionModel:
    """The model of an entry, read once. Raises `DataError` for missing or damaged weights."""
    path = weights_of(entry)
    return _loaded(path, entry, _changed(path))


def precursor_model() -> PrecursorModel:
    """The precursor model, read once. Raises `DataError`."""
    return _precursors(_changed(PRECURSORS))


def all_here() -> bool:
    """Whether every weights file is here."""
    entries = (RESEMBLANCE, ROUTE, *(entry for _, entry in STEPS.values()))
    return PRECURSORS.is_file() and all(weights_of(entry).is_file() for entry in entries)


def weights_hash() -> str:
    """Hash of all the weights. Raises `DataError`."""
    entries = (RESEMBLANCE, ROUTE, *(entry for _, entry in STEPS.values()))
    return "-".join([precursor_model().sha256[:6], *(model_of(entry).sha256[:6] for entry in entries)])


def predict_synthesis(formula: str, *, route: Route | None = None, count: int = 5) -> SynthesisPrediction:
    """Predict how a composition would be made; `route` asks for one of the two, and the likelier one is taken otherwise.

    Raises `SpecError` for what is no composition or an element, `DataError` for missing or damaged weights.
    """
    fractions = read_formula(formula)
    check_covered(fractions)
    if len(fractions) == 1:
        raise SpecError(
            f"{formula} is an element; what is known here is of compounds.",
            hint="Give a compound, such as BaTiO3.",
        )
    compositions = gather([fractions])
    columns = descriptors(compositions)
    share = float(model_of(ROUTE).predict(compositions, columns, helper=_none).value[0])
    chances = {"solid state": 1.0 - share, "sol-gel": share}
    if route is not None:
        chances = {one: float(one == route) for one in ROUTES}
    taken: Route = route or ("sol-gel" if share > 0.5 else "solid state")
    sets = precursor_sets(fractions, compositions, columns, chances=chances, count=count)
    own = {one: float(one == taken) for one in ROUTES}
    likely = precursor_sets(fractions, compositions, columns, chances=own, count=_SETS_PER_ROUTE)
    return SynthesisPrediction(
        formula=formula,
        resemblance=resemblance(compositions, columns),
        sol_gel_share=share,
        route=taken,
        precursors=tuple(sets),
        steps={name: _step(name, compositions, columns, sets=likely, route=taken) for name in STEPS},
    )


def precursor_sets(
    fractions: Mapping[str, float], compositions: Compositions, columns: NDArray[np.float32], *, chances: Mapping[str, float],
    count: int, members: Sequence[int] | None = None,
) -> list[PrecursorSet]:  # fmt: skip
    """The likeliest sets of one composition, given the chance of each route; none where an element has no known precursor."""
    model = precursor_model()
    by_route: list[tuple[float, FloatArray]] = []
    for one in ROUTES:
        features = features_of(
            compositions, columns, centre=model.centre, spread=model.spread, sol_gel=np.array([float(one == "sol-gel")])
        )  # fmt: skip
        by_route.append((chances[one], model.log_shares(features, members=members)[0]))
    return model.sets(fractions, by_route, count=count)


def resemblance(compositions: Compositions, columns: NDArray[np.float32]) -> Resemblance:
    """How much one composition looks like published targets."""
    model = model_of(RESEMBLANCE)
    found = model.predict(compositions, columns, helper=_none)
    score = float(found.value[0])
    scores: tuple[list[float], list[float]] = (model.card["published_scores"], model.card["other_scores"])
    published, other = np.array(scores[0]), np.array(scores[1])
    marks = np.linspace(0.0, 1.0, len(published))
    return Resemblance(
        score=score,
        resembles=score >= threshold(model),
        above_published=float(np.interp(score, published, marks)),
        above_other=float(np.interp(score, other, marks)),
        in_domain=bool(found.in_domain[0]),
    )


def threshold(model: CompositionModel) -> float:
    """The score from which on a composition counts as resembling published targets: nine of ten left-out ones pass."""
    published: list[float] = model.card["published_scores"]
    return float(np.interp(_PASSING, np.linspace(0.0, 1.0, len(published)), published))


def _none(name: str, compositions: Compositions, columns: NDArray[np.float32]) -> FloatArray:
    del compositions, columns
    raise KeyError(name)


def _step(
    name: str, compositions: Compositions, columns: NDArray[np.float32], *, sets: Sequence[PrecursorSet], route: Route
) -> StepPrediction:  # fmt: skip
    """A step's number over the likely precursor sets: their mean, with what they differ by added to the error."""
    _, entry = STEPS[name]
    chosen = sets or [PrecursorSet(precursors=(), share=1.0)]
    rows = [{**kind_shares(one.precursors), SOL_GEL: float(route == "sol-gel")} for one in chosen]
    conditions = np.array([[row[column] for column in CONDITIONS] for row in rows])
    many = Compositions(np.repeat(compositions.elements, len(rows), axis=0), np.repeat(compositions.fractions, len(rows), axis=0))  # fmt: skip

    def helper(column: str, asked: Compositions, plain: NDArray[np.float32]) -> FloatArray:
        del asked, plain
        return conditions[:, CONDITIONS.index(column)]

    found = model_of(entry).predict(many, np.repeat(columns, len(rows), axis=0), helper=helper)
    return mixed(found, np.array([one.share for one in chosen]), entry=entry)


def mixed(found: Predictions, shares: FloatArray, *, entry: PredictedProperty) -> StepPrediction:
    """One prediction from several with their shares."""
    weight = shares / shares.sum()
    scale = entry.to_scale
    ends = [scale(one) for one in (found.low90, found.value, found.high90)]
    middle = float((weight * ends[1]).sum())
    spread = float((weight * (ends[1] - middle) ** 2).sum())
    half = float((weight * 0.5 * (ends[2] - ends[0])).sum())
    sigma = float((weight * found.sigma).sum())
    own = sigma if entry.scale == "linear" else half / 1.645
    wider = float(np.sqrt(1.0 + spread / max(own, 1e-9) ** 2))
    ends_found: list[float] = entry.from_scale(
        np.array([middle - half * wider, middle, middle + half * wider])
    ).tolist()
    low, value, high = ends_found
    reasons = [] if found.in_domain[0] else [f"{max(float(found.distance[0]), 0.0):.1f} times the usual distance, or an element of few syntheses"]  # fmt: skip
    return StepPrediction(
        name=entry.name, value=value, sigma=sigma * wider, low90=low, high90=high, unit=entry.unit,
        in_domain=bool(found.in_domain[0]), outside_because="; ".join(reasons),
    )  # fmt: skip
