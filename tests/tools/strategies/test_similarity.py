"""Distances between elements: a metric's first properties, and chemistry that everybody knows."""

from __future__ import annotations

import numpy as np

from matsmith.tools.strategies.similarity import INDEX, element_distance, element_distances


def test_distances_are_symmetric_finite_and_zero_only_on_the_diagonal() -> None:
    distances = element_distances()
    assert distances.shape == (94, 94)
    assert np.isfinite(distances).all()
    assert np.array_equal(distances, distances.T)
    assert np.array_equal(np.argwhere(distances == 0)[:, 0], np.arange(94))


def test_the_matrix_cannot_be_changed_by_a_caller() -> None:
    assert not element_distances().flags.writeable


def test_the_nearest_element_is_one_that_chemists_would_name() -> None:
    neighbours = {
        "Zr": {"Hf"},
        "Sr": {"Ca", "Ba"},
        "Cl": {"Br"},
        "Rb": {"K", "Cs"},
        "Se": {"S", "Te"},
        "Nb": {"Ta"},
    }
    distances = element_distances() + 99 * np.eye(94)
    symbols = list(INDEX)
    for symbol, expected in neighbours.items():
        assert symbols[int(distances[INDEX[symbol]].argmin())] in expected


def test_a_metal_is_farther_from_an_anion_than_from_any_alkaline_earth() -> None:
    assert element_distance("Mg", "O") > max(
        element_distance("Mg", other) for other in ("Ca", "Sr", "Ba", "Zn")
    )
