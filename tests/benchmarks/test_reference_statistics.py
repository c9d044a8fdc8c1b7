"""Planted laws are found in spite of outliers, formulas stay together, and sigmas cover what they say."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def statistics(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield importlib.import_module("reference_statistics")
    sys.modules.pop("reference_statistics", None)


def planted(*, outliers: int) -> tuple[Any, Any, list[str]]:
    generator = np.random.default_rng(3)
    features = generator.normal(size=(150, 2)) * [1.0, 0.3] + [4.0, 2.0]
    logs = 0.2 - 0.05 * features[:, 0] + 0.3 * features[:, 1] + 0.02 * generator.normal(size=150)
    logs[:outliers] += 1.5
    return features, logs, [f"X{k % 90}" for k in range(150)]


def test_a_planted_law_is_found_among_outliers(statistics: Any) -> None:
    features, logs, _ = planted(outliers=12)
    law = statistics.fit(features, logs)
    assert law.coefficients == pytest.approx([-0.05, 0.3], abs=0.02)
    assert law.intercept == pytest.approx(0.2, abs=0.06)


def test_without_features_the_law_is_the_median(statistics: Any) -> None:
    logs = np.array([0.0, 0.1, 5.0])
    assert statistics.fit(np.zeros((3, 0)), logs).shift(np.zeros((2, 0))) == pytest.approx([0.1, 0.1])


def test_a_formula_is_never_on_both_sides(statistics: Any) -> None:
    groups = planted(outliers=0)[2]
    fold = statistics.folds(groups, seed=1)
    for name in set(groups):
        assert len({int(k) for k, group in zip(fold, groups, strict=True) if group == name}) == 1
    assert len(set(fold.tolist())) == 10


def test_a_value_does_not_judge_itself(statistics: Any) -> None:
    features, logs, groups = planted(outliers=0)
    before = statistics.left_out(features, logs, groups)
    changed = logs.copy()
    changed[7] += 10.0
    after = statistics.left_out(features, changed, groups)
    assert after[:, 7] - before[:, 7] == pytest.approx(10.0, abs=1e-9)


def test_normal_errors_give_their_own_sigma(statistics: Any) -> None:
    residuals = 0.1 * np.random.default_rng(0).normal(size=(1, 4000))
    assert statistics.sigma_of(residuals) == pytest.approx(0.1, rel=0.06)
    # An error that every value brings along is not counted twice.
    wide = np.hypot(0.1, 0.05) / 0.1 * residuals
    assert statistics.sigma_of(wide, own=np.full((1, 4000), 0.05)) == pytest.approx(0.1, rel=0.08)


def test_heavy_tails_are_still_covered(statistics: Any) -> None:
    residuals = 0.1 * np.random.default_rng(1).standard_t(4, size=(1, 4000))
    one, two = statistics.coverage(residuals, [str(k) for k in range(4000)])
    assert 0.63 <= one <= 0.73
    assert 0.92 <= two <= 0.98


def test_relative_errors_are_of_the_measured_value(statistics: Any) -> None:
    # Twice as large as measured: ln(measured / corrected) = -ln 2.
    assert statistics.relative_errors(np.array([-np.log(2.0)])) == pytest.approx([1.0])
