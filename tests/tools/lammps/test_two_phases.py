"""The search for two runs that bracket a melting point, on runs that a law of the melt and crystal stands in for."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matsmith.tools.lammps.coexistence import Phases
from matsmith.tools.lammps.failures import DynamicsError
from matsmith.tools.lammps.statistics import Average
from matsmith.tools.lammps.two_phases import Coexistence, Search, both_sides

_LEAST_TELLING_K = 10.0


def _average(mean_k: float, sigma_k: float) -> Average:
    return Average(mean=mean_k, sigma=sigma_k, samples=100, inefficiency=2.0, resolved=True)


def _run(
    start_k: float, mean_k: float, *, sigma_k: float = 2.0, solid: bool = True, liquid: bool = True
) -> Coexistence:
    return Coexistence(
        start_k=start_k,
        times_ps=np.linspace(0, 20, 50),
        temperatures_k=np.linspace(start_k, mean_k, 50),
        begun=_average(start_k, 3.0),
        mean=_average(mean_k, sigma_k),
        steady=True,
        found=Phases(by_time=np.full(20, 0.5), along=np.zeros(20), solid=solid, liquid=liquid),
        frame_ps=0.2,
    )


def _material(melting_k: float, *, holds_k: float) -> Callable[[float, int], Coexistence]:
    """Runs that come to the melting point from within `holds_k` of it; from farther off one phase eats the other and stops half way."""

    def run(start_k: float, number: int) -> Coexistence:
        del number
        away = start_k - melting_k
        if abs(away) <= holds_k:
            return _run(start_k, melting_k)
        return _run(start_k, melting_k + 0.5 * away, solid=away < 0, liquid=away > 0)

    return run


def test_runs_that_agree_are_averaged() -> None:
    mean, agree = Search(runs=[_run(1280, 1320), _run(1360, 1324)], tried=[]).joined()
    assert agree
    assert mean.mean == pytest.approx(1322)
    assert mean.sigma == pytest.approx(2 / np.sqrt(2))


def test_runs_that_do_not_agree_widen_the_error() -> None:
    mean, agree = Search(runs=[_run(1280, 1300), _run(1360, 1350)], tried=[]).joined()
    assert not agree
    assert mean.mean == pytest.approx(1325)
    assert mean.sigma == pytest.approx(25)


@pytest.mark.parametrize(
    ("start_k", "mean_k", "side"), [(1400, 1330, "above"), (1260, 1330, "below"), (1333, 1330, "neither")]
)
def test_a_run_knows_which_side_it_came_from(start_k: float, mean_k: float, side: str) -> None:
    assert _run(start_k, mean_k).side == side


def test_two_runs_from_one_side_are_not_enough() -> None:
    """The second run, meant to freeze, begins above all the same: a third one is asked for, farther down."""
    starts: list[float] = []

    def run(start_k: float, number: int) -> Coexistence:
        starts.append(start_k)
        return _run(start_k + (60.0 if number == 1 else 0.0), 1330.0)

    search = both_sides(run, guess_k=1400, attempts=6, note=list[str]().append)
    assert [each.side for each in search.runs] == ["above", "above", "below"]
    assert search.brackets
    assert starts[2] < starts[1] < 1330


def test_a_guess_that_is_the_melting_point_itself_asks_for_both_sides() -> None:
    search = both_sides(_material(1330, holds_k=100), guess_k=1330, attempts=6, note=list[str]().append)
    assert [each.side for each in search.runs] == ["neither", "above", "below"]
    assert search.brackets


def test_the_missing_side_is_named_where_attempts_end() -> None:
    search = both_sides(_material(1330, holds_k=100), guess_k=1400, attempts=1, note=list[str]().append)
    assert search.missing == ["below"]
    assert not search.brackets


def test_no_run_with_both_phases_is_a_failure_that_tells_the_bounds() -> None:
    with pytest.raises(DynamicsError, match="between") as failed:
        both_sides(_material(1000, holds_k=-1), guess_k=1500, attempts=4, note=list[str]().append)
    assert failed.value.code == "no_coexistence"
    assert len(failed.value.facts["runs"]) == 4  # pyright: ignore[reportArgumentType]


@given(melting_k=st.floats(200, 4000), off=st.floats(0.75, 1.3), holds=st.floats(0.02, 0.2))
def test_a_bracket_is_found_from_any_guess(melting_k: float, off: float, holds: float) -> None:
    """Wherever crystal and melt stand within 2 to 20 % of the melting point."""
    search = both_sides(
        _material(melting_k, holds_k=holds * melting_k),
        guess_k=off * melting_k,
        attempts=10,
        note=list[str]().append,
    )
    assert search.runs
    assert search.joined()[0].mean == pytest.approx(melting_k)
    if holds * melting_k > 2 * _LEAST_TELLING_K:
        assert search.brackets
