from __future__ import annotations

import math

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from matsmith.models.diffusion import lattice_code
from matsmith.models.diffusion.lattice_code import LatticeScale


def _cells(seed: int, count: int = 4) -> Tensor:
    draw = torch.Generator().manual_seed(seed)
    return 5 * torch.eye(3, dtype=torch.float64) + torch.randn(
        count, 3, 3, generator=draw, dtype=torch.float64
    )


def _rotation(seed: int) -> Tensor:
    draw = torch.Generator().manual_seed(seed)
    half = torch.randn(3, 3, generator=draw, dtype=torch.float64)
    return torch.matrix_exp(half - half.T)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 20))
def test_decoding_gives_back_lengths_and_angles_and_turning_changes_nothing(seed: int, atoms: int) -> None:
    cells, count = _cells(seed), torch.full((4,), atoms)
    code = lattice_code.encode(cells, count)
    back = lattice_code.decode(code, count)
    torch.testing.assert_close(
        back @ back.transpose(1, 2), cells @ cells.transpose(1, 2), rtol=1e-9, atol=1e-9
    )
    torch.testing.assert_close(
        lattice_code.metric(code, count), cells @ cells.transpose(1, 2), rtol=1e-9, atol=1e-9
    )
    turned = lattice_code.encode(cells @ _rotation(seed), count)
    torch.testing.assert_close(turned, code, rtol=1e-9, atol=1e-9)


def test_the_trace_is_the_logarithm_of_the_volume_per_atom() -> None:
    code = lattice_code.encode(4.0 * torch.eye(3)[None], torch.tensor([5]))
    assert math.isclose(float(code[0, :3].sum()), math.log(64 / 5), rel_tol=1e-6)
    assert float(code[0, 3:].abs().max()) < 1e-6


def test_a_doubled_cell_keeps_its_volume_per_atom() -> None:
    single = lattice_code.encode(_cells(1), torch.full((4,), 3))
    doubled = lattice_code.encode(
        _cells(1) * torch.tensor([2.0, 1.0, 1.0])[None, :, None], torch.full((4,), 6)
    )
    torch.testing.assert_close(single[:, :3].sum(1), doubled[:, :3].sum(1))


def test_the_exponential_is_that_of_the_library_in_single_precision() -> None:
    draw = torch.Generator().manual_seed(2)
    half = torch.randn(50, 3, 3, generator=draw)
    matrices = half + half.transpose(1, 2)
    exact = torch.matrix_exp(matrices.double())
    found = lattice_code.symmetric_exponential(matrices).double()
    difference, size = (found - exact).numpy(), exact.numpy()
    relative = np.abs(difference).max(axis=(1, 2)) / np.abs(size).max(axis=(1, 2))
    assert relative.max() < 1e-4


def test_scale_brings_a_set_to_unit_spread_and_back() -> None:
    codes = lattice_code.encode(_cells(3, 500), torch.full((500,), 4))
    scale = LatticeScale.fit(codes)
    normal = scale.normalise(codes)
    assert abs(float(normal[:, :3].mean())) < 1e-6
    assert abs(float(normal[:, :3].square().mean()) - 1) < 1e-6
    torch.testing.assert_close(scale.restore(normal), codes, rtol=1e-6, atol=1e-6)


def test_a_set_of_one_shape_has_a_finite_scale() -> None:
    codes = lattice_code.encode(4.0 * torch.eye(3).expand(3, 3, 3), torch.full((3,), 2))
    assert bool(LatticeScale.fit(codes).normalise(codes).isfinite().all())
