"""Order: Warren-Cowley's parameters of known arrangements, where order falls, and swaps in a real alloy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, make_supercell  # pyright: ignore[reportUnknownVariableType]
from ase.neighborlist import neighbor_list  # pyright: ignore[reportUnknownVariableType]
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


@pytest.mark.parametrize("size", [36, 100])
def test_order_is_told_right_in_a_cell_whose_tilts_are_folded(run_protocol: RunProtocol, size: int) -> None:
    unit = bulk("Fe", "bcc", a=2.87, cubic=True)
    atoms = make_supercell(unit, [[0, -1, -1], [-2, 2, 2], [1, 2, -1]])
    kinds = np.random.default_rng(3).permutation(["Fe", "Fe", "Cr"] * 4)
    atoms.set_chemical_symbols(kinds.tolist())
    found = run_protocol(
        monte_carlo.TOOL, given={"x": atoms}, structure="x", size=size, temperatures_k=(50.0,), sweeps=4
    )
    assert found.failure is None, found.failure
    assert found.facts["neighbours_in_shells"] == [8.0, 6.0, 12.0]
    # The last arrangement tells it by itself: at 50 K the first shell ends at 0.93 a.
    assert found.crystal is not None
    last = Atoms(
        list(found.crystal.species),
        cell=found.crystal.lattice,
        scaled_positions=list(found.crystal.positions),
        pbc=True,
    )
    pairs: Any = np.stack(cast("Any", neighbor_list)("ij", last, 0.93 * 2.87), axis=1)
    assert len(pairs) == 8 * len(last)
    own = np.array([0 if symbol == "Cr" else 1 for symbol in last.symbols])
    true = warren_cowley(own, pairs, number=2)[0, 1]
    plots = cast("list[dict[str, Any]]", found.facts["traces"])
    told = next(plot for plot in plots if plot["id"] == "order-over-swaps")["series"][0]["y"][-1]
    assert told == pytest.approx(true, abs=1e-3)


@pytest.mark.parametrize(("lattice", "neighbours"), [("fcc", [12, 6, 24]), ("bcc", [8, 6, 12])])
def test_three_shells_are_reached(lattice: str, neighbours: list[int]) -> None:
    atoms = repeated(bulk("Fe", lattice, a=3.5, cubic=True), (4, 4, 4))
    assert [len(shell.pairs) / len(atoms) for shell in shells(atoms)] == neighbours


def test_one_element_cannot_be_swapped(run_protocol: RunProtocol) -> None:
    outcome = run_protocol(monte_carlo.TOOL, element="Cu")
    assert outcome.failure is not None
    assert outcome.failure.code == "one_element"
