"""Energy of mixing: a compound far below its elements, an alloy too near to them to tell, and the size of the cell."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from ase.build import bulk  # pyright: ignore[reportUnknownVariableType]

from matsmith.core.record import Outcome
from matsmith.tools.lammps.protocols import mixing_energy
from matsmith.tools.lammps.structures import repeated

RunProtocol = Callable[..., Outcome]


def test_nickel_aluminide_lies_far_below_its_elements_whatever_its_size(run_protocol: RunProtocol) -> None:
    atoms = bulk("NiAl", "cesiumchloride", a=2.88)
    small = run_protocol(mixing_energy.TOOL, given={"x": atoms}, structure="x")
    assert small.quantities["mixing_energy"].value < -0.4
    assert small.facts["comes_apart_into_its_elements"] is False
    large = run_protocol(mixing_energy.TOOL, given={"x": atoms}, structure="x", size=54)
    assert large.quantities["mixing_energy"].value == pytest.approx(
        small.quantities["mixing_energy"].value, abs=1e-5
    )
    assert small.method is not None
    assert large.method is not None
    assert "2 atoms" in small.method.name
    assert "54 atoms" in large.method.name


def test_within_the_error_of_the_potential_nothing_is_told(run_protocol: RunProtocol) -> None:
    atoms = repeated(bulk("Fe", "bcc", a=2.86, cubic=True), (2, 2, 2))
    atoms.set_chemical_symbols(
        ["FeFeFeCr"[2 * (i % 4) : 2 * (i % 4) + 2] for i in np.random.default_rng(0).permutation(16)]
    )
    found = run_protocol(mixing_energy.TOOL, given={"x": atoms}, structure="x", temperature_k=600)
    assert found.failure is None, found.failure
    free = found.quantities["free_energy_of_mixing"]
    assert abs(free.value) < free.sigma
    assert found.facts["comes_apart_into_its_elements"] is None
    assert "open" in found.warnings[0]
