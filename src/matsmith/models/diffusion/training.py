"""Training of the diffusion model on a table of crystals, in parts that fit a time limit and go on where they stopped.

The folder of a training holds `checkpoint.safetensors` (to go on), `weights.safetensors` (the moving average, half precision, to sample from: the best on
the validation split), `last.safetensors` (the same of the last step), `loss.csv` and `loss.svg`. AdamW with a cosine schedule and a warm-up; bfloat16 on a GPU.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, cast

import torch

from matsmith.core.errors import DataError, UsageError
from matsmith.models.diffusion.beginnings import begin_from
from matsmith.models.diffusion.checkpoint import load_checkpoint, read_recipe, save_checkpoint
from matsmith.models.diffusion.data_format import CrystalTable
from matsmith.models.diffusion.distributed import join_team
from matsmith.models.diffusion.loss_curve import write_curve
from matsmith.models.diffusion.network import NetworkConfig
from matsmith.models.diffusion.noise import NoiseConfig
from matsmith.models.diffusion.objective import TrainingConfig
from matsmith.models.diffusion.trainer import Trainer, choose_device, prepare, steps_that_fit
from matsmith.models.diffusion.weights import load_weights, save_weights

CHECKPOINT, WEIGHTS, CURVE = "checkpoint.safetensors", "weights.safetensors", "loss.csv"
LAST = "last.safetensors"
"""The moving average as it stands, which may sample better than the best on the validation split: on small sets the loss of the lattice rises first."""


@dataclass(frozen=True, slots=True)
class TrainingOutcome:
    """Where training stands: whether all steps are done, the last losses and the speed of this call."""

    finished: bool
    step: int
    steps: int
    train_loss: float
    validation_loss: float
    crystals_per_second: float
    folder: Path


def _settle(recipe: dict[str, Any], out: Path, *, resume: bool, config: TrainingConfig) -> TrainingConfig:
    """Return the configuration to train by; a resumed training keeps its own and must be of the same data and network."""
    path = out / CHECKPOINT
    if not resume:
        if path.exists():
            raise UsageError(
                f"{out} holds a training already.", hint="Go on with --resume, or name another folder."
            )
        return config
    stored = read_recipe(path)
    for part in ("data", "network", "noise"):
        if stored.get(part) != json.loads(json.dumps(recipe[part])):
            raise DataError(
                f"The training in {out} has another {part}.",
                hint="Resume with the same --data and options, or start in another folder.",
            )
    known = {f.name for f in fields(TrainingConfig)}
    if set(stored["config"]) != known:
        raise DataError(f"{path} was written by another version.", hint="Start in another folder.")
    return TrainingConfig(**stored["config"])


def _keep_still(_: str) -> None:
    """Say nothing: what a process that does not lead reports."""


def train(
    table: CrystalTable,
    out: Path,
    *,
    network: NetworkConfig,
    noise: NoiseConfig = NoiseConfig(),  # noqa: B008
    config: TrainingConfig = TrainingConfig(),  # noqa: B008
    minutes: float = 9.0,
    device: str = "auto",
    resume: bool = False,
    data: dict[str, Any] | None = None,
    start_from: Path | None = None,
    log_every: int = 100,
    checkpoint_seconds: float = 120.0,
    report: Callable[[str], None] = print,
) -> TrainingOutcome:
    """Train until all steps are done or the minutes are up, and leave checkpoint, weights and loss curve in `out`.

    `data` names the table in the card and must be the same when resuming; `start_from` is a weights file to begin from, and with
    `config.adapter_only` the base, which keeps its own scales. Under `torchrun` every process calls this, and the first writes. Raises
    `DataError` or `UsageError`; an interruption leaves a checkpoint behind.
    """
    began = time.monotonic()
    team, where = join_team(choose_device(device))
    report = report if team.leads else _keep_still
    base = load_weights(start_from) if start_from is not None else None
    card, small, too_large = prepare(
        table,
        network,
        noise=noise,
        trained_on=data or {},
        base=base.card if base and config.adapter_only else None,
    )
    recipe: dict[str, Any] = {"data": data or {}, "network": asdict(network), "noise": asdict(noise)}
    config = _settle(recipe, out, resume=resume, config=config)
    trainer = Trainer(small, card=card, config=config, device=where, team=team)
    if base is not None and not resume:
        for part in (trainer.network, trainer.average):
            begin_from(base, part, adapter=config.adapter_only)
    if resume:
        trainer.progress = load_checkpoint(
            out / CHECKPOINT, network=trainer.network, average=trainer.average, optimizer=trainer.optimizer
        )
    elif config.steps <= 0:
        config = replace(
            config,
            steps=config.parts
            * team.agree(
                steps_that_fit(small, card=card, config=config, device=where, minutes=minutes), device=where
            ),
        )
        trainer.config = config
    out.mkdir(parents=True, exist_ok=True)
    recipe["config"] = asdict(config)
    recipe["base"] = base.sha256 if base else ""
    spent_before, first = trainer.progress.seconds, trainer.progress.step
    weights = sum(p.numel() for p in trainer.network.parameters())
    report(
        f"{card.trained_on['crystals']} crystals to train on, {too_large} left out as too large; {weights:,} weights; "
        f"{where}; step {first} of {config.steps}"
    )
    progress, gathered, since, sound = trainer.progress, torch.zeros(3, device=where), 0, True
    saved = time.monotonic()

    def speed() -> float:
        return (progress.step - first) * config.batch * team.size / max(1e-9, time.monotonic() - began)

    def save() -> None:
        if not team.leads:
            return
        progress.seconds = spent_before + time.monotonic() - began
        value = trainer.validate()
        if progress.rows:
            progress.rows[-1]["validation"] = value
        told = {"steps": progress.step, "validation_loss": None if math.isnan(value) else value}
        now = replace(card, trained_on=card.trained_on | told)
        save_weights(trainer.average, now, out / LAST)
        if not value > progress.best_loss:
            progress.best_loss = progress.best_loss if math.isnan(value) else value
            save_weights(trainer.average, now, out / WEIGHTS)
        save_checkpoint(
            out / CHECKPOINT,
            network=trainer.network,
            average=trainer.average,
            optimizer=trainer.optimizer,
            progress=progress,
            recipe=json.dumps(recipe),
        )
        write_curve(out / CURVE, progress.rows)
        report(f"step {progress.step}: saved, validation loss {value:.4f}, best {progress.best_loss:.4f}")

    def note() -> None:
        nonlocal gathered, since, sound
        parts = cast("list[float]", (gathered / max(1, since)).tolist())
        sound = all(map(math.isfinite, parts))
        if not sound:
            raise DataError(
                f"The loss is no longer a number at step {progress.step}.",
                hint="Go back to the last checkpoint with a lower --rate.",
            )
        names = ("coordinates", "lattice", "species")
        row = {"step": float(progress.step), "seconds": spent_before + time.monotonic() - began}
        row |= {"train": sum(parts), **dict(zip(names, parts, strict=True)), "validation": math.nan}
        progress.rows.append(row)
        gathered, since = torch.zeros(3, device=where), 0
        told = ", ".join(f"{name} {part:.4f}" for name, part in zip(names, parts, strict=True))
        left = (config.steps - progress.step) * config.batch * team.size / max(1e-9, speed()) / 60
        report(f"step {progress.step}: {told}; {speed():.0f} crystals/s; {left:.1f} min to go")

    try:
        while progress.step < config.steps:
            asked = progress.step > first and (team.size == 1 or progress.step % log_every == 0)
            if asked and team.any(time.monotonic() - began > minutes * 60, device=where):
                break
            gathered += trainer.step()
            since += 1
            if progress.step % log_every == 0:
                note()
                if time.monotonic() - saved > checkpoint_seconds:
                    save()
                    saved = time.monotonic()
    finally:
        if sound:
            if since:
                note()
            save()
    last = progress.rows[-1] if progress.rows else {}
    return TrainingOutcome(
        finished=progress.step >= config.steps,
        step=progress.step,
        steps=config.steps,
        train_loss=last.get("train", math.nan),
        validation_loss=last.get("validation", math.nan),
        crystals_per_second=speed(),
        folder=out,
    )
