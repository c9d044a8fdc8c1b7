from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

from matsmith.core.crystal import Crystal
from matsmith.core.errors import DataError
from matsmith.core.space_group import CRYSTAL_SYSTEMS
from matsmith.models.diffusion.data_blocks import KeptBlocks
from matsmith.models.diffusion.data_builder import (
    SourceRow,
    build_table,
    find_source,
    read_crystal,
    rows_of_csv,
    rows_of_folder,
    structure_type,
)
from matsmith.models.diffusion.data_format import split_of


def _salt(edge_a: float = 4.12) -> Structure:
    return Structure(Lattice.cubic(edge_a), ["Cs", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])


def _cif(crystal: Structure) -> str:
    return str(crystal.to(fmt="cif"))


def _csv(path: Path, rows: list[dict[str, str]]) -> Path:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.getvalue().encode()))
    else:
        path.write_text(text.getvalue())
    return path


def test_perov_and_mp_columns_are_read_by_their_units(tmp_path: Path) -> None:
    perov = _csv(
        tmp_path / "p.csv.gz", [{"material_id": "7", "cif": _cif(_salt()), "heat_ref": "-0.5", "ind_gap": ""}]
    )
    mp = _csv(
        tmp_path / "m.csv", [{"material_id": "mp-1", "cif": _cif(_salt()), "formation_energy_per_atom": "-2"}]
    )
    table, skipped = build_table([*rows_of_csv(perov), *rows_of_csv(mp)])
    assert not skipped
    assert table.names == ["7", "mp-1"]
    assert table.formulas == ["ClCs", "ClCs"]
    np.testing.assert_allclose(table.properties["formation_energy_ev_per_atom"], [-0.5, -2])
    assert np.isnan(table.properties["band_gap_ev"]).all()
    np.testing.assert_allclose(table.properties["density_g_cm3"], float(_salt().density), rtol=1e-5)
    assert set(table.split.tolist()) == {split_of("ClCs")}


def test_bad_rows_are_counted_by_reason_and_the_rest_is_kept() -> None:
    disordered = Structure(Lattice.cubic(4), [{"Na": 0.5, "K": 0.5}], [[0, 0, 0]])
    large = Structure(
        Lattice.cubic(9), ["Si"] * 21, np.random.default_rng(0).random((21, 3)), validate_proximity=False
    )
    texts = [_cif(_salt()), "no crystal", "", _cif(disordered), _cif(large)]
    table, skipped = build_table([SourceRow(str(index), text) for index, text in enumerate(texts)])
    assert table.names == ["0"]
    assert skipped == {"unreadable": 2, "disordered": 1, "more than 20 atoms": 1}


def test_a_large_cell_of_a_small_crystal_is_made_primitive_and_cells_are_reduced() -> None:
    skewed = Structure(
        Lattice([[4.12, 0, 0], [8.24, 4.12, 0], [0, 0, 4.12]]), ["Cs", "Cl"], [[0, 0, 0], [0.5, 0, 0.5]]
    )
    table, _ = build_table([SourceRow("big", _cif(_salt() * (3, 3, 2))), SourceRow("skewed", _cif(skewed))])
    assert table.counts.tolist() == [2, 2]
    lengths = np.linalg.norm(table.lattice, axis=-1)
    np.testing.assert_allclose(lengths, 4.12, rtol=1e-3)


def test_crystal_systems_are_found_when_asked_for() -> None:
    rutile = Structure.from_spacegroup(
        "P4_2/mnm", Lattice.tetragonal(4.594, 2.959), ["Ti", "O"], [[0, 0, 0], [0.305, 0.305, 0]]
    )
    table, _ = build_table([SourceRow("a", _cif(_salt())), SourceRow("b", _cif(rutile))], symmetry=True)
    systems = [list(CRYSTAL_SYSTEMS)[int(kind)] for kind in table.properties["crystal_system"]]
    assert systems == ["cubic", "tetragonal"]


def test_crystals_at_hand_are_read_like_cifs() -> None:
    row = SourceRow("salt", properties={"band_gap_ev": 7.0}, crystal=Crystal.from_pymatgen(_salt()))
    table, skipped = build_table([row, SourceRow("nothing")], symmetry=True)
    assert skipped == {"unreadable": 1}
    assert table.formulas == ["ClCs"]
    assert table.types == ["221_1_1"]
    assert table.properties["space_group"].tolist() == [221]
    assert table.properties["band_gap_ev"].tolist() == [7]


