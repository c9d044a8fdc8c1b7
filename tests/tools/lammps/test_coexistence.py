"""Crystal and melt told apart in trajectories that are made by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from matsmith.core.errors import ToolError
from matsmith.models.potentials.interface import FloatArray
from matsmith.tools.lammps.coexistence import Bracket, long_cell, loosened, phases, thermal_time_ps
from matsmith.tools.lammps.structures import lattice_cell

_FRAMES, _ATOMS, _EDGE = 40, 1200, 30.0


def _trajectory(flowing_above: float, *, seed: int = 0) -> tuple[FloatArray, FloatArray]:
    """Atoms that swing, and above a height (in parts of the cell) walk at random, in a cell that breathes."""
    rng = np.random.default_rng(seed)
    start = rng.uniform(0, 1, size=(_ATOMS, 3))
    walk = np.cumsum(rng.normal(scale=0.5 / _EDGE, size=(_FRAMES, _ATOMS, 3)), axis=0)
    walk[:, start[:, 2] < flowing_above] = 0.0
    fractional = start + walk + rng.normal(scale=0.2 / _EDGE, size=walk.shape)
    cells = np.array([np.eye(3) * _EDGE * (1 + 0.02 * math.sin(frame)) for frame in range(_FRAMES)])
    return np.einsum("fnk,fkl->fnl", fractional, cells), cells


@pytest.mark.parametrize("height", [0.3, 0.5, 0.7])
def test_both_phases_are_found_side_by_side(height: float) -> None:
    places, cells = _trajectory(height)
    found = phases(places, cells_angstrom=cells, spacing_angstrom=2.5, lag=15)
    assert found.both
    assert found.share == pytest.approx(1 - height, abs=0.12)
    # Away from the two interfaces, round the end of the cell too.
    low, high = found.along[3 : int(20 * height) - 2], found.along[int(20 * height) + 3 : -2]
    assert low.max() < 0.2 < 0.6 < high.min()


@pytest.mark.parametrize(("height", "solid", "liquid"), [(0.0, False, True), (1.1, True, False)])
def test_one_phase_alone_is_not_taken_for_two(height: float, solid: bool, liquid: bool) -> None:
    places, cells = _trajectory(height)
    found = phases(places, cells_angstrom=cells, spacing_angstrom=2.5, lag=15)
    assert (found.solid, found.liquid, found.both) == (solid, liquid, False)


def test_too_few_frames_are_refused() -> None:
    places, cells = _trajectory(0.5)
    with pytest.raises(ToolError, match="too few"):
        phases(places[:10], cells_angstrom=cells[:10], spacing_angstrom=2.5, lag=10)


def test_the_thermal_time_of_copper_and_argon() -> None:
    copper, argon = lattice_cell("fcc", "Cu", 3.615), lattice_cell("fcc", "Ar", 5.26)
    # d √(m / kT): 2.556 Å and 3.719 Å over 421 and 132 m/s.
    assert thermal_time_ps(copper, 1358.0) == pytest.approx(0.607, abs=0.005)
    assert thermal_time_ps(argon, 83.8) == pytest.approx(2.82, abs=0.02)


@pytest.mark.parametrize(("size", "low", "high"), [(500, 350, 700), (2000, 1500, 2600)])
def test_the_long_cell_is_long_and_of_the_size_asked_for(size: int, low: int, high: int) -> None:
    made = long_cell(lattice_cell("fcc", "Cu", 3.615), atoms_aimed=size)
    lengths = made.cell.lengths()
    assert low <= len(made) <= high
    assert 1.4 < lengths[2] / lengths[0] < 2.7


def test_only_the_part_that_melts_is_given_room() -> None:
    crystal = long_cell(lattice_cell("fcc", "Cu", 3.615), atoms_aimed=500)
    made, split = loosened(crystal, crystal=0.5, growth=1.1)
    assert made.get_volume() == pytest.approx(1.05 * crystal.get_volume())
    before, after = crystal.get_positions()[:, 2], made.get_positions()[:, 2]
    assert split == pytest.approx(0.5 * crystal.cell.lengths()[2])
    below = before < split - 1e-6
    assert np.allclose(before[below], after[below])
    assert np.allclose(after[~below] - split, 1.1 * (before[~below] - split))


def test_guesses_close_in_from_both_sides() -> None:
    bracket = Bracket()
    assert bracket.after_freezing(900.0, 1000.0) > 1000.0
    assert bracket.after_melting(1500.0, 1400.0) == 1200.0
    assert bracket.after_freezing(1200.0, 1250.0) == 1350.0
    assert Bracket().after_melting(900.0, 800.0) < 800.0
    # As 600 atoms of argon did, which melt at 74 K: frozen at 84 K from 70, molten at 73 K from 78.
    small = Bracket()
    small.after_melting(78.0, 73.0)
    assert small.after_freezing(70.0, 84.0) == 74.0


def test_a_guess_far_off_is_left_in_growing_steps() -> None:
    bracket, start, starts = Bracket(), 696.0, list[float]()
    while start < 1511.0:
        starts.append(start)
        start = bracket.after_freezing(start, start)
    # Gallium arsenide, guessed from its elements: five runs, not sixteen of 5 % each.
    assert len(starts) == 4
    assert bracket.said == f"above {starts[-1]:.0f} K"
    assert starts[-1] < bracket.after_melting(start, start) < start
    assert bracket.said == f"between {starts[-1]:.0f} and {start:.0f} K"
