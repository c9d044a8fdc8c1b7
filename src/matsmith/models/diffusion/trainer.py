"""The state of a training and one step of it: network, moving average, optimiser, schedule; and the scales fitted before it starts."""

from __future__ import annotations

import copy
import math
import time
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from matsmith.core.errors import DataError, UsageError
from matsmith.models.diffusion import lattice_code
from matsmith.models.diffusion.batches import Buckets, ScalarScale, column_of
from matsmith.models.diffusion.checkpoint import Progress
from matsmith.models.diffusion.data_format import CrystalTable
from matsmith.models.diffusion.distributed import Team
from matsmith.models.diffusion.lattice_code import LatticeScale
from matsmith.models.diffusion.network import CrystalNetwork, NetworkConfig
from matsmith.models.diffusion.noise import NoiseConfig
from matsmith.models.diffusion.objective import TrainingConfig, losses
from matsmith.models.diffusion.weights import ModelCard

_VALIDATION_SEED = 7_919
_TIMED_STEPS = 20


def choose_device(name: str) -> torch.device:
    """Return the device for `auto`, `cpu` or `cuda`. Raises `UsageError` when it is not there."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UsageError(f"There is no device {name!r}.", hint="Use auto, cpu or cuda.") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise UsageError("No GPU is visible to torch.", hint="Use --device cpu.")
    return device


def prepare(
    table: CrystalTable,
    network: NetworkConfig,
    *,
    noise: NoiseConfig,
    trained_on: dict[str, Any],
    base: ModelCard | None = None,
) -> tuple[ModelCard, CrystalTable, int]:
    """Fit the scales to the training split; return the card, the crystals small enough, and how many were too large.

    With the card of a `base` that the last scalar is to be added to, everything but the scale of that scalar stays as the base has it, and
    crystals whose value is unknown are left out too.
    """
    fitting = table.counts <= network.max_atoms
    too_large = int((~fitting).sum())
    if base is not None:
        fitting &= np.isfinite(column_of(table, network.scalars[-1]))
    small = table.select(np.flatnonzero(fitting))
    train = small.select(small.in_split("train")) if len(small) else small
    if not len(train):
        raise DataError(
            f"No crystal of the training split has at most {network.max_atoms} atoms"
            + (f" and a value of {network.scalars[-1]}." if base else "."),
            hint="Build the table from other data.",
        )
    if base is not None:
        added = ScalarScale.fit(train, network.scalars[-1:])
        scales = ScalarScale(base.scalars.mean + added.mean, base.scalars.spread + added.spread)
        told = base.trained_on | {"adapters": [*base.trained_on.get("adapters", []), trained_on]}
        told["crystals"] = len(train)
        return replace(base, network=network, scalars=scales, trained_on=told), small, too_large
    codes = lattice_code.encode(
        torch.from_numpy(train.lattice.astype(np.float64)), torch.from_numpy(train.counts)
    )
    sizes, size_counts = np.unique(train.counts, return_counts=True)
    kinds, kind_counts = np.unique(train.numbers, return_counts=True)
    card = ModelCard(
        network=network,
        noise=noise,
        lattice=LatticeScale.fit(codes),
        scalars=ScalarScale.fit(train, network.scalars),
        sizes={int(a): int(b) for a, b in zip(sizes, size_counts, strict=True)},
        elements={int(a): int(b) for a, b in zip(kinds, kind_counts, strict=True)},
        trained_on=trained_on | {"crystals": len(train)},
    )
    return card, small, too_large


class Trainer:
    """One training: its network, moving average, optimiser and place in the schedule."""

    def __init__(
        self,
        table: CrystalTable,
        *,
        card: ModelCard,
        config: TrainingConfig,
        device: torch.device,
        team: Team = Team(),  # noqa: B008
    ) -> None:
        self.card, self.config, self.device, self.team = card, config, device, team
        torch.manual_seed(config.seed)
        self.network = CrystalNetwork(card.network, card.lattice).to(device)
        if config.adapter_only:
            self.network.requires_grad_(False)
            self.network.adapters[-1].requires_grad_(True)
        self.average = copy.deepcopy(self.network).requires_grad_(False)
        self.optimizer = torch.optim.AdamW(
            [parameter for parameter in self.network.parameters() if parameter.requires_grad],
            lr=config.rate,
            weight_decay=config.weight_decay,
            fused=True,
        )
        self._shared = team.share(self.network)
        self.progress = Progress()
        self._bf16 = device.type == "cuda"
        self._generator = torch.Generator(device=device)
        common: dict[str, Any] = {
            "network": card.network,
            "scale": card.lattice,
            "scalars": card.scalars,
            "device": device,
        }
        self.train = Buckets(table.select(table.in_split("train")), **common)
        held_out = table.select(table.in_split("validation"))
        self.validation = Buckets(held_out, **common) if len(held_out) else None

    def rate_at(self, step: int) -> float:
        """Learning rate: a linear rise, then half a cosine down to a hundredth."""
        rise = max(1, round(self.config.warmup * self.config.steps))
        if step < rise:
            return self.config.rate * (step + 1) / rise
        share = min(1.0, (step - rise) / max(1, self.config.steps - rise))
        return self.config.rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * share)))

    def step(self) -> Tensor:
        """Do one step; return its three losses (3,) without waiting for the device."""
        config, number = self.config, self.progress.step
        batch = self.train.draw(config.batch, seed=config.seed, step=number, rank=self.team.rank)
        self._generator.manual_seed((config.seed + 1) * 1_000_003 + number + 7_368_787 * self.team.rank)
        found = losses(
            self._shared,
            batch,
            noise=self.card.noise,
            config=config,
            generator=self._generator,
            bf16=self._bf16,
        )
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate_at(number)
        self.optimizer.zero_grad(set_to_none=True)
        found.total().backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), config.clip)
        self.optimizer.step()
        weight = 1 - min(config.decay, (1 + number) / (10 + number))
        averages: list[Tensor] = list(self.average.parameters())
        currents = [parameter.detach() for parameter in self.network.parameters()]
        torch._foreach_lerp_(averages, currents, weight)  # pyright: ignore[reportPrivateUsage, reportPrivateImportUsage]
        self.progress.step += 1
        return torch.stack([found.coordinates, found.lattice, found.species]).detach()

    @torch.no_grad()
    def validate(self, batches: int = 8) -> float:
        """Loss of the moving average on the validation split, with the same noise every time; NaN without such a split."""
        if self.validation is None:
            return float("nan")
        total = 0.0
        for index in range(batches):
            batch = self.validation.draw(self.config.batch, seed=_VALIDATION_SEED, step=index)
            self._generator.manual_seed(_VALIDATION_SEED + index)
            found = losses(
                self.average,
                batch,
                noise=self.card.noise,
                config=self.config,
                generator=self._generator,
                bf16=self._bf16,
            )
            total += float(found.total())
        return total / batches


def steps_that_fit(
    table: CrystalTable, *, card: ModelCard, config: TrainingConfig, device: torch.device, minutes: float
) -> int:
    """Time a few steps of a training that is thrown away and return how many fit nine tenths of the minutes."""
    trial = Trainer(table, card=card, config=replace(config, steps=1000), device=device)

    def run(steps: int) -> float:
        begun = time.perf_counter()
        for _ in range(steps):
            trial.step()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return time.perf_counter() - begun

    run(3)
    return max(_TIMED_STEPS, int(0.9 * minutes * 60 * _TIMED_STEPS / run(_TIMED_STEPS)))