def test_every_field_of_a_row_that_is_read_survives_without_its_text() -> None:
    found = read_crystal(SourceRow("a", _cif(_salt()), {"band_gap_ev": 1.0}), max_atoms=20, symmetry=False)
    assert (found.row.name, found.row.cif, found.row.properties) == ("a", "", {"band_gap_ev": 1.0})


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from([225, 216, 221]),
    st.permutations(range(4)),
    st.tuples(*[st.floats(0, 1)] * 3),
    st.sampled_from([("Na", "Cl"), ("Zn", "S"), ("Fe", "Al")]),
)
def test_the_kind_of_structure_does_not_depend_on_its_description(
    group: int, order: list[int], shift: tuple[float, float, float], names: tuple[str, str]
) -> None:
    second = {225: (0.5, 0.5, 0.5), 216: (0.25, 0.25, 0.25), 221: (0.5, 0.5, 0.5)}[group]
    crystal = Structure.from_spacegroup(group, Lattice.cubic(4.5), list(names), [[0, 0, 0], list(second)])
    expected = {225: "225_1_1", 216: "216_1_1", 221: "221_1_1"}[group]
    big = crystal * (2, 1, 1)
    numbers = np.array([site.specie.Z for site in big], np.int64)
    shuffled = np.concatenate([np.array(order), np.arange(4, len(numbers))]) if len(numbers) > 4 else order
    found = structure_type(
        numbers[shuffled], frac=big.frac_coords[shuffled] + np.array(shift), lattice=big.lattice.matrix
    )
    assert found == (group, expected)


def test_overlapping_atoms_are_a_reason() -> None:
    doubled = Structure(Lattice.cubic(4), ["Na", "Na"], [[0, 0, 0], [0.001, 0, 0]])
    found = read_crystal(SourceRow("x", crystal=Crystal.from_pymatgen(doubled)), max_atoms=20, symmetry=True)
    assert found.problem == "atoms overlap"


def test_a_reading_that_was_stopped_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("matsmith.models.diffusion.data_builder._BLOCK", 2)
    texts = [_cif(_salt()), "broken", _cif(_salt(4.2)), _cif(_salt(4.3)), "broken", _cif(_salt(4.4))]
    rows = [SourceRow(str(index), text) for index, text in enumerate(texts)]
    whole, skipped = build_table(rows)

    def cut() -> Iterator[SourceRow]:
        yield from rows[:4]
        raise KeyboardInterrupt

    kept = KeptBlocks(tmp_path, identity="these rows")
    with pytest.raises(KeyboardInterrupt):
        build_table(cut(), kept=kept)
    # What was read is not read again: the texts of the first two blocks are gone.
    blank = [SourceRow(row.name, "gone") for row in rows[:4]] + rows[4:]
    table, left_out = build_table(blank, kept=kept)
    assert (table.names, left_out) == (whole.names, skipped)
    np.testing.assert_array_equal(table.lattice, whole.lattice)
    other, _ = build_table(rows[:1], kept=KeptBlocks(tmp_path, identity="others"))
    assert other.names == ["0"]
    kept.clear()
    with pytest.raises(DataError, match="No crystal"):
        build_table(blank[:2], kept=kept)


def test_a_damaged_block_is_read_again(tmp_path: Path) -> None:
    kept = KeptBlocks(tmp_path, identity="rows")
    build_table([SourceRow("a", _cif(_salt()))], kept=kept)
    (block,) = kept.folder.glob("*.npz")
    block.write_bytes(b"damaged")
    table, _ = build_table([SourceRow("a", _cif(_salt()))], kept=kept)
    assert table.names == ["a"]


def test_processes_read_what_one_reads() -> None:
    rows = [SourceRow(str(index), _cif(_salt(4.0 + 0.1 * index))) for index in range(3)]
    one, _ = build_table(rows)
    two, _ = build_table(rows, workers=2)
    np.testing.assert_array_equal(one.lattice, two.lattice)
    assert one.names == two.names


def test_sources_that_cannot_be_used_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MATSMITH_DATA", str(tmp_path))
    with pytest.raises(DataError, match=r"no \.cif file"):
        list(rows_of_folder(tmp_path))
    with pytest.raises(DataError, match="no column called cif"):
        list(rows_of_csv(_csv(tmp_path / "x.csv", [{"formula": "NaCl"}])))
    (tmp_path / "y.csv.gz").write_bytes(b"not gzip")
    with pytest.raises(DataError, match="cannot be read"):
        list(rows_of_csv(tmp_path / "y.csv.gz"))
    with pytest.raises(DataError, match="MATSMITH_DATA"):
        find_source("nowhere.csv")
    with pytest.raises(DataError, match="No crystal could be used"):
        build_table([SourceRow("a", "broken")])
