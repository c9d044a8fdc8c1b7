"""Why a composition model predicts what it predicts: what descriptors and elements add, and which formulas it was trained on lie nearest.

Contributions are exact Shapley values of the trees (`shapley`), on the model's own scale: the property's unit, or its log10, where they multiply,
or log-odds. A prediction that serves as a descriptor is owed to the elements as its own explanation says. Where networks are stacked with the
trees, the trees' contributions count by their weight, and what networks and kernel make of it besides are contributions more, owed to the elements in
proportion to theirs. So is what a gap loses where a metal is likelier than not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from matsmith.core.elements import SYMBOLS
from matsmith.models.predictors.compositions import Compositions, FloatArray, gather, read_formula
from matsmith.models.predictors.descriptors import descriptor_names, descriptors, parts_by_element
from matsmith.models.predictors.explanation_data import load_data
from matsmith.models.predictors.library import (
    Prediction,
    check_covered,
    helper_columns,
    model_of,
    one_of,
    weights_path,
)
from matsmith.models.predictors.model import CompositionModel, Helper, Predictions
from matsmith.models.predictors.shapley import LeafPaths
from matsmith.models.predictors.targets import PREDICTED, logistic, predicted_property
from matsmith.models.predictors.trees import encode

ABSENT = "what is not in it"
"""The name under which the absence of elements and groups counts."""
NETWORKS = "networks over elements"
"""The name of what networks add to the trees' descriptors."""
NEIGHBOURS = "formulas nearby"
"""The name of what the kernel adds to these."""
METAL = "a metal is likelier than not"
"""The name of what a gap loses by that."""
_NEAREST = 5


@dataclass(frozen=True, kw_only=True)
class Contribution:
    """What one descriptor adds, on the model's scale, and its value in this formula."""

    name: str
    value: float
    added: float


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """One prediction taken apart: `base` plus all that descriptors add is `total`, on `scale`; so is `base` plus all that elements add.

    `nearest` are formulas that the model was trained on, with distances in units of the domain's border.
    """

    prediction: Prediction
    scale: str
    base: float
    total: float
    descriptors: tuple[Contribution, ...]
    elements: dict[str, float]
    nearest: tuple[tuple[str, float], ...]

    @property
    def usual(self) -> float:
        """The base in the property's unit: what the model says of a formula that nothing is known of."""
        if self.scale == "log-odds":
            return float(logistic(np.array(self.base)))
        value = PREDICTED[self.prediction.property].from_scale(np.array([self.base]))
        return float(value[0])


@dataclass(frozen=True, kw_only=True)
class SetExplanation:
    """Over a set of formulas: the mean size of what each descriptor and element adds, and the mean of it with its sign, largest first."""

    property: str
    scale: str
    formulas: int
    descriptors: dict[str, tuple[float, float]]
    elements: dict[str, tuple[float, float, int]]


def explain(name: str, formulas: Sequence[str]) -> list[Explanation]:
    """Explain the predictions of one property for several formulas.

    Raises `UsageError` for an unknown property, `SpecError` for what is no composition, `DataError` for damaged or missing weights.
    """
    entry = predicted_property(name)
    fractions = [read_formula(formula) for formula in formulas]
    for one in fractions:
        check_covered(one)
    if not fractions:
        return []
    compositions = gather(fractions)
    columns = descriptors(compositions)
    helper = helper_columns()
    model, path = model_of(name), weights_path(name)
    found = model.predict(compositions, columns, helper=helper)
    taken = _taken_apart(name, compositions, columns, helper=helper)
    own_names = [*descriptor_names(), *(f"predicted {PREDICTED[one].title}" for one in entry.helpers)]
    names, taken = _with_more(own_names, taken, model, found)
    place, distance = model.domain.nearest(columns, count=_NEAREST)
    held = load_data(model, path=path).formulas
    explained: list[Explanation] = []
    for row, formula in enumerate(formulas):
        own = taken.added[row]
        order: list[int] = np.argsort(-np.abs(own), kind="stable").tolist()
        near: list[int] = place[row].tolist()
        away: list[float] = (distance[row] / model.domain.border).tolist()
        explained.append(
            Explanation(
                prediction=one_of(found, row, name=name, formula=formula),
                scale=scale_name(model),
                base=taken.base,
                total=taken.base + float(own.sum()),
                descriptors=tuple(
                    Contribution(name=names[one], value=float(taken.columns[row, one]), added=float(own[one]))
                    for one in order
                ),
                elements=_by_symbol(compositions, row, taken.elements[row]),
                nearest=tuple((held[one], far) for one, far in zip(near, away, strict=True)),
            )
        )
    return explained


