from __future__ import annotations

import csv
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from matsmith.core.errors import DataError, UsageError
from matsmith.models.diffusion.data_format import CrystalTable, save_table
from matsmith.models.diffusion.network import NetworkConfig
from matsmith.models.diffusion.noise import NoiseConfig, wrap
from matsmith.models.diffusion.objective import TrainingConfig
from matsmith.models.diffusion.prediction import main as predict
from matsmith.models.diffusion.prediction import predict_structures
from matsmith.models.diffusion.sampling import SamplingSettings
from matsmith.models.diffusion.tensor_files import read_tensors
from matsmith.models.diffusion.trainer import Trainer, prepare
from matsmith.models.diffusion.training import CHECKPOINT, CURVE, LAST, WEIGHTS, train
from matsmith.models.diffusion.training_command import main
from matsmith.models.diffusion.weights import load_weights

SMALL = NetworkConfig(width=32, layers=2, hidden=48, condition_width=16, radial=8, scalars=("edge_a",))


def _train(table: CrystalTable, out: Path, *, steps: int = 12, minutes: float = 60.0, **more: Any) -> Any:
    config = more.pop("config", TrainingConfig(steps=steps, batch=16))
    return train(
        table, out, network=more.pop("network", SMALL), config=config, minutes=minutes, device="cpu",
        log_every=4, report=lambda _: None, **more,
    )  # fmt: skip


