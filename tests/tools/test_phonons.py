"""Phonons as a tool: the heat capacity of magnesia and silicon within its error, melts and instabilities refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from matsmith.core.crystal import Crystal
from matsmith.core.record import Record, Status
from matsmith.core.settings import Settings
from matsmith.knowledge.crystals import find
from matsmith.knowledge.vibrational_errors import vibrational_errors
from matsmith.tools.registry import tools_for
from matsmith.tools.runner import ToolRunner

Offer = Callable[[ToolRunner, Crystal], str]


def crystal_of(formula: str) -> Crystal:
    return Crystal.from_pymatgen(find(formula)[0].structure())


@pytest.fixture(scope="module")
def silicon(physics: ToolRunner) -> Record:
    from matsmith.core.candidate import Candidate, Lineage

    candidate = Candidate.of(crystal_of("Si"), lineage=Lineage(strategy="made"))
    physics.ledger.append("candidate", candidate.id, candidate)
    record = physics.run("phonons", {"structure": candidate.id, "image_distance_angstrom": 7})
    assert record.status is Status.SUCCESS, record.outcome.failure
    return record


def test_silicon_is_within_its_error_of_measurement(silicon: Record) -> None:
    heat, entropy = silicon.quantities["heat_capacity"], silicon.quantities["vibrational_entropy"]
    assert heat.unit == "J/(kg*K)"
    # 20.0 and 18.8 J/(mol K) at 298 K (Barin 1995): 712 J/(kg K).
    assert abs(heat.value - 712) < 2 * heat.sigma
    assert heat.sigma < 0.15 * heat.value
    assert abs(entropy.value - 18.8) < 2 * entropy.sigma
    facts = silicon.outcome.facts
    assert facts["dynamically_stable"] is True
    highest = facts["highest_frequency_thz"]
    assert isinstance(highest, float)
    assert highest == pytest.approx(15.5, rel=0.2)  # Raman: 15.53 THz
    smaller = facts["smaller_supercell"]
    assert isinstance(smaller, dict)
    assert int(str(smaller["atoms"])) < int(str(facts["supercell_atoms"]))


def test_far_above_the_melting_point_is_refused(physics: ToolRunner, offer: Offer) -> None:
    record = physics.run(
        "phonons",
        {
            "structure": offer(physics, crystal_of("NaCl")),
            "temperature_k": 4000,
            "image_distance_angstrom": 6,
        },
    )
    assert record.outcome.failure is not None
    assert record.outcome.failure.code == "molten"
    assert "molecular dynamics" in record.outcome.failure.hint


def test_a_structure_that_does_not_hold_is_refused(
    physics: ToolRunner, offer: Offer, caesium_chloride_magnesia: Crystal
) -> None:
    record = physics.run(
        "phonons",
        {"structure": offer(physics, caesium_chloride_magnesia), "image_distance_angstrom": 7},
    )
    assert record.outcome.failure is not None
    assert record.outcome.failure.code == "dynamically_unstable"


def test_too_large_a_supercell_names_the_way_out(physics: ToolRunner, offer: Offer) -> None:
    record = physics.run(
        "phonons", {"structure": offer(physics, crystal_of("Si")), "image_distance_angstrom": 30}
    )
    assert record.outcome.failure is not None
    assert record.outcome.failure.code == "too_large"
    assert "image_distance_angstrom" in record.outcome.failure.hint


def test_the_errors_are_those_of_the_benchmark() -> None:
    known = vibrational_errors()
    assert known.frequency_crystals >= 50
    # Universal potentials are too soft, and metals more so.
    oxide = known.factor({"Mg": 1, "O": 1}, mean_frequency_thz=10.0)
    metal = known.factor({"W": 1}, mean_frequency_thz=3.0)
    assert 1.0 < oxide < metal < 2.5
    assert known.factor({"Ar": 1}, mean_frequency_thz=1.0) == known.frequency_factor
    wrong, of = known.unstable_of_stable
    assert wrong < of / 5


def test_the_planner_finds_the_tool(plain: Settings) -> None:
    assert [tool.name for tool in tools_for("heat_capacity", settings=plain)] == ["phonons"]
