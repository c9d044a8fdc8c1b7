"""Untrained diffusion models, for what holds whatever a network says."""

from __future__ import annotations

from pathlib import Path

import torch

from matsmith.models.diffusion.batches import ScalarScale
from matsmith.models.diffusion.lattice_code import LatticeScale
from matsmith.models.diffusion.network import CrystalNetwork, NetworkConfig
from matsmith.models.diffusion.weights import DiffusionModel, ModelCard, load_weights, save_weights


def tiny_weights(path: Path) -> Path:
    """Write the weights of a small untrained network that knows every element up to uranium."""
    torch.manual_seed(0)
    config = NetworkConfig(
        width=16, layers=1, hidden=16, condition_width=8, radial=4,
        scalars=("density_g_cm3", "bulk_modulus_gpa"), categories=(("crystal_system", 7),),
    )  # fmt: skip
    # Wide cells, so that some of the crystals have their atoms apart.
    network = CrystalNetwork(config, LatticeScale(mean=1.25, diagonal=0.1, off_diagonal=0.05))
    card = ModelCard(
        network=config,
        lattice=network.scale,
        scalars=ScalarScale(mean=(5.0, 100.0), spread=(2.0, 50.0)),
        sizes={2: 3, 4: 2, 5: 2, 10: 1},
        elements=dict.fromkeys(range(1, 93), 1),
    )
    save_weights(network, card, path)
    return path


def tiny_model() -> DiffusionModel:
    """The same network ready for use, as it comes back from its file."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        return load_weights(tiny_weights(Path(folder) / "tiny.safetensors"))
