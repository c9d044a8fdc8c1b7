"""Relaxation as a tool: the measured lattice, typed failures that harm nobody, the same result twice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from matsmith.core.crystal import Crystal
from matsmith.core.errors import ToolError
from matsmith.core.ledger import Ledger
from matsmith.core.record import Record, Status
from matsmith.tools.runner import ToolRunner

Offer = Callable[[ToolRunner, Crystal], str]


def test_magnesia_has_its_measured_lattice_constant(periclase: Record) -> None:
    crystal = periclase.outcome.crystal
    assert crystal is not None
    edge = (4 * crystal.volume_angstrom3) ** (1 / 3)
    assert edge == pytest.approx(4.211, rel=0.02)
    assert periclase.outcome.facts["volume_angstrom3_per_atom"] == pytest.approx(edge**3 / 8, abs=1e-3)


def test_the_record_says_what_it_rests_on(periclase: Record) -> None:
    energy = periclase.quantities["energy"]
    assert energy.unit == "eV/atom"
    assert energy.sigma > 0
    method = periclase.outcome.method
    assert method is not None
    assert len(method.weights_hash) == 64
    assert periclase.identity == method.weights_hash
    force, pressure = (
        periclase.outcome.facts["largest_force_ev_per_angstrom"],
        periclase.outcome.facts["pressure_gpa"],
    )
    assert isinstance(force, float)
    assert force <= 0.05
    assert isinstance(pressure, float)
    assert abs(pressure) <= 0.1
    assert periclase.outcome.wall_s > 0


def test_a_collapsed_structure_fails_by_name_and_leaves_the_rest_alone(
    physics: ToolRunner,
    periclase: Record,
    overlapping: Crystal,
    rocksalt: Callable[..., Crystal],
    offer: Offer,
) -> None:
    good = offer(physics, rocksalt("Mg", edge=4.26))
    calls = [{"structure": offer(physics, overlapping)}, {"structure": good}]
    found = dict(physics.run_many("relax", calls))
    failure = found[0].outcome.failure
    assert failure is not None
    assert failure.code == "overlap"
    assert "larger cell" in failure.hint
    assert found[0].status is Status.FAILURE
    assert found[0].quantities == {}
    assert found[0].outcome.crystal is None
    energy = found[1].quantities["energy"].value
    assert energy == pytest.approx(periclase.quantities["energy"].value, abs=1e-3)


def test_the_same_start_gives_the_same_numbers(
    physics: ToolRunner, runner: ToolRunner, rocksalt: Callable[..., Crystal], offer: Offer
) -> None:
    crystal = rocksalt("Mg", edge=4.3)
    first = physics.run("relax", {"structure": offer(physics, crystal)})
    second = runner.run("relax", {"structure": offer(runner, crystal)})
    assert second.id == first.id
    assert second.outcome.quantities == first.outcome.quantities
    assert second.outcome.crystal == first.outcome.crystal
    assert second.outcome.facts == first.outcome.facts


def test_pressure_compresses_by_the_bulk_modulus(
    physics: ToolRunner, periclase: Record, rocksalt: Callable[..., Crystal], offer: Offer
) -> None:
    call = {"structure": offer(physics, rocksalt("Mg", edge=4.2)), "pressure_gpa": 10.0}
    pressed = physics.run("relax", call)
    assert pressed.outcome.facts["pressure_gpa"] == pytest.approx(10.0, abs=0.15)
    crystal, free = pressed.outcome.crystal, periclase.outcome.crystal
    assert crystal is not None
    assert free is not None
    # 10 GPa on 160 GPa take off about 5.5 % (measured: Speziale et al. 2001, J. Geophys. Res. 106, 515).
    assert crystal.volume_angstrom3 / free.volume_angstrom3 == pytest.approx(0.945, abs=0.02)


def test_out_of_steps_is_unconverged(
    physics: ToolRunner, rocksalt: Callable[..., Crystal], offer: Offer
) -> None:
    call = {"structure": offer(physics, rocksalt("Mg", edge=4.6)), "max_steps": 1}
    failure = physics.run("relax", call).outcome.failure
    assert failure is not None
    assert failure.code == "unconverged"
    assert "max_steps" in failure.hint


@pytest.mark.parametrize(
    ("field", "value"),
    [("max_steps", 0), ("force_tolerance_ev_per_angstrom", 0.0), ("pressure_gpa", -100.0), ("steps", 3)],
)
def test_settings_out_of_range_are_refused_by_name(
    runner: ToolRunner, rocksalt: Callable[..., Crystal], offer: Offer, field: str, value: float
) -> None:
    with pytest.raises(ToolError, match=field):
        runner.run("relax", {"structure": offer(runner, rocksalt("Mg")), field: value})


def test_the_ledger_of_a_relaxation_is_intact(tmp_path: Path, physics: ToolRunner, periclase: Record) -> None:
    assert physics.ledger.verify().intact
    with Ledger(physics.ledger.path, create=False) as again:
        assert again.consume(periclase.id) == periclase
