from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matsmith.core.errors import DataError
from matsmith.models.diffusion.data_format import (
    CrystalTable,
    formula_key,
    load_table,
    save_table,
    split_of,
)


def test_a_table_comes_back_as_it_was_written(toy_table: CrystalTable, tmp_path: Path) -> None:
    path = tmp_path / "deep" / "toy.npz"
    save_table(toy_table, path)
    back = load_table(path)
    assert back.formulas == toy_table.formulas
    assert back.names == toy_table.names
    for name in ("counts", "numbers", "frac", "lattice", "split"):
        np.testing.assert_array_equal(getattr(back, name), getattr(toy_table, name))
    np.testing.assert_array_equal(back.properties["edge_a"], toy_table.properties["edge_a"])
    assert [p.name for p in path.parent.iterdir()] == ["toy.npz"]


def test_selection_keeps_atoms_with_their_crystal(toy_table: CrystalTable) -> None:
    some = toy_table.select(np.array([7, 3]))
    for place, index in enumerate((7, 3)):
        np.testing.assert_array_equal(some.atoms_of(place)[0], toy_table.atoms_of(index)[0])
        np.testing.assert_array_equal(some.atoms_of(place)[1], toy_table.atoms_of(index)[1])
    assert some.properties["edge_a"][0] == toy_table.properties["edge_a"][7]
    assert len(toy_table.select(np.zeros(0, np.int64))) == 0


def _damaged(path: Path, kind: str, table: CrystalTable) -> None:
    if kind == "missing":
        return
    if kind == "truncated":
        save_table(table, path)
        path.write_bytes(path.read_bytes()[:-200])
    elif kind == "text":
        path.write_text("Na Cl")
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "foreign":
        np.savez(path, x=np.zeros(3))
    elif kind == "objects":
        np.savez(path, header=np.array([{"format": 1}], dtype=object))
    elif kind == "version":
        save_table(table, path)
        with np.load(path) as stored:
            arrays = {name: stored[name] for name in stored.files}
        arrays["header"] = np.frombuffer(b'{"format": "matsmith-crystals", "version": 99}', np.uint8)
        np.savez(path, **arrays)
    elif kind == "element":
        save_table(replace(table, numbers=np.full_like(table.numbers, 119)), path)
    elif kind == "flat":
        save_table(replace(table, lattice=np.zeros_like(table.lattice)), path)
    elif kind == "nan":
        save_table(replace(table, frac=np.full_like(table.frac, np.nan)), path)
    else:
        save_table(replace(table, counts=table.counts + 1), path)


@pytest.mark.parametrize(
    "kind",
    ["missing", "truncated", "text", "empty", "foreign", "objects", "version", "element", "flat", "nan", "counts"],
)  # fmt: skip
def test_a_damaged_or_foreign_file_is_refused_with_a_hint(
    kind: str, toy_table: CrystalTable, tmp_path: Path
) -> None:
    path = tmp_path / "table.npz"
    _damaged(path, kind, toy_table)
    with pytest.raises(DataError) as caught:
        load_table(path)
    assert "table.npz" in caught.value.message
    assert caught.value.hint


def test_an_unknown_split_is_refused(toy_table: CrystalTable) -> None:
    with pytest.raises(DataError, match="no split"):
        toy_table.in_split("holdout")


@given(st.lists(st.integers(1, 118), min_size=1, max_size=20), st.integers(1, 4))
def test_a_formula_is_the_same_in_any_order_and_any_multiple(numbers: list[int], times: int) -> None:
    array = np.array(numbers)
    assert formula_key(array) == formula_key(np.array(numbers[::-1] * times))


def test_splits_go_by_formula_and_have_the_asked_shares() -> None:
    found = np.array([split_of(f"A{index}B") for index in range(5000)])
    assert abs(float((found == 2).mean()) - 0.1) < 0.02
    assert abs(float((found == 1).mean()) - 0.1) < 0.02
    assert split_of("O2Ti") == split_of("O2Ti")
