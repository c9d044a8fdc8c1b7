"""The structure of solid argon, for real."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from pydantic import ValidationError

from matsmith.core.record import Outcome
from matsmith.tools.lammps.protocols import radial_distribution
from matsmith.tools.lammps.protocols.radial_distribution import RadialDistributionArgs

RunProtocol = Callable[..., Outcome]


def test_what_is_not_computed_cannot_be_asked_for() -> None:
    assert RadialDistributionArgs(element="Ar", cutoff_angstrom=12).cutoff_angstrom == 12
    with pytest.raises(ValidationError):
        RadialDistributionArgs(element="Ar", cutoff_angstrom=12.5)


def test_solid_argon_has_twelve_neighbours(run_protocol: RunProtocol) -> None:
    found = run_protocol(
        radial_distribution.TOOL, element="Ar", temperature_k=20, size=256, length_ps=8, cutoff_angstrom=9
    )
    assert found.quantities["coordination_number"].value == pytest.approx(12.0, abs=0.02)
    assert found.quantities["nearest_neighbour_distance"].value == pytest.approx(3.77, abs=0.08)
    assert found.facts["crystalline"] is True
    # The first reflection of the crystal: sqrt(3) 2π / a.
    edge = math.sqrt(2) * 3.77
    assert found.quantities["structure_factor_peak"].value == pytest.approx(
        math.sqrt(3) * 2 * math.pi / edge, rel=0.2
    )
    assert len(found.facts["traces"]) == 2  # type: ignore[arg-type]
