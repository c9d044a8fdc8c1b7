"""The trainings that a person asks for: one more of one's own, the rest of one that was stopped, and one more property for a trained model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from matsmith.core.errors import DataError, UsageError
from matsmith.models.diffusion.checkpoint import read_recipe
from matsmith.models.diffusion.data_format import file_hash, load_table
from matsmith.models.diffusion.network import NetworkConfig
from matsmith.models.diffusion.noise import NoiseConfig
from matsmith.models.diffusion.objective import TrainingConfig
from matsmith.models.diffusion.training import CHECKPOINT, TrainingOutcome, train
from matsmith.models.diffusion.weights import load_weights, read_network

CATEGORIES = {"crystal_system": 7, "space_group": 231}
"""Properties of a table that are one of so many kinds; all others are numbers."""


def named(data: Path) -> dict[str, Any]:
    """What a card says of a table's file."""
    return {"file": data.name, "sha256": file_hash(data)}


def sizes(conditions: Sequence[str], *, width: int, layers: int, max_atoms: int = 20) -> NetworkConfig:
    """Return a network of a width and depth with the named conditions, its other sizes in the usual proportion."""
    return NetworkConfig(
        width=width,
        layers=layers,
        hidden=width * 3 // 2,
        condition_width=max(8, width // 2),
        max_atoms=max_atoms,
        scalars=tuple(name for name in conditions if name not in CATEGORIES),
        categories=tuple((name, CATEGORIES[name]) for name in conditions if name in CATEGORIES),
    )


def go_on(
    data: Path,
    out: Path,
    *,
    minutes: float,
    device: str,
    base: Path | None = None,
    log_every: int = 100,
    report: Callable[[str], None] = print,
) -> TrainingOutcome:
    """Go on with the network, noise and recipe of the checkpoint in `out`; `base` is the weights file of an adapter's training."""
    recipe = read_recipe(out / CHECKPOINT)
    try:
        network, noise = read_network(recipe["network"]), NoiseConfig(**recipe["noise"])
        config = TrainingConfig(**recipe["config"])
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{out / CHECKPOINT} has no readable recipe.", hint="Start in another folder."
        ) from error
    if config.adapter_only and (base is None or load_weights(base).sha256 != recipe.get("base")):
        raise DataError(f"The adapter in {out} was begun on other weights.", hint="Name the same --base.")
    return train(
        load_table(data),
        out,
        network=network,
        noise=noise,
        config=config,
        minutes=minutes,
        device=device,
        resume=True,
        data={**recipe.get("data", {}), **named(data)},
        start_from=base if config.adapter_only else None,
        log_every=log_every,
        report=report,
    )


def train_adapter(
    data: Path,
    out: Path,
    *,
    base: Path,
    name: str,
    config: TrainingConfig,
    minutes: float = 9.0,
    device: str = "auto",
    log_every: int = 100,
    report: Callable[[str], None] = print,
) -> TrainingOutcome:
    """Teach a trained model one more property, whose weights alone are trained: without that condition it stays bit for bit what it was.

    Raises `UsageError` for a property that the model knows already, `DataError` when the table has too few values of it.
    """
    table, model = load_table(data), load_weights(base)
    card = model.card
    if name in card.network.scalars or name in CATEGORIES:
        raise UsageError(
            f"{base.name} is conditioned on {name} already, or it is no number.",
            hint="Name another property.",
        )
    return train(
        table,
        out,
        network=replace(
            card.network, scalars=(*card.network.scalars, name), adapters=card.network.adapters + 1
        ),
        noise=card.noise,
        config=replace(config, adapter_only=True),
        minutes=minutes,
        device=device,
        data=named(data) | {"property": name},
        start_from=base,
        log_every=log_every,
        report=report,
    )
