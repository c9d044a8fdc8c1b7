"""Quasi-harmonic crystals: a solid with a known Grueneisen parameter expands as it must; outside the volumes nothing is said."""

from __future__ import annotations

import numpy as np
import pytest

from matsmith.core.errors import UsageError
from matsmith.models.quasi_harmonic import EV_PER_ANGSTROM3_IN_GPA, QuasiHarmonicCrystal
from matsmith.models.vibrational import Spectrum

VOLUME, MODULUS_GPA, GAMMA, FREQUENCY_THZ = 10.0, 150.0, 1.8, 8.0
FACTORS = np.array([0.94, 0.96, 0.98, 1.0, 1.02, 1.04, 1.07])


def energy(
    volumes: np.ndarray[tuple[int], np.dtype[np.float64]],
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Second-order Birch energy in eV per atom."""
    strain = ((VOLUME / volumes) ** (2 / 3) - 1) / 2
    return 4.5 * VOLUME * MODULUS_GPA / EV_PER_ANGSTROM3_IN_GPA * strain**2 - 5.0


def made(
    gamma: float = GAMMA, *, factors: np.ndarray[tuple[int], np.dtype[np.float64]] = FACTORS
) -> QuasiHarmonicCrystal:
    """A solid of one frequency that goes with V^(-gamma)."""
    volumes = VOLUME * factors
    return QuasiHarmonicCrystal(
        volumes_angstrom3=volumes,
        energies_ev=energy(volumes),
        spectra=[
            Spectrum(
                frequencies_thz=np.full((1, 3), FREQUENCY_THZ * (VOLUME / v) ** gamma), weights=np.ones(1)
            )
            for v in volumes
        ],
    )


def test_expansion_is_that_of_grueneisen() -> None:
    solid = made()
    state = solid.state(temperature_k=300, pressure_gpa=0)
    assert state.inside
    found = solid.linear_expansion_per_k(temperature_k=300, pressure_gpa=0)
    modulus = solid.bulk_modulus_gpa(temperature_k=300, pressure_gpa=0)
    assert found is not None
    assert modulus is not None
    assert 0.9 * MODULUS_GPA < modulus < MODULUS_GPA
    heat = solid.spectra[3].heat_capacity_j_per_mol_atoms_k(300) / 96485.33
    expected = GAMMA * heat / (3 * modulus / EV_PER_ANGSTROM3_IN_GPA * state.volume_angstrom3)
    assert found == pytest.approx(expected, rel=0.05)
    with_modulus = solid.expansion_with_modulus_per_k(
        temperature_k=300, volume_angstrom3=state.volume_angstrom3, bulk_modulus_gpa=modulus
    )
    assert with_modulus == pytest.approx(expected, rel=0.05)
    parameter = solid.grueneisen_parameter(temperature_k=300, volume_angstrom3=state.volume_angstrom3)
    assert parameter == pytest.approx(GAMMA, rel=0.05)


def test_without_softening_nothing_expands_and_with_stiffening_it_shrinks() -> None:
    none = made(0.0).linear_expansion_per_k(temperature_k=300, pressure_gpa=0)
    assert none == pytest.approx(0, abs=1e-9)
    shrinking = made(-1.0).linear_expansion_per_k(temperature_k=300, pressure_gpa=0)
    assert shrinking is not None
    assert shrinking < -1e-6


def test_cold_and_pressed() -> None:
    solid = made()
    cold = solid.state(temperature_k=0, pressure_gpa=0)
    # The zero point alone pushes the atoms apart.
    assert cold.volume_angstrom3 > VOLUME
    pressed = solid.state(temperature_k=0, pressure_gpa=5)
    assert pressed.volume_angstrom3 < cold.volume_angstrom3
    assert pressed.gibbs_ev > cold.gibbs_ev
    slope = (
        (solid.state(temperature_k=0, pressure_gpa=0.1).gibbs_ev - cold.gibbs_ev)
        * EV_PER_ANGSTROM3_IN_GPA
        / 0.1
    )
    assert slope == pytest.approx(cold.volume_angstrom3, rel=1e-3)  # dG/dP = V
    assert solid.residual_ev < 1e-4


def test_outside_the_volumes_there_is_no_state() -> None:
    solid = made()
    assert not solid.state(temperature_k=0, pressure_gpa=60).inside
    assert solid.linear_expansion_per_k(temperature_k=0, pressure_gpa=60) is None
    assert solid.bulk_modulus_gpa(temperature_k=0, pressure_gpa=60) is None


def test_the_order_of_volumes_does_not_matter_and_few_are_refused() -> None:
    backwards = made(factors=FACTORS[::-1].copy())
    assert backwards.state(temperature_k=300, pressure_gpa=0) == made().state(
        temperature_k=300, pressure_gpa=0
    )
    with pytest.raises(UsageError, match="5 volumes"):
        made(factors=FACTORS[:4])


def test_resting_atoms_have_the_enthalpy_of_the_curve() -> None:
    solid = made()
    assert solid.static_enthalpy_ev(pressure_gpa=0) == pytest.approx(-5.0, abs=1e-6)
    # Zero point: three modes of one frequency an atom.
    cold = solid.state(temperature_k=0, pressure_gpa=0).gibbs_ev - solid.static_enthalpy_ev(pressure_gpa=0)
    assert cold == pytest.approx(1.5 * 4.135667696e-3 * FREQUENCY_THZ, rel=0.02)
    # Under a small pressure, p V to first order.
    pressed = solid.static_enthalpy_ev(pressure_gpa=1.0) - solid.static_enthalpy_ev(pressure_gpa=0)
    assert pressed == pytest.approx(VOLUME / EV_PER_ANGSTROM3_IN_GPA, rel=0.01)
