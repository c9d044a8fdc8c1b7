"""Errors of correlated series against processes whose errors are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matsmith.core.errors import ToolError
from matsmith.models.potentials.interface import FloatArray
from matsmith.tools.lammps.statistics import (
    Average,
    average,
    block_means,
    combined,
    drift,
    inefficiency,
    line,
    steady_average,
    steady_from,
)


def _remembering(count: int, *, memory: float, seed: int) -> FloatArray:
    """A first-order autoregressive process of variance 1, whose samples count as (1 + memory) / (1 - memory) each."""
    noise = np.random.default_rng(seed).normal(size=count)
    values = np.empty(count)
    values[0] = noise[0]
    for place in range(1, count):
        values[place] = memory * values[place - 1] + math.sqrt(1 - memory**2) * noise[place]
    return values


@pytest.mark.parametrize("memory", [0.0, 0.6, 0.9])
def test_the_error_of_a_mean_is_that_of_the_process(memory: float) -> None:
    count, per_sample = 8192, (1 + memory) / (1 - memory)
    exact = math.sqrt(per_sample / count)
    told = [average(_remembering(count, memory=memory, seed=seed)) for seed in range(12)]
    assert all(each.resolved for each in told)
    assert float(np.mean([each.sigma for each in told])) == pytest.approx(exact, rel=0.15)
    off = np.array([each.mean / each.sigma for each in told])
    assert 0.4 < float(np.sqrt((off**2).mean())) < 1.8
    assert told[0].independent == pytest.approx(count / per_sample, rel=0.6)


def test_a_series_shorter_than_its_memory_is_not_trusted() -> None:
    assert not average(_remembering(60, memory=0.99, seed=1)).resolved
    constant = average([2.5] * 20)
    assert (constant.mean, constant.sigma, constant.resolved) == (2.5, 0.0, True)


@given(st.lists(st.floats(-1e6, 1e6), min_size=8, max_size=200))
@settings(max_examples=60, deadline=None)
def test_errors_are_finite_and_never_below_those_of_free_samples(values: list[float]) -> None:
    found = average(values)
    assert min(values) - 1e-6 <= found.mean <= max(values) + 1e-6
    assert found.sigma >= 0.999 * np.std(values, ddof=1) / math.sqrt(len(values)) or found.sigma == 0.0
    assert 1.0 <= found.inefficiency < math.inf


@pytest.mark.parametrize("series", [[1.0] * 7, [1.0] * 20 + [math.nan], [[1.0] * 9] * 9])
def test_what_has_no_mean_is_refused(series: list[float]) -> None:
    with pytest.raises(ToolError):
        average(series)


def test_drift_is_seen_and_noise_is_not() -> None:
    noise = _remembering(4000, memory=0.8, seed=3)
    assert drift(noise).steady
    climbing = drift(noise + np.linspace(0, 3, 4000))
    assert not climbing.steady
    assert climbing.change == pytest.approx(1.5, abs=0.4)
    assert drift([1.0] * 10 + [2.0] * 10).significance == math.inf
    with pytest.raises(ToolError):
        drift([1.0] * 12)


def test_the_steady_part_begins_after_the_transient() -> None:
    noise = _remembering(4000, memory=0.5, seed=4)
    start = steady_from(noise + 20 * np.exp(-np.arange(4000) / 200))
    assert 400 <= start <= 2000
    settled = steady_average(noise + 20 * np.exp(-np.arange(4000) / 200))
    assert settled.mean == pytest.approx(0.0, abs=5 * settled.sigma)
    assert steady_from(noise) < 2000


def test_inefficiency_of_a_known_process() -> None:
    assert inefficiency(_remembering(40000, memory=0.8, seed=5)) == pytest.approx(9.0, rel=0.2)
    assert inefficiency(np.ones(50)) == 1.0


def test_a_line_has_the_slope_and_the_error_of_its_points() -> None:
    x: FloatArray = np.linspace(100, 700, 7)
    found = line(x, 3.0 + 0.02 * x, np.full(7, 0.1))
    assert found.slope == pytest.approx(0.02)
    assert found.at(400.0)[0] == pytest.approx(11.0)
    assert found.slope_sigma == pytest.approx(0.1 / math.sqrt(float(((x - 400) ** 2).sum())))
    scattered = line(x, 3.0 + 0.02 * x + np.array([1, -1, 1, -1, 1, -1, 1]), np.full(7, 0.1))
    assert scattered.misfit > 5
    assert scattered.slope_sigma > 5 * found.slope_sigma
    assert line([0.0, 1.0], [1.0, 3.0], [0.1, 0.1]).slope == pytest.approx(2.0)
    assert math.isnan(line([0.0, 1.0], [1.0, 3.0]).slope_sigma)
    with pytest.raises(ToolError):
        line([1.0, 1.0], [1.0, 3.0])


def test_runs_are_joined_and_their_scatter_counts() -> None:
    def run(mean: float) -> Average:
        return Average(mean=mean, sigma=0.1, samples=100, inefficiency=2.0, resolved=True)

    assert combined([run(1.0), run(1.1)]).mean == pytest.approx(1.05)
    assert combined([run(1.0), run(1.1)]).sigma == pytest.approx(0.1 / math.sqrt(2))
    assert combined([run(0.0), run(1.0), run(5.0)]).sigma > 1.0


def test_block_means_keep_the_end_and_means_scale() -> None:
    values: FloatArray = np.arange(103.0)
    assert block_means(values, blocks=4)[-1] == pytest.approx(values[-25:].mean())
    once, twice = average(np.arange(20.0)), average(np.arange(20.0)).times(-2)
    assert (twice.mean, twice.sigma) == (-2 * once.mean, 2 * once.sigma)
