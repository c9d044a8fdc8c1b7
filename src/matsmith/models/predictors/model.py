"""A composition model: boosted trees of five folds, a model of their error, a domain; one safetensors file, hash-checked.

    value    = scale^-1(mean over folds m of [w_t,m trees_m(x) + w_n,m network_m(x) + w_k,m kernel_m(x)])
    interval = scale^-1(prediction -+ q * e(x)),   q a quantile of |residual| / e(x) on formulas left out of which about as much was predicted

A gap is 0 where a classifier on the same descriptors finds a metal likelier than not.

The networks of all properties lie in a file of their own; a model that was not stacked with them has trees alone. Large tables have no kernel.
The error model e(x) was fitted to left-out residuals. This is split conformal prediction with a normalised score
(Lei et al. 2018, J. Am. Stat. Assoc. 113, 1094; Barber et al. 2021, Ann. Stat. 49, 486 for the mean over folds). Outside of the
domain the error grows with the distance.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matsmith.core.errors import DataError
from matsmith.models.predictors.calibration import Widths
from matsmith.models.predictors.compositions import Compositions, FloatArray
from matsmith.models.predictors.domain import RARE, Domain
from matsmith.models.predictors.kernel import Kernel
from matsmith.models.predictors.neural import WEIGHTS, Networks, networks_at
from matsmith.models.predictors.sealed import check_seal, group, read_sealed, write_sealed
from matsmith.models.predictors.targets import PredictedProperty, logistic
from matsmith.models.predictors.trees import Trees, encode

FORMAT = "matsmith-composition"
_ALONE, _STACKED, _WITH_KERNEL = "1", "2", "3"
"""Versions: trees alone, stacked with networks, and with a kernel too: an older reader must not take one for another."""
_HINT = "Reinstall matsmith, or train it again with `python -m matsmith.models.predictors.train`."
_NETWORK_HINT = f"{_HINT[:-1]} after `python -m matsmith.models.predictors.neural_training`."
_MARKED = ("middle", "distance", "disagreement", "chance")
_FARTHEST = 5.0
"""How many times the error may grow outside of the domain."""

Helper = Callable[[str, Compositions, NDArray[np.float32]], FloatArray]
"""Prediction of another property on its model's scale, (n,): name, compositions, descriptors."""


@dataclass(frozen=True)
class Predictions:
    """Of `n` compositions, in the property's unit: value, one sigma, ends of the 90 % interval; all shape (n,).

    `distance` is in units of the domain's border, `rarest` counts the training formulas of the rarest element,
    `chance_of_metal` is there for gaps only. On the model's scale: `middle`, which is that of `value`, the `ensemble`, which differs from it for
    metals only, and what the `network` and the `kernel` alone say, where there are these.
    """

    value: FloatArray
    sigma: FloatArray
    low90: FloatArray
    high90: FloatArray
    in_domain: NDArray[np.bool_]
    distance: FloatArray
    rarest: NDArray[np.int64]
    middle: FloatArray
    ensemble: FloatArray
    chance_of_metal: FloatArray | None = None
    network: FloatArray | None = None
    kernel: FloatArray | None = None


