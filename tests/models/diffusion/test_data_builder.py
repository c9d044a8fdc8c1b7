from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from matsmith.core.errors import DataError
from matsmith.models.diffusion.data_builder import (
    CRYSTAL_SYSTEMS,
    SourceRow,
    build_table,
    find_source,
    main,
    rows_of_csv,
    rows_of_folder,
)
from matsmith.models.diffusion.data_format import load_table, split_of


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
    systems = [CRYSTAL_SYSTEMS[int(kind)] for kind in table.properties["crystal_system"]]
    assert systems == ["cubic", "tetragonal"]


def test_a_folder_of_cifs_becomes_a_table_by_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.cif").write_text(_cif(_salt()))
    (tmp_path / "sub" / "b.cif").write_text("broken")
    assert main(["--source", str(tmp_path), "--out", str(tmp_path / "t.npz")]) == 0
    assert "1 unreadable" in capsys.readouterr().out
    assert load_table(tmp_path / "t.npz").names == ["a"]


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
