"""The state of a training on disk: weights, their moving average, the optimiser and where the schedule stands, in one file.

One safetensors file with a JSON header, replaced in one step, so that a training killed at any moment finds a whole state. Random
numbers are drawn by seed and step (see `batches`), so those two are the whole state of chance.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from matsmith.core.errors import DataError
from matsmith.models.diffusion.tensor_files import read_tensors, write_tensors

FORMAT, VERSION = "matsmith-diffusion-training", "1"
_MOMENTS = ("exp_avg", "exp_avg_sq")
_HINT = "Start anew in another folder, or leave --resume out to begin again in this one."


@dataclass(slots=True)
class Progress:
    """Where a training stands: steps done, seconds spent, the best validation loss and the loss curve so far."""

    step: int = 0
    seconds: float = 0.0
    best_loss: float = float("inf")
    rows: list[dict[str, float]] = field(default_factory=list[dict[str, float]])


def _moments(network: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return both running moments of every parameter that is trained, by name; zeros before the first step."""
    found: dict[str, Tensor] = {}
    for name, parameter in network.named_parameters():
        if not parameter.requires_grad:
            continue
        state: Mapping[str, Any] = optimizer.state.get(parameter, {})
        for moment in _MOMENTS:
            found[f"{moment}/{name}"] = state.get(moment, torch.zeros_like(parameter))
    return found


def save_checkpoint(
    path: Path,
    *,
    network: nn.Module,
    average: nn.Module,
    optimizer: torch.optim.Optimizer,
    progress: Progress,
    recipe: str,
) -> None:
    """Write the state; `recipe` is JSON text that a resumed training must have in common with this one."""
    tensors = {f"weights/{name}": value for name, value in network.state_dict().items()}
    tensors |= {f"average/{name}": value for name, value in average.state_dict().items()}
    tensors |= _moments(network, optimizer)
    header = {
        "format": FORMAT,
        "version": VERSION,
        "recipe": recipe,
        "progress": json.dumps(
            {
                "step": progress.step,
                "seconds": progress.seconds,
                "best_loss": progress.best_loss,
                "rows": progress.rows,
            }
        ),
    }
    write_tensors(path, tensors, header)


def _open(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    if not path.is_file():
        raise DataError(f"There is no checkpoint {path}.", hint="Train without --resume first.")
    tensors, header = read_tensors(path, hint=_HINT)
    if header.get("format") != FORMAT or header.get("version") != VERSION:
        raise DataError(f"{path.name} is not a checkpoint of this version of matsmith.", hint=_HINT)
    return header, tensors


def read_recipe(path: Path) -> dict[str, Any]:
    """Return the recipe of a checkpoint. Raises `DataError` when the file is missing, damaged or foreign."""
    header, _ = _open(path)
    try:
        return dict(json.loads(header["recipe"]))
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path.name} has no readable recipe.", hint=_HINT) from error


def load_checkpoint(
    path: Path, *, network: nn.Module, average: nn.Module, optimizer: torch.optim.Optimizer
) -> Progress:
    """Fill network, average and optimiser from a file and return where training stood.

    Raises `DataError` when the file is missing, damaged or of another architecture.
    """
    header, tensors = _open(path)
    try:
        progress = Progress(**json.loads(header["progress"]))
        for prefix, module in (("weights/", network), ("average/", average)):
            part = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
            module.load_state_dict(part)
        state = optimizer.state_dict()
        names = [name for name, parameter in network.named_parameters() if parameter.requires_grad]
        state["state"] = {
            index: {
                "step": torch.tensor(float(progress.step)),
                **{moment: tensors[f"{moment}/{name}"] for moment in _MOMENTS},
            }
            for index, name in enumerate(names)
        }
        optimizer.load_state_dict(state)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise DataError(f"{path.name} is of another architecture.", hint=_HINT) from error
    return progress
