"""Absolute free energies: oscillators, the centre of mass, the switching of known systems, and copper against its vibrations."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import cast

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk  # pyright: ignore[reportUnknownVariableType]

from matsmith.core.record import Outcome
from matsmith.models.dynamics import BOLTZMANN_EV_PER_K
from matsmith.models.potentials.interface import FloatArray
from matsmith.tools.lammps.failures import DynamicsError
from matsmith.tools.lammps.oscillators import centre_of_mass_ev, oscillators_ev, switching
from matsmith.tools.lammps.protocols import free_energy
from matsmith.tools.lammps.simulation import Simulation
from matsmith.tools.lammps.structures import repeated

RunProtocol = Callable[..., Outcome]
Simulate = Callable[..., Simulation]

_JOULE_PER_MOL_PER_EV = 96485.33
HBAR_EV_PS, EV_IN_PER_PS2 = 6.582119569e-4, 9648.53321


def test_oscillators_have_the_classical_free_energy() -> None:
    thermal = BOLTZMANN_EV_PER_K * 500
    omega = thermal / HBAR_EV_PS
    assert oscillators_ev(count=10, omega_per_ps=omega, temperature_k=500) == pytest.approx(0, abs=1e-6)
    assert oscillators_ev(count=1, omega_per_ps=math.e * omega, temperature_k=500) == pytest.approx(
        3 * thermal, rel=1e-5
    )


def test_the_centre_of_mass_is_that_of_a_free_particle_in_a_site() -> None:
    # Three oscillators of the centre of mass less, a free particle of the whole mass in the volume of one site more.
    count, mass, omega, volume, kelvin = 108, 108 * 63.5, 25.0, 108 * 11.8, 300.0
    thermal = BOLTZMANN_EV_PER_K * kelvin
    free = -thermal * math.log(
        volume / count * (mass / EV_IN_PER_PS2 * thermal / (2 * math.pi * HBAR_EV_PS**2)) ** 1.5
    )
    expected = free - oscillators_ev(count=1, omega_per_ps=omega, temperature_k=kelvin)
    found = centre_of_mass_ev(
        count=count, mass_g_per_mol=mass, omega_per_ps=omega, volume_angstrom3=volume, temperature_k=kelvin
    )
    assert found == pytest.approx(expected, rel=1e-5)


def test_switching_between_springs_gives_their_free_energies() -> None:
    # U = (1 - λ) k1 + λ k2: in equilibrium <U2 - U1> = kT/2 (k2 - k1) / ((1 - λ) k1 + λ k2), and ΔF = kT/2 ln(k2 / k1).
    rest, switch, thermal = 100, 2000, 0.025
    steps = np.arange(2 * (rest + switch) + 1.0)
    there = ((steps - rest) / switch).clip(0, 1)
    coupling = np.where(
        steps < 2 * rest + switch, there, 1 - ((steps - 2 * rest - switch) / switch).clip(0, 1)
    )
    excess = thermal / 2 * (5.0 - 1.0) / ((1 - coupling) * 1.0 + coupling * 5.0)
    forward = switching(steps, coupling, excess + 0.1, rest=rest, switch=switch)
    assert forward.difference_ev == pytest.approx(thermal / 2 * math.log(5.0) + 0.1, abs=1e-5)
    assert forward.dissipated_ev == pytest.approx(0.0, abs=1e-9)


def test_a_switching_without_points_is_refused() -> None:
    with pytest.raises(DynamicsError):
        switching(np.arange(5.0), np.zeros(5), np.zeros(5), rest=1, switch=1000)


def _corner(place: FloatArray, grid: int) -> tuple[int, int, int]:
    x, y, z = (round(float(n) * grid) % grid for n in place)
    return x, y, z


def vibrations_per_ps(perfect: Atoms, forces: list[FloatArray], *, step: float, mass: float) -> FloatArray:
    """Frequencies (3 n - 3,) of an fcc cell from the forces on all atoms when the first is moved, by translation."""
    n = len(perfect)
    columns = np.array([-(forces[2 * i] - forces[2 * i + 1]) / (2 * step) for i in range(3)])
    places = np.asarray(perfect.get_scaled_positions(), dtype=np.float64)
    grid = 2 * round((n / 4) ** (1 / 3))
    index = {_corner(place, grid): k for k, place in enumerate(places)}
    hessian = np.zeros((3 * n, 3 * n))
    for k in range(n):
        for j in range(n):
            other = index[_corner(places[j] + places[k] - places[0], grid)]
            hessian[3 * k : 3 * k + 3, 3 * other : 3 * other + 3] = columns[:, j]
    squares = np.linalg.eigvalsh((hessian + hessian.T) / 2)[3:] / mass * EV_IN_PER_PS2
    return np.sqrt(squares)


def test_cold_copper_has_the_free_energy_of_its_vibrations(
    run_protocol: RunProtocol, simulate: Simulate
) -> None:
    kelvin = 100.0
    outcome = run_protocol(
        free_energy.TOOL, element="Cu", potential="cu_mishin1", size=32, temperature_k=kelvin,
        switch_ps=4, warm_ps=4, cycles=2,
    )  # fmt: skip
    assert outcome.failure is None, outcome.failure
    entropy, energy = outcome.quantities["entropy"], outcome.quantities["gibbs_energy"]
    # Per mole of atoms, and uncertain by the internal energy too.
    assert entropy.unit == "J/(mol*K)"
    assert 5 < entropy.value < 20
    assert entropy.sigma > 1.001 * energy.sigma / kelvin * _JOULE_PER_MOL_PER_EV
    assert "ideal_mixing_term_ev_per_atom" not in outcome.facts
    forms = cast("list[dict[str, float]]", outcome.facts["forms"])
    volume = forms[0]["volume_angstrom3_per_atom"]
    perfect = repeated(bulk("Cu", a=(4 * volume) ** (1 / 3), cubic=True), (2, 2, 2))
    images: list[Atoms] = [perfect]
    for axis in range(3):
        for sign in (1, -1):
            moved = perfect.copy()
            moved.positions[0, axis] += sign * 0.01
            images.append(moved)
    simulation: Simulation = simulate(perfect, named="cu_mishin1")
    found = simulation.evaluate(images)
    forces = [each.forces_ev_per_angstrom for each in found[1:] if each.forces_ev_per_angstrom is not None]
    omegas = vibrations_per_ps(perfect, forces, step=0.01, mass=63.546)
    thermal, n = BOLTZMANN_EV_PER_K * kelvin, len(perfect)
    centre = -thermal * math.log(
        volume * (n * 63.546 / EV_IN_PER_PS2 * thermal / (2 * math.pi * HBAR_EV_PS**2)) ** 1.5
    )
    expected = (
        found[0].energy_ev + thermal * float(np.log(HBAR_EV_PS * omegas / thermal).sum()) + centre
    ) / n
    value = outcome.quantities["gibbs_energy"]
    # Anharmonic terms of copper at 100 K are some tenths of a meV.
    assert value.value == pytest.approx(expected, abs=max(0.001, 3 * value.sigma))


def test_an_alloy_is_told_what_its_mixing_leaves_out(run_protocol: RunProtocol) -> None:
    atoms = repeated(bulk("Fe", "bcc", a=2.86, cubic=True), (2, 2, 4))
    atoms.set_chemical_symbols(
        ["FeFeFeCr"[2 * (i % 4) : 2 * (i % 4) + 2] for i in np.random.default_rng(0).permutation(32)]
    )
    found = run_protocol(
        free_energy.TOOL, given={"x": atoms}, structure="x", size=32, temperature_k=300, switch_ps=1, warm_ps=2, cycles=1,
    )  # fmt: skip
    assert found.failure is None, found.failure
    assert found.facts["ideal_entropy_of_mixing_kb_per_atom"] == pytest.approx(0.5623, abs=1e-4)
    term = BOLTZMANN_EV_PER_K * 300 * 0.5623
    assert found.facts["ideal_mixing_term_ev_per_atom"] == pytest.approx(-term, abs=1e-5)
    assert any("one arrangement" in warning for warning in found.warnings)


def test_forms_of_a_compound_have_to_be_given(run_protocol: RunProtocol) -> None:
    crystal = bulk("NiAl", "cesiumchloride", a=2.88)
    outcome = run_protocol(free_energy.TOOL, given={"x": crystal}, structure="x", compare=["fcc"])
    assert outcome.failure is not None
    assert outcome.failure.code == "not_an_element"