def _stop_after(monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
    step = Trainer.step

    def stopping(self: Trainer) -> torch.Tensor:
        if self.progress.step == steps:
            raise KeyboardInterrupt
        return step(self)

    monkeypatch.setattr(Trainer, "step", stopping)


def test_a_training_cut_in_two_ends_bit_for_bit_like_one(
    toy_table: CrystalTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = _train(toy_table, tmp_path / "whole")
    with monkeypatch.context() as patch:
        _stop_after(patch, 7)
        with pytest.raises(KeyboardInterrupt):
            _train(toy_table, tmp_path / "cut")
    assert sorted(p.name for p in (tmp_path / "cut").iterdir()) == sorted(
        [CHECKPOINT, CURVE, CURVE.replace("csv", "svg"), LAST, WEIGHTS]
    )
    cut = _train(toy_table, tmp_path / "cut", resume=True)
    assert whole.finished
    assert cut.finished
    one, other = (read_tensors(tmp_path / part / CHECKPOINT, hint="")[0] for part in ("whole", "cut"))
    assert set(one) == set(other)
    assert all(torch.equal(one[name], other[name]) for name in one)
    with (tmp_path / "cut" / CURVE).open() as stream:
        assert [float(row["step"]) for row in csv.DictReader(stream)] == [4, 7, 8, 12]


def test_time_that_is_up_leaves_a_checkpoint(toy_table: CrystalTable, tmp_path: Path) -> None:
    outcome = _train(toy_table, tmp_path, steps=10_000, minutes=0.005)
    assert not outcome.finished
    assert 0 < outcome.step < 10_000
    assert _train(toy_table, tmp_path, resume=True, minutes=0.001).step > outcome.step


def test_resuming_with_other_data_another_network_or_nothing_there_is_refused(
    toy_table: CrystalTable, tmp_path: Path
) -> None:
    _train(toy_table, tmp_path / "a", steps=2, data={"sha256": "1"})
    with pytest.raises(DataError, match="another data"):
        _train(toy_table, tmp_path / "a", resume=True, data={"sha256": "2"})
    with pytest.raises(DataError, match="another network"):
        _train(toy_table, tmp_path / "a", resume=True, network=replace(SMALL, layers=1), data={"sha256": "1"})
    with pytest.raises(UsageError, match="holds a training already"):
        _train(toy_table, tmp_path / "a")
    with pytest.raises(DataError, match="no checkpoint"):
        _train(toy_table, tmp_path / "b", resume=True)
    whole = (tmp_path / "a" / CHECKPOINT).read_bytes()
    (tmp_path / "a" / CHECKPOINT).write_bytes(whole[:5000])
    with pytest.raises(DataError, match="damaged"):
        _train(toy_table, tmp_path / "a", resume=True, data={"sha256": "1"})
    (tmp_path / "a" / CHECKPOINT).write_bytes((tmp_path / "a" / WEIGHTS).read_bytes())
    with pytest.raises(DataError, match="not a checkpoint"):
        _train(toy_table, tmp_path / "a", resume=True, data={"sha256": "1"})


def test_a_loss_that_is_no_number_stops_and_keeps_the_last_checkpoint(
    toy_table: CrystalTable, tmp_path: Path
) -> None:
    _train(toy_table, tmp_path, steps=8)
    before = (tmp_path / CHECKPOINT).read_bytes()
    with pytest.raises(DataError, match="no longer a number"):
        _train(toy_table, tmp_path / "bad", config=TrainingConfig(steps=60, batch=8, rate=1e30, clip=1e30))
    assert not (tmp_path / "bad" / CHECKPOINT).exists()
    assert (tmp_path / CHECKPOINT).read_bytes() == before


def test_crystals_too_large_are_left_out_and_a_table_of_them_refused(toy_table: CrystalTable) -> None:
    tiny = NetworkConfig(width=16, layers=1, max_atoms=1)
    with pytest.raises(DataError, match="at most 1 atoms"):
        prepare(toy_table, tiny, noise=NoiseConfig(), trained_on={})
    with pytest.raises(DataError, match="no property hardness"):
        prepare(toy_table, NetworkConfig(scalars=("hardness",)), noise=NoiseConfig(), trained_on={})
    card, kept, left_out = prepare(toy_table, SMALL, noise=NoiseConfig(), trained_on={})
    assert (len(kept), left_out, card.sizes) == (200, 0, {2: 160})


def test_the_command_line_trains_resumes_predicts_and_refuses(
    toy_table: CrystalTable, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, out = tmp_path / "toy.npz", tmp_path / "run"
    save_table(toy_table, data)
    common = ["--data", str(data), "--out", str(out), "--device", "cpu", "--threads", "1"]
    assert (
        main(
            [
                *common,
                "--steps",
                "6",
                "--batch",
                "8",
                "--width",
                "16",
                "--layers",
                "1",
                "--conditions",
                "edge_a",
            ]
        )
        == 0
    )
    assert main([*common, "--resume"]) == 0
    assert "step 6 of 6" in capsys.readouterr().out
    samples = [
        "--weights",
        str(out / WEIGHTS),
        "--data",
        str(data),
        "--out",
        str(tmp_path / "s.npz"),
        "--device",
        "cpu",
    ]
    more = [
        "--split",
        "validation",
        "--first",
        "2",
        "--per-crystal",
        "3",
        "--steps",
        "3",
        "--conditions",
        "edge_a",
    ]
    assert predict([*samples, *more, "--guidance", "2"]) == 0
    assert "6 crystals" in capsys.readouterr().out
    assert predict([*samples, *more[:-2], "--only", "edge_a", "--given", "edge_a=4"]) == 0
    capsys.readouterr()
    assert predict([*samples, *more, "--consensus", "4"]) == 0
    assert "24 of 24 crystals" in (told := capsys.readouterr().out)
    assert told.splitlines()[-1].startswith("6 crystals")
    assert predict([*samples, *more, "--consensus", "0"]) == 2
    assert predict([*samples, *more, "--only", "colour"]) == 1
    assert predict([*samples, *more, "--given", "edge_a"]) == 2
    assert main([*common, "--batch", "0"]) == 2
    assert main(["--data", str(tmp_path / "no.npz"), "--out", str(out)]) == 1
    assert predict([*samples, "--conditions", "hardness"]) == 2
    assert "no property hardness" in capsys.readouterr().err


@pytest.mark.parametrize("process", ["score", "flow"])
def test_a_toy_set_is_learned_the_loss_falls_and_samples_beat_noise(
    process: Any, toy_table: CrystalTable, tmp_path: Path
) -> None:
    """CsCl cells: the second atom belongs in the middle, and the edge follows from the elements."""
    outcome = _train(
        toy_table, tmp_path, noise=NoiseConfig(process=process),
        config=TrainingConfig(steps=400, batch=64, rate=4e-3, generation_share=0.3, decay=0.98),
    )  # fmt: skip
    with (tmp_path / CURVE).open() as stream:
        curve = [float(row["train"]) for row in csv.DictReader(stream)]
    assert outcome.finished
    assert np.mean(curve[-5:]) < 0.65 * np.mean(curve[:3])
    rows = toy_table.in_split("validation")
    made = predict_structures(
        load_weights(tmp_path / WEIGHTS),
        toy_table,
        rows=rows,
        per_crystal=2,
        settings=SamplingSettings(steps=40),
    )
    apart = made.frac.reshape(-1, 2, 3)
    miss = np.linalg.norm(wrap(torch.from_numpy(apart[:, 1] - apart[:, 0] - 0.5)).numpy(), axis=-1)
    # Two atoms anywhere are 0.48 of an edge from the middle on average.
    assert np.median(miss) < 0.12
    edges = np.cbrt(np.linalg.det(made.lattice.astype(np.float64)))
    wanted = np.repeat(toy_table.properties["edge_a"][rows], 2)
    assert np.median(np.abs(edges - wanted)) < 0.5 * np.std(wanted)
    assert made.formulas == [toy_table.formulas[int(row)] for row in rows for _ in range(2)]


def test_training_and_prediction_need_torch_numpy_and_safetensors_alone() -> None:
    code = (
        "import sys; import matsmith.models.diffusion.training_command, matsmith.models.diffusion.prediction; "
        "print(sorted({'pydantic', 'pymatgen', 'ase', 'chgnet', 'scipy', 'spglib'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
