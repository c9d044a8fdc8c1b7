"""Weights of trees, networks and kernel: what made the data is found, none is negative, a fold's weights do not see the fold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matsmith.models.predictors.compositions import FOLDS
from matsmith.models.predictors.stacking import non_negative_weights, weights_by_fold


def test_weights_that_made_the_data_are_found_in_spite_of_outliers() -> None:
    random = np.random.default_rng(0)
    columns = random.normal(size=(2_000, 2))
    truth = columns @ [0.7, 0.3] + 0.01 * random.normal(size=2_000)
    truth[:100] += 50.0
    assert non_negative_weights(columns, truth) == pytest.approx([0.7, 0.3], abs=0.01)


def test_what_only_harms_gets_no_weight() -> None:
    random = np.random.default_rng(1)
    truth = random.normal(size=1_000)
    good, bad = truth + 0.1 * random.normal(size=1_000), -truth
    assert non_negative_weights(np.stack([good, bad], axis=1), truth) == pytest.approx([1.0, 0.0], abs=0.05)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.01, 3.0), st.floats(0.01, 3.0))
def test_the_stack_is_no_worse_than_its_better_part(seed: int, noise: float, other_noise: float) -> None:
    random = np.random.default_rng(seed)
    truth = random.normal(size=300)
    columns = np.stack(
        [truth + noise * random.normal(size=300), truth + other_noise * random.normal(size=300)], axis=1
    )
    weights = non_negative_weights(columns, truth)
    assert (weights >= 0).all()
    off = np.abs(truth - columns @ weights).mean()
    assert off <= 1.02 * np.abs(truth[:, None] - columns).mean(axis=0).min()


def test_a_folds_weights_do_not_see_the_fold() -> None:
    random = np.random.default_rng(2)
    folds = np.arange(500) % FOLDS
    trees, network = random.normal(size=500), random.normal(size=500)
    truth = 0.5 * trees + 0.5 * network
    found = weights_by_fold(
        np.stack([trees, network], axis=1), truth=truth, owner=np.arange(500), folds=folds
    )
    changed = np.where(folds == 2, 100.0 * random.normal(size=500), truth)
    again = weights_by_fold(
        np.stack([trees, network], axis=1), truth=changed, owner=np.arange(500), folds=folds
    )
    assert found.shape == (FOLDS, 2)
    assert again[2] == pytest.approx(found[2])
    assert not np.allclose(again[1], found[1], atol=1e-6)


def test_every_row_of_a_formula_counts() -> None:
    trees, network = np.array([1.0, 2.0, 3.0, 4.0, 5.0]), np.array([2.0, 1.0, 5.0, 3.0, 4.0])
    owner = np.array([0, 0, 1, 2, 3, 4, 4])
    folds = np.arange(5)
    found = weights_by_fold(np.stack([trees, network], axis=1), truth=trees[owner], owner=owner, folds=folds)
    assert found == pytest.approx(np.tile([1.0, 0.0], (5, 1)), abs=1e-3)


def test_folds_without_a_network_keep_to_the_trees() -> None:
    random = np.random.default_rng(3)
    trees, network = random.normal(size=500), random.normal(size=500)
    folds, owner = np.arange(500) % FOLDS, np.arange(500)
    found = weights_by_fold(
        np.stack([trees, network], axis=1), truth=network, owner=owner, folds=folds, there=(1, 4)
    )
    assert found[[0, 2, 3]] == pytest.approx(np.tile([1.0, 0.0], (3, 1)))
    assert found[[1, 4]] == pytest.approx(np.tile([0.0, 1.0], (2, 1)), abs=0.01)
    alone = weights_by_fold(
        np.stack([trees, network], axis=1), truth=network, owner=owner, folds=folds, there=(2,)
    )
    assert alone[2] == pytest.approx([0.5, 0.5])


def test_what_counts_decides() -> None:
    random = np.random.default_rng(5)
    columns = random.normal(size=(400, 2))
    first = np.arange(400) < 100
    truth = np.where(first, columns[:, 0], columns[:, 1])
    weights = non_negative_weights(columns, truth, counts=first.astype(np.float64))
    assert weights == pytest.approx([1.0, 0.0], abs=0.01)
    assert non_negative_weights(columns, truth) == pytest.approx([0.0, 1.0], abs=0.01)


def test_three_views_get_the_weights_that_made_the_data() -> None:
    random = np.random.default_rng(6)
    columns = random.normal(size=(2_000, 3))
    truth = columns @ [0.5, 0.0, 0.4] - 0.3 * columns[:, 1] + 0.01 * random.normal(size=2_000)
    weights = non_negative_weights(columns, truth)
    assert weights[1] == 0.0
    assert weights[[0, 2]] == pytest.approx([0.5, 0.4], abs=0.03)
