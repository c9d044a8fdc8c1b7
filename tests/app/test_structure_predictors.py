"""`matsmith train predictor` on a table of crystals and `matsmith predict --model` on CIF files: there and back, and wrong uses."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from matsmith.app.main import main
from matsmith.models.predictors.structure.model import shipped_structure_models

_CIF = """data_a
_cell_length_a {a}
_cell_length_b {a}
_cell_length_c {a}
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'P 1'
loop_
_atom_site_type_symbol
_atom_site_label
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
{first} {first}1 0 0 0
{second} {second}1 0.5 0.5 0.5
"""


def write(path: Path) -> int:
    pairs = [(a, b) for a in ("Na", "K", "Rb", "Cs", "Li", "Ag", "Tl", "Cu") for b in ("F", "Cl", "Br", "I", "O", "S", "Se", "Te")]  # fmt: skip
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["cif", "gap_ev", "temperature_k"])
        for place, (first, second) in enumerate(pairs):
            text = _CIF.format(a=3.5 + 0.01 * place, first=first, second=second)
            writer.writerow([text, 1.0 + 0.02 * place, 100 + place])
        writer.writerow(["nonsense", 1.0, 300])
    return len(pairs)


def test_a_table_of_crystals_becomes_a_model_that_predicts(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch")
    del home
    table, folder = tmp_path / "gaps.csv", tmp_path / "gaps"
    count = write(table)
    wanted = ["train", "predictor", str(table), "--column", "gap_ev", "--unit", "eV", "--condition", "temperature_k",
              "--falls-with", "temperature_k", "--at-least", "0", "--steps", "12", "--out", str(folder), "--json"]  # fmt: skip
    assert main(wanted) == 0
    told = capsys.readouterr()
    facts = json.loads(told.out)
    assert facts["rows"] == count
    assert facts["conditions"] == ["temperature_k"]
    assert "1 rows were left out: unreadable" in told.err
    assert (folder / "gap_ev.md").read_text().startswith("# Gap_ev, from the structure")
    crystal = tmp_path / "one.cif"
    crystal.write_text(_CIF.format(a=3.6, first="Na", second="Cl"))
    broken = tmp_path / "two.cif"
    broken.write_text("nonsense")
    call = [
        "predict",
        str(crystal),
        str(broken),
        "--model",
        str(folder),
        "--at",
        "temperature_k=300",
        "--json",
    ]
    assert main(call) == 1
    good, bad = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert good["unit"] == "eV"
    assert 0 <= good["low90"] <= good["value"] <= good["high90"]
    assert "refused" in bad
    assert main(["predict", str(crystal), "--model", str(folder), "--at", "pressure=1"]) == 2
    assert main(["predict", str(crystal), "--model", str(folder), "--at", "hot"]) == 2
    assert main(["predict", str(crystal), "--model", str(folder)]) == 0
    assert "eV" in capsys.readouterr().out


def test_what_does_not_fit_is_refused(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch")
    del home
    table = tmp_path / "gaps.csv"
    write(table)
    assert main(["train", "predictor", str(table)]) == 2
    assert "--column" in capsys.readouterr().err
    assert main(["train", "predictor", str(table), "--column", "gap_ev", "--at-least", "1.5"]) == 2
    assert "beyond" in capsys.readouterr().err
    assert main(["train", "predictor", "bulk_modulus", "--condition", "temperature_k"]) == 2
    assert "no structures" in capsys.readouterr().err


def test_crystals_are_seen_by_what_ships(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch")
    del home
    if not shipped_structure_models():
        pytest.skip("no structure predictors ship")
    salt = tmp_path / "CsCl.cif"
    salt.write_text(_CIF.format(a=4.12, first="Cs", second="Cl"))
    assert main(["predict", str(salt), "--json"]) == 0
    found = {one["property"]: one for one in map(json.loads, capsys.readouterr().out.splitlines())}
    assert set(found) == set(shipped_structure_models())
    assert all(one["low90"] <= one["value"] <= one["high90"] for one in found.values())
    assert main(["predict", str(salt), "-p", "melting_point"]) == 2
    assert "from a crystal" in capsys.readouterr().err
    assert main(["predict", str(salt), "BaTiO3"]) == 2
    assert "two calls" in capsys.readouterr().err
    assert main(["predict", "--list", "--json"]) == 0
    assert sum("crystal (CIF file)" in one["of"] for one in json.loads(capsys.readouterr().out)) == len(found)
