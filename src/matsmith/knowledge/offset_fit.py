"""Fit of elemental reference energies to a table of formation energies: robust ridge towards the potential's own elements.

Minimises Σ_j ρ_h(r_j) + λ Σ_t (μ_t - μ_t°)², r_j = e_j - E_f,j - Σ_t x_jt μ_t, with Huber's ρ (Huber, Ann. Math. Stat. 35, 73, 1964) by
iteratively reweighted least squares. Formulas whose relaxed polymorph is not the table's ground state lie high and are weighted down.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from matsmith.core.errors import DataError

FloatArray = NDArray[np.float64]
_ITERATIONS = 60


@dataclass(frozen=True, slots=True)
class FitSettings:
    """Where the loss turns linear, in eV/atom, and how strongly the references are held, in (atoms of data)."""

    huber_ev_per_atom: float = 0.03
    ridge: float = 0.02


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One formula: its amounts, the potential's energy and the table's formation energy, eV/atom."""

    formula: str
    amounts: Mapping[str, float]
    energy_ev_per_atom: float
    table_ev_per_atom: float


Terms = Callable[[Mapping[str, float]], dict[str, float]]


def fit_references(
    samples: Sequence[Sample],
    *,
    own_ev: Mapping[str, float],
    terms: Terms,
    settings: FitSettings | None = None,
) -> dict[str, float]:
    """μ in eV of every element in `own_ev` and of every further term that occurs in the samples.

    A term such as `Fe|U` is held towards `own_ev["Fe"]`. Raises `DataError` when a sample holds an element that `own_ev` lacks.
    """
    chosen = settings or FitSettings()
    shares = [terms(sample.amounts) for sample in samples]
    names = list(dict.fromkeys([*own_ev, *(name for share in shares for name in share)]))
    missing = [name for name in names if name.partition("|")[0] not in own_ev]
    if missing:
        raise DataError(
            f"{missing[0]} has no elemental energy to start from.", hint="Relax the element first."
        )
    column = {name: k for k, name in enumerate(names)}
    design = np.zeros((len(samples), len(names)))
    for row, share in enumerate(shares):
        for name, value in share.items():
            design[row, column[name]] = value
    prior = np.array([own_ev[name.partition("|")[0]] for name in names])
    target = np.array([s.energy_ev_per_atom - s.table_ev_per_atom for s in samples]) - design @ prior
    shift = np.zeros(len(names))
    for _ in range(_ITERATIONS):
        residual = np.abs(target - design @ shift)
        weight = np.minimum(1.0, chosen.huber_ev_per_atom / np.maximum(residual, 1e-12))
        weighted = design * weight[:, None]
        normal = weighted.T @ design + chosen.ridge * np.eye(len(names))
        new = np.linalg.solve(normal, weighted.T @ target)
        if np.abs(new - shift).max(initial=0.0) < 1e-7:
            shift = new
            break
        shift = new
    return {name: float(value) for name, value in zip(names, prior + shift, strict=True)}


def residuals(samples: Sequence[Sample], mu_ev: Mapping[str, float], *, terms: Terms) -> FloatArray:
    """Potential's formation energy minus the table's, (n,) eV/atom."""
    return np.array(
        [
            s.energy_ev_per_atom
            - sum(
                share * mu_ev.get(name, mu_ev[name.partition("|")[0]])
                for name, share in terms(s.amounts).items()
            )
            - s.table_ev_per_atom
            for s in samples
        ]
    )


def cross_validated(
    samples: Sequence[Sample],
    *,
    own_ev: Mapping[str, float],
    terms: Terms,
    folds: int = 10,
    seed: int = 0,
    settings: FitSettings | None = None,
) -> FloatArray:
    """Residual of each formula under a fit that has not seen it, (n,) eV/atom."""
    fold = np.random.default_rng(seed).permutation(len(samples)) % folds
    left = np.zeros(len(samples))
    for k in range(folds):
        train = [s for s, f in zip(samples, fold, strict=True) if f != k]
        test: list[int] = np.flatnonzero(fold == k).tolist()
        mu = fit_references(train, own_ev=own_ev, terms=terms, settings=settings)
        left[test] = residuals([samples[i] for i in test], mu, terms=terms)
    return left


@dataclass(frozen=True, slots=True)
class ErrorModel:
    """Residuals as two things: the potential's normal error, and the excess of a wrong polymorph.

    With probability `ground_share` the relaxed structure is the table's lowest one, otherwise it lies above it by an
    exponential excess of mean `excess_ev_per_atom`. `sigma_ev_per_atom` by class. A small flat part takes gross outliers.
    """

    ground_share: float
    excess_ev_per_atom: float
    sigma_ev_per_atom: Mapping[str, float]


_OUTLIER_SHARE, _OUTLIER_WIDTH_EV_PER_ATOM = 0.02, 2.5


def fit_error_model(values: FloatArray, kinds: Sequence[str], *, fewest: int) -> ErrorModel:
    """Maximum likelihood of the error model; classes with fewer than `fewest` values share the sigma of `all`."""
    from scipy import optimize
    from scipy.stats import exponnorm, norm

    labels = np.array(kinds)
    names = [name for name in dict.fromkeys(kinds) if (labels == name).sum() >= fewest]
    slot = np.array([names.index(kind) + 1 if kind in names else 0 for kind in kinds])

    def unpack(parameters: FloatArray) -> tuple[float, float, FloatArray]:
        return float(1 / (1 + np.exp(-parameters[0]))), float(np.exp(parameters[1])), np.exp(parameters[2:])

    def loss(parameters: FloatArray) -> float:
        share, excess, sigmas = unpack(parameters)
        sigma = sigmas[slot]
        density = share * norm.pdf(values, scale=sigma) + (1 - share) * exponnorm.pdf(
            values, excess / sigma, scale=sigma
        )
        mixed = (1 - _OUTLIER_SHARE) * density + _OUTLIER_SHARE / _OUTLIER_WIDTH_EV_PER_ATOM
        return float(-np.log(mixed).sum())

    start = np.array([1.0, np.log(0.1), *([np.log(0.04)] * (len(names) + 1))])
    minimize = cast("Callable[..., Any]", optimize.minimize)  # pyright: ignore[reportUnknownMemberType]
    found = minimize(
        loss, start, method="L-BFGS-B", bounds=[(-3, 4), (-4, 0), *([(-5, -1)] * (len(names) + 1))]
    )
    share, excess, sigmas = unpack(np.asarray(found.x))

    def common(x: FloatArray) -> float:
        return loss(np.array([*found.x[:2], *([float(x[0])] * (len(names) + 1))]))

    whole = minimize(common, [np.log(0.04)], method="Nelder-Mead")
    by_class = {"all": math.exp(float(whole.x[0])), **dict(zip(names, map(float, sigmas[1:]), strict=True))}
    return ErrorModel(ground_share=share, excess_ev_per_atom=excess, sigma_ev_per_atom=by_class)


def sigma68(values: FloatArray) -> float:
    """Half the distance between the 15.87th and 84.13th percentile: one sigma, were it normal."""
    low, high = np.percentile(values, [15.865, 84.135])
    return float(high - low) / 2.0
