"""Training of the diffusion model on a table of crystals, in parts that fit a time limit and go on where they stopped.

    python -m matsmith.models.diffusion.training --data perov5.npz --out run --minutes 9 --device auto
    python -m matsmith.models.diffusion.training --data perov5.npz --out run --minutes 9 --resume

`--out` then holds `checkpoint.safetensors` (to go on), `weights.safetensors` (the moving average, half precision, to sample from: the best on
the validation split) and `loss.csv`. AdamW with a cosine schedule and a warm-up; bfloat16 on a GPU.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, cast

import torch

from matsmith.core.errors import DataError, MatsmithError, UsageError
from matsmith.models.diffusion.checkpoint import load_checkpoint, read_recipe, save_checkpoint
from matsmith.models.diffusion.data_format import CrystalTable, file_hash, load_table
from matsmith.models.diffusion.network import NetworkConfig
from matsmith.models.diffusion.noise import NoiseConfig
from matsmith.models.diffusion.objective import TrainingConfig
from matsmith.models.diffusion.trainer import Trainer, choose_device, prepare, steps_that_fit
from matsmith.models.diffusion.weights import load_weights, read_network, save_weights

CHECKPOINT, WEIGHTS, CURVE = "checkpoint.safetensors", "weights.safetensors", "loss.csv"


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


def _write_curve(path: Path, rows: list[dict[str, float]]) -> None:
    draft = path.with_name(path.name + ".part")
    with draft.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(rows[0]) if rows else ["step"])
        writer.writeheader()
        writer.writerows({key: f"{value:.6g}" for key, value in row.items()} for row in rows)
    draft.replace(path)


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

    `data` names the table in the card and must be the same when resuming; `start_from` is a weights file to begin from. Raises `DataError` or
    `UsageError`; an interruption leaves a checkpoint behind.
    """
    began = time.monotonic()
    where = choose_device(device)
    card, small, too_large = prepare(table, network, noise=noise, trained_on=data or {})
    recipe: dict[str, Any] = {"data": data or {}, "network": asdict(network), "noise": asdict(noise)}
    config = _settle(recipe, out, resume=resume, config=config)
    trainer = Trainer(small, card=card, config=config, device=where)
    if start_from is not None and not resume:
        begin = load_weights(start_from).network.state_dict()
        try:
            trainer.network.load_state_dict(begin)
        except RuntimeError as error:
            raise DataError(
                f"{start_from.name} is of another architecture.", hint="Start without it."
            ) from error
        trainer.average.load_state_dict(begin)
    if resume:
        trainer.progress = load_checkpoint(
            out / CHECKPOINT, network=trainer.network, average=trainer.average, optimizer=trainer.optimizer
        )
    elif config.steps <= 0:
        config = replace(
            config,
            steps=steps_that_fit(small, card=card, config=config, device=where, minutes=minutes)
            * max(1, config.parts),
        )
        trainer.config = config
    out.mkdir(parents=True, exist_ok=True)
    recipe["config"] = asdict(config)
    spent_before, first = trainer.progress.seconds, trainer.progress.step
    weights = sum(p.numel() for p in trainer.network.parameters())
    report(
        f"{card.trained_on['crystals']} crystals to train on, {too_large} left out as too large; {weights:,} weights; "
        f"{where}; step {first} of {config.steps}"
    )
    progress, gathered, since, sound = trainer.progress, torch.zeros(3, device=where), 0, True
    saved = time.monotonic()

    def speed() -> float:
        return (progress.step - first) * config.batch / max(1e-9, time.monotonic() - began)

    def save() -> None:
        progress.seconds = spent_before + time.monotonic() - began
        value = trainer.validate()
        if progress.rows:
            progress.rows[-1]["validation"] = value
        if not value > progress.best_loss:
            progress.best_loss = progress.best_loss if math.isnan(value) else value
            told = {"steps": progress.step, "validation_loss": None if math.isnan(value) else value}
            save_weights(trainer.average, replace(card, trained_on=card.trained_on | told), out / WEIGHTS)
        save_checkpoint(
            out / CHECKPOINT,
            network=trainer.network,
            average=trainer.average,
            optimizer=trainer.optimizer,
            progress=progress,
            recipe=json.dumps(recipe),
        )
        _write_curve(out / CURVE, progress.rows)
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
        left = (config.steps - progress.step) * config.batch / max(1e-9, speed()) / 60
        report(f"step {progress.step}: {told}; {speed():.0f} crystals/s; {left:.1f} min to go")

    try:
        while progress.step < config.steps and (
            progress.step == first or time.monotonic() - began < minutes * 60
        ):
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


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m matsmith.models.diffusion.training",
        description="Train the crystal diffusion model. Example: --data perov5.npz --out run --minutes 9",
    )
    add = parser.add_argument
    add("--data", type=Path, required=True, help="table of crystals (.npz) from data_builder")
    add("--out", type=Path, required=True, help="folder for checkpoint, weights and loss curve")
    add("--minutes", type=float, default=9.0, help="stop with a checkpoint after so long")
    add("--device", default="auto", help="auto, cpu or cuda")
    add("--resume", action="store_true", help="go on where the training in --out stopped, by its own recipe")
    add("--steps", type=int, default=0, help="steps in all; 0: as many as fit --minutes times --parts")
    add("--parts", type=int, default=1, help="how many calls of --minutes the training will be given")
    add("--batch", type=int, default=256)
    add("--rate", type=float, default=1e-3, help="highest learning rate")
    add("--seed", type=int, default=0)
    add(
        "--conditions",
        default="",
        help="properties to condition on, such as formation_energy_ev_per_atom,density_g_cm3",
    )
    add(
        "--generation-share",
        type=float,
        default=0.5,
        help="share of a batch without its formula; 0: structure prediction alone",
    )
    add(
        "--turn-axes",
        action="store_true",
        help="rename and reverse lattice vectors at random, for small sets",
    )
    add("--weight-decay", type=float, default=0.01)
    add("--process", choices=("score", "flow"), default="score")
    add("--width", type=int, default=256)
    add("--layers", type=int, default=6)
    add("--start-from", type=Path, default=None, help="weights file to begin from")
    add("--threads", type=int, default=0, help="CPU threads; 0: torch's own choice")
    add("--log-every", type=int, default=100, help="steps between lines of progress")
    return parser.parse_args(argv)


