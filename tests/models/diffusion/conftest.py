"""A toy set whose answer is known: two atoms, the second in the middle of a cubic cell as long as its elements say."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from matsmith.models.diffusion.data_format import CrystalTable, formula_key
from matsmith.models.diffusion.lattice_code import LatticeScale
from matsmith.models.diffusion.network import CrystalNetwork, NetworkConfig
from matsmith.models.diffusion.weights import DiffusionModel, ModelCard

torch.set_num_threads(1)

SMALL = NetworkConfig(width=32, layers=2, hidden=48, condition_width=16, radial=8)


def caesium_chloride(count: int, *, seed: int = 0) -> CrystalTable:
    """Cells AB of a metal (3, 11, 19, 37, 55) and a halogen (9, 17, 35, 53), anywhere in space; edge 2.5 Å + 0.02·(Z_A + Z_B)."""
    draw = np.random.default_rng(seed)
    pairs = np.stack([draw.choice([3, 11, 19, 37, 55], count), draw.choice([9, 17, 35, 53], count)], 1)
    origin = draw.random((count, 1, 3))
    edge = 2.5 + 0.02 * pairs.sum(1)
    split = np.zeros(count, np.uint8)
    split[: count // 5] = 1
    return CrystalTable(
        counts=np.full(count, 2),
        numbers=pairs.reshape(-1),
        frac=np.mod(origin + np.array([[0, 0, 0], [0.5, 0.5, 0.5]]), 1).reshape(-1, 3).astype(np.float32),
        lattice=(np.eye(3) * edge[:, None, None]).astype(np.float32),
        formulas=[formula_key(pair) for pair in pairs],
        names=[f"toy-{index}" for index in range(count)],
        split=split,
        properties={"edge_a": edge.astype(np.float32)},
    )


@pytest.fixture
def toy_table() -> CrystalTable:
    return caesium_chloride(200)


@pytest.fixture
def random_model() -> DiffusionModel:
    """An untrained network all of whose weights act: what holds for it holds by construction."""
    torch.manual_seed(0)
    config = NetworkConfig(
        width=32, layers=2, hidden=48, condition_width=16, radial=8,
        scalars=("density_g_cm3", "band_gap_ev"), categories=(("crystal_system", 7),),
    )  # fmt: skip
    network = CrystalNetwork(config, LatticeScale(mean=0.9, diagonal=0.2, off_diagonal=0.1))
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    from matsmith.models.diffusion.batches import ScalarScale

    card = ModelCard(
        network=config,
        lattice=network.scale,
        scalars=ScalarScale(mean=(4.0, 1.0), spread=(2.0, 1.0)),
        sizes={2: 3, 5: 2, 7: 1},
        elements={3: 10, 8: 20, 14: 5, 26: 5},
    )
    return DiffusionModel(network.eval(), card)
