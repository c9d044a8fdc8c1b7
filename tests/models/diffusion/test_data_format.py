from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matsmith.core.errors import DataError
from matsmith.models.diffusion.data_format import (
    LOWEST,
    CrystalTable,
    formula_key,
    join_tables,
    load_table,
    mark_lowest,
    save_table,
    split_by_type,
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


def test_joined_tables_keep_every_crystal_and_what_is_known_of_it(
    toy_table: CrystalTable, tmp_path: Path
) -> None:
    first = replace(toy_table.select(np.array([0, 1])), types=["225_1_1", "221_1_1"])
    second = replace(toy_table.select(np.array([2])), properties={"band_gap_ev": np.ones(1, np.float32)})
    joined = join_tables([first, second])
    assert joined.types == ["225_1_1", "221_1_1", ""]
    assert joined.names == toy_table.names[:3]
    np.testing.assert_array_equal(joined.atoms_of(2)[1], toy_table.atoms_of(2)[1])
    assert np.isnan(joined.properties["edge_a"]).tolist() == [False, False, True]
    assert np.isnan(joined.properties["band_gap_ev"]).tolist() == [True, True, False]
    save_table(joined, tmp_path / "t.npz")
    assert load_table(tmp_path / "t.npz").types == joined.types
    assert joined.select(np.array([1])).types == ["221_1_1"]
    with pytest.raises(DataError, match="no table"):
        join_tables([])
    with pytest.raises(DataError, match="kinds of its structures"):
        split_by_type(joined)


def test_a_split_by_type_keeps_every_kind_of_structure_together(toy_table: CrystalTable) -> None:
    kinds = [f"{index // 2}_1_1" for index in range(len(toy_table))]
    table = split_by_type(replace(toy_table, types=kinds))
    by_kind = {kind: set[int]() for kind in kinds}
    for kind, part in zip(kinds, table.split.tolist(), strict=True):
        by_kind[kind].add(part)
    assert {len(parts) for parts in by_kind.values()} == {1}
    assert set(table.split.tolist()) == {0, 1, 2}


def test_the_lowest_polymorph_is_marked(toy_table: CrystalTable) -> None:
    table = replace(
        toy_table.select(np.arange(5)),
        formulas=["A", "A", "A", "B", "C"],
        properties={
            "energy_above_hull_ev_per_atom": np.array([np.nan, 0.2, 0.1, np.nan, 0.3], np.float32),
        },
    )
    assert mark_lowest(table).properties[LOWEST].tolist() == [0, 0, 1, 1, 1]
