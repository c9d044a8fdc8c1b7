"""`matsmith train predictor`: a person's table to predictions and back, resumed, told what was left out; wrong tables and uses refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from matsmith.app.main import main
from matsmith.core.elements import SYMBOLS
from matsmith.models.predictors import train
from matsmith.models.predictors.own import own_model

METALS = ("Li", "Na", "K", "Mg", "Ca", "Ti", "Fe", "Ni", "Cu", "Zn", "Al", "Ga", "Sr", "Zr")


def write(path: Path) -> int:
    """Values that follow from the atomic numbers, with two lines that are none."""
    rows = [
        (f"{a}{n}{b}{m}", 10.0 + 0.5 * n * SYMBOLS.index(a) + m)
        for a in METALS
        for b in ("O", "S", "Cl")
        for n, m in ((1, 1), (2, 3), (1, 2))
    ]
    lines = ["formula,hardness_GPa,source", *(f"{formula},{value:.2f},made" for formula, value in rows)]
    path.write_text("\n".join([*lines, "LixCoO2,3.0,made", "MgO,soft,made"]) + "\n")
    return len(rows)


def _small(formulas: int, *, absolute_loss: bool) -> train.Boosting:
    del formulas, absolute_loss
    return train.Boosting(60, 0.1, 8, 5)


def test_a_table_becomes_a_model_that_predicts(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("sklearn")
    monkeypatch.setattr(train.Boosting, "for_size", _small)
    monkeypatch.setattr(train, "_OF_ERRORS", train.Boosting(20, 0.1, 8, 10))
    count = write(Path("hardness.csv"))
    call = ["train", "predictor", "hardness.csv", "--unit", "GPa", "--out", "hard", "--plain"]
    assert main([*call, "--json"]) == 0
    shown = capsys.readouterr()
    told = json.loads(shown.out)
    assert told["rows"] == count
    assert told["errors"]["rows"] < 0.5 * told["errors"]["of_the_median"]
    assert "2 lines were left out" in shown.err
    assert "variable" in shown.err
    assert "fold 5 of 5" in shown.err
    assert "Trained on" in (Path("hard") / "hardness_gpa.md").read_text()
    before = own_model(Path("hard")).sha256
    (Path("hard") / "hardness_gpa.safetensors").unlink()
    assert main(call) == 0
    shown = capsys.readouterr()
    assert "fold 1 of 5" not in shown.err, "finished fits are not made again"
    assert "matsmith predict" in shown.out
    assert own_model(Path("hard")).sha256 == before
    assert main(["predict", "Sr2O3", "Li2O3", "LixO", "--model", "hard", "--json"]) == 1
    heavy, light, refused = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert "variable" in refused["refused"]
    assert heavy["unit"] == "GPa"
    assert heavy["value"] > light["value"]
    assert heavy["low90"] <= heavy["value"] <= heavy["high90"]
    assert main(["predict", "Sr2O3", "--model", "hard"]) == 0
    assert "hardness_gpa" in capsys.readouterr().out
    damaged = Path("damaged")
    shutil.copytree("hard", damaged)
    (damaged / "hardness_gpa.safetensors").write_bytes(b"damaged")
    assert main(["predict", "MgO", "--model", "damaged"]) == 1
    assert main(["train", "predictor", "hardness.csv", "--name", "other", "--out", "hard"]) == 2
    assert "holds another model" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (["nowhere.csv"], 2, "no table nowhere.csv"),
        (["few.csv"], 1, "at least 50"),
        (["hardness.csv", "--column", "colour"], 2, "no column 'colour'"),
        (["two.csv"], 2, "--column"),
        (["none.csv"], 2, "no column formula"),
        (["binary.csv"], 1, "must be a CSV file"),
        (["same.csv"], 1, "is the same"),
        (["hardness.csv", "--scale", "square"], 2, "no scale"),
        (["bulk_modulus", "--unit", "GPa"], 2, "ships"),
        (["bulk_modulus"], 1, "not there"),
    ],
)
def test_wrong_tables_and_uses_are_told(
    home: Path, capsys: pytest.CaptureFixture[str], words: list[str], status: int, told: str
) -> None:
    pytest.importorskip("sklearn")
    write(Path("hardness.csv"))
    Path("few.csv").write_text("formula,x\nMgO,1\nNaCl,2\n")
    Path("two.csv").write_text("formula,x,y\nMgO,1,2\nNaCl,2,3\n")
    Path("none.csv").write_text("name,x\npericlase,1\n")
    Path("binary.csv").write_bytes(b"\xff\xfe\x00\x81")
    text = Path("hardness.csv").read_text().split("\n")
    same = [text[0], *(",".join([line.split(",")[0], "1.0", "made"]) for line in text[1:-1])]
    Path("same.csv").write_text("\n".join(same))
    assert main(["train", "predictor", *words]) == status
    assert told in capsys.readouterr().err


def test_a_folder_without_a_model_is_told(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("empty").mkdir()
    assert main(["predict", "MgO", "--model", "empty"]) == 2
    assert "no trained model" in capsys.readouterr().err
    assert main(["predict", "MgO", "--model", "empty", "-p", "bulk_modulus"]) == 2
    assert "Leave out --property" in capsys.readouterr().err
