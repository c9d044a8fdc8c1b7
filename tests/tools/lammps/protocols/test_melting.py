"""Melting: how runs from either side are joined and retried, and argon's melting for real."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from pydantic import ValidationError

from matsmith.core.record import Outcome
from matsmith.tools.lammps.coexistence import Phases
from matsmith.tools.lammps.protocols import melting
from matsmith.tools.lammps.protocols.melting import Coexistence, MeltingArgs, joined
from matsmith.tools.lammps.statistics import Average

RunProtocol = Callable[..., Outcome]


def _run(start_k: float, mean_k: float, *, sigma_k: float = 2.0) -> Coexistence:
    return Coexistence(
        start_k=start_k,
        times_ps=np.linspace(0, 20, 50),
        temperatures_k=np.linspace(start_k, mean_k, 50),
        mean=Average(mean=mean_k, sigma=sigma_k, samples=100, inefficiency=2.0, resolved=True),
        steady=True,
        found=Phases(by_time=np.full(20, 0.5), along=np.zeros(20), solid=True, liquid=True),
        frame_ps=0.2,
    )


def test_runs_that_agree_are_averaged() -> None:
    mean, agree = joined([_run(1280, 1320), _run(1360, 1324)])
    assert agree
    assert mean.mean == pytest.approx(1322)
    assert mean.sigma == pytest.approx(2 / np.sqrt(2))


def test_runs_that_do_not_agree_widen_the_error() -> None:
    mean, agree = joined([_run(1280, 1300), _run(1360, 1350)])
    assert not agree
    assert mean.mean == pytest.approx(1325)
    assert mean.sigma == pytest.approx(25)


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
