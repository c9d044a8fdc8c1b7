from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from matsmith.agents.bench.answer_checks import Expected, Wish
from matsmith.agents.bench.independent import contradiction, expected_value, table_rows
from matsmith.core.errors import DataError, UsageError

Make = Callable[..., Any]
MGO: dict[str, Any] = {
    "kind": "crystal",
    "space_group": 225,
    "lattice": [4.2112, 4.2112, 4.2112, 90, 90, 90],
    "sites": [["Mg", 0, 0, 0], ["O", 0.5, 0.5, 0.5]],
    "source": "Smyth & McCormick 1995",
}
RECORD: dict[str, Any] = {"check": "record"}


@pytest.mark.parametrize(
    ("recompute", "value", "tolerance"),
    [
        ({"way": "density", "file": "MgO.cif"}, 3.585, 0.01),  # CRC Handbook, section 4
        ({"way": "volume_per_atom", "file": "MgO.cif"}, 4.2112**3 / 8, 1e-6),
        # Powder diffraction file of periclase: the 200 line stands at 42.92 degrees
        ({"way": "bragg", "file": "MgO.cif", "hkl": [2, 0, 0]}, 42.92, 0.02),
        ({"way": "enthalpy", "kj_per_mol": -601.6, "atoms": 2}, -3.1176, 1e-4),
    ],
)
def test_recomputed_values(
    make_task: Make, recompute: dict[str, Any], value: float, tolerance: float
) -> None:
    task = make_task(RECORD, files={"MgO.cif": MGO})
    expected = Expected.model_validate({"recompute": recompute, "source": "CRC Handbook"})
    assert expected_value(expected, task=task) == pytest.approx(value, abs=tolerance)


def test_a_recomputation_from_what_is_no_crystal_is_refused(make_task: Make) -> None:
    task = make_task(RECORD, files={"a.txt": {"kind": "text", "text": "x"}})
    expected = Expected.model_validate({"recompute": {"way": "density", "file": "a.txt"}})
    with pytest.raises(UsageError, match="is no crystal of the task"):
        expected_value(expected, task=task)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "mp_energy_above_hull.csv.gz"
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.write("formula,ev\nAl2O3,0.0\nAl4O6,0.3\nCa(OH)2,0.2\nFeO,0.5\n")
    return path


@pytest.mark.parametrize(
    ("formula", "rows"), [("O3Al2", [0.0, 0.3]), ("CaH2O2", [0.2]), ("FeO", [0.5]), ("Fe2O3", [])]
)
def test_rows_are_found_by_reduced_formula(table: Path, formula: str, rows: list[float]) -> None:
    assert table_rows(table, formula=formula) == rows


def test_a_missing_table_says_nothing_and_a_damaged_one_is_an_error(tmp_path: Path) -> None:
    assert table_rows(tmp_path / "none.csv.gz", formula="MgO") == []
    damaged = tmp_path / "bad.csv.gz"
    damaged.write_bytes(b"no gzip")
    with pytest.raises(DataError, match="damaged"):
        table_rows(damaged, formula="MgO")


def test_every_row_must_contradict(table: Path) -> None:
    stable = Wish(property="energy_above_hull", below=0.05)
    assert contradiction(stable, formula="Al2O3", crystal=None, data_dir=table.parent) is None
    found = contradiction(stable, formula="FeO", crystal=None, data_dir=table.parent)
    assert (
        found
        == "energy_above_hull below 0.05 is claimed, and every row of FeO in mp_energy_above_hull.csv.gz has at least 0.5"
    )
    assert contradiction(stable, formula="TiO2", crystal=None, data_dir=table.parent) is None


def test_a_density_is_recomputed_from_the_cell(rocksalt: Make, tmp_path: Path) -> None:
    light = Wish(property="density", below=3.0)
    found = contradiction(light, formula="MgO", crystal=rocksalt(), data_dir=tmp_path)
    assert found is not None
    assert "the cell of MgO has at least 3.58" in found
    assert (
        contradiction(
            Wish(property="density", below=3.4), formula="MgO", crystal=rocksalt(), data_dir=tmp_path
        )
        is None
    )
