"""Reading what generators write: files, archives, extended XYZ, tables, manifests; what cannot be read keeps its place."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from matsmith.core.errors import DataError, UsageError
from matsmith.models.diffusion.data_format import CrystalTable, save_table
from matsmith.tools.evaluation.samples import read_samples


def rocksalt(cation: str = "Mg", edge: float = 4.21) -> Structure:
    cell = Lattice([[0, edge / 2, edge / 2], [edge / 2, 0, edge / 2], [edge / 2, edge / 2, 0]])
    return Structure(cell, [cation, "O"], [[0, 0, 0], [0.5, 0.5, 0.5]])


def test_a_folder_is_read_in_the_order_of_names_and_broken_files_keep_their_place(tmp_path: Path) -> None:
    rocksalt().to(str(tmp_path / "a.cif"))
    (tmp_path / "b.cif").write_text("data_nothing\n")
    (tmp_path / "sub").mkdir()
    rocksalt("Ca", 4.8).to(str(tmp_path / "sub" / "POSCAR"), fmt="poscar")
    (tmp_path / "notes.txt").write_text("nothing")
    (tmp_path / ".hidden").mkdir()
    rocksalt().to(str(tmp_path / ".hidden" / "x.cif"))
    (tmp_path / "results").mkdir()
    rocksalt().to(str(tmp_path / "results" / "y.cif"))
    found = read_samples(tmp_path, leave_out=tmp_path / "results")
    assert [one.name for one in found] == ["a.cif", "b.cif", "sub/POSCAR"]
    assert [one.crystal.formula if one.crystal else "" for one in found] == ["MgO", "", "CaO"]
    assert found[1].problem.startswith("unreadable")
    assert str(tmp_path) not in found[1].problem


def test_an_archive_is_read_in_counting_order_and_its_extended_xyz_is_not_read_again(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "generated_crystals_cif.zip", "w") as archive:
        for number in (10, 9, 1):
            archive.writestr(f"gen_{number}.cif", rocksalt(edge=4.2 + number / 100).to(fmt="cif"))
        archive.writestr("../../escape.cif", rocksalt("Ba", 5.5).to(fmt="cif"))
        archive.writestr("gen_11.cif", "rubbish")
    import ase.io

    atoms = [rocksalt(edge=4.2).to_ase_atoms()]
    library: Any = ase.io
    library.write(tmp_path / "generated_crystals.extxyz", atoms)
    found = read_samples(tmp_path)
    names = [one.name.removeprefix("generated_crystals_cif.zip/") for one in found]
    assert names == ["../../escape.cif", "gen_1.cif", "gen_9.cif", "gen_10.cif", "gen_11.cif"]
    assert [one.crystal is not None for one in found] == [True, True, True, True, False]
    assert not (tmp_path.parent.parent / "escape.cif").exists()
    (tmp_path / "generated_crystals_cif.zip").unlink()
    (alone,) = read_samples(tmp_path)
    assert alone.name == "generated_crystals.extxyz#0"
    assert alone.crystal is not None
    assert alone.crystal.volume_angstrom3 == pytest.approx(4.2**3 / 4)


def test_a_broken_archive_or_frame_is_no_crash(tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(b"PK\x03\x04 no archive")
    with pytest.raises(UsageError, match="holds no crystal"):
        read_samples(tmp_path)
    text = '1\nLattice="3 0 0 0 3 0 0 0 3" Properties=species:S:1:pos:R:3\nFe 0 0 0\n'
    (tmp_path / "a.extxyz").write_text(text + text.replace("Fe 0 0 0", "Fe 0 zero 0") + text)
    found = read_samples(tmp_path)
    assert [one.crystal is not None for one in found] == [True, False]
    flat = '1\nLattice="3 0 0 0 3 0 0 3 0" Properties=species:S:1:pos:R:3\nFe 0 0 0\n'
    (tmp_path / "a.extxyz").write_text(flat)
    (one,) = read_samples(tmp_path)
    assert one.crystal is None
    assert one.problem


def test_a_manifest_says_what_was_asked_and_which_files_count(tmp_path: Path) -> None:
    rocksalt().to(str(tmp_path / "0.cif"))
    rocksalt().to(str(tmp_path / "stray.cif"))
    lines = [
        {"file": "0.cif", "conditions": {"density_g_cm3": 3.6}, "required": ["O"], "reference": "MgO-1"},
        {"file": "gone.cif"},
        {"file": "../0.cif"},
    ]
    manifest = tmp_path / "manifest.jsonl"
    manifest.write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"file": "cut')
    found = read_samples(tmp_path)
    assert [one.name for one in found] == ["0.cif", "gone.cif", "../0.cif"]
    assert found[0].asked["conditions"] == {"density_g_cm3": 3.6}
    assert found[0].reference == "MgO-1"
    assert "no_file" in found[1].problem
    assert "outside" in found[2].problem
    manifest.write_text('{"name": 3}\n' + json.dumps(lines[0]) + "\n")
    with pytest.raises(DataError, match="Line 1"):
        read_samples(tmp_path)


def test_a_table_gives_its_rows_and_what_they_predict(tmp_path: Path) -> None:
    table = CrystalTable(
        counts=np.array([2, 1, 1]),
        numbers=np.array([12, 8, 29, 29]),
        frac=np.array([[0, 0, 0], [0.5, 0.5, 0.5], [0, 0, 0], [0, 0, 0]], np.float32),
        lattice=np.array([3.0 * np.eye(3), 2.5 * np.eye(3), 2.6 * np.eye(3)], np.float32),
        formulas=["MgO", "Cu", "Cu"],
        names=["a", "b", "c"],
        split=np.zeros(3, np.uint8),
        properties={"reference": np.array([7.0, 9.0, np.nan], np.float32)},
    )
    save_table(table, tmp_path / "t.npz")
    found = read_samples(tmp_path / "t.npz")
    assert [(one.name, one.reference) for one in found] == [
        ("t.npz#0", "7"),
        ("t.npz#1", "9"),
        ("t.npz#2", ""),
    ]
    assert [one.crystal.formula if one.crystal else "" for one in found] == ["MgO", "Cu", "Cu"]
    assert not any(one.asked for one in found)


def test_nothing_to_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="There is no"):
        read_samples(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="holds no crystal"):
        read_samples(tmp_path)