@dataclass(frozen=True)
class CompositionModel:
    """Everything that one property's file holds. `card` says what it was trained on and how well it did.

    `stack` (folds, views) are the weights of trees, `networks` and `kernel`, where they are stacked.
    """

    entry: PredictedProperty
    cuts: list[NDArray[np.float32]]
    trees: Trees
    error_trees: Trees
    domain: Domain
    widths: Widths
    metal_trees: Trees | None = None
    stack: FloatArray | None = None
    networks: Networks | None = None
    kernel: Kernel | None = None
    card: dict[str, Any] = field(default_factory=dict[str, Any])
    sha256: str = ""

    def columns(
        self, compositions: Compositions, columns: NDArray[np.float32], *, helper: Helper
    ) -> NDArray[np.float32]:
        """Descriptors with the helpers' predictions after them, shape (n, columns + helpers)."""
        more = [helper(name, compositions, columns) for name in self.entry.helpers]
        return np.concatenate([columns, *(one[:, None].astype(np.float32) for one in more)], axis=1)

    def raw(self, codes: NDArray[np.uint8], *, members: Sequence[int] | None = None) -> FloatArray:
        """Prediction of each fold's trees on the model's scale, shape (n, members)."""
        found = self.trees.predict(codes, members=members)
        return logistic(found) if self.entry.scale == "probability" else found

    def network(self, outputs: FloatArray) -> FloatArray:
        """Of the networks' `outputs` (..., tasks) what is of this property, on the model's scale, shape (...,)."""
        if self.networks is None:
            raise ValueError(f"{self.entry.name} is stacked with no networks")
        return self.entry.on_scale(outputs[..., self.networks.tasks.index(self.entry.name)])

    def predict(
        self,
        compositions: Compositions,
        columns: NDArray[np.float32],
        *,
        helper: Helper,
        outputs: FloatArray | None = None,
    ) -> Predictions:
        """Predict from compositions and their `descriptors` (n, columns).

        `outputs` (n, folds, tasks) are the networks' own where they are known; else they are computed.
        """
        full = self.columns(compositions, columns, helper=helper)
        codes = encode(full, self.cuts)
        each, disagreement = self.raw(codes), None
        alone: list[FloatArray | None] = [None, None]
        if self.stack is not None and self.networks is not None:
            if outputs is None:
                outputs = self.networks.predict(compositions, columns)
            there = list(self.networks.folds)
            views = [each, self.network(outputs)]
            if self.kernel is not None:
                views.append(self.entry.on_scale(self.kernel.predict(full)))
            for place, view in enumerate(views[1:]):
                alone[place] = view[:, there].mean(axis=1)
            if len(there) == each.shape[1]:
                disagreement = np.abs(each - views[1]).mean(axis=1)
            each = np.einsum("mv,vnm->nm", self.stack, np.stack(views))
        ensemble = each.mean(axis=1)
        distance = self.domain.distance(columns)
        chance = None
        if self.metal_trees is not None:
            chance = logistic(self.metal_trees.predict(codes)).mean(axis=1)
        error = self.error(
            codes, ensemble=ensemble, distance=distance, disagreement=disagreement, chance=chance
        )
        rarest = self.domain.rarest(compositions)
        back = self.entry.from_scale
        one, ninety = (factor * error for factor in self.widths.of(ensemble))
        middle = gapless(ensemble, chance)
        low, high = back(middle - ninety), back(middle + ninety)
        # A floor cuts the interval's end and not what is not known.
        sigma = 0.5 * (back(middle + one) - back(middle - one)) if self.entry.scale == "log10" else one
        return Predictions(
            value=back(middle),
            sigma=sigma,
            low90=low,
            high90=high,
            in_domain=(distance <= self.domain.border) & (rarest >= RARE),
            distance=distance / self.domain.border,
            rarest=rarest,
            middle=middle,
            ensemble=ensemble,
            chance_of_metal=chance,
            network=alone[0],
            kernel=alone[1],
        )

    def error(
        self,
        codes: NDArray[np.uint8],
        *,
        ensemble: FloatArray,
        distance: FloatArray,
        disagreement: FloatArray | None,
        chance: FloatArray | None,
    ) -> FloatArray:
        """Expected absolute error on the model's scale, shape (n,), before calibration."""
        known = known_of(ensemble, distance=distance, disagreement=disagreement, chance=chance)
        own = error_codes(codes, known=known, marks=self.card["error_marks"])
        found = np.exp(self.error_trees.predict(own).mean(axis=1))
        return grown(found, distance / self.domain.border)


def gapless(ensemble: FloatArray, chance: FloatArray | None) -> FloatArray:
    """What is predicted, (n,): 0 where a metal is likelier than not by its `chance` (n,), since that is the middle of what may be; else what the ensemble says."""
    return ensemble if chance is None else np.where(chance > 0.5, 0.0, ensemble)


def known_of(
    ensemble: FloatArray,
    *,
    distance: FloatArray,
    disagreement: FloatArray | None = None,
    chance: FloatArray | None = None,
) -> dict[str, FloatArray]:
    """What the error model is told beside the descriptors, by name, each (n,)."""
    known = {"middle": ensemble, "distance": distance, "disagreement": disagreement, "chance": chance}
    return {name: own for name, own in known.items() if own is not None}


