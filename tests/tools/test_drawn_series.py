"""What tools keep to be drawn: rounded, thinned without losing a peak, and refused where it is uneven."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matsmith.tools.drawn_series import (
    MOST_POINTS,
    Contributions,
    Part,
    Trace,
    TracePlot,
    contributions_fact,
    thinned,
    traces_fact,
)


def plot(*traces: Trace) -> TracePlot:
    return TracePlot(id="a-plot", title="A plot", x=("time", "ps"), y=("energy", "eV"), traces=traces)


def only(fact: dict[str, Any], name: str) -> dict[str, Any]:
    return cast("dict[str, Any]", fact[name][0])


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=3000),
    st.integers(min_value=10, max_value=MOST_POINTS),
)
def test_thinning_keeps_ends_extremes_and_order(heights: list[float], most: int) -> None:
    y = np.array(heights)
    places = thinned(np.arange(y.size, dtype=np.float64), y, most=most)
    assert places.size <= most
    assert (np.diff(places) > 0).all()
    assert {0, y.size - 1} <= set(places.tolist())
    assert y[places].max() == y.max()
    assert y[places].min() == y.min()


def test_numbers_are_plain_rounded_and_broken_where_they_are_none() -> None:
    y = np.array([1.23456789, np.nan, 3.0, 4.0])
    fact = traces_fact(plot(Trace(name="a", x=[0, 1, 2, np.inf], y=y, sigma=[0.1, np.nan, 0.3, 0.4])))
    series = only(fact, "traces")["series"][0]
    assert series["x"] == [0.0, 1.0, 2.0]
    assert series["y"] == [1.23457, None, 3.0]
    assert series["sigma"] == [0.1, 0.0, 0.3]


@pytest.mark.parametrize(
    "trace",
    [
        Trace(name="uneven", x=[0, 1], y=[1]),
        Trace(name="uneven sigma", x=[0, 1], y=[1, 2], sigma=[1]),
        Trace(name="empty", x=[], y=[]),
        Trace(name="nothing", x=[0.0], y=[float("nan")]),
        Trace(name="square", x=np.zeros((2, 2)), y=np.zeros((2, 2))),
    ],
)
def test_uneven_or_empty_series_are_refused_by_name(trace: Trace) -> None:
    with pytest.raises(ValueError, match=trace.name):
        traces_fact(plot(trace))


def test_more_than_is_drawn_is_refused() -> None:
    trace = Trace(name="a", x=[0.0], y=[1.0])
    with pytest.raises(ValueError, match="9 series"):
        traces_fact(plot(*9 * [trace]))
    with pytest.raises(ValueError, match="0 plots"):
        traces_fact()


def test_contributions_are_sorted_summed_and_must_add_up() -> None:
    parts = [Part(name=f"part {number}", value=0.01 * number) for number in range(60)]
    total = sum(part.value for part in parts)
    group = Contributions(id="gap", of="band gap", unit="eV", base=1.0, value=1.0 + total, parts=parts)
    found = only(contributions_fact(group), "contributions")
    assert [part["name"] for part in found["parts"]][:2] == ["part 59", "part 58"]
    assert (len(found["parts"]), found["others"]) == (40, 20)
    assert found["base"] + sum(part["value"] for part in found["parts"]) + found["rest"] == pytest.approx(
        found["value"]
    )
    with pytest.raises(ValueError, match="add up"):
        contributions_fact(Contributions(id="x", of="gap", unit="eV", base=1.0, value=3.0, parts=parts[:3]))
