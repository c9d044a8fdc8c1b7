"""Density: mass over corrected volume, against the measured one, and refused beyond any solid."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from matsmith.core.crystal import Crystal
from matsmith.core.errors import LedgerError
from matsmith.core.record import Outcome, Record
from matsmith.knowledge.calibration import calibration
from matsmith.knowledge.crystals import measured_crystals
from matsmith.tools.runner import ToolRunner


def _relaxed(runner: ToolRunner, crystal: Crystal) -> str:
    record = Record.of(
        Outcome(crystal=crystal), tool="made", tool_version="1", inputs={}, identity="", seed=0
    )
    runner.ledger.write_record(record)
    return record.id


def test_periclase_has_its_measured_density(physics: ToolRunner, periclase: Record) -> None:
    record = physics.run("density", {"relaxed": periclase.id})
    density = record.quantities["density"]
    assert abs(density.value - 3.585) < 2 * density.sigma
    assert density.sigma == pytest.approx(calibration("volume").relative_sigma * density.value)


def test_mass_over_volume(runner: ToolRunner, rocksalt: Callable[..., Crystal]) -> None:
    crystal = rocksalt("Mg", edge=4.211)
    record = runner.run("density", {"relaxed": _relaxed(runner, crystal)})
    factor = calibration("volume").correction({"Mg": 4, "O": 4}, computed=4.211**3 / 8)
    assert 0.9 < factor < 1.0
    # Four formula units of 40.304 g/mol in 4.211^3 Å3.
    plain = 4 * 40.304 / 6.02214076e23 / (4.211e-8) ** 3
    assert record.quantities["density"].value == pytest.approx(plain / factor, rel=1e-4)
    volume = record.quantities["volume_per_atom"]
    assert volume.value == pytest.approx(factor * 4.211**3 / 8)
    assert volume.unit == "angstrom3/atom"


def test_layers_carry_a_wide_error(runner: ToolRunner) -> None:
    graphite = next(known for known in measured_crystals() if known.name == "graphite")
    crystal = Crystal.from_pymatgen(graphite.structure())
    density = runner.run("density", {"relaxed": _relaxed(runner, crystal)}).quantities["density"]
    known = calibration("volume")
    assert known.outside_sigma is not None
    assert density.sigma == pytest.approx(known.outside_sigma * density.value)
    assert density.sigma > 3 * known.relative_sigma * density.value


def test_denser_than_osmium_is_refused(runner: ToolRunner, rocksalt: Callable[..., Crystal]) -> None:
    failure = runner.run(
        "density", {"relaxed": _relaxed(runner, rocksalt("Os", anion="W", edge=3.5))}
    ).outcome.failure
    assert failure is not None
    assert failure.code == "unphysical"
    assert "osmium" in failure.message


def test_a_structure_that_no_record_backs_is_refused(
    runner: ToolRunner, rocksalt: Callable[..., Crystal], offer: Callable[[ToolRunner, Crystal], str]
) -> None:
    with pytest.raises(LedgerError, match="no record"):
        runner.run("density", {"relaxed": offer(runner, rocksalt("Mg"))})
