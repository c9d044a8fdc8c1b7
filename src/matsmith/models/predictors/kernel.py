"""What formulas nearby have: a Gaussian process on descriptors, one member a fold; for small tables, which trees and networks are coarse on.

    y_m(x) = b_m + sum_i a_im k(|w_m u(x) - w_m u(x_i)|),      k(s) = (1 + q + q^2/3) exp(-q),  q = 5^1/2 s,      a_im = 0 for x_i in fold m
    (K + n_m) a_m = y - b_m     over the formulas outside of fold m

u(x) are descriptors in standard deviations, over the root of their number; each has a weight in w_m, so that distance is in what matters. Weights and
noise n_m make the marginal likelihood of the formulas outside of fold m largest, with a normal prior on the weights' logarithms (Rasmussen and Williams 2006,
Gaussian Processes for Machine Learning, sections 2.2, 4.2 and 5.4.1). Of the points formulas are stored; their descriptors are made again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from matsmith.models.predictors.compositions import FOLDS, Compositions, FloatArray, IntArray
from matsmith.models.predictors.descriptors import descriptors

Matrix = NDArray[np.float32]
MOST_POINTS = 2_000
"""Larger tables get no kernel: its time goes with the cube."""
_START = 1.0 / 1.5
"""Weight that descriptors start from, and that the prior draws them to."""
_PRIOR = 1.0
"""How much a descriptor's weight may depart: standard deviations of its logarithm, one over the root of this."""
_ITERATIONS = 40
_FARTHEST = 5.0
_ROWS = 500
_ROOT_5 = 5.0**0.5


