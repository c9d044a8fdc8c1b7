from __future__ import annotations

from pathlib import Path

import pytest
import torch

from matsmith.core.errors import DataError
from matsmith.models.diffusion.lattice_code import LatticeScale
from matsmith.models.diffusion.network import CrystalNetwork, NetworkConfig
from matsmith.models.diffusion.tensor_files import read_tensors, write_tensors
from matsmith.models.diffusion.weights import DiffusionModel, ModelCard, load_weights, save_weights


def test_a_model_comes_back_with_its_card_in_half_precision(
    random_model: DiffusionModel, tmp_path: Path
) -> None:
    path = tmp_path / "w.safetensors"
    digest = save_weights(random_model.network, random_model.card, path)
    back = load_weights(path)
    assert back.card == random_model.card
    assert back.sha256 == digest
    for name, value in random_model.network.state_dict().items():
        torch.testing.assert_close(back.network.state_dict()[name], value.half().float(), rtol=0, atol=0)
    assert save_weights(random_model.network, random_model.card, path) == digest


def test_the_full_model_is_under_ten_megabytes(tmp_path: Path) -> None:
    config = NetworkConfig()
    save_weights(
        CrystalNetwork(config, LatticeScale()), ModelCard(network=config), tmp_path / "w.safetensors"
    )
    assert (tmp_path / "w.safetensors").stat().st_size < 10_000_000


@pytest.mark.parametrize(
    "kind", ["missing", "truncated", "text", "flipped", "foreign", "card", "architecture"]
)
def test_a_damaged_or_foreign_file_is_refused(
    kind: str, random_model: DiffusionModel, tmp_path: Path
) -> None:
    path = tmp_path / "w.safetensors"
    save_weights(random_model.network, random_model.card, path)
    raw = bytearray(path.read_bytes())
    if kind == "missing":
        path.unlink()
    elif kind == "truncated":
        path.write_bytes(raw[: len(raw) // 2])
    elif kind == "text":
        path.write_text("weights")
    elif kind == "flipped":
        raw[-1000] ^= 1
        path.write_bytes(raw)
    elif kind == "foreign":
        write_tensors(path, {"a": torch.zeros(2)}, {"format": "pt"})
    elif kind == "card":
        path.write_bytes(bytes(raw).replace(b"5.0", b"5.1").replace(b'\\"2\\": 3', b'\\"2\\": 4'))
    else:
        half = CrystalNetwork(NetworkConfig(width=16, layers=1), LatticeScale())
        save_weights(half, random_model.card, path)
    with pytest.raises(DataError) as caught:
        load_weights(path)
    assert caught.value.hint


def test_weights_that_are_not_finite_are_not_written(random_model: DiffusionModel, tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    with torch.no_grad():
        next(random_model.network.parameters()).fill_(1e6)
    with pytest.raises(DataError, match="not finite"):
        save_weights(random_model.network, random_model.card, path)
    assert not path.exists()


def test_the_file_holds_half_precision_alone(random_model: DiffusionModel, tmp_path: Path) -> None:
    save_weights(random_model.network, random_model.card, tmp_path / "w.safetensors")
    tensors, _ = read_tensors(tmp_path / "w.safetensors", hint="")
    assert {value.dtype for value in tensors.values()} == {torch.float16}
