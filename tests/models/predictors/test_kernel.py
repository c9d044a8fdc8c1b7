"""The kernel: formulas nearby tell, no member sees its fold, what is stored is what was fitted, damage is told."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest

from matsmith.models.predictors.compositions import FOLDS, Compositions, FloatArray, gather, read_formula
from matsmith.models.predictors.descriptors import descriptors
from matsmith.models.predictors.kernel import (
    Kernel,
    _likeliest,  # pyright: ignore[reportPrivateUsage]
    fit_kernel,
    likelihood,
)

METALS = ("Li", "Na", "K", "Mg", "Ca", "Sr", "Ti", "Fe", "Ni", "Zn", "Al", "Ga")
ANIONS = ("O", "S", "F", "Cl", "N")
Columns = np.ndarray[tuple[int, int], np.dtype[np.float32]]


def made() -> tuple[Compositions, Columns, FloatArray, np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """Formulas, their descriptors with one helper, a smooth function of both, folds."""
    formulas = [f"{one}{n}{other}" for one in METALS for other in ANIONS for n in (1, 2, 3)]
    compositions = gather([read_formula(formula) for formula in formulas])
    random = np.random.default_rng(0)
    helper = random.normal(size=(len(formulas), 1)).astype(np.float32)
    columns = np.concatenate([descriptors(compositions), helper], axis=1)
    targets = np.tanh(columns[:, 0] / columns[:, 0].std()) + 0.3 * helper[:, 0].astype(np.float64)
    return compositions, columns, targets.astype(np.float64), np.arange(len(formulas)) % FOLDS


def fitted_to(targets: FloatArray) -> Kernel:
    compositions, columns, _, folds = made()
    return fit_kernel(compositions, columns, helpers=1, targets=targets, folds=folds)


@lru_cache(maxsize=1)
def fitted() -> Kernel:
    return fitted_to(made()[2])


def test_left_out_formulas_are_told_by_those_nearby() -> None:
    _, columns, targets, folds = made()
    kernel = fitted()
    off = np.abs(kernel.left_out(columns, folds) - targets).mean()
    assert off < 0.35 * np.abs(targets - np.median(targets)).mean()
    seen = kernel.predict(columns).mean(axis=1)
    assert np.abs(seen - targets).mean() < off


def test_no_member_sees_its_fold() -> None:
    _, columns, targets, folds = made()
    changed = fitted_to(np.where(folds == 2, targets + 7.0, targets))
    before, after = (one.predict(columns) for one in (fitted(), changed))
    assert after[:, 2] == pytest.approx(before[:, 2])
    assert np.abs(after[:, 1] - before[:, 1]).max() > 0.5


def test_the_slope_of_the_likelihood_is_that_of_finite_steps() -> None:
    random = np.random.default_rng(4)
    place, rest = random.normal(size=(30, 4)), random.normal(size=30)
    logs = np.concatenate([0.3 * random.normal(size=4), [-1.0, 0.2]])
    _, slope = likelihood(logs, place, rest)
    for one in range(6):
        step = 1e-5 * np.eye(6)[one]
        above, below = (likelihood(logs + sign * step, place, rest)[0] for sign in (1, -1))
        assert slope[one] == pytest.approx((above - below) / 2e-5, rel=1e-4, abs=1e-5)


def test_the_likelihood_is_that_of_a_normal_distribution() -> None:
    place, rest = np.array([[0.0], [1.0]]), np.array([0.5, -0.2])
    q = 5.0**0.5
    near = 2.0 * np.array([[1.1, (1 + q + q * q / 3) * np.exp(-q)], [(1 + q + q * q / 3) * np.exp(-q), 1.1]])
    wanted = 0.5 * rest @ np.linalg.solve(near, rest) + 0.5 * np.log(np.linalg.det(near))
    assert likelihood(np.log([1.0, 0.1, 2.0]), place, rest)[0] == pytest.approx(wanted)


def test_what_matters_is_weighed_and_the_rest_is_not() -> None:
    random = np.random.default_rng(5)
    place = random.normal(size=(120, 6))
    scales, noise = _likeliest(place, np.sin(2.0 * place[:, 2]))
    assert scales[2] > 3.0 * np.delete(scales, 2).max()
    assert noise < 0.05


def test_stored_and_read_again_it_says_the_same_of_one_as_of_many() -> None:
    _, columns, _, _ = made()
    kernel = fitted()
    again = Kernel.of_arrays(kernel.arrays())
    whole = kernel.predict(columns)
    assert again.predict(columns) == pytest.approx(whole, abs=1e-5)
    one = again.predict(columns[7:8], members=[4, 0])
    assert one == pytest.approx(whole[7:8][:, [4, 0]], abs=1e-4)


@pytest.mark.parametrize("name", ["weights", "elements"])
def test_arrays_that_do_not_fit_together_are_told(name: str) -> None:
    arrays = fitted().arrays()
    arrays[name] = arrays[name][:-1]
    with pytest.raises(ValueError, match="not as many"):
        Kernel.of_arrays(arrays)
