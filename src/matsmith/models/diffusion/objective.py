"""What training minimises: how far the network is off in coordinates, lattice and species of crystals with noise on them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from matsmith.models.diffusion.batches import CrystalBatch, turn_axes
from matsmith.models.diffusion.element_code import MASKED
from matsmith.models.diffusion.network import Prediction, State
from matsmith.models.diffusion.noise import FIRST_TIME, NoiseConfig, corrupt


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """The recipe. `steps` 0 takes as many as fit the minutes of the first call times `parts`.

    `generation_share` of a batch has its species masked (free generation), the rest is given its formula (structure prediction);
    `drop_all` of the crystals see no condition, the others each condition with the chance `condition_share`. `adapter_only` trains the network's
    last adapter alone and always shows its condition. `turn_axes` shows every crystal with its lattice vectors
    renamed and reversed at random, against learning a small set by heart.
    """

    steps: int = 0
    parts: int = 1
    batch: int = 256
    rate: float = 1e-3
    warmup: float = 0.02
    weight_decay: float = 0.01
    decay: float = 0.999
    clip: float = 1.0
    generation_share: float = 0.5
    drop_all: float = 0.3
    condition_share: float = 0.5
    adapter_only: bool = False
    turn_axes: bool = False
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Losses:
    """Means over a batch, each about 1 for a network that knows nothing; species in nats per masked atom."""

    coordinates: Tensor
    lattice: Tensor
    species: Tensor

    def total(self) -> Tensor:
        """Sum of the three."""
        return self.coordinates + self.lattice + self.species


def losses(
    network: nn.Module,
    batch: CrystalBatch,
    *,
    noise: NoiseConfig,
    config: TrainingConfig,
    generator: torch.Generator,
    bf16: bool = False,
) -> Losses:
    """Put noise on a batch, drop conditions at random and return how far the network is off; all chance from `generator`."""
    b, device = len(batch), batch.frac.device
    if config.turn_axes:
        batch = turn_axes(batch, generator)

    def draw(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator, device=device)

    moment = ((torch.arange(b, device=device) + draw(b)) / b).clamp(min=FIRST_TIME)
    mask_species = draw(b) < config.generation_share
    noised = corrupt(
        numbers=batch.numbers,
        frac=batch.frac,
        lattice=batch.lattice,
        present=batch.present,
        time=moment,
        mask_species=mask_species,
        config=noise,
        generator=generator,
    )
    keep = (draw(b) >= config.drop_all)[:, None]
    shown = keep & (draw(*batch.scalars.shape) < config.condition_share)
    if config.adapter_only:
        shown[:, -1] = True
    scalars = batch.scalars.masked_fill(~shown, torch.nan)
    shown = keep & (draw(*batch.categories.shape) < config.condition_share)
    categories = batch.categories.masked_fill(~shown, torch.nan)
    state = State(noised.numbers, noised.frac, noised.lattice, batch.present, moment, scalars, categories)
    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=bf16):
        guess: Prediction = network(state)
    present = batch.present.unsqueeze(-1)
    miss = (guess.coordinates - noised.coordinate_target).square() * present
    hidden = (noised.numbers == MASKED) & batch.present
    surprise = functional.cross_entropy(guess.logits.flatten(0, 1), batch.numbers.flatten(), reduction="none")
    weight = (hidden / (batch.present.sum(-1) * moment.clamp(min=0.02))[:, None]).flatten()
    return Losses(
        coordinates=(miss.sum((1, 2)) / (3 * batch.present.sum(-1))).mean(),
        lattice=(guess.lattice - noised.lattice_target).square().mean(),
        species=(surprise * weight).sum() / b,
    )
