"""Bulk moduli: exact for exact curves, within its error for magnesia, refused where no solid can be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matsmith.core.crystal import Crystal
from matsmith.core.quantity import Truth
from matsmith.core.record import Outcome, Record
from matsmith.core.settings import Settings
from matsmith.knowledge.calibration import calibration
from matsmith.models.potentials.interface import CrystalArrays, Evaluation, FloatArray
from matsmith.models.relaxation import EV_PER_ANGSTROM3_IN_GPA
from matsmith.tools.base import Deps, next_better
from matsmith.tools.equation_of_state import (
    VOLUME_FACTORS,
    EquationOfStateArgs,
    fit_birch_murnaghan,
    run_many,
)
from matsmith.tools.runner import ToolRunner


def birch_murnaghan(
    volume: FloatArray, *, energy_ev: float, volume0: float, modulus_gpa: float, derivative: float
) -> FloatArray:
    """Third-order Birch-Murnaghan energy as it is usually printed."""
    ratio = (volume0 / volume) ** (2.0 / 3.0)
    strain = ratio - 1.0
    modulus = modulus_gpa / EV_PER_ANGSTROM3_IN_GPA
    return energy_ev + 9.0 * volume0 * modulus / 16.0 * (
        strain**3 * derivative + strain**2 * (6.0 - 4.0 * ratio)
    )


@settings(deadline=None)
@given(
    energy_ev=st.floats(-20, 5),
    volume0=st.floats(4, 60),
    modulus_gpa=st.floats(5, 500),
    derivative=st.floats(2, 7),
    offset=st.floats(-0.05, 0.05),
)
def test_exact_curves_are_recovered(
    energy_ev: float, volume0: float, modulus_gpa: float, derivative: float, offset: float
) -> None:
    volumes = np.array(VOLUME_FACTORS) * volume0 * (1 + offset)
    energies = birch_murnaghan(
        volumes, energy_ev=energy_ev, volume0=volume0, modulus_gpa=modulus_gpa, derivative=derivative
    )
    fit = fit_birch_murnaghan(volumes, energies)
    assert fit is not None
    assert fit.energy_ev == pytest.approx(energy_ev, abs=1e-8)
    assert fit.volume_angstrom3 == pytest.approx(volume0, rel=1e-6)
    assert fit.bulk_modulus_gpa == pytest.approx(modulus_gpa, rel=1e-5)
    assert fit.pressure_derivative == pytest.approx(derivative, abs=1e-3)
    assert fit.residual_ev < 1e-8


@settings(deadline=None)
@given(slope=st.floats(0.05, 5).flatmap(lambda s: st.sampled_from([s, -s])), volume0=st.floats(4, 60))
def test_no_minimum_gives_no_fit(slope: float, volume0: float) -> None:
    volumes = np.array(VOLUME_FACTORS) * volume0
    assert fit_birch_murnaghan(volumes, slope * volumes / volume0) is None


def test_a_maximum_is_no_minimum() -> None:
    volumes = np.array(VOLUME_FACTORS) * 10.0
    energies = -birch_murnaghan(volumes, energy_ev=0, volume0=10, modulus_gpa=100, derivative=4)
    assert fit_birch_murnaghan(volumes, energies) is None


def test_the_residual_shows_a_kink() -> None:
    volumes = np.array(VOLUME_FACTORS) * 10.0
    energies = birch_murnaghan(volumes, energy_ev=0, volume0=10, modulus_gpa=100, derivative=4)
    energies[5] += 0.05
    fit = fit_birch_murnaghan(volumes, energies)
    assert fit is not None
    assert 0.01 < fit.residual_ev < 0.05


class BreathingSolid:
    """A potential that knows nothing but the volume per atom: its modulus is what it was given, to the last digit."""

    name, version, weights_hash, elements = "breathing solid", "1", "0" * 64, frozenset({"Mg", "O"})
    batch_cost = 1000

    def __init__(
        self, *, volume0: float, modulus_gpa: float, kink_ev: float = 0.0, derivative: float = 4.0
    ) -> None:
        self.volume0, self.modulus_gpa, self.kink_ev = volume0, modulus_gpa, kink_ev
        self.derivative = derivative

    def energy_ev(self, crystal: CrystalArrays) -> float:
        volume = np.array([crystal.volume_angstrom3 / crystal.n_atoms])
        made = birch_murnaghan(
            volume,
            energy_ev=-5.0,
            volume0=self.volume0,
            modulus_gpa=self.modulus_gpa,
            derivative=self.derivative,
        )
        kink = self.kink_ev if abs(volume[0] / self.volume0 - 1.06) < 0.005 else 0.0
        return float(made[0] + kink) * crystal.n_atoms

    def new_state(self, crystal: CrystalArrays) -> Any:
        return None

    def cost(self, crystal: CrystalArrays, state: Any) -> int:
        return crystal.n_atoms

    def evaluate_states(
        self, crystals: Sequence[CrystalArrays], states: Sequence[Any], *, magnetic_moments: bool = False
    ) -> list[Evaluation]:
        return [
            Evaluation(
                energy_ev=self.energy_ev(crystal),
                forces_ev_per_angstrom=np.zeros((crystal.n_atoms, 3)),
                stress_ev_per_angstrom3=np.zeros((3, 3)),
            )
            for crystal in crystals
        ]


@pytest.fixture
def measure(
    plain: Settings, rocksalt: Callable[..., Crystal], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Outcome]:
    """Measure the modulus of a cell of 9.33 Å3/atom with a made potential."""

    def measured(**changes: float) -> Outcome:
        crystal = rocksalt("Mg", edge=4.211)
        solid = BreathingSolid(**({"volume0": 4.211**3 / 8, "modulus_gpa": 100.0} | changes))

        def potential(settings: Settings) -> BreathingSolid:
            return solid

        monkeypatch.setattr("matsmith.tools.equation_of_state.potential", potential)
        deps = Deps(settings=plain, inputs={"c": crystal})
        ((_, outcome),) = run_many([EquationOfStateArgs(structure="c")], deps=deps)
        return outcome

    return measured


def test_the_tool_returns_the_modulus_of_an_exact_solid(measure: Callable[..., Outcome]) -> None:
    outcome = measure(modulus_gpa=100.0)
    known = calibration("bulk_modulus")
    quantity = outcome.quantities["bulk_modulus"]
    assert outcome.facts["uncorrected_bulk_modulus_gpa"] == pytest.approx(100.0, abs=0.01)
    factor = known.correction({"Mg": 1, "O": 1}, computed=100.0)
    assert quantity.value == pytest.approx(100.0 * factor, rel=1e-5)
    assert outcome.facts["inside_tested_domain"] is True
    # No scatter between windows: what is left is the calibration's own error.
    assert quantity.sigma == pytest.approx(known.relative_sigma * quantity.value, rel=1e-4)
    assert quantity.truth is Truth.EXPERIMENT_300K
    assert outcome.facts["pressure_derivative"] == pytest.approx(4.0, abs=0.01)


@pytest.mark.parametrize("derivative", [-2.0, 14.0])
def test_a_pressure_derivative_of_no_solid_widens_the_error(
    measure: Callable[..., Outcome], derivative: float
) -> None:
    outcome = measure(modulus_gpa=100.0, derivative=derivative)
    known, quantity = calibration("bulk_modulus"), outcome.quantities["bulk_modulus"]
    assert outcome.facts["pressure_derivative"] == pytest.approx(derivative, abs=0.05)
    assert outcome.facts["inside_tested_domain"] is False
    assert known.outside_sigma is not None
    assert quantity.sigma is not None
    assert quantity.sigma >= known.outside_sigma * quantity.value > 2 * known.relative_sigma * quantity.value
    better = next_better("bulk_modulus", after="equation_of_state")
    assert any("dK/dP" in warning and better in warning for warning in outcome.warnings)


def test_a_modulus_beyond_any_solid_is_refused(measure: Callable[..., Outcome]) -> None:
    failure = measure(modulus_gpa=900.0).failure
    assert failure is not None
    assert failure.code == "unphysical"
    assert "diamond" in failure.message


def test_a_cell_far_from_its_minimum_is_sent_back(measure: Callable[..., Outcome]) -> None:
    failure = measure(volume0=4.211**3 / 8 * 1.3).failure
    assert failure is not None
    assert failure.code == "no_minimum"
    assert "Relax" in failure.hint


def test_a_jump_in_the_curve_is_rough(measure: Callable[..., Outcome]) -> None:
    failure = measure(kink_ev=0.08).failure
    assert failure is not None
    assert failure.code == "rough"


@pytest.fixture(scope="module")
def magnesia(physics: ToolRunner, periclase: Record) -> Record:
    return physics.run("equation_of_state", {"structure": periclase.id})


def test_magnesia_within_its_error_of_experiment(magnesia: Record) -> None:
    quantity = magnesia.quantities["bulk_modulus"]
    # 160.2 GPa: Speziale et al. 2001, J. Geophys. Res. 106, 515.
    assert abs(quantity.value - 160.2) < quantity.sigma
    assert quantity.sigma < 0.25 * quantity.value
    assert magnesia.outcome.facts["pressure_derivative"] == pytest.approx(4.0, abs=1.5)
    volumes = magnesia.outcome.facts["volumes_angstrom3_per_atom"]
    assert isinstance(volumes, list)
    assert len(volumes) == len(VOLUME_FACTORS)


def test_a_supercell_is_the_same_material(
    physics: ToolRunner, periclase: Record, magnesia: Record, offer: Callable[[ToolRunner, Crystal], str]
) -> None:
    crystal = periclase.outcome.crystal
    assert crystal is not None
    doubled = crystal.to_pymatgen()
    doubled.make_supercell([2, 1, 1])
    supercell = Crystal.from_pymatgen(doubled)
    # The candidate's id would be the primitive cell's: give the supercell as a record.
    record = Record.of(
        Outcome(crystal=supercell), tool="made", tool_version="1", inputs={"n": 2}, identity="", seed=0
    )
    physics.ledger.write_record(record)
    found = physics.run("equation_of_state", {"structure": record.id})
    assert found.quantities["bulk_modulus"].value == pytest.approx(
        magnesia.quantities["bulk_modulus"].value, rel=0.02
    )
