from __future__ import annotations

import pytest
import torch

from matsmith.models.diffusion.noise import (
    NoiseConfig,
    Noised,
    centre,
    corrupt,
    drift,
    lattice_levels,
    score_size,
    sigma_at,
    wrap,
    wrapped_score,
)

CONFIG = NoiseConfig()


def _corrupted(
    time: float, *, process: str = "score", mask: bool = True, count: int = 400
) -> tuple[Noised, torch.Tensor]:
    draw = torch.Generator().manual_seed(1)
    frac = torch.rand(count, 5, 3, generator=draw)
    present = torch.arange(5)[None] < torch.randint(1, 6, (count, 1), generator=draw)
    config = NoiseConfig(process="flow") if process == "flow" else CONFIG
    noised = corrupt(
        numbers=torch.full((count, 5), 8) * present,
        frac=frac * present.unsqueeze(-1),
        lattice=torch.randn(count, 6, generator=draw),
        present=present,
        time=torch.full((count,), time),
        mask_species=torch.full((count,), mask),
        config=config,
        generator=draw,
    )
    return noised, present


@pytest.mark.parametrize("sigma", [0.005, 0.05, 0.2, 0.5])
def test_the_score_is_the_slope_of_the_wrapped_density(sigma: float) -> None:
    place = torch.linspace(-1.2, 1.2, 101, dtype=torch.float64, requires_grad=True)
    images = torch.arange(-12, 13, dtype=torch.float64)
    exponent = -(wrap(place.unsqueeze(-1)) + images).square() / (2 * sigma**2)
    (slope,) = torch.autograd.grad(torch.logsumexp(exponent, -1).sum(), place)
    found = wrapped_score(place.detach(), torch.full_like(place, sigma).detach())
    torch.testing.assert_close(found, slope, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("time", [0.0, 0.3, 0.7, 1.0])
def test_the_score_over_its_size_has_unit_square(time: float) -> None:
    draw = torch.Generator().manual_seed(0)
    at = torch.tensor(time)
    sigma = sigma_at(at, CONFIG)
    moved = sigma * torch.randn(400_000, generator=draw)
    scaled = wrapped_score(moved, sigma.expand_as(moved)) / score_size(at, CONFIG)
    assert abs(float(scaled.square().mean()) - 1) < 0.02


def test_noise_reaches_from_sigma_min_to_sigma_max() -> None:
    assert float(sigma_at(torch.tensor(0.0), CONFIG)) == pytest.approx(0.005)
    assert float(sigma_at(torch.tensor(1.0), CONFIG)) == pytest.approx(0.5)
    alpha, s = lattice_levels(torch.linspace(0, 1, 11))
    torch.testing.assert_close(alpha.square() + s.square(), torch.ones(11))


@pytest.mark.parametrize("process", ["score", "flow"])
def test_targets_have_no_mean_and_absent_atoms_no_target(process: str) -> None:
    noised, present = _corrupted(0.5, process=process)
    assert float(noised.coordinate_target.sum(1).abs().max()) < 1e-4
    assert float(noised.coordinate_target[~present].abs().max()) == 0
    assert float(noised.frac[~present].abs().max()) == 0
    assert bool((noised.numbers[~present] == 0).all())


def test_species_are_masked_as_often_as_the_time_says_and_never_for_a_given_formula() -> None:
    noised, present = _corrupted(0.4)
    share = float((noised.numbers[present] == 0).float().mean())
    assert abs(share - 0.4) < 0.05
    given, present = _corrupted(0.4, mask=False)
    assert bool((given.numbers[present] == 8).all())


def test_centre_takes_the_mean_of_those_present() -> None:
    vectors = torch.tensor([[[1.0, 0, 0], [3.0, 0, 0], [9.0, 9, 9]]])
    found = centre(vectors, torch.tensor([[True, True, False]]))
    torch.testing.assert_close(found, torch.tensor([[[-1.0, 0, 0], [1.0, 0, 0], [0, 0, 0]]]))


def test_following_a_true_flow_back_ends_at_the_crystal() -> None:
    config = NoiseConfig(process="flow")
    draw = torch.Generator().manual_seed(3)
    frac, present, time = (
        torch.rand(7, 4, 3, generator=draw),
        torch.ones(7, 4, dtype=torch.bool),
        torch.full((7,), 0.8),
    )
    noised = corrupt(
        numbers=torch.ones(7, 4, dtype=torch.int64), frac=frac, lattice=torch.zeros(7, 6), present=present,
        time=time, mask_species=torch.zeros(7, dtype=torch.bool), config=config, generator=draw,
    )  # fmt: skip
    back = noised.frac - 0.8 * drift(noised.coordinate_target, time, config)
    apart = wrap(back - frac)
    torch.testing.assert_close(wrap(apart - apart[:, :1]), torch.zeros(7, 4, 3), atol=1e-5, rtol=0)
