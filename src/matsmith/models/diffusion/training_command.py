"""The command line of training on a machine with torch, numpy and safetensors alone; `matsmith train diffusion` is the same elsewhere.

python -m matsmith.models.diffusion.training_command --data perov5.npz --out run --minutes 9 --device auto
python -m matsmith.models.diffusion.training_command --data perov5.npz --out run --minutes 9 --resume

torchrun --nproc-per-node 4 -m matsmith.models.diffusion.training_command --data mp20.npz --out run --minutes 600
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch

from matsmith.core.errors import MatsmithError, UsageError
from matsmith.models.diffusion.data_format import load_table
from matsmith.models.diffusion.distributed import leave_team
from matsmith.models.diffusion.noise import NoiseConfig
from matsmith.models.diffusion.objective import TrainingConfig
from matsmith.models.diffusion.training import WEIGHTS, TrainingOutcome, train
from matsmith.models.diffusion.trainings import go_on, named, sizes


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m matsmith.models.diffusion.training_command",
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
    add("--decay", type=float, default=0.999, help="of the moving average, per step")
    add("--condition-share", type=float, default=0.5, help="how often each condition is shown")
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


def _print(line: str) -> None:
    print(line, flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    given = _arguments(argv)
    try:
        _check(given)
        if given.threads > 0:
            torch.set_num_threads(given.threads)
        call: dict[str, Any] = {
            "minutes": given.minutes,
            "device": given.device,
            "log_every": given.log_every,
        }
        if given.resume:
            return _tell(go_on(given.data, given.out, report=_print, **call))
        names = tuple(name.strip() for name in given.conditions.split(",") if name.strip())
        outcome = train(
            load_table(given.data),
            given.out,
            network=sizes(names, width=given.width, layers=given.layers),
            noise=NoiseConfig(process=given.process),
            config=TrainingConfig(
                **{f.name: getattr(given, f.name) for f in fields(TrainingConfig) if hasattr(given, f.name)}
            ),
            data=named(given.data),
            start_from=given.start_from,
            report=_print,
            **call,
        )
    except MatsmithError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("Stopped; go on with --resume.", file=sys.stderr)
        return 5
    finally:
        leave_team()
    return _tell(outcome)


if __name__ == "__main__":
    raise SystemExit(main())
