"""Grueneisen's rule and Slack's estimate: limits, known crystals, and which structures are open."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matsmith.core.errors import UsageError
from matsmith.knowledge.crystals import find
from matsmith.models.grueneisen_expansion import (
    coordination_numbers,
    debye_heat_capacity,
    is_open,
    linear_expansion_per_k,
)
from matsmith.models.slack_conductivity import grueneisen_parameter, slack_conductivity_w_per_m_k


@given(st.floats(1, 5000), st.floats(20, 2500))
def test_debye_heat_lies_between_nothing_and_dulong_petit(temperature: float, debye: float) -> None:
    heat = debye_heat_capacity(temperature, debye_k=debye)
    assert 0 < heat <= 1 + 1e-6
    assert debye_heat_capacity(2 * temperature, debye_k=debye) >= heat - 1e-9


def test_debye_heat_is_cubic_when_cold() -> None:
    # 4 pi^4 / 5 (T / theta)^3 of 3 k.
    assert debye_heat_capacity(5.0, debye_k=500.0) == pytest.approx(77.93e-6, rel=1e-3)
    assert debye_heat_capacity(0.0, debye_k=500.0) == 0


def test_expansion_grows_with_temperature_and_softness() -> None:
    def alpha(temperature: float, bulk: float) -> float:
        return linear_expansion_per_k(
            grueneisen=1.5,
            temperature_k=temperature,
            debye_k=940,
            bulk_gpa=bulk,
            volume_angstrom3_per_atom=9.35,
        )

    assert alpha(300, 162) == pytest.approx(10.5e-6, rel=0.25)  # magnesia
    assert alpha(0, 162) == 0
    assert alpha(300, 81) == pytest.approx(2 * alpha(300, 162))
    assert alpha(1200, 162) > alpha(300, 162)


@pytest.mark.parametrize(
    ("formula", "neighbours", "open_"),
    [("Si", 4, True), ("NaCl", 6, False), ("Cu", 12, False), ("ZnS", 4, True)],
)
def test_coordination(formula: str, neighbours: int, open_: bool) -> None:
    structure = find(formula)[0].structure()
    assert set(coordination_numbers(structure)) == {neighbours}
    assert is_open(structure) is open_


def test_slack_falls_with_temperature_and_cell() -> None:
    def kappa(temperature: float, atoms: int) -> float:
        return slack_conductivity_w_per_m_k(
            debye_k=940,
            grueneisen=grueneisen_parameter(0.18),
            mass_g_per_mol_atoms=20.15,
            volume_angstrom3_per_atom=9.35,
            atoms_in_primitive_cell=atoms,
            temperature_k=temperature,
        )

    assert 30 < kappa(300, 2) < 300  # magnesia: 60
    assert kappa(600, 2) == pytest.approx(kappa(300, 2) / 2)
    assert kappa(300, 20) < kappa(300, 2)


def test_nonsense_is_refused() -> None:
    with pytest.raises(UsageError, match="Poisson"):
        grueneisen_parameter(0.66)
    with pytest.raises(UsageError, match="positive"):
        debye_heat_capacity(300, debye_k=0)
    with pytest.raises(UsageError, match="positive"):
        slack_conductivity_w_per_m_k(
            debye_k=0,
            grueneisen=1,
            mass_g_per_mol_atoms=1,
            volume_angstrom3_per_atom=1,
            atoms_in_primitive_cell=1,
            temperature_k=300,
        )
