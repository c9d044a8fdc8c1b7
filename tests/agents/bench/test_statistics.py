from __future__ import annotations

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matsmith.agents.bench.statistics import bootstrap, paired_difference, wilson


@pytest.mark.parametrize(
    ("successes", "tries", "low", "high"),
    # Newcombe 1998, Stat. Med. 17, 857, table I, method 3
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_agrees_with_published_intervals(successes: int, tries: int, low: float, high: float) -> None:
    found = wilson(successes, tries)
    assert found is not None
    assert found.low == pytest.approx(low, abs=5e-5)
    assert found.high == pytest.approx(high, abs=5e-5)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_holds_the_share_and_stays_between_nothing_and_all(pair: tuple[int, int]) -> None:
    found = wilson(*pair)
    assert found is not None
    assert found.low is not None
    assert found.high is not None
    assert 0 <= found.low <= found.value + 1e-12
    assert found.value <= found.high + 1e-12
    assert found.high <= 1


def test_nothing_tried_has_no_share() -> None:
    assert wilson(0, 0) is None
    assert bootstrap([]) is None
    assert paired_difference([]) is None


def test_one_value_has_no_interval() -> None:
    found = bootstrap([3.0])
    assert found is not None
    assert (found.value, found.low, found.high) == (3.0, None, None)


def test_the_bootstrap_is_reproducible_and_covers_the_mean() -> None:
    values = [float(v) for v in range(40)]
    first, second = bootstrap(values, of=statistics.fmean), bootstrap(values, of=statistics.fmean)
    assert first == second
    assert first is not None
    assert first.low is not None
    assert first.high is not None
    # The standard error of the mean is 1.83: the percentile interval is near 19.5 ± 1.96 of it.
    assert first.low == pytest.approx(19.5 - 3.6, abs=0.5)
    assert first.high == pytest.approx(19.5 + 3.6, abs=0.5)


def test_differences_are_paired() -> None:
    found = paired_difference([(0.0, 1.0)] * 10)
    assert found is not None
    assert (found.value, found.low, found.high) == (1.0, 1.0, 1.0)
