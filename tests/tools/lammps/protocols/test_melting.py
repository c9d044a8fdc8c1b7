"""Melting: absurd arguments, and argon's melting for real."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pydantic import ValidationError

from matsmith.core.record import Outcome
from matsmith.tools.lammps.protocols import melting
from matsmith.tools.lammps.protocols.melting import MeltingArgs

RunProtocol = Callable[..., Outcome]


@pytest.mark.parametrize(
    "wrong",
    [{"start_k": 1e5}, {"start_k": -3}, {"size": 10}, {"attempts": 1}, {"length_ps": 0}, {"element": "Xx"}],
)
def test_absurd_arguments_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        MeltingArgs.model_validate({"element": "Cu", **wrong})


@pytest.mark.slow
def test_argon_melts_where_lennard_jones_does(run_protocol: RunProtocol) -> None:
    found = run_protocol(melting.TOOL, element="Ar", size=600, start_k=78, length_ps=80)
    assert found.failure is None
    # kT/ε of 0.69 for the full potential, 0.62 (74 K) for that cut at 2.5 σ.
    assert found.quantities["melting_point"].value == pytest.approx(75, abs=3)
    # Measured: 1.18 kJ/mol.
    assert found.quantities["latent_heat"].value == pytest.approx(1.1, abs=0.25)
    assert found.quantities["solid_density"].value > found.quantities["liquid_density"].value
