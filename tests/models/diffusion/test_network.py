from __future__ import annotations

from dataclasses import replace

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from matsmith.models.diffusion import lattice_code
from matsmith.models.diffusion.network import CrystalNetwork, NetworkConfig, Prediction, State
from matsmith.models.diffusion.weights import DiffusionModel


def _state(seed: int = 0, *, b: int = 3, n: int = 5) -> State:
    draw = torch.Generator().manual_seed(seed)
    return State(
        numbers=torch.randint(0, 90, (b, n), generator=draw),
        frac=torch.rand(b, n, 3, generator=draw),
        lattice=0.5 * torch.randn(b, 6, generator=draw),
        present=torch.ones(b, n, dtype=torch.bool),
        time=torch.rand(b, generator=draw),
        scalars=torch.full((b, 2), torch.nan),
        categories=torch.full((b, 1), torch.nan),
    )


def _close(a: Prediction, b: Prediction, *, tolerance: float = 2e-4) -> None:
    for one, other in ((a.coordinates, b.coordinates), (a.lattice, b.lattice), (a.logits, b.logits)):
        torch.testing.assert_close(one, other, atol=tolerance, rtol=tolerance)


def _apart(a: Prediction, b: Prediction) -> float:
    return float((a.coordinates - b.coordinates).abs().max() + (a.lattice - b.lattice).abs().max())


@torch.no_grad()
def test_moving_all_atoms_or_one_by_a_lattice_vector_changes_nothing(random_model: DiffusionModel) -> None:
    network, state = random_model.network, _state()
    found = network(state)
    _close(
        network(replace(state, frac=torch.remainder(state.frac + torch.tensor([0.31, 0.77, 0.05]), 1))), found
    )
    moved = state.frac.clone()
    moved[:, 1] += torch.tensor([1.0, -2.0, 3.0])
    _close(network(replace(state, frac=moved)), found)
    shifted = state.frac.clone()
    shifted[:, 1] += 0.1
    assert _apart(network(replace(state, frac=shifted)), found) > 1e-3


@torch.no_grad()
def test_exchanging_atoms_exchanges_the_outputs(random_model: DiffusionModel) -> None:
    network, state = random_model.network, _state(1)
    order = torch.tensor([3, 0, 4, 2, 1])
    found = network(state)
    swapped = network(replace(state, frac=state.frac[:, order], numbers=state.numbers[:, order]))
    _close(swapped, Prediction(found.coordinates[:, order], found.lattice, found.logits[:, order]))


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000))
def test_turning_the_crystal_changes_nothing(seed: int) -> None:
    torch.manual_seed(seed)
    cell = 4 * torch.eye(3, dtype=torch.float64) + torch.randn(1, 3, 3, dtype=torch.float64) / 3
    half = torch.randn(3, 3, dtype=torch.float64)
    network = CrystalNetwork(
        NetworkConfig(width=16, layers=1, hidden=16, condition_width=8), lattice_code.LatticeScale()
    )
    atoms = torch.tensor([5])
    state = replace(_state(seed, b=1), scalars=torch.zeros(1, 0), categories=torch.zeros(1, 0))
    with torch.no_grad():
        one = network(replace(state, lattice=lattice_code.encode(cell, atoms).float()))
        other = network(
            replace(state, lattice=lattice_code.encode(cell @ torch.matrix_exp(half - half.T), atoms).float())
        )
    _close(one, other)


@torch.no_grad()
def test_padding_changes_nothing(random_model: DiffusionModel) -> None:
    network, state = random_model.network, _state(2)
    found = network(state)
    padded = replace(
        state,
        numbers=torch.nn.functional.pad(state.numbers, (0, 3)),
        frac=torch.nn.functional.pad(state.frac, (0, 0, 0, 3)),
        present=torch.nn.functional.pad(state.present, (0, 3)),
    )
    wide = network(padded)
    _close(Prediction(wide.coordinates[:, :5], wide.lattice, wide.logits[:, :5]), found)
    assert float(wide.coordinates[:, 5:].abs().max()) == 0


@torch.no_grad()
def test_coordinates_have_no_mean_and_crystals_of_a_batch_do_not_mix(random_model: DiffusionModel) -> None:
    network, state = random_model.network, _state(3)
    found = network(state)
    assert float(found.coordinates.mean(1).abs().max()) < 1e-5
    assert float(found.coordinates.abs().max()) > 1e-3
    changed = state.frac.clone()
    changed[0] = 0.25
    other = network(replace(state, frac=changed))
    torch.testing.assert_close(other.coordinates[1:], found.coordinates[1:], atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_each_condition_acts_and_none_given_is_none(random_model: DiffusionModel) -> None:
    network, state = random_model.network, _state(4)
    found = network(state)
    for column in range(2):
        scalars = state.scalars.clone()
        scalars[:, column] = 1.0
        assert _apart(network(replace(state, scalars=scalars)), found) > 1e-3
    assert _apart(network(replace(state, categories=torch.full((3, 1), 2.0))), found) > 1e-3


@torch.no_grad()
def test_a_new_network_ignores_conditions_until_it_learns_them() -> None:
    config = NetworkConfig(
        width=16, layers=1, hidden=16, condition_width=8, scalars=("a", "b"), categories=(("c", 7),)
    )
    network, state = CrystalNetwork(config, lattice_code.LatticeScale()), _state(5)
    told = replace(state, scalars=torch.ones(3, 2), categories=torch.ones(3, 1))
    _close(network(told), network(state), tolerance=0.0)


@torch.no_grad()
def test_distances_are_those_of_the_nearest_image() -> None:
    scale = lattice_code.LatticeScale()
    network = CrystalNetwork(NetworkConfig(width=16, layers=1, hidden=16, condition_width=8), scale)
    cell = torch.tensor([[[3.0, 0, 0], [0, 4.0, 0], [0, 0, 5.0]]], dtype=torch.float64)
    metric = cell @ cell.transpose(1, 2)
    frac = torch.tensor([[[0.0, 0, 0], [0.9, 0.5, 0.0]]], dtype=torch.float64)
    network.double()
    square = network._squared_distances(frac.unsqueeze(1) - frac.unsqueeze(2), metric)  # pyright: ignore[reportPrivateUsage]
    expected = torch.tensor([[[9.0, 0.09 + 4.0], [0.09 + 4.0, 9.0]]], dtype=torch.float64)
    torch.testing.assert_close(square, expected)


@torch.no_grad()
def test_no_edge_feature_is_a_denormal_number() -> None:
    """Those make the products on a CPU many times slower."""
    network = CrystalNetwork(
        NetworkConfig(width=16, layers=1, hidden=16, condition_width=8), lattice_code.LatticeScale(mean=1.0)
    )
    edges = network._edges(replace(_state(6, b=50), lattice=2 * torch.randn(50, 6)))  # pyright: ignore[reportPrivateUsage]
    radial = edges[..., -network.config.radial :]
    assert float(radial.min()) > torch.finfo(torch.float32).tiny


def test_the_full_network_fits_ten_megabytes_in_half_precision() -> None:
    network = CrystalNetwork(NetworkConfig(), lattice_code.LatticeScale())
    count = sum(parameter.numel() for parameter in network.parameters())
    assert 3_000_000 < count < 4_500_000
