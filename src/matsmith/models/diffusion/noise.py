"""How a crystal is turned into noise and what the network is asked to predict; time runs from 0 (crystal) to 1 (noise).

Score process (the default).
Coordinates: variance exploding on the torus, f_t = f_0 + σ_t·ε mod 1 with σ_t = σ_min·(σ_max/σ_min)^t (Song et al. 2021; wrapped as in Jiao
et al. 2023, DiffCSP). The target is the score of the wrapped normal over its root mean square, less its mean over the atoms: the
score of a density that does not depend on where the origin lies sums to zero, so that mean is noise and leaves the minimum alone.
Lattice: variance preserving, k_t = α·k_0 + s·ε with α = cos(πt/2), s = sin(πt/2). The network's output F gives the clean lattice as α·k_t + s·F;
the loss is that of the clean lattice over s², which keeps all times alike.
Flow process (the ablation): straight lines, f_t = f_0 + t·w, w the shortest way to a uniform point, and k_t = (1 - t)·k_0 + t·ε; the
targets are the velocities, for coordinates in units of a uniform displacement's root mean square and less the mean.
Species, in both: every atom is masked with probability t (absorbing-state diffusion, Austin et al. 2021).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import torch
from torch import Tensor

from matsmith.models.diffusion.element_code import MASKED

_IMAGES = 4
_FLOW_UNIT = 1 / math.sqrt(12)
FIRST_TIME = 1e-3
"""The smallest time that training sees and sampling asks for."""


@dataclass(frozen=True, slots=True)
class NoiseConfig:
    """Which process, and the range of the coordinates' noise in fractions of a cell."""

    process: Literal["score", "flow"] = "score"
    sigma_min: float = 0.005
    sigma_max: float = 0.5


def wrap(displacement: Tensor) -> Tensor:
    """Return fractional displacements of any shape brought into [-1/2, 1/2]."""
    return displacement - displacement.round()


def wrapped_score(displacement: Tensor, sigma: Tensor) -> Tensor:
    """Derivative of the logarithm of the wrapped normal density at `displacement`; sigma broadcasts against it."""
    images = torch.arange(-_IMAGES, _IMAGES + 1, dtype=displacement.dtype, device=displacement.device)
    shifted = wrap(displacement).unsqueeze(-1) + images
    weight = torch.softmax(-shifted.square() / (2 * sigma.unsqueeze(-1).square()), dim=-1)
    return -(weight * shifted).sum(-1) / sigma.square()


@lru_cache(maxsize=8)
def _score_table(sigma_min: float, sigma_max: float, device: torch.device) -> Tensor:
    """Logarithm of the score's root mean square at 256 noise levels evenly spaced in log σ, by quadrature."""
    sigmas = torch.logspace(math.log10(sigma_min), math.log10(sigma_max), 256, dtype=torch.float64)[:, None]
    reach = torch.clamp(8 * sigmas, max=0.5)
    points = torch.linspace(-1, 1, 4001, dtype=torch.float64)[None, :] * reach
    images = torch.arange(-_IMAGES, _IMAGES + 1, dtype=torch.float64)
    density = torch.exp(-(points.unsqueeze(-1) + images).square() / (2 * sigmas.unsqueeze(-1).square())).sum(
        -1
    )
    square = wrapped_score(points, sigmas).square()
    return (0.5 * ((density * square).sum(-1) / density.sum(-1)).log()).float().to(device)


def sigma_at(time: Tensor, config: NoiseConfig) -> Tensor:
    """Noise level of the coordinates (fractions of a cell) at times of any shape."""
    return config.sigma_min * (config.sigma_max / config.sigma_min) ** time


def score_size(time: Tensor, config: NoiseConfig) -> Tensor:
    """Root mean square of the wrapped normal's score at times of any shape, per fraction of a cell."""
    table = _score_table(config.sigma_min, config.sigma_max, time.device)
    place = time.clamp(0, 1) * (len(table) - 1)
    low = place.floor().long().clamp(max=len(table) - 2)
    share = place - low
    return (table[low] * (1 - share) + table[low + 1] * share).exp()


def centre(vectors: Tensor, present: Tensor) -> Tensor:
    """Take the mean over the atoms that are present (b, n) off vectors (b, n, 3); rows of absent atoms become zero."""
    weight = present.unsqueeze(-1).to(vectors)
    mean = (vectors * weight).sum(1, keepdim=True) / weight.sum(1, keepdim=True)
    return (vectors - mean) * weight


def lattice_levels(time: Tensor) -> tuple[Tensor, Tensor]:
    """Return α and s of the variance-preserving process at times of any shape."""
    return torch.cos(time * (math.pi / 2)), torch.sin(time * (math.pi / 2))


@dataclass(frozen=True, slots=True, eq=False)
class Noised:
    """A batch with its noise on: numbers (b, n), frac (b, n, 3), lattice (b, 6) normalised, and the targets of the two losses."""

    numbers: Tensor
    frac: Tensor
    lattice: Tensor
    coordinate_target: Tensor
    lattice_target: Tensor


def corrupt(
    *,
    numbers: Tensor,
    frac: Tensor,
    lattice: Tensor,
    present: Tensor,
    time: Tensor,
    mask_species: Tensor,
    config: NoiseConfig,
    generator: torch.Generator,
) -> Noised:
    """Put noise of the given times (b,) on clean crystals; species are masked only where `mask_species` (b,) says so.

    numbers (b, n) int64, frac (b, n, 3), lattice (b, 6) normalised, present (b, n) bool.
    """
    b, n = numbers.shape
    device = frac.device
    t = time[:, None, None]
    chance = torch.rand(b, n, generator=generator, device=device)
    hidden = (chance < time[:, None]) & mask_species[:, None] & present
    noise = torch.randn(b, 6, generator=generator, device=device)
    if config.process == "score":
        sigma = sigma_at(t, config)
        moved = sigma * torch.randn(b, n, 3, generator=generator, device=device)
        target = wrapped_score(moved, sigma.expand_as(moved)) / score_size(t, config)
        alpha, s = lattice_levels(time[:, None])
        new_lattice, lattice_target = alpha * lattice + s * noise, s * lattice - alpha * noise
    else:
        way = wrap(torch.rand(b, n, 3, generator=generator, device=device) - frac)
        moved, target = t * way, way / _FLOW_UNIT
        new_lattice = (1 - time[:, None]) * lattice + time[:, None] * noise
        lattice_target = noise - lattice
    return Noised(
        numbers=torch.where(hidden, MASKED, numbers),
        frac=torch.remainder(frac + moved, 1.0) * present.unsqueeze(-1),
        lattice=new_lattice,
        coordinate_target=centre(target, present),
        lattice_target=lattice_target,
    )


def drift(output: Tensor, time: Tensor, config: NoiseConfig) -> Tensor:
    """Turn the network's coordinate output (b, n, 3) into a score or, for the flow, a velocity, in fractions of a cell."""
    return output * (score_size(time, config)[:, None, None] if config.process == "score" else _FLOW_UNIT)
