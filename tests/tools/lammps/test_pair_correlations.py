"""Radial distributions and structure factors of arrangements whose answer is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from matsmith.core.errors import ToolError
from matsmith.models.potentials.interface import FloatArray
from matsmith.tools.lammps.pair_correlations import radial_distribution, sharpest_reflection, structure_factor


def _copper(repeat: int, *, swing: float, seed: int = 0) -> tuple[FloatArray, FloatArray]:
    """Positions (1, n, 3) and cells (1, 3, 3) of a face-centred cubic crystal whose atoms swing at random."""
    basis = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    grid = np.stack(np.meshgrid(*(np.arange(repeat),) * 3, indexing="ij"), axis=-1).reshape(-1, 1, 3)
    places = 3.6 * (grid + basis).reshape(-1, 3)
    places = places + np.random.default_rng(seed).normal(scale=swing, size=places.shape)
    return places[None], 3.6 * repeat * np.eye(3)[None]


@pytest.mark.parametrize("repeat", [1, 4])
def test_shells_of_a_crystal_in_any_cell(repeat: int) -> None:
    places, cells = _copper(repeat, swing=0.0)
    # The same crystal in an oblique cell of the same lattice.
    oblique = cells.copy()
    oblique[0, 1, 0] = cells[0, 0, 0]
    for each in (cells, oblique):
        found = radial_distribution(
            places, cells_angstrom=each, kinds=np.zeros(len(places[0]), dtype=np.int64), cutoff_angstrom=5.3
        )
        assert found.coordination() == pytest.approx(12.0, abs=1e-9)
        assert found.peak()[0] == pytest.approx(3.6 / math.sqrt(2), abs=0.03)
        assert found.within[-1] == pytest.approx(12 + 6 + 24 + 12, abs=1e-9)
        assert 2.6 < found.minimum() < 3.6


def test_kinds_are_told_apart() -> None:
    places = np.array([[[0.0, 0, 0], [2.0, 2, 2]]])  # caesium chloride, a = 4 Å
    found = radial_distribution(
        places, cells_angstrom=4 * np.eye(3)[None], kinds=np.array([0, 1]), cutoff_angstrom=4.5
    )
    near = found.radii_angstrom < 3.7
    assert found.partial[(0, 1)][near].max() > 0
    assert found.partial[(0, 0)][near].max() == 0
    assert found.coordination() == pytest.approx(8.0, abs=1e-9)


def test_an_ideal_gas_has_no_structure() -> None:
    rng = np.random.default_rng(2)
    places, cells = rng.uniform(0, 30, size=(6, 800, 3)), np.repeat(30 * np.eye(3)[None], 6, axis=0)
    kinds = np.zeros(800, dtype=np.int64)
    found = radial_distribution(places, cells_angstrom=cells, kinds=kinds, cutoff_angstrom=10.0)
    far = found.radii_angstrom > 2
    assert found.g[far].mean() == pytest.approx(1.0, abs=0.02)
    factor = structure_factor(places, cells_angstrom=cells, most_per_angstrom=4.0)
    assert factor.s.mean() == pytest.approx(1.0, abs=0.05)
    assert (
        2 * math.pi / 30 < factor.q_per_angstrom[0] < 0.3
    )  # the innermost shell holds the two shortest lengths


def test_a_crystal_diffracts_where_it_has_to() -> None:
    places, cells = _copper(5, swing=0.1)
    factor = structure_factor(places, cells_angstrom=cells, most_per_angstrom=7.0, bin_per_angstrom=0.05)
    q111 = 2 * math.pi * math.sqrt(3) / 3.6
    around = np.abs(factor.q_per_angstrom - q111) < 0.06
    # Below the first reflection only thermal motion scatters: 1 - exp(-q² u²) of the number of atoms is one.
    assert factor.s[around].max() > 10 * factor.s[factor.q_per_angstrom < q111 - 0.1].max()


def test_what_has_no_shell_says_so() -> None:
    places = np.array([[[0.0, 0, 0]]])
    found = radial_distribution(
        places, cells_angstrom=9 * np.eye(3)[None], kinds=np.array([0]), cutoff_angstrom=5.0
    )
    with pytest.raises(ToolError, match="no peak"):
        found.peak()


def test_a_crystal_has_a_reflection_as_large_as_it_is_and_a_gas_has_none() -> None:
    places, cells = _copper(4, swing=0.1)
    sharp = sharpest_reflection(places[0], cell_angstrom=cells[0], most_per_angstrom=4.0)
    # Thermal motion takes away 1 - exp(-q² u²).
    q111 = 2 * math.pi * math.sqrt(3) / 3.6
    assert sharp == pytest.approx(256 * math.exp(-((0.1 * q111) ** 2)), rel=0.05)
    gas = np.random.default_rng(0).uniform(0, 14.4, size=(256, 3))
    assert sharpest_reflection(gas, cell_angstrom=cells[0], most_per_angstrom=4.0) < 20