def explain_set(explanations: Sequence[Explanation]) -> SetExplanation:
    """Sum up the explanations of one property over a set. Raises `ValueError` for none at all."""
    if not explanations:
        raise ValueError("no explanation to sum up")
    by_descriptor: dict[str, list[float]] = {}
    by_element: dict[str, list[float]] = {}
    for one in explanations:
        for part in one.descriptors:
            by_descriptor.setdefault(part.name, []).append(part.added)
        for symbol, added in one.elements.items():
            by_element.setdefault(symbol, []).append(added)
    size = {name: float(np.abs(values).mean()) for name, values in by_descriptor.items()}
    ranked = sorted(by_descriptor, key=lambda name: -size[name])
    symbols = sorted(by_element, key=lambda symbol: -float(np.abs(by_element[symbol]).mean()))
    return SetExplanation(
        property=explanations[0].prediction.property,
        scale=explanations[0].scale,
        formulas=len(explanations),
        descriptors={name: (size[name], float(np.mean(by_descriptor[name]))) for name in ranked},
        elements={
            symbol: (
                float(np.abs(by_element[symbol]).mean()),
                float(np.mean(by_element[symbol])),
                len(by_element[symbol]),
            )
            for symbol in symbols
        },
    )


def scale_name(model: CompositionModel) -> str:
    """The unit of contributions."""
    if model.entry.scale == "probability":
        return "log-odds"
    return f"log10({model.entry.unit})" if model.entry.scale == "log10" else model.entry.unit


@dataclass(frozen=True)
class _TakenApart:
    """`columns` and `added` (n, descriptors), `elements` (n, k + 1), the last of them for what is absent."""

    base: float
    columns: NDArray[np.float32]
    added: FloatArray
    elements: FloatArray


def _taken_apart(
    name: str, compositions: Compositions, columns: NDArray[np.float32], *, helper: Helper
) -> _TakenApart:
    model = model_of(name)
    full = model.columns(compositions, columns, helper=helper)
    paths = _paths(weights_path(name), name, model.sha256)
    added = paths.contributions(encode(full, model.cuts))
    owed = parts_by_element(compositions, usual=model.domain.centre)
    elements = np.einsum("nc,nck->nk", added[:, : owed.shape[1]], owed)
    for place, other in enumerate(model.entry.helpers, start=owed.shape[1]):
        sizes = np.abs(_taken_apart(other, compositions, columns, helper=helper).elements)
        elements += added[:, place, None] * sizes / np.maximum(sizes.sum(axis=1, keepdims=True), 1e-12)
    return _TakenApart(base=paths.base, columns=full, added=added, elements=elements)


def _with_more(
    names: list[str], taken: _TakenApart, model: CompositionModel, found: Predictions
) -> tuple[list[str], _TakenApart]:
    """The same with a column more for the parts of kernel and networks, and one for what is told of metals, where there are these."""
    if model.stack is not None and found.network is not None:
        weights = model.stack.mean(axis=0)
        total, usual = found.ensemble, taken.base
        if model.entry.scale == "probability":
            chance = np.clip(total, 1e-6, 1.0 - 1e-6)
            total = np.log(chance / (1.0 - chance))
        taken = _TakenApart(
            base=taken.base * float(weights.sum()),
            columns=taken.columns,
            added=weights[0] * taken.added,
            elements=weights[0] * taken.elements,
        )
        if found.kernel is not None:
            names = [*names, NEIGHBOURS]
            taken = _with_column(taken, found.kernel, added=weights[2] * (found.kernel - usual))
        rest = total - taken.base - taken.added.sum(axis=1)
        names, taken = [*names, NETWORKS], _with_column(taken, found.network, added=rest)
    if found.chance_of_metal is not None:
        lost = found.middle - found.ensemble
        names, taken = [*names, METAL], _with_column(taken, found.chance_of_metal, added=lost)
    return names, taken


def _with_column(taken: _TakenApart, values: FloatArray, *, added: FloatArray) -> _TakenApart:
    """One column more, `values` and what it adds (n,), owed to the elements in proportion to the rest that is owed to them."""
    sizes = np.abs(taken.elements) + 1e-12
    return _TakenApart(
        base=taken.base,
        columns=np.concatenate([taken.columns, values[:, None].astype(np.float32)], axis=1),
        added=np.concatenate([taken.added, added[:, None]], axis=1),
        elements=taken.elements + added[:, None] * sizes / sizes.sum(axis=1, keepdims=True),
    )


@lru_cache(maxsize=16)
def _paths(path: Path, name: str, sha256: str) -> LeafPaths:
    del sha256  # part of the key only
    model = model_of(name)
    return LeafPaths.of(model.trees, load_data(model, path=path).left_share)


def _by_symbol(compositions: Compositions, row: int, added: FloatArray) -> dict[str, float]:
    numbers: list[int] = compositions.elements[row].tolist()
    own = {
        SYMBOLS[number - 1]: float(value) for number, value in zip(numbers, added, strict=False) if number > 0
    }
    own[ABSENT] = float(added[-1])
    return dict(sorted(own.items(), key=lambda item: -abs(item[1])))
