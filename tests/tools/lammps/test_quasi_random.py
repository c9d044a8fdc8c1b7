"""Warren-Cowley parameters of known order, and cells that are as mixed as another program's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from matsmith.tools.lammps.alloys import empty_cell
from matsmith.tools.lammps.quasi_random import disorder, most_mixed, shells_of, warren_cowley


def fcc(atoms: int) -> tuple[Any, Any]:
    sites = empty_cell("fcc", a=4.0, atoms=atoms)
    return np.asarray(sites.get_scaled_positions()), np.asarray(sites.cell.array)


def test_shells_of_fcc_have_12_6_and_24_neighbours_in_cells_of_any_size() -> None:
    for atoms in (4, 16, 32):
        shells = shells_of(*fcc(atoms))
        assert [float(shell.sum(axis=1).mean()) for shell in shells] == [12.0, 6.0, 24.0]


def test_order_is_seen_in_ordered_compounds() -> None:
    positions = np.array([[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]], dtype=float)
    shells = shells_of(positions, 4.0 * np.eye(3))
    # L1_0: 8 of 12 neighbours are unlike, and none of the second shell: 1 - (8/12)/0.5 and 1 - 0.
    assert warren_cowley(["Cu", "Cu", "Au", "Au"], shells=shells)["Au-Cu"][:2] == pytest.approx(
        (-1 / 3, 1.0), abs=1e-3
    )
    # L1_2: an Al of Al3Cu has 4 Cu among 12: 1 - (4/12)/0.25.
    assert warren_cowley(["Cu", "Al", "Al", "Al"], shells=shells)["Al-Cu"][0] == pytest.approx(
        -1 / 3, abs=1e-3
    )


@pytest.mark.parametrize("counts", [{"Al": 16, "Cu": 16}, {"Al": 24, "Cu": 8}, {"Fe": 16, "Ni": 8, "Cr": 8}])
def test_the_most_mixed_cell_beats_every_drawn_one_and_is_made_again(counts: dict[str, int]) -> None:
    shells = shells_of(*fcc(32))
    symbols = [symbol for symbol, count in counts.items() for _ in range(count)]
    found = most_mixed(symbols, shells=shells, seed=3)
    assert sorted(found) == sorted(symbols)
    assert most_mixed(symbols, shells=shells, seed=3) == found
    draw = np.random.default_rng(0)
    orders: list[list[int]] = [draw.permutation(32).tolist() for _ in range(200)]
    drawn = [disorder([symbols[i] for i in order], shells=shells) for order in orders]
    assert disorder(found, shells=shells) <= min(drawn)
    assert abs(next(iter(warren_cowley(found, shells=shells).values()))[0]) < 0.1


def test_it_finds_what_sqsgenerator_finds() -> None:
    optimize: Any = pytest.importorskip("sqsgenerator").optimize
    positions, cell = fcc(32)
    shells = shells_of(positions, cell)
    pack: Any = optimize(
        {
            "structure": {"lattice": cell.tolist(), "coords": positions.tolist(), "species": ["Cu"] * 32},
            "composition": {"Al": 24, "Cu": 8},
            "iterations": 20_000,
            "iteration_mode": "random",
            "shell_weights": {1: 1.0, 2: 0.5, 3: 0.25},
            "max_results_per_objective": 1,
            "thread_config": 1,
        }
    )
    best: Any = pack.best()
    structure: Any = best.structure()
    theirs = [str(atom.symbol) for atom in structure.atoms]
    ours = most_mixed(["Al"] * 24 + ["Cu"] * 8, shells=shells, seed=0)
    sites = shells_of(np.asarray(structure.frac_coords, dtype=float), cell)
    assert disorder(ours, shells=shells) <= disorder(theirs, shells=sites) + 1e-9
