"""Widths of intervals: they hold where a table's errors differ by what is predicted, and are read as they were written."""

from __future__ import annotations

import numpy as np
import pytest

from matsmith.models.predictors.calibration import Widths, conformal_quantile, coverage_of, fit_widths
from matsmith.models.predictors.compositions import FOLDS


def test_the_quantile_by_hand() -> None:
    score = np.array([5.0, 1.0, 3.0, 2.0, 4.0])
    assert conformal_quantile(score, 0.5) == 3.0  # the third of six
    assert conformal_quantile(score, 0.9) == 5.0


def test_a_small_table_has_one_factor() -> None:
    widths = fit_widths(np.linspace(0, 1, 60), np.linspace(0, 1, 60))
    one, ninety = widths.of(np.array([-5.0, 0.5, 5.0]))
    assert one == pytest.approx([one[0]] * 3)
    assert one[0] < ninety[0] <= 1.0


def test_intervals_hold_for_what_is_rare_and_hard_too() -> None:
    """Four fifths are predicted 0 and nearly right, as metals among gaps; the others are a hundred times as far off."""
    random = np.random.default_rng(1)
    middle = np.where(random.random(6000) < 0.8, 0.0, random.uniform(1, 4, 6000))
    score = np.abs(random.normal(size=6000)) * np.where(middle == 0.0, 0.01, 1.0)
    folds = random.integers(0, FOLDS, 6000)
    found = coverage_of(middle, score, folds=folds, inside=middle < 2)
    assert found["0.9"] == pytest.approx(0.9, abs=0.02)
    assert found["0.9 in the worst fifth by prediction"] > 0.86
    assert found["0.6827 in the worst fifth by prediction"] > 0.58
    one_for_all = score[middle > 0] <= conformal_quantile(score, 0.9)
    assert one_for_all.mean() < 0.6


def test_widths_come_back_and_those_of_an_earlier_version_too() -> None:
    widths = Widths(middles=np.array([0.0, 2.0]), factors=np.array([[1.0, 3.0], [2.0, 4.0]]))
    again = Widths.of_arrays(widths.arrays())
    assert again.of(np.array([1.0]))[0] == pytest.approx([2.0])
    before = Widths.of_arrays({"quantiles": np.array([1.2, 2.6])})
    assert [float(one[0]) for one in before.of(np.array([7.0]))] == pytest.approx([1.2, 2.6])
    with pytest.raises(ValueError, match="groups"):
        Widths.of_arrays({"quantiles": np.ones((2, 3)), "quantile_middles": np.zeros(3)})
