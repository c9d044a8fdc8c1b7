"""The models that ship, by property, and the one call that others need: `predicted(property, formula)`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from matsmith.core.elements import SYMBOLS
from matsmith.core.errors import SpecError
from matsmith.models.predictors.compositions import Compositions, FloatArray, gather, read_formula
from matsmith.models.predictors.descriptors import descriptors, element_table
from matsmith.models.predictors.model import CompositionModel, Helper, Predictions, load_model
from matsmith.models.predictors.neural import WEIGHTS as NETWORKS
from matsmith.models.predictors.neural import Networks, networks_at
from matsmith.models.predictors.targets import PREDICTED, PredictedProperty, predicted_property
from matsmith.models.predictors.trees import encode

WEIGHTS = Path(__file__).parent / "weights"
_OPEN_SHELLS = frozenset(
    symbol
    for first, last in (("V", "Cu"), ("Ce", "Yb"), ("U", "Pu"))
    for symbol in SYMBOLS[SYMBOLS.index(first) : SYMBOLS.index(last) + 1]
)
"""Metals whose d or f shell is neither empty nor full in what they usually form."""
_LIGANDS = frozenset(["O", "S", "F", "Cl", "Br", "I"])
_MOTT = "called a metal, as the table calls insulating LiFePO4 and CoO too: an open d or f shell beside its ligands may hold a gap"


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """One predicted value. `sigma` is one standard error against what `of` names, `low90` to `high90` the 90 % interval.

    `distance` to the nearest formula trained on is in units of the border of the domain: above 1 is outside.
    """

    property: str
    formula: str
    value: float
    sigma: float
    unit: str
    low90: float
    high90: float
    in_domain: bool
    distance: float
    of: str
    method: str
    outside_because: str = ""
    chance_of_metal: float | None = None


def weights_path(name: str) -> Path:
    """Where the weights of a property lie."""
    return WEIGHTS / f"{name}.safetensors"


def shipped() -> list[str]:
    """Properties whose weights are here."""
    return [name for name in PREDICTED if weights_path(name).is_file()]


def networks_path() -> Path:
    """Where the networks lie that models may be stacked with."""
    return WEIGHTS / NETWORKS.name


def networks_for(name: str) -> Networks | None:
    """The networks that a property can be stacked with, or None. Raises `DataError` for a damaged file."""
    if not networks_path().is_file():
        return None
    found = networks_at(networks_path())
    return found if name in found.tasks else None


@lru_cache(maxsize=32)
def _loaded(path: Path, name: str, networks: Path, changed_ns: tuple[int, int]) -> CompositionModel:
    del changed_ns  # part of the key only: a changed file is read again
    return load_model(path, entry=predicted_property(name), networks=networks)


def model_of(name: str) -> CompositionModel:
    """The model of a property, read once. Raises `UsageError` for an unknown one, `DataError` for missing or damaged weights."""
    predicted_property(name)
    path, networks = weights_path(name), networks_path()
    return _loaded(path, name, networks, (_changed_ns(path), _changed_ns(networks)))


def _changed_ns(path: Path) -> int:
    return path.stat().st_mtime_ns if path.is_file() else 0


def weights_identity(names: Sequence[str]) -> str:
    """Hash of the weights files that predictions of these properties rest on, helpers included."""
    digest = hashlib.sha256()
    wanted = set(names) | {helper for name in names for helper in _helpers(name)}
    for name in sorted(wanted):
        path = weights_path(name)
        digest.update(f"{name}:{model_of(name).sha256 if path.is_file() else 'none'};".encode())
    return digest.hexdigest()[:16]


def _helpers(name: str) -> set[str]:
    own = set(PREDICTED[name].helpers)
    return own.union(*(_helpers(helper) for helper in own))


def predict_arrays(names: Sequence[str], compositions: Compositions) -> dict[str, Predictions]:
    """Predictions of several properties, each helper computed once. Elements must be covered."""
    columns = descriptors(compositions)
    helper = helper_columns()
    models = {name: model_of(name) for name in names}
    networks = next((model.networks for model in models.values() if model.networks is not None), None)
    outputs = None if networks is None else networks.predict(compositions, columns)
    return {
        name: model.predict(compositions, columns, helper=helper, outputs=outputs)
        for name, model in models.items()
    }


def helper_columns() -> Helper:
    """Predictions that models take as descriptors, for one set of compositions; each is computed once."""
    kept: dict[str, FloatArray] = {}

    def helper(name: str, compositions: Compositions, columns: NDArray[np.float32]) -> FloatArray:
        if name not in kept:
            model = model_of(name)
            codes = encode(model.columns(compositions, columns, helper=helper), model.cuts)
            kept[name] = model.raw(codes).mean(axis=1)
        return kept[name]

    return helper


def check_covered(fractions: Mapping[str, float]) -> None:
    """Raise `SpecError` for an element of which nothing is known here."""
    outside = sorted(set(fractions) - element_table().covered)
    if outside:
        raise SpecError(
            f"The composition models know nothing of {', '.join(outside)}.",
            hint="They reach from hydrogen to berkelium.",
        )


def predict_formulas(names: Sequence[str], formulas: Sequence[str]) -> list[dict[str, Prediction]]:
    """For each formula its predictions by property. Raises `SpecError` for what is no composition or has unknown elements."""
    fractions = [read_formula(formula) for formula in formulas]
    for one in fractions:
        check_covered(one)
    found = predict_arrays(names, gather(fractions))
    return [
        {name: one_of(found[name], row, name=name, formula=formula) for name in names}
        for row, formula in enumerate(formulas)
    ]


def one_of(
    found: Predictions, row: int, *, name: str, formula: str, entry: PredictedProperty | None = None
) -> Prediction:
    """One row of `Predictions` with its words; `entry` is that of a model that does not ship."""
    entry = entry or PREDICTED[name]
    reasons: list[str] = []
    if found.distance[row] > 1.0:
        reasons.append(f"{found.distance[row]:.1f} times the usual distance from what it was trained on")
    if not found.in_domain[row] and not reasons:
        reasons.append(f"an element that only {int(found.rarest[row])} training formulas have")
    chance = None if found.chance_of_metal is None else float(found.chance_of_metal[row])
    if name == "measured_band_gap" and (chance or 0.0) > 0.5 and open_shelled(formula):
        reasons.append(_MOTT)
    return Prediction(
        property=name,
        formula=formula,
        value=float(found.value[row]),
        sigma=float(found.sigma[row]),
        unit=entry.unit,
        low90=float(found.low90[row]),
        high90=float(found.high90[row]),
        in_domain=not reasons,
        distance=float(found.distance[row]),
        of=entry.of,
        method=method_words(found),
        outside_because="; ".join(reasons),
        chance_of_metal=chance,
    )


def open_shelled(formula: str) -> bool:
    """Whether a metal with an open d or f shell stands beside oxygen, sulfur or a halogen: where electrons that repel each other open a gap.

    >>> open_shelled("LiFePO4"), open_shelled("BaTiO3"), open_shelled("FeAl")
    (True, False, False)
    """
    symbols = set(read_formula(formula))
    return bool(symbols & _OPEN_SHELLS) and bool(symbols & _LIGANDS)


def method_words(*found: Predictions) -> str:
    """What predictions were made by."""
    if all(one.network is None for one in found):
        return "boosted trees on composition descriptors, five folds"
    more = "" if all(one.kernel is None for one in found) else " and kernel regression"
    return (
        f"boosted trees on composition descriptors stacked with networks over elements{more}, five folds each"
    )


def predicted(name: str, formula: str) -> Prediction:
    """One property of one formula, with sigma, 90 % interval and whether it is in the model's domain.

    Raises `UsageError` for an unknown property, `SpecError` for what is no composition, `DataError` for damaged weights.
    """
    return _predicted(name, formula, weights_identity([predicted_property(name).name]))


@lru_cache(maxsize=20_000)
def _predicted(name: str, formula: str, identity: str) -> Prediction:
    del identity  # part of the key only
    return predict_formulas([name], [formula])[0][name]
