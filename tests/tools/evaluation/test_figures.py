"""Intervals, coverage and distribution distances against cases that can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from matsmith.core.crystal import Crystal
from matsmith.knowledge.crystals import measured_crystals
from matsmith.tools.evaluation.coverage import compared, coverage, points_of
from matsmith.tools.evaluation.figures import drawn, mean, share


def test_wilson_of_eight_in_ten_and_of_nothing() -> None:
    found = share("a", "a", 8, 10)
    assert found.low == pytest.approx(0.490, abs=1e-3)
    assert found.high == pytest.approx(0.943, abs=1e-3)
    assert found.text == "80.0 (49.0 to 94.3)"
    assert share("a", "a", 0, 0).value is None
    assert share("a", "a", 0, 0).text == "-"


def test_means_and_drawn_statistics_have_intervals_that_hold_the_value() -> None:
    values = np.random.default_rng(1).normal(3.0, 1.0, 400)
    for found in (
        mean("m", "m", values.tolist(), unit=""),
        drawn("m", "m", values, of=lambda rows: float(np.median(rows)), unit=""),
    ):
        assert found.value is not None
        assert found.low is not None
        assert found.high is not None
        assert found.low < 3.0 < found.high
        assert 0.1 < found.high - found.low < 0.4
    assert mean("m", "m", [], unit="").value is None
    assert mean("m", "m", [2.0], unit="").low is None


def test_coverage_is_whole_for_the_reference_itself_and_small_for_one_of_its_corners() -> None:
    crystals = [Crystal.from_pymatgen(one.structure()) for one in measured_crystals()]
    points = points_of(crystals)
    assert coverage(points, points) == (len(points), len(points))
    elements = [crystal for crystal in crystals if len(crystal.elements) == 1]
    corner = coverage(points_of(elements), points)
    assert corner is not None
    covered, within = corner
    assert within == len(elements)
    assert covered < len(points)
    far = [
        Crystal(
            lattice=((40, 0, 0), (0, 40, 0), (0, 0, 40)),
            species=("H", "H"),
            positions=((0, 0, 0), (0.01 * k, 0, 0)),
        )
        for k in range(2, 6)
    ]
    none = coverage(points_of(far), points)
    assert none is not None
    assert none[1] == 0


def test_distances_between_distributions_are_those_of_the_means_for_shifted_ones() -> None:
    crystals = [Crystal.from_pymatgen(one.structure()) for one in measured_crystals()][:30]
    same = {figure.name: figure.value for figure in compared(crystals, crystals)}
    assert same["wasserstein_density"] == 0
    assert same["wasserstein_elements"] == 0
    doubled: list[Crystal] = []
    for crystal in crystals:
        structure = crystal.to_pymatgen()
        structure.scale_lattice(structure.volume / 2)
        doubled.append(Crystal.from_pymatgen(structure))
    density = float(np.mean([float(crystal.to_pymatgen().density) for crystal in crystals]))
    other = {figure.name: figure.value for figure in compared(doubled, crystals)}
    assert other["wasserstein_density"] == pytest.approx(density, rel=1e-6)
