"""Enthalpies under pressure: their slope is the volume, and salt turns from six neighbours to eight."""

from __future__ import annotations

import pytest
from pymatgen.core import Lattice, Structure

from matsmith.models.compression import Compressed, compressed, transition_pressure_gpa
from matsmith.models.potentials.chgnet_batch import BatchedCHGNet
from matsmith.models.relaxation import EV_PER_ANGSTROM3_IN_GPA, RelaxationFailure


def six_neighbours() -> Structure:
    half = 5.6 / 2
    return Structure(
        [[0, half, half], [half, 0, half], [half, half, 0]], ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]]
    )


def eight_neighbours() -> Structure:
    return Structure(Lattice.cubic(3.4), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])


def under(structure: Structure, potential: BatchedCHGNet, pressure_gpa: float) -> Compressed:
    ((_, found),) = compressed([structure], potential=potential, pressure_gpa=pressure_gpa)
    assert isinstance(found, Compressed)
    return found


def test_the_slope_of_the_enthalpy_is_the_volume(potential: BatchedCHGNet) -> None:
    low, middle, high = (under(six_neighbours(), potential, p) for p in (8.0, 10.0, 12.0))
    slope = (high.enthalpy_ev_per_atom - low.enthalpy_ev_per_atom) / (4.0 / EV_PER_ANGSTROM3_IN_GPA)
    assert slope == pytest.approx(middle.volume_angstrom3_per_atom, rel=0.01)
    assert low.volume_angstrom3_per_atom > high.volume_angstrom3_per_atom
    assert middle.work_ev_per_atom == pytest.approx(
        10.0 * middle.volume_angstrom3_per_atom / EV_PER_ANGSTROM3_IN_GPA
    )


def test_salt_turns_to_eight_neighbours_near_where_it_was_measured_to(potential: BatchedCHGNet) -> None:
    # Measured near 27 to 30 GPa at room temperature (Bassett et al. 1968, J. Appl. Phys. 39, 319).
    found = transition_pressure_gpa(
        six_neighbours(), eight_neighbours(), potential=potential, most_gpa=60.0, within_gpa=0.5
    )
    assert found is not None
    assert 10.0 < found < 45.0
    gap = [
        under(cell, potential, found).enthalpy_ev_per_atom for cell in (six_neighbours(), eight_neighbours())
    ]
    assert gap[0] == pytest.approx(gap[1], abs=0.01)


def test_what_does_not_turn(potential: BatchedCHGNet) -> None:
    assert (
        transition_pressure_gpa(six_neighbours(), eight_neighbours(), potential=potential, most_gpa=2.0)
        is None
    )
    assert (
        transition_pressure_gpa(eight_neighbours(), six_neighbours(), potential=potential, most_gpa=2.0)
        == 0.0
    )


def test_a_failure_stands_in_its_place(potential: BatchedCHGNet) -> None:
    crushed = six_neighbours()
    crushed.scale_lattice(6.0)
    found = dict(compressed([crushed, six_neighbours()], potential=potential, pressure_gpa=1.0))
    assert isinstance(found[0], RelaxationFailure)
    assert isinstance(found[1], Compressed)
