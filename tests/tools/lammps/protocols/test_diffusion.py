"""Diffusion in argon: the melt's published value, a crystal too slow to tell, and what is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pydantic import ValidationError
from statistical_errors import statistical

from matsmith.core.record import Outcome
from matsmith.tools.lammps.protocols import diffusion
from matsmith.tools.lammps.protocols.diffusion import DiffusionArgs

RunProtocol = Callable[..., Outcome]


def test_molten_argon_diffuses_as_rahman_found(run_protocol: RunProtocol) -> None:
    found = run_protocol(
        diffusion.TOOL,
        element="Ar",
        phase="melt",
        temperature_k=94.4,
        size=108,
        length_ps=28,
        pressure_gpa=0.02,
    )
    # A. Rahman, Phys. Rev. 136, A405 (1964): 2.43e-5 cm²/s at 94.4 K and 1.374 g/cm³; small cells are slower.
    value = found.quantities["diffusivity_at_temperature"]
    assert 1.2e-5 < value.value < 4.5e-5
    assert 0 < statistical(found, "diffusivity_at_temperature") < 0.5 * value.value < value.sigma
    assert any("periodic images" in each for each in found.warnings)
    traces = found.facts["traces"]
    assert isinstance(traces, list)
    assert len(traces) == 1


def test_a_cold_crystal_gives_a_bound(run_protocol: RunProtocol) -> None:
    found = run_protocol(diffusion.TOOL, element="Ar", temperature_k=25, size=108, length_ps=10)
    assert found.failure is not None
    assert found.failure.code == "too_slow"
    assert "below" in found.failure.message
    assert "by_temperature" in found.facts


def test_with_vacancies_the_slope_is_the_migration_energy(run_protocol: RunProtocol) -> None:
    found = run_protocol(
        diffusion.TOOL,
        element="Cu",
        potential="cu_mishin1",
        temperature_k=1250,
        temperatures_k=[1100],
        vacancies=3,
        size=32,
        length_ps=12,
    )
    assert found.failure is None, found.failure
    assert "activation_energy" not in found.quantities
    # The potential's paper: 0.69 eV to migrate, 1.27 eV more to form. Twelve picoseconds see few hops.
    energy = found.quantities["vacancy_migration_energy"]
    assert energy.value < 1.27 + 3 * energy.sigma
    assert any("md_vacancy" in each for each in found.warnings)


def test_an_element_that_is_not_there_is_refused(run_protocol: RunProtocol) -> None:
    found = run_protocol(diffusion.TOOL, element="Ar", temperature_k=25, moving="Ne")
    assert found.failure is not None
    assert found.failure.code == "no_ion"
    many = run_protocol(diffusion.TOOL, element="Ar", temperature_k=25, size=108, vacancies=50)
    assert many.failure is not None
    assert many.failure.code == "too_many_vacancies"


@pytest.mark.parametrize(
    "wrong",
    [
        {"temperature_k": 0},
        {"temperatures_k": [1e9]},
        {"phase": "gas"},
        {"phase": "melt", "vacancies": 2},
        {"length_ps": -1},
    ],
)
def test_absurd_arguments_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        DiffusionArgs.model_validate({"element": "Ar", "temperature_k": 90, **wrong})
