"""Diffusivity as a tool: what it makes of trajectories, what it refuses, and that a finished run is not computed twice."""

from __future__ import annotations

import math
from typing import Any, cast

import pytest
from pydantic import ValidationError

from matsmith.core.crystal import Crystal
from matsmith.core.quantity import Truth
from matsmith.core.record import Outcome
from matsmith.core.settings import Settings
from matsmith.core.units import convert
from matsmith.models.diffusion_statistics import Diffusion, HostMotion
from matsmith.tools.base import Deps
from matsmith.tools.diffusivity import DiffusivityArgs, outcome_of, run_many
from matsmith.tools.ion_motion import Job, Point, State, supercell_job
from matsmith.tools.registry import tools_for


def copper() -> Crystal:
    half = 3.61 / 2
    return Crystal(
        lattice=((0.0, half, half), (half, 0.0, half), (half, half, 0.0)),
        species=("Cu",),
        positions=((0.0, 0.0, 0.0),),
    )


def silver_iodide() -> Crystal:
    """α-AgI with its two silver ions on two of the six tetrahedra of the cube."""
    edge = 5.07
    return Crystal(
        lattice=((edge, 0.0, 0.0), (0.0, edge, 0.0), (0.0, 0.0, edge)),
        species=("I", "I", "Ag", "Ag"),
        positions=((0.0, 0.0, 0.0), (0.5, 0.5, 0.5), (0.25, 0.5, 0.0), (0.75, 0.0, 0.5)),
    )


def measured(crystal: Crystal, settings: Settings, notes: list[str] | None = None, **args: object) -> Outcome:
    deps = Deps(
        settings=settings.model_copy(update={"potential": "emt"}),
        inputs={"c": crystal},
        note=(notes if notes is not None else []).append,
    )
    ((_, outcome),) = run_many([DiffusivityArgs.model_validate({"structure": "c", **args})], deps=deps)
    return outcome


def prepared(**args: object) -> Job:
    asked = DiffusivityArgs.model_validate({"structure": "c", "relax": False, **args})
    made = supercell_job(asked, ion="Ag", cell=silver_iodide().to_pymatgen())
    assert isinstance(made, Job)
    return made


def point(temperature_k: float, value: float, *, state: State = "diffusive", hops: float = 200.0) -> Point:
    return Point(
        temperature_k=temperature_k,
        state=state,
        diffusion=Diffusion(
            temperature_k=temperature_k,
            value_cm2_per_s=value,
            sigma_cm2_per_s=0.1 * value,
            bound_cm2_per_s=1.2 * value,
            hops=hops,
            linear_share=0.9,
        ),
        host=(HostMotion(element="I", swing=0.1, drift=0.05),),
        mean_temperature_k=temperature_k,
        drift_ev_per_atom_per_ps=1e-5,
    )


def told(job: Job, points: list[Point], settings: Settings) -> Outcome:
    return outcome_of(
        job, points, args=cast("DiffusivityArgs", job.asked), deps=Deps(settings=settings, inputs={})
    )


def law(temperature_k: float) -> float:
    return 1e-3 * math.exp(-0.2 / (8.617333262e-5 * temperature_k))


def test_three_temperatures_give_a_fourth_as_an_order_of_magnitude(plain: Settings) -> None:
    job = prepared(at_k=300)
    outcome = told(job, [point(t, law(t)) for t in (600.0, 800.0, 1000.0)], plain)
    assert outcome.failure is None, outcome.failure
    found = outcome.quantities
    assert found["diffusivity"].value == pytest.approx(law(300.0), rel=1e-6)
    assert found["diffusivity"].sigma > 5 * found["diffusivity"].value
    assert found["diffusivity"].truth is Truth.EXPERIMENT_300K
    assert found["activation_energy"].value == pytest.approx(0.2)
    assert "order of magnitude" in str(outcome.facts["how"])
    assert "order of magnitude" in outcome.warnings[0]
    doubts = outcome.facts["inconclusive"]
    assert isinstance(doubts, dict)
    assert "order of magnitude" in str(doubts["diffusivity"])


