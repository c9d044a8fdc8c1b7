from __future__ import annotations

import json
from pathlib import Path

import pytest
from pymatgen.core import Lattice, Structure

from matsmith.app.main import main
from matsmith.models.diffusion.data_format import load_table


def _cif(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    salt = Structure(Lattice.cubic(4.12), ["Cs", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    salt.to(str(folder / "salt.cif"), fmt="cif")
    return folder


def test_a_folder_of_cifs_becomes_a_table(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    del home
    source, out = _cif(tmp_path / "cifs"), tmp_path / "t.npz"
    (source / "sub").mkdir()
    (source / "sub" / "broken.cif").write_text("broken")
    assert main(["data", "crystals", str(source), "--out", str(out), "--moduli", "none", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["crystals"], told["skipped"], told["duplicates"]) == (1, {"unreadable": 1}, 0)
    assert load_table(out).names == ["salt"]
    assert main(["data", "crystals", str(out), "--out", str(tmp_path / "u.npz"), "--moduli", "none"]) == 0
    shown = capsys.readouterr().out
    assert "1 crystals of 1 formulas" in shown
    assert "left out: none; 0 duplicates" in shown


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (["nowhere.csv", "--out", "t.npz"], 1, "There is no nowhere.csv"),
        (["shipped", "--out", "table.csv"], 2, "ends in .npz"),
        (["shipped", "--out", "t.npz", "--split", "row"], 2, "formula or type"),
        (["shipped", "--out", "t.npz", "--max-atoms", "0"], 2, "above zero"),
        (["materials-project", "--out", "t.npz"], 2, "MP_API_KEY"),
    ],
)
def test_wrong_use_is_told_before_anything_is_read(
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    status: int,
    told: str,
) -> None:
    monkeypatch.chdir(home)
    assert main(["data", "crystals", *words]) == status
    assert told in capsys.readouterr().err
    assert not (home / "t.npz").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--n", "0"], "above zero"),
        (["--elements", "three"], "no numbers of elements"),
        (["--elements", "1,2"], "two to five"),
        (["--max-atoms", "900"], "cannot be built"),
        (["--time", "soon"], "no length of time"),
        (["--workers", "0"], "At least one worker"),
    ],
)
def test_a_senseless_build_is_refused(
    home: Path, capsys: pytest.CaptureFixture[str], words: list[str], told: str
) -> None:
    assert main(["data", "decorate", "--out", str(home / "work"), *words]) == 2
    assert told in capsys.readouterr().err


def test_a_build_without_time_says_what_is_left(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [
        "data",
        "decorate",
        "--out",
        str(home / "work"),
        "--n",
        "3",
        "--elements",
        "4",
        "--time",
        "0.001s",
    ]
    assert main(words) == 0
    assert "3 are left: the same call goes on." in capsys.readouterr().out
    (home / "file").write_text("")
    assert main(["data", "decorate", "--out", str(home / "file")]) == 2
