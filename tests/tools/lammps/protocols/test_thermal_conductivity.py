"""Thermal conductivity of argon by both ways, and which way is refused for which potential."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from statistical_errors import statistical

from matsmith.core.record import Outcome
from matsmith.tools.lammps.protocols import thermal_conductivity

RunProtocol = Callable[..., Outcome]


def test_many_bodies_have_no_plain_heat_current(run_protocol: RunProtocol) -> None:
    found = run_protocol(
        thermal_conductivity.TOOL, element="Cu", temperature_k=300, way="fluctuations", potential="cu_mishin1"
    )
    assert found.failure is not None
    assert found.failure.code == "wrong_heat_current"
    assert "flow" in found.failure.hint


def test_molten_argon_conducts_as_measured(run_protocol: RunProtocol) -> None:
    found = run_protocol(
        thermal_conductivity.TOOL,
        element="Ar",
        phase="melt",
        temperature_k=90,
        size=108,
        length_ps=70,
        correlation_ps=4,
    )
    # 0.12 W/(m K) measured; by this potential published between 0.10 and 0.13.
    value = found.quantities["thermal_conductivity_at_temperature"]
    assert value.value == pytest.approx(0.115, abs=0.05)
    assert 0 < statistical(found, "thermal_conductivity_at_temperature") < 0.04 < value.sigma
    assert found.facts["way"] == "fluctuations of the heat current"


@pytest.mark.slow
def test_both_ways_agree_in_molten_argon(run_protocol: RunProtocol) -> None:
    found = run_protocol(
        thermal_conductivity.TOOL,
        element="Ar",
        phase="melt",
        temperature_k=90,
        way="flow",
        size=500,
        length_ps=200,
    )
    assert found.quantities["thermal_conductivity_at_temperature"].value == pytest.approx(0.115, abs=0.03)