def test_a_temperature_that_was_computed_needs_no_law(plain: Settings) -> None:
    # Two silver ions in (5.07 Å)³ and 1.31 S/cm at 420 K are 1.93e-5 cm²/s by Nernst and Einstein (n = 1.535e22 cm⁻³).
    outcome = told(prepared(at_k=420, temperatures_k=[420]), [point(420.0, 1.93e-5)], plain)
    assert outcome.failure is None, outcome.failure
    found = outcome.quantities
    assert found["diffusivity"].value == 1.93e-5
    assert found["diffusivity"].sigma < 1.2 * found["diffusivity"].value
    assert found["ionic_conductivity"].value == pytest.approx(1.31, rel=0.01)
    assert found["ionic_conductivity"].unit == "S/cm"
    assert found["diffusivity"].truth is Truth.EXPERIMENT_AT_CONDITIONS
    assert "activation_energy" not in found


@pytest.mark.parametrize(
    ("states", "code", "words"),
    [
        (("still", "still", "diffusive"), "too_slow", "below 1.2e-05 cm²/s"),
        (("diffusive", "molten", "molten"), "molten", "the host has melted"),
        (("diffusive", "diffusive"), "too_few_temperatures", "Arrhenius' law needs 3 temperatures"),
    ],
)
def test_too_few_temperatures_are_refused_with_what_each_gave(
    plain: Settings, states: tuple[State, ...], code: str, words: str
) -> None:
    points = [
        point(600.0 + 200 * n, 1e-5, state=state, hops=2.0 if state == "still" else 200.0)
        for n, state in enumerate(states)
    ]
    outcome = told(prepared(temperatures_k=[p.temperature_k for p in points]), points, plain)
    assert outcome.quantities == {}
    assert outcome.failure is not None
    assert outcome.failure.code == code
    assert words in outcome.failure.message
    assert outcome.failure.hint
    assert "1.0e-05 ± 1e-06" in outcome.failure.message


def test_copper_without_a_vacancy_stands_still_and_is_not_computed_twice(plain: Settings) -> None:
    notes: list[str] = []
    call: dict[str, Any] = {
        "temperatures_k": [500, 700, 900],
        "length_ps": 0.2,
        "max_atoms": 27,
        "relax": False,
    }
    first = measured(copper(), plain, notes, **call)
    assert first.failure is not None
    assert first.failure.code == "too_slow"
    assert "cm²/s (95 %)" in first.failure.message
    assert "0.4 of 0.4 ps" in notes[-1]
    steps = len(notes)
    again = measured(copper(), plain, notes, at_k=400, **call)
    assert again.failure is not None
    assert again.failure.message == first.failure.message
    assert not [note for note in notes[steps:] if " ps" in note]


@pytest.mark.parametrize(
    ("args", "code"),
    [
        ({"ion": "Li"}, "no_ion"),
        ({"max_atoms": 4, "relax": False}, "too_large"),
        ({"temperatures_k": [1400, 1500, 1600]}, "molten"),
    ],
)
def test_what_is_refused_before_anything_moves(plain: Settings, args: dict[str, Any], code: str) -> None:
    failure = measured(copper(), plain, **args).failure
    assert failure is not None
    assert failure.code == code
    assert failure.hint


def test_the_length_follows_the_size() -> None:
    small, large = prepared(temperatures_k=[600]), prepared(replicas=8)
    assert small.settings.sampling_steps > 2 * large.settings.sampling_steps
    # The images' distance alone would be content with fewer.
    assert 40 <= len(small.whole) <= 120
    assert len(prepared(max_atoms=39).whole) < 40
    assert prepared(length_ps=1.0).settings.sampling_steps == 500


@pytest.mark.parametrize(
    "temperatures", [[], [0.0], [800, 800.2], [6000]], ids=["none", "zero", "twice", "too hot"]
)
def test_temperatures_that_make_no_sense(temperatures: list[float]) -> None:
    with pytest.raises(ValidationError, match="temperatures"):
        DiffusivityArgs.model_validate({"structure": "c", "temperatures_k": temperatures})


def test_the_planner_finds_it_and_units_convert(plain: Settings) -> None:
    assert [tool.name for tool in tools_for("diffusivity", settings=plain)] == ["diffusivity"]
    assert convert(1.0, "m**2/s", "cm**2/s") == pytest.approx(1e4)
