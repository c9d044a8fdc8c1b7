"""`matsmith evaluate` on a folder with sound and broken files, in wrong use, and as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from matsmith.app.main import main
from matsmith.core.crystal import Crystal


@pytest.fixture
def folder(home: Path) -> Path:
    made = home / "made"
    made.mkdir()
    for number, edge in enumerate((4.2, 4.25, 5.0)):
        half = edge / 2
        crystal = Crystal(
            lattice=((0.0, half, half), (half, 0.0, half), (half, half, 0.0)),
            species=("Mg", "O"),
            positions=((0.0, 0.0, 0.0), (0.5, 0.5, 0.5)),
        )
        (made / f"{number}.cif").write_text(crystal.to_cif())
    (made / "3.cif").write_text("data_nothing\n")
    return made


def test_a_folder_is_judged_and_the_results_stand_beside_it(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    conditions = ["--condition", "density=3.6", "--condition", "bulk-modulus=160"]
    assert main(["evaluate", "made", *conditions, "--json"]) == 0
    shown = capsys.readouterr()
    found = json.loads(shown.out)
    assert found == json.loads((folder.with_name("made-evaluation") / "evaluation.json").read_text())
    values = {figure["name"]: figure for figure in found["figures"]}
    assert found["samples"] == 4
    assert found["unreadable"] == 1
    assert values["structure_valid"]["value"] == 0.75
    assert values["structure_valid"]["low"] < 0.75 < values["structure_valid"]["high"]
    assert values["unique"]["value"] == 0.5
    assert values["hit_density_g_cm3"]["value"] == 0.5
    assert values["hit_bulk_modulus_gpa"]["value"] is None
    assert "measuring: 4 of 4" in shown.err
    assert main(["evaluate", "made", "--reference", "made", "--match", "--first", "2"]) == 0
    table = capsys.readouterr().out
    assert "match at 1" in table
    assert "COV-R" in table


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["made", "--match"], "--reference"),
        (["made", "--split", "test"], "--reference"),
        (["made", "--condition", "density"], "density=5"),
        (["made", "--condition", "softness=5"], "softness"),
        (["made", "--condition", "density=nan"], "from 0.001 to 100"),
        (["made", "--condition", "crystal_system=99"], "triclinic"),
        (["made", "--out", "made"], "among the samples"),
        (["made", "--out", "made/0.cif"], "is a file"),
        (["nowhere"], "nowhere"),
        (["empty"], "holds no crystal"),
    ],
)
def test_wrong_use_is_told(
    folder: Path, words: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder.parent / "empty").mkdir()
    assert main(["evaluate", *words]) == 2
    shown = capsys.readouterr()
    assert says in shown.err
    assert "Traceback" not in shown.err


def test_nothing_readable_is_a_failure(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "bad").mkdir()
    (home / "bad" / "x.cif").write_text("data_nothing\n")
    assert main(["evaluate", "bad"]) == 1
    assert "1 of them unreadable" in capsys.readouterr().out