def _check(arguments: argparse.Namespace) -> None:
    """Refuse numbers that cannot be trained with."""
    for name in ("minutes", "batch", "rate", "width", "layers", "log_every", "parts"):
        if getattr(arguments, name) <= 0:
            raise UsageError(
                f"--{name.replace('_', '-')} must be above zero.", hint="See --help for an example."
            )
    if not 0 <= arguments.generation_share <= 1:
        raise UsageError("--generation-share must lie between 0 and 1.", hint="0.5 trains for both uses.")
    if arguments.steps < 0:
        raise UsageError("--steps must not be negative.", hint="0 takes as many as fit the minutes.")


def _tell(outcome: TrainingOutcome) -> int:
    print(
        f"{'finished' if outcome.finished else 'not finished'}: step {outcome.step} of {outcome.steps}, "
        f"{outcome.crystals_per_second:.0f} crystals/s, weights in {outcome.folder / WEIGHTS}"
    )
    return 0


def _resume(given: argparse.Namespace) -> TrainingOutcome:
    """Go on with the network, noise and recipe of the checkpoint in --out; only data, time, device and lines come from the command."""
    recipe = read_recipe(given.out / CHECKPOINT)
    try:
        network, noise = read_network(recipe["network"]), NoiseConfig(**recipe["noise"])
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{given.out / CHECKPOINT} has no readable recipe.", hint="Start in another folder."
        ) from error
    return train(
        load_table(given.data),
        given.out,
        network=network,
        noise=noise,
        minutes=given.minutes,
        device=given.device,
        resume=True,
        data={"file": given.data.name, "sha256": file_hash(given.data)},
        log_every=given.log_every,
        report=_print,
    )


def _print(line: str) -> None:
    print(line, flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    given = _arguments(argv)
    try:
        _check(given)
        if given.threads > 0:
            torch.set_num_threads(given.threads)
        if given.resume:
            return _tell(_resume(given))
        names = tuple(name.strip() for name in given.conditions.split(",") if name.strip())
        outcome = train(
            load_table(given.data),
            given.out,
            network=NetworkConfig(
                width=given.width,
                layers=given.layers,
                hidden=given.width * 3 // 2,
                condition_width=max(8, given.width // 2),
                scalars=names,
            ),
            noise=NoiseConfig(process=given.process),
            config=TrainingConfig(
                steps=given.steps,
                parts=given.parts,
                batch=given.batch,
                rate=given.rate,
                seed=given.seed,
                generation_share=given.generation_share,
                turn_axes=given.turn_axes,
                weight_decay=given.weight_decay,
            ),
            minutes=given.minutes,
            device=given.device,
            resume=given.resume,
            data={"file": given.data.name, "sha256": file_hash(given.data)},
            start_from=given.start_from,
            log_every=given.log_every,
            report=_print,
        )
    except MatsmithError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("Stopped; go on with --resume.", file=sys.stderr)
        return 5
    return _tell(outcome)


if __name__ == "__main__":
    raise SystemExit(main())
