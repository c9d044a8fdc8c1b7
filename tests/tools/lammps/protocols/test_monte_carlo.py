"""Order: Warren-Cowley's parameters of known arrangements, where order falls, and swaps in a real alloy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from ase.build import bulk  # pyright: ignore[reportUnknownVariableType]
from pydantic import ValidationError

from matsmith.core.record import Outcome
from matsmith.tools.lammps.protocols import monte_carlo
from matsmith.tools.lammps.protocols.monte_carlo import MonteCarloArgs, shells, steepest, warren_cowley
from matsmith.tools.lammps.structures import repeated

RunProtocol = Callable[..., Outcome]


def test_ordered_b2_has_the_extreme_parameters() -> None:
    atoms = repeated(bulk("NiAl", "cesiumchloride", a=2.88), (4, 4, 4))
    kinds = np.array([0 if symbol == "Ni" else 1 for symbol in atoms.symbols])
    found = shells(atoms)
    assert [round(len(shell.pairs) / len(atoms)) for shell in found[:2]] == [8, 6]
    first, second = (warren_cowley(kinds, shell.pairs, number=2) for shell in found[:2])
    assert first[0, 1] == pytest.approx(-1)
    assert second[0, 1] == pytest.approx(1)


def test_l12_has_its_textbook_parameters() -> None:
    atoms = repeated(bulk("Cu", a=3.75, cubic=True), (3, 3, 3))
    corners = np.all(np.isclose((atoms.get_positions() / 3.75) % 1, 0), axis=1)
    kinds = np.where(corners, 0, 1)
    first, second = (warren_cowley(kinds, shell.pairs, number=2) for shell in shells(atoms)[:2])
    assert first[0, 1] == pytest.approx(-1 / 3)
    assert second[0, 1] == pytest.approx(1)


def test_random_cells_have_none() -> None:
    atoms = repeated(bulk("Cu", a=3.6, cubic=True), (8, 8, 8))
    kinds = np.random.default_rng(0).integers(0, 2, len(atoms))
    for shell in shells(atoms):
        assert abs(warren_cowley(kinds, shell.pairs, number=2)[0, 1]) < 0.03


def test_where_order_falls_steepest() -> None:
    temperatures = np.array([400.0, 600.0, 800.0, 1000.0, 1200.0])
    order = -1 / (1 + np.exp((temperatures - 790) / 30))
    assert steepest(temperatures, order) == pytest.approx((700.0, 100.0))
    assert steepest(temperatures, np.full(5, -0.1)) is None
    assert steepest(temperatures[:3], order[:3]) is None


def test_absurd_temperatures_are_refused() -> None:
    with pytest.raises(ValidationError):
        MonteCarloArgs(structure="x", temperatures_k=(300.0, 1e6))


def test_nickel_aluminide_stays_ordered(run_protocol: RunProtocol) -> None:
    atoms = repeated(bulk("NiAl", "cesiumchloride", a=2.88), (3, 3, 3))
    outcome = run_protocol(
        monte_carlo.TOOL, given={"x": atoms}, structure="x", size=54, temperatures_k=(300.0,), sweeps=4
    )
    assert outcome.failure is None, outcome.failure
    assert outcome.quantities["warren_cowley_first_shell"].value == pytest.approx(-1, abs=0.02)
    assert outcome.crystal is not None
    assert outcome.crystal.formula == "AlNi"


def test_one_element_cannot_be_swapped(run_protocol: RunProtocol) -> None:
    outcome = run_protocol(monte_carlo.TOOL, element="Cu")
    assert outcome.failure is not None
    assert outcome.failure.code == "one_element"
