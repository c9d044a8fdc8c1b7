from __future__ import annotations

import numpy as np
import torch

from matsmith.models.diffusion import lattice_code
from matsmith.models.diffusion.batches import (
    Buckets,
    CrystalBatch,
    ScalarScale,
    bucket_of,
    to_batch,
    turn_axes,
)
from matsmith.models.diffusion.data_format import CrystalTable
from matsmith.models.diffusion.lattice_code import LatticeScale
from matsmith.models.diffusion.network import NetworkConfig
from matsmith.models.diffusion.noise import wrap
from matsmith.models.diffusion.objective import TrainingConfig, losses
from matsmith.models.diffusion.weights import DiffusionModel

CONFIG = NetworkConfig(scalars=("edge_a", "hardness"))


def _table(counts: tuple[int, ...]) -> CrystalTable:
    draw = np.random.default_rng(0)
    m, atoms = len(counts), sum(counts)
    return CrystalTable(
        counts=np.array(counts),
        numbers=draw.integers(1, 90, atoms),
        frac=draw.random((atoms, 3)).astype(np.float32),
        lattice=(4 * np.eye(3) + draw.normal(size=(m, 3, 3)) / 4).astype(np.float32),
        formulas=[f"f{i}" for i in range(m)],
        names=[f"n{i}" for i in range(m)],
        split=np.zeros(m, np.uint8),
        properties={"edge_a": np.arange(m, dtype=np.float32)},
    )


def _batch(table: CrystalTable, size: int) -> CrystalBatch:
    scalars = ScalarScale(mean=(1.0, 0.0), spread=(2.0, 1.0))
    return to_batch(table, size=size, network=CONFIG, scale=LatticeScale(), scalars=scalars)


def test_padding_keeps_every_atom_and_marks_the_absent_and_the_unknown() -> None:
    table = _table((2, 5, 3))
    batch = _batch(table, 6)
    assert batch.present.sum(1).tolist() == [2, 5, 3]
    np.testing.assert_array_equal(batch.numbers[batch.present].numpy(), table.numbers)
    assert int(batch.numbers[~batch.present].abs().sum()) == 0
    assert batch.scalars[:, 0].tolist() == [-0.5, 0.0, 0.5]
    assert bool(batch.scalars[:, 1].isnan().all())


def test_batches_depend_on_seed_and_step_alone_and_hold_one_bucket() -> None:
    table = _table((2, 2, 7, 8, 3, 20))
    scalars = ScalarScale(mean=(1.0, 0.0), spread=(2.0, 1.0))
    buckets = Buckets(
        table, network=CONFIG, scale=LatticeScale(), scalars=scalars, device=torch.device("cpu")
    )
    one, same, other = (buckets.draw(16, seed=3, step=step) for step in (5, 5, 6))
    assert torch.equal(one.frac, same.frac)
    assert not torch.equal(one.frac, other.frac)
    widths = {buckets.draw(4, seed=0, step=step).numbers.shape[1] for step in range(60)}
    assert widths == {2, 3, 8, 20}
    assert [bucket_of(n) for n in (1, 7, 9, 13, 20)] == [1, 8, 10, 16, 20]


def test_turning_axes_keeps_the_distances_of_every_crystal() -> None:
    batch = _batch(_table((5,) * 50), 5)
    turned = turn_axes(batch, torch.Generator().manual_seed(0))
    assert float((turned.lattice - batch.lattice).abs().max()) > 0.01

    def squares(which: CrystalBatch) -> torch.Tensor:
        difference = which.frac.unsqueeze(1) - which.frac.unsqueeze(2)
        metric = lattice_code.metric(which.lattice, which.present.sum(-1))
        return torch.einsum("bija,bac,bijc->bij", wrap(difference), metric, wrap(difference))

    torch.testing.assert_close(squares(turned), squares(batch), rtol=1e-4, atol=1e-4)


def test_half_precision_gives_nearly_the_same_loss(random_model: DiffusionModel) -> None:
    batch = to_batch(
        _table((5, 3, 4)), size=5, network=random_model.card.network, scale=random_model.card.lattice,
        scalars=random_model.card.scalars,
    )  # fmt: skip
    full, half = (
        losses(
            random_model.network, batch, noise=random_model.card.noise, config=TrainingConfig(turn_axes=True),
            generator=torch.Generator().manual_seed(1), bf16=bf16,
        ).total()
        for bf16 in (False, True)
    )  # fmt: skip
    assert abs(float((full - half).detach())) < 0.05 * float(full.detach())
    half.backward()
    assert all(p.grad is None or bool(p.grad.isfinite().all()) for p in random_model.network.parameters())
