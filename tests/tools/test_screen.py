"""Screening: the volume of lowest energy, from near and from far."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from matsmith.core.crystal import Crystal
from matsmith.core.record import Record
from matsmith.tools.runner import ToolRunner


def _volume(record: Record) -> float:
    crystal = record.outcome.crystal
    assert crystal is not None
    return crystal.volume_angstrom3


def _fact(record: Record, name: str) -> float:
    value = record.outcome.facts[name]
    assert isinstance(value, float)
    return value


def test_a_relaxed_crystal_is_at_its_volume(physics: ToolRunner, periclase: Record) -> None:
    record = physics.run("screen", {"structure": periclase.id})
    assert _fact(record, "volume_factor") == pytest.approx(1.0, abs=0.015)
    assert _volume(record) == pytest.approx(_volume(periclase), rel=0.015)
    # Nothing lies below the relaxed energy but the parabola's own error.
    energy = periclase.quantities["energy"].value
    assert _fact(record, "screened_energy_ev_per_atom") == pytest.approx(energy, abs=0.01)
    # Measured: 160 GPa.
    assert _fact(record, "rough_bulk_modulus_gpa") == pytest.approx(155, rel=0.25)


@pytest.mark.parametrize("factor", [1.2, 0.8])
def test_a_strained_cell_finds_its_way_back(
    physics: ToolRunner,
    periclase: Record,
    factor: float,
    rocksalt: Callable[..., Crystal],
    offer: Callable[[ToolRunner, Crystal], str],
) -> None:
    edge = (4 * _volume(periclase) * factor) ** (1 / 3)
    record = physics.run("screen", {"structure": offer(physics, rocksalt("Mg", edge=edge))})
    assert _fact(record, "volume_factor") == pytest.approx(1 / factor, rel=0.03)
    assert _volume(record) == pytest.approx(_volume(periclase), rel=0.03)


def test_a_hopeless_structure_fails_alone(
    physics: ToolRunner,
    periclase: Record,
    overlapping: Crystal,
    offer: Callable[[ToolRunner, Crystal], str],
) -> None:
    calls = [{"structure": offer(physics, overlapping)}, {"structure": periclase.id}]
    found = dict(physics.run_many("screen", calls))
    failure = found[0].outcome.failure
    assert failure is not None
    assert failure.code == "overlap"
    assert failure.hint
    assert found[1].outcome.failure is None


def test_symmetry_and_composition_survive(physics: ToolRunner, periclase: Record) -> None:
    crystal = physics.run("screen", {"structure": periclase.id}).outcome.crystal
    assert crystal is not None
    assert crystal.amounts == {"Mg": 1, "O": 1}
    assert crystal.positions[1] == pytest.approx((0.5, 0.5, 0.5))
