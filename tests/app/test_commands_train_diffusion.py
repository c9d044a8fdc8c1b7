"""`matsmith train diffusion` and `train adapter`: train, stop, go on, add a property; wrong use and wrong tables refused in words."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from matsmith.app.main import main
from matsmith.models.diffusion.data_format import CrystalTable, save_table
from matsmith.models.diffusion.weights import load_weights

pytest.importorskip("torch")
SMALL = ["--device", "cpu", "--threads", "1", "--batch", "8"]
NETWORK = ["--width", "16", "--layers", "1"]


@pytest.fixture
def table(home: Path) -> Path:
    """Forty cells of two atoms, a tenth of them to validate on."""
    draw = np.random.default_rng(0)
    split = np.zeros(40, np.uint8)
    split[:4] = 1
    crystals = CrystalTable(
        counts=np.full(40, 2),
        numbers=draw.integers(3, 60, 80),
        frac=draw.random((80, 3)).astype(np.float32),
        lattice=(np.eye(3) * draw.uniform(3, 5, (40, 1, 1))).astype(np.float32),
        formulas=[f"f{index}" for index in range(40)],
        names=[f"n{index}" for index in range(40)],
        split=split,
        properties={
            "hardness_gpa": draw.random(40).astype(np.float32),
            "crystal_system": np.full(40, 6, np.float32),
        },
    )
    path = home / "mine.npz"
    save_table(crystals, path)
    return path


def test_a_training_stops_goes_on_and_takes_another_property(
    table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call = ["train", "diffusion", str(table), "--out", "run", *SMALL]
    assert main([*call, *NETWORK, "--steps", "12", "--conditions", "crystal_system", "--json"]) == 0
    shown = capsys.readouterr()
    told = json.loads(shown.out)
    assert (told["finished"], told["step"], told["steps"]) == (True, 12, 12)
    assert "36 crystals to train on" in shown.err
    assert sorted(path.name for path in Path("run").iterdir()) == [
        "checkpoint.safetensors",
        "last.safetensors",
        "loss.csv",
        "weights.safetensors",
    ]
    assert main([*call, "--resume"]) == 0
    assert "Step 12 of 12: all steps done." in capsys.readouterr().out
    assert main([*call, *NETWORK]) == 2
    assert "--resume" in capsys.readouterr().err
    adapt = ["train", "adapter", str(table), "--base", "run/weights.safetensors", "--out", "hard", *SMALL]
    assert main([*adapt, "--property", "hardness_gpa", "--steps", "3"]) == 0
    assert load_weights(Path("hard/weights.safetensors")).card.network.scalars == ("hardness_gpa",)


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["diffusion", "no.npz", "--out", "a"], 1, "no file"),
        (["diffusion", "mine.npz", "--out", "a", "--conditions", "colour"], 1, "no property colour"),
        (["diffusion", "mine.npz", "--out", "a", "--minutes", "0"], 2, "above zero"),
        (["diffusion", "mine.npz", "--out", "a", "--process", "magic"], 2, "score or flow"),
        (["diffusion", "mine.npz", "--out", "a", "--device", "abacus"], 2, "no device"),
        (["diffusion", "mine.npz", "--out", "a", "--resume"], 1, "no checkpoint"),
        (["adapter", "mine.npz", "--out", "a", "--base", "mine.npz"], 2, "Which property"),
        (["adapter", "mine.npz", "--out", "a", "--base", "mine.npz", "--property", "x"], 1, "safetensors"),
    ],
)
def test_what_cannot_be_trained_is_said(
    words: list[str], status: int, said: str, table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", *words]) == status
    assert said in capsys.readouterr().err
    assert not Path("a/checkpoint.safetensors").exists()