@dataclass(frozen=True)
class Kernel:
    """`points` with their `helpers` (points, helpers), which are predictions of other properties; `weights` (points, FOLDS), `base` (FOLDS,).

    `scales` (FOLDS, descriptors + helpers) are the descriptors' weights, `centre` and `spread` (descriptors + helpers,) those by which they are standardised.
    """

    points: Compositions
    helpers: NDArray[np.float16]
    weights: Matrix
    base: FloatArray
    scales: Matrix
    centre: Matrix
    spread: Matrix

    @cached_property
    def held(self) -> FloatArray:
        """Where the points lie before they are weighed, (points, columns)."""
        return self._place(
            np.concatenate([descriptors(self.points), self.helpers.astype(np.float32)], axis=1)
        )

    def _place(self, columns: Matrix) -> FloatArray:
        scaled = np.clip((columns - self.centre) / self.spread, -_FARTHEST, _FARTHEST)
        return (scaled / columns.shape[1] ** 0.5).astype(np.float64)

    def predict(self, columns: Matrix, *, members: Sequence[int] | None = None) -> FloatArray:
        """From descriptors with the helpers after them, (n, columns), on the model's scale, shape (n, members asked for)."""
        wanted = range(FOLDS) if members is None else members
        own = self._place(columns)
        found = np.empty((len(own), len(wanted)))
        for place, member in enumerate(wanted):
            known = self.held * self.scales[member]
            for begin in range(0, len(own), _ROWS):
                part = own[begin : begin + _ROWS] * self.scales[member]
                near, _ = _matern(_squares(part, known))
                found[begin : begin + _ROWS, place] = near @ self.weights[:, member] + self.base[member]
        return found

    def left_out(self, columns: Matrix, folds: IntArray) -> FloatArray:
        """Of each formula by the member that was not fitted to its fold, (n,)."""
        found = np.empty(len(columns))
        for fold in range(FOLDS):
            rows = folds == fold
            found[rows] = self.predict(columns[rows], members=[fold])[:, 0]
        return found

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What is stored, by name: of the points only the elements that are there."""
        there = self.points.elements > 0
        return {
            "elements": self.points.elements[there].astype(np.uint8),
            "fractions": self.points.fractions[there].astype(np.float32),
            "counts": there.sum(axis=1).astype(np.uint8),
            "helpers": self.helpers, "weights": self.weights, "base": self.base, "scales": self.scales,
            "centre": self.centre, "spread": self.spread,
        }  # fmt: skip

    @classmethod
    def of_arrays(cls, arrays: dict[str, NDArray[Any]]) -> Kernel:
        """From what was stored. Raises KeyError for a missing array, ValueError for arrays that do not fit together."""
        counts = arrays["counts"].astype(np.int64)
        shape = (len(counts), int(counts.max(initial=1)))
        there = np.arange(shape[1]) < counts[:, None]
        if counts.sum() != len(arrays["elements"]) or arrays["weights"].shape != (len(counts), FOLDS):
            raise ValueError("the points of the kernel are not as many as their weights")
        elements, fractions = np.zeros(shape, dtype=np.int64), np.zeros(shape)
        elements[there], fractions[there] = arrays["elements"], arrays["fractions"]
        kept = ("helpers", "weights", "base", "scales", "centre", "spread")
        return cls(points=Compositions(elements, fractions), **{name: arrays[name] for name in kept})


def fit_kernel(
    compositions: Compositions, columns: Matrix, *, helpers: int, targets: FloatArray, folds: IntArray
) -> Kernel:
    """Fit to `targets` (n,) of formulas with their columns (n, descriptors + `helpers`); points are where they will be when read again."""
    draft = Kernel(
        points=compositions,
        helpers=columns[:, columns.shape[1] - helpers :].astype(np.float16),
        weights=np.zeros((len(columns), FOLDS), dtype=np.float32),
        base=np.zeros(FOLDS),
        scales=np.zeros((FOLDS, columns.shape[1]), dtype=np.float32),
        centre=columns.mean(axis=0),
        spread=np.maximum(columns.std(axis=0), 1e-6),
    )
    kernel = Kernel.of_arrays(draft.arrays())
    for fold in range(FOLDS):
        rows = folds != fold
        kernel.base[fold] = targets[rows].mean()
        rest = targets[rows] - kernel.base[fold]
        scales, noise = _likeliest(kernel.held[rows], rest)
        kernel.scales[fold] = scales
        known = kernel.held[rows] * kernel.scales[fold]
        near, _ = _matern(_squares(known, known))
        kernel.weights[rows, fold] = np.linalg.solve(near + noise * np.eye(len(rest)), rest)
    return kernel


def _likeliest(place: FloatArray, rest: FloatArray) -> tuple[FloatArray, float]:
    """Weights of the columns of `place` (n, columns) and noise, of which what is left of the targets `rest` (n,) is likeliest."""
    from scipy import optimize

    minimize = cast("Callable[..., Any]", optimize.minimize)  # pyright: ignore[reportUnknownMemberType]
    begin = np.concatenate([np.zeros(place.shape[1]), [np.log(0.01), 0.0]])
    scaled = rest / max(float(rest.std()), 1e-12)
    found = minimize(
        likelihood, begin, args=(place * _START, scaled), jac=True, method="L-BFGS-B",
        bounds=[(-4.0, 4.0)] * place.shape[1] + [(-10.0, 2.0), (-4.0, 6.0)], options={"maxiter": _ITERATIONS},
    )  # fmt: skip
    best = np.exp(np.asarray(found.x, dtype=np.float64))
    return _START * best[:-2], float(best[-2])


def likelihood(logs: FloatArray, place: FloatArray, rest: FloatArray) -> tuple[float, FloatArray]:
    """Minus the logarithm of the posterior of the `logs` (columns + 2,) of weights, noise and size, but for a constant, and its slope in them."""
    size, noise = float(np.exp(logs[-1])), float(np.exp(logs[-2]))
    weighed = place * np.exp(logs[:-2])
    near, slope = _matern(_squares(weighed, weighed))
    lower = np.linalg.cholesky(size * (near + noise * np.eye(len(rest))))
    half = np.linalg.inv(lower)
    inverse = half.T @ half
    own = inverse @ rest
    value = 0.5 * rest @ own + np.log(np.diag(lower)).sum() + 0.5 * _PRIOR * (logs[:-2] ** 2).sum()
    by_near = 0.5 * (inverse - np.outer(own, own))
    by_square = size * by_near * slope
    turned = (weighed**2).T @ by_square.sum(axis=1) - ((by_square @ weighed) * weighed).sum(axis=0)
    return float(value), np.concatenate(
        [
            4.0 * turned + _PRIOR * logs[:-2],
            [size * noise * np.trace(by_near), 0.5 * (len(rest) - rest @ own)],
        ]
    )


def _squares(some: FloatArray, others: FloatArray) -> FloatArray:
    """Squares of Euclidean distances, (n, m)."""
    squares = (some**2).sum(axis=1)[:, None] + (others**2).sum(axis=1) - 2.0 * some @ others.T
    return np.maximum(squares, 0.0)


def _matern(squares: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The kernel of smoothness 5/2 of squares of distances, and its slope in them; both of their shape."""
    q = _ROOT_5 * np.sqrt(squares)
    far = np.exp(-q)
    return (1.0 + q + q**2 / 3.0) * far, (-5.0 / 6.0) * (1.0 + q) * far