def grown(error: FloatArray, distance: FloatArray) -> FloatArray:
    """The error where the distance, in units of the border, is beyond 1: in proportion, up to a limit; (n,)."""
    return error * np.clip(distance, 1.0, _FARTHEST)


def error_codes(
    codes: NDArray[np.uint8], *, known: dict[str, FloatArray], marks: dict[str, list[float]]
) -> NDArray[np.uint8]:
    """Codes for the error model: those of the descriptors, and of what `known_of` names."""
    more = [
        np.searchsorted(np.array(marks[name]), known[name]).astype(np.uint8)[:, None]
        for name in _MARKED
        if name in marks
    ]
    return np.concatenate([codes, *more], axis=1)


def save_model(model: CompositionModel, path: Path) -> str:
    """Write a model; return the hash of its contents. An earlier file stays until the new one is complete."""
    arrays: dict[str, NDArray[Any]] = {
        "cuts": np.concatenate(model.cuts) if model.cuts else np.zeros(0, dtype=np.float32),
        "cut_counts": np.array([len(own) for own in model.cuts], dtype=np.int32),
        **model.widths.arrays(),
    }
    card = dict(model.card)
    if model.stack is not None and model.networks is not None:
        arrays["stack"] = model.stack
        card["networks"] = model.networks.sha256
    groups = {
        "trees": model.trees.arrays(),
        "error": model.error_trees.arrays(),
        "domain": model.domain.arrays(),
    }
    if model.metal_trees is not None:
        groups["metal"] = model.metal_trees.arrays()
    if model.kernel is not None:
        groups["kernel"] = model.kernel.arrays()
    for title, members in groups.items():
        arrays |= {f"{title}.{name}": np.ascontiguousarray(array) for name, array in members.items()}
    header = {
        "format": FORMAT,
        "version": _WITH_KERNEL if model.kernel is not None else _STACKED if "networks" in card else _ALONE,
        "property": model.entry.name,
        "card": json.dumps(card, sort_keys=True),
    }
    return write_sealed(path, arrays, header=header)


def load_model(
    path: Path, *, entry: PredictedProperty, networks: Path = WEIGHTS, stacked: bool = True
) -> CompositionModel:
    """Read a model. Raises `DataError` when the file is missing, damaged, foreign or of another property.

    `networks` is the file of the networks that it may be stacked with, which are then read, too, unless `stacked` is false.
    """
    arrays, header = read_sealed(path, what=entry.title, hint=_HINT)
    if (
        header.get("format") != FORMAT
        or header.get("version") not in (_ALONE, _STACKED, _WITH_KERNEL)
        or header.get("property") != entry.name
    ):
        raise DataError(f"{path.name} is no composition model of {entry.title} for this version.", hint=_HINT)
    check_seal(path, arrays, header=header, hint=_HINT)
    try:
        ends = np.cumsum(arrays["cut_counts"])[:-1]
        metal = group(arrays, "metal")
        card = dict(json.loads(header["card"]))
        stack = arrays["stack"] if stacked and header["version"] != _ALONE else None
        kernel = group(arrays, "kernel") if stacked and header["version"] == _WITH_KERNEL else None
        return CompositionModel(
            entry=entry,
            cuts=np.split(arrays["cuts"], ends),
            trees=Trees.of_arrays(group(arrays, "trees")),
            error_trees=Trees.of_arrays(group(arrays, "error")),
            domain=Domain.of_arrays(group(arrays, "domain")),
            widths=Widths.of_arrays(arrays),
            metal_trees=Trees.of_arrays(metal) if metal else None,
            stack=stack,
            networks=None if stack is None else _networks(networks, entry=entry, sha256=card["networks"]),
            kernel=None if kernel is None else Kernel.of_arrays(kernel),
            card=card,
            sha256=header["sha256"],
        )
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise DataError(f"{path.name} is of another architecture.", hint=_HINT) from error


def _networks(path: Path, *, entry: PredictedProperty, sha256: str) -> Networks:
    found = networks_at(path)
    if found.sha256 != sha256 or entry.name not in found.tasks:
        raise DataError(
            f"{entry.title} was stacked with other networks than those of {path.name}.", hint=_NETWORK_HINT
        )
    return found
