"""The hull against pymatgen's, against systems worked out by hand, and on the boundaries."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from matsmith.core.errors import DataError, UsageError
from matsmith.knowledge.hull import ConvexHull

FloatArray = NDArray[np.float64]
ELEMENTS = ("Li", "Na", "K", "Fe", "O", "S")


def _system(seed: int, width: int, count: int) -> tuple[NDArray[np.int64], FloatArray, FloatArray]:
    """Return whole amounts, fractions and energies of random phases; some share a composition, some are elements."""
    random = np.random.default_rng(seed)
    amounts = random.integers(0, 5, size=(count, width))
    amounts = amounts[amounts.sum(axis=1) > 0]
    fractions = amounts / amounts.sum(axis=1, keepdims=True)
    energies = random.normal(-0.5, 1.0, size=len(amounts))
    # Pure phases lie above the element's ground state, which stands at 0.
    return amounts, fractions, np.where(fractions.max(axis=1) == 1, abs(energies), energies)


@pytest.mark.parametrize("width", [1, 2, 3, 4, 5, 6])
@pytest.mark.parametrize("seed", range(4))
def test_it_agrees_with_pymatgen(width: int, seed: int) -> None:
    from pymatgen.analysis.phase_diagram import PDEntry, PhaseDiagram
    from pymatgen.core import Composition

    elements = ELEMENTS[:width]
    amounts, fractions, energies = _system(seed * 10 + width, width, 8 * width)
    hull = ConvexHull.build(elements, fractions, energies)
    entries = [
        PDEntry(Composition(dict(zip(elements, map(int, row), strict=True))), float(energy * row.sum()))
        for row, energy in zip(amounts, energies, strict=True)
    ]
    diagram = PhaseDiagram([*entries, *(PDEntry(Composition(symbol), 0.0) for symbol in elements)])
    inner = np.random.default_rng(seed).dirichlet(np.ones(width), 15)
    edges = inner * np.random.default_rng(seed + 1).integers(0, 2, inner.shape)
    edges = edges[edges.sum(axis=1) > 0]
    points = np.vstack([inner, edges / edges.sum(axis=1, keepdims=True), fractions, np.eye(width)])
    expected = [
        diagram.get_hull_energy_per_atom(
            Composition({s: x for s, x in zip(elements, row, strict=True) if x > 0})
        )
        for row in points
    ]
    assert hull.hull_energy(points) == pytest.approx(np.array(expected), abs=1e-9)
    on_hull = {
        entry.composition.reduced_formula for entry in diagram.stable_entries if len(entry.composition) > 1
    }
    ours = {
        Composition(dict(zip(elements, map(int, amounts[i]), strict=True))).reduced_formula
        for i in hull.stable
    }
    assert ours == on_hull


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 5), st.integers(0, 40))
def test_no_phase_lies_below_and_decompositions_balance(seed: int, width: int, count: int) -> None:
    _, fractions, energies = _system(seed, width, count)
    hull = ConvexHull.build(ELEMENTS[:width], fractions, energies)
    above = hull.energy_above_hull(fractions, energies)
    assert (above >= -1e-9).all()
    assert np.allclose(above[hull.stable], 0, atol=1e-9)
    corners, heights = np.vstack([fractions, np.eye(width)]), np.append(energies, np.zeros(width))
    for point in np.random.default_rng(seed).dirichlet(np.ones(width), 4):
        parts = hull.decomposition(point)
        assert sum(share for _, share in parts) == pytest.approx(1)
        assert sum(share * corners[index] for index, share in parts) == pytest.approx(point, abs=1e-9)
        energy = sum(share * heights[index] for index, share in parts)
        assert energy == pytest.approx(hull.hull_energy(point[None, :])[0], abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 4), st.integers(3, 25))
def test_adding_and_leaving_out_are_the_same_as_building_anew(seed: int, width: int, count: int) -> None:
    _, fractions, energies = _system(seed, width, count)
    points = np.random.default_rng(seed).dirichlet(np.ones(width), 8)
    whole = ConvexHull.build(ELEMENTS[:width], fractions, energies)
    grown = ConvexHull.build(ELEMENTS[:width], fractions[:-1], energies[:-1]).with_phase(
        fractions[-1], energies[-1]
    )
    assert grown.hull_energy(points) == pytest.approx(whole.hull_energy(points), abs=1e-9)
    assert grown.stable == whole.stable
    for out in (0, count // 3):
        if out < len(energies):
            left = np.delete(np.arange(len(energies)), out)
            anew = ConvexHull.build(ELEMENTS[:width], fractions[left], energies[left])
            assert whole.without([out]).hull_energy(points) == pytest.approx(
                anew.hull_energy(points), abs=1e-9
            )
            assert out not in whole.without([out]).stable
            assert [left[index] for index in anew.stable] == whole.without([out]).stable


def test_a_binary_by_hand() -> None:
    hull = ConvexHull.build(["Al", "Ni"], [[0.5, 0.5], [0.75, 0.25], [0.6, 0.4]], [-0.6, -0.4, -0.5])
    assert hull.energy_above_hull([[0.6, 0.4]], [-0.5])[0] == pytest.approx(0.02)
    assert hull.stable == [0, 1]
    assert hull.decomposition([0.9, 0.1]) == [(3, pytest.approx(0.6)), (1, pytest.approx(0.4))]
    assert hull.hull_energy([[1, 0], [0, 1], [0.25, 0.75]]) == pytest.approx([0, 0, -0.3])


def test_a_system_without_compounds_is_the_plane_of_its_elements() -> None:
    hull = ConvexHull.build(["Cu", "W", "Ag"], np.empty((0, 3)), [])
    assert hull.energy_above_hull([[0.2, 0.3, 0.5]], [0.07])[0] == pytest.approx(0.07)
    assert hull.decomposition([0.2, 0.3, 0.5]) == [(2, 0.5), (1, 0.3), (0, 0.2)]
    unstable = ConvexHull.build(["Cu", "W"], [[0.5, 0.5]], [0.3])
    assert unstable.energy_above_hull([[0.5, 0.5]], [0.3])[0] == pytest.approx(0.3)
    assert unstable.stable == []


def test_one_element_is_a_point() -> None:
    hull = ConvexHull.build(["C"], [[1.0], [1.0]], [0.14, 0.3])
    assert hull.energy_above_hull([[1.0]], [0.14])[0] == pytest.approx(0.14)
    assert hull.decomposition([1.0]) == [(2, 1.0)]
    # A phase below the reference is the ground state.
    assert ConvexHull.build(["C"], [[1.0]], [-0.02]).energy_above_hull([[1.0]], [0.0])[0] == pytest.approx(
        0.02
    )


def test_shallow_phases_and_many_on_one_line_are_no_trouble() -> None:
    shallow = ConvexHull.build(["A", "B", "C"], [[0.5, 0.5, 0.0]], [-1e-9])
    assert shallow.energy_above_hull([[0.5, 0.5, 0.0]], [0.0])[0] == pytest.approx(1e-9, rel=1e-3)
    line = np.linspace(0.1, 0.9, 9)
    straight = ConvexHull.build(["A", "B"], np.column_stack([line, 1 - line]), -np.minimum(line, 1 - line))
    assert straight.hull_energy([[0.25, 0.75]])[0] == pytest.approx(-0.25)


def test_a_foreign_phase_numbers_the_elements_anew() -> None:
    hull = ConvexHull.build(["Al", "Ni"], [[0.5, 0.5]], [-0.6]).with_phase([0.25, 0.75], -0.1)
    assert hull.stable == [0]
    assert hull.decomposition([0.75, 0.25]) == [(0, pytest.approx(0.5)), (2, pytest.approx(0.5))]


@pytest.mark.parametrize(
    ("fractions", "energies", "error"),
    [
        ([[0.5, 0.5]], [0.1, 0.2], UsageError),
        ([[0.5, 0.6]], [0.1], DataError),
        ([[1.5, -0.5]], [0.1], DataError),
        ([[0.5, 0.5]], [float("nan")], DataError),
        ([[float("nan"), 0.5]], [0.1], DataError),
    ],
)
def test_bad_input_is_refused(
    fractions: list[list[float]], energies: list[float], error: type[Exception]
) -> None:
    with pytest.raises(error):
        ConvexHull.build(["Al", "Ni"], fractions, energies)


def test_bad_queries_are_refused() -> None:
    hull = ConvexHull.build(["Al", "Ni"], [[0.5, 0.5]], [-0.6])
    with pytest.raises(UsageError):
        hull.energy_above_hull([[0.5, 0.5]], [0.0, 0.1])
    with pytest.raises(UsageError):
        hull.hull_energy([[0.2, 0.3, 0.5]])
    with pytest.raises(UsageError):
        hull.without([3])
    with pytest.raises(DataError):
        hull.with_phase([0.5, 0.5], float("nan"))
    with pytest.raises(UsageError):
        ConvexHull.build(["Al", "Al"], [[0.5, 0.5]], [0.0])
