"""One answer of several samples: the majority's kind, whatever cell, origin or order it is written in."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matsmith.core.errors import UsageError
from matsmith.models.diffusion.consensus import agreed, fingerprint, most_alike
from matsmith.models.diffusion.data_format import CrystalTable, formula_key

SITES = np.array([[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])
BARIUM_OUTSIDE, TITANIUM_OUTSIDE = np.array([56, 22, 8, 8, 8]), np.array([22, 56, 8, 8, 8])


def _perovskites(kinds: list[np.ndarray], *, noise: float = 0.02, seed: int = 0) -> CrystalTable:
    """Cubes of 4 Å, each anywhere in space, its atoms in any order and moved a little."""
    draw = np.random.default_rng(seed)
    orders = [draw.permutation(5) for _ in kinds]
    places = [np.mod(SITES[order] + draw.random(3) + noise * draw.normal(size=(5, 3)), 1) for order in orders]
    cells = (4 * np.eye(3) + noise * draw.normal(size=(len(kinds), 3, 3))).astype(np.float32)
    return CrystalTable(
        counts=np.full(len(kinds), 5),
        numbers=np.concatenate([kind[order] for kind, order in zip(kinds, orders, strict=True)]),
        frac=np.concatenate(places).astype(np.float32),
        lattice=cells,
        formulas=[formula_key(kind) for kind in kinds],
        names=[str(place) for place in range(len(kinds))],
        split=np.zeros(len(kinds), np.uint8),
        properties={"attempt": np.arange(len(kinds), dtype=np.float32)},
    )


def _print(table: CrystalTable, row: int) -> np.ndarray:
    return fingerprint(*table.atoms_of(row), table.lattice[row])


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 1000))
def test_a_fingerprint_knows_neither_origin_nor_order_nor_cell(seed: int) -> None:
    table = _perovskites([BARIUM_OUTSIDE, BARIUM_OUTSIDE, TITANIUM_OUTSIDE], noise=0, seed=seed)
    assert _print(table, 0) == pytest.approx(_print(table, 1), abs=1e-5)
    assert np.abs(_print(table, 0) - _print(table, 2)).max() > 0.02
    # Twice the cell along x.
    numbers, frac = table.atoms_of(0)
    half = frac * np.array([0.5, 1, 1], np.float32)
    double = np.concatenate([half, half + np.array([0.5, 0, 0], np.float32)])
    lattice = (table.lattice[0] * np.array([[2], [1], [1]])).astype(np.float32)
    twice = fingerprint(np.tile(numbers, 2), double, lattice)
    assert twice == pytest.approx(_print(table, 0), abs=1e-5)


def test_the_majority_answers_and_its_middle_rather_than_its_edge() -> None:
    kinds = [TITANIUM_OUTSIDE] * 3 + [BARIUM_OUTSIDE] * 5 + [TITANIUM_OUTSIDE] * 6 + [BARIUM_OUTSIDE] * 2
    found = agreed(_perovskites(kinds), of=8)
    assert len(found) == 2
    first, second = (int(found.properties["attempt"][row]) for row in (0, 1))
    assert 3 <= first < 8 <= second < 14
    line = np.array([0.0, 0.1, 0.2, 5.0])[:, None, None]
    assert most_alike(line, width=0.1) == 1
    assert most_alike(line[:1]) == 0


def test_samples_of_different_formulas_and_torn_rows_are_refused() -> None:
    table = _perovskites([BARIUM_OUTSIDE, np.array([38, 22, 8, 8, 8])])
    with pytest.raises(UsageError, match="different formulas"):
        agreed(table, of=2)
    with pytest.raises(UsageError, match="no whole number of 3"):
        agreed(table, of=3)
