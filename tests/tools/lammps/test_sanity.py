from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from matsmith.tools.lammps.failures import DynamicsError
from matsmith.tools.lammps.process import Limits
from matsmith.tools.lammps.sanity import check_temperature, check_work, usual_timestep_ps


def _choice(**given: float) -> Any:
    return SimpleNamespace(**{"max_timestep_ps": 0.002, "us_per_atom_step": 2.0, "id": "x", **given})


@pytest.mark.parametrize("temperature", [0.0, -5.0, 1e6, float("nan"), float("inf")])
def test_absurd_temperatures(temperature: float) -> None:
    with pytest.raises(DynamicsError) as caught:
        check_temperature(temperature)
    assert caught.value.code == "bad_temperature"


def test_the_lightest_atom_and_the_potential_set_the_step() -> None:
    assert usual_timestep_ps(("Cu",), _choice()) == 0.002
    assert usual_timestep_ps(("Ar",), _choice(max_timestep_ps=0.008)) == 0.008
    assert usual_timestep_ps(("H", "Pd"), _choice()) < 0.0006
    assert usual_timestep_ps(("W",), _choice(max_timestep_ps=0.001)) == 0.001


def test_a_million_atoms_on_a_laptop_are_refused_with_hours_and_memory() -> None:
    with pytest.raises(DynamicsError, match=r"hours on 2 cores.*GB") as caught:
        check_work(10**6, 10**6, _choice(), cores=2, limits=Limits())
    assert "size" in caught.value.hint
    check_work(4000, 10**5, _choice(), cores=2, limits=Limits())
