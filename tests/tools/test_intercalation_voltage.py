"""Voltages: exact for made energies, near measurement for a real cathode, and refused where no element gives an electron."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matsmith.core.crystal import Crystal
from matsmith.core.quantity import Truth
from matsmith.core.record import Outcome
from matsmith.core.settings import Settings
from matsmith.knowledge.crystals import find
from matsmith.knowledge.method_errors import method_error
from matsmith.models.potentials.interface import CrystalArrays, Evaluation
from matsmith.tools.base import Deps
from matsmith.tools.intercalation_voltage import VoltageArgs, run_many, voltage_steps
from matsmith.tools.mobile_ion import mobile_ion
from matsmith.tools.runner import ToolRunner

Offer = Callable[[ToolRunner, Crystal], str]
LITHIUM_EV = -1.9
_Z = {"Li": 3, "O": 8, "Co": 27, "Al": 13}


class ByComposition:
    """A potential that knows the numbers of atoms alone: the lithium of a cell holds a given energy, and no force acts."""

    batch_cost = 100

    def __init__(self, lithium_ev: Callable[[int, int], float]) -> None:
        self.lithium_ev = lithium_ev

    def new_state(self, crystal: CrystalArrays) -> Any:
        return None

    def cost(self, crystal: CrystalArrays, state: Any) -> int:
        return 1

    def evaluate_states(
        self, crystals: Sequence[CrystalArrays], states: Sequence[Any], *, magnetic_moments: bool = False
    ) -> list[Evaluation]:
        return [
            Evaluation(
                energy_ev=-5.0 * int((crystal.numbers != 3).sum())
                + self.lithium_ev(int((crystal.numbers == 3).sum()), int((crystal.numbers == 27).sum())),
                forces_ev_per_angstrom=np.zeros((crystal.n_atoms, 3)),
                stress_ev_per_angstrom3=np.zeros((3, 3)),
            )
            for crystal in crystals
        ]


def six_volts_each(lithium: int, cobalt: int) -> float:
    del cobalt
    return -6.0 * lithium


@pytest.fixture
def cobaltate() -> Crystal:
    structure = find("LiCoO2")[0].structure().get_primitive_structure()
    structure.make_supercell([2, 1, 1])
    return Crystal.from_pymatgen(structure)


@pytest.fixture
def measure(plain: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Outcome]:
    def measured(crystal: Crystal, energy: Callable[[int, int], float], **args: object) -> Outcome:
        def made(settings: Settings) -> ByComposition:
            return ByComposition(energy)

        def metal(symbol: str, *, settings: Settings) -> float:
            return LITHIUM_EV

        monkeypatch.setattr("matsmith.tools.intercalation_voltage.potential", made)
        monkeypatch.setattr("matsmith.tools.intercalation_voltage.elemental_energy_ev_per_atom", metal)
        deps = Deps(settings=plain, inputs={"c": crystal})
        ((_, outcome),) = run_many([VoltageArgs.model_validate({"structure": "c", **args})], deps=deps)
        return outcome

    return measured


def test_the_voltage_of_made_energies_is_exact(measure: Callable[..., Outcome], cobaltate: Crystal) -> None:
    outcome = measure(cobaltate, six_volts_each)
    assert outcome.facts["uncorrected_voltage_v"] == pytest.approx(6.0 - 1.9)
    known = method_error("voltage", kind="redox")
    quantity = outcome.quantities["voltage"]
    assert quantity.value == pytest.approx(known.corrected(4.1))
    assert quantity.sigma == pytest.approx(known.sigma(quantity.value))
    # 273.8 mA h/g: one lithium of LiCoO2, 97.87 g/mol.
    assert outcome.quantities["specific_capacity"].value == pytest.approx(273.8, abs=0.1)
    assert outcome.quantities["specific_capacity"].truth is Truth.EXACT
    assert outcome.crystal is not None
    assert outcome.crystal.formula == "CoO2"


def test_a_stable_half_charged_state_makes_two_steps(
    measure: Callable[..., Outcome], cobaltate: Crystal
) -> None:
    def energy(lithium: int, cobalt: int) -> float:
        share = lithium / cobalt
        return cobalt * (-6.0 * share - 0.2 * (1 - abs(2 * share - 1)))

    outcome = measure(cobaltate, energy, remaining=[0.5, 0.0])
    known = method_error("voltage", kind="redox")
    # Half of the lithium at 4.1 - 0.4 V, the other half at 4.1 + 0.4 V.
    steps = outcome.facts["steps"]
    assert steps == [
        [1.0, 0.5, pytest.approx(known.corrected(3.7), abs=2e-3)],
        [0.5, 0.0, pytest.approx(known.corrected(4.5), abs=2e-3)],
    ]
    assert outcome.facts["uncorrected_voltage_v"] == pytest.approx(4.1)


def test_fewer_ions_leave_when_asked(measure: Callable[..., Outcome], cobaltate: Crystal) -> None:
    outcome = measure(cobaltate, six_volts_each, remaining=[0.5])
    assert outcome.facts["ions_left_share"] == 0.5
    assert outcome.quantities["specific_capacity"].value == pytest.approx(273.8 / 2, abs=0.1)


@given(
    st.lists(st.floats(-20, 20), min_size=2, max_size=7),
    st.floats(-5, 0),
    st.sampled_from([1, 2, 3]),
)
def test_steps_rise_and_their_mean_is_the_whole(energies: list[float], metal: float, charge: int) -> None:
    states = {float(k): energy for k, energy in enumerate(energies)}
    steps = voltage_steps(states, metal_ev=metal, ion_charge=charge)
    full = len(energies) - 1
    assert steps[0][0] == full
    assert steps[-1][1] == 0
    volts = [step[2] for step in steps]
    assert all(later >= earlier - 1e-9 for earlier, later in pairwise(volts))
    whole = -(energies[-1] - energies[0] - full * metal) / (charge * full)
    assert sum((a - b) * v for a, b, v in steps) / full == pytest.approx(whole, abs=1e-6)


@pytest.mark.parametrize(
    ("elements", "ion"), [(["O", "Na", "Mn"], "Na"), (["Mg", "O", "V"], "Mg"), (["Fe", "O"], None)]
)
def test_the_ion_is_found(elements: list[str], ion: str | None) -> None:
    assert mobile_ion(elements) == ion


def lithia() -> Crystal:
    return Crystal.from_pymatgen(find("Li2O")[0].structure().get_primitive_structure())


def test_no_element_gives_an_electron(plain: Settings) -> None:
    ((_, outcome),) = run_many(
        [VoltageArgs(structure="c")], deps=Deps(settings=plain, inputs={"c": lithia()})
    )
    assert outcome.failure is not None
    assert outcome.failure.code == "no_redox"
    assert "electrochemical_window" in outcome.failure.hint


@pytest.mark.parametrize(
    ("args", "code"),
    [
        ({"ion": "Na"}, "no_ion"),
        ({"ion": "Xe"}, "no_ion"),
        ({"remaining": [1.0]}, "no_charge"),
        ({"remaining": [-2]}, "no_charge"),
    ],
)
def test_what_is_refused(plain: Settings, cobaltate: Crystal, args: dict[str, object], code: str) -> None:
    deps = Deps(settings=plain, inputs={"c": cobaltate})
    ((_, outcome),) = run_many([VoltageArgs.model_validate({"structure": "c", **args})], deps=deps)
    assert outcome.failure is not None
    assert outcome.failure.code == code
    assert outcome.failure.hint


def test_another_host_is_not_the_charged_state(plain: Settings, cobaltate: Crystal) -> None:
    deps = Deps(settings=plain, inputs={"c": cobaltate, "d": lithia()})
    ((_, outcome),) = run_many([VoltageArgs(structure="c", charged="d")], deps=deps)
    assert outcome.failure is not None
    assert outcome.failure.code == "not_the_same_host"


def test_a_nickelate_by_the_default_potential(physics: ToolRunner, offer: Offer) -> None:
    structure = find("LiCoO2")[0].structure().get_primitive_structure()
    structure.replace_species({"Co": "Ni"})
    record = physics.run(
        "intercalation_voltage", {"structure": offer(physics, Crystal.from_pymatgen(structure))}
    )
    quantity = record.quantities["voltage"]
    # 3.9 V: Ohzuku, Ueda & Nagayama 1993, J. Electrochem. Soc. 140, 1862.
    assert abs(quantity.value - 3.9) < 2.5 * quantity.sigma
    assert record.outcome.facts["ion"] == "Li"
    assert record.outcome.facts["host"] == "NiO2"
