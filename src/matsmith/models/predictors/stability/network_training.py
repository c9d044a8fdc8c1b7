"""Training of the interaction network, several tables at once: each formula counts in the tasks that know it. Torch and numpy only.

What is trained is exponentially averaged; a checkpoint is written every minute, and the same call goes on from it. It runs on a GPU as it is.
"""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from matsmith.core.errors import DataError
from matsmith.models.predictors.compositions import Compositions, FloatArray, IntArray
from matsmith.models.predictors.sealed import check_seal, group, read_sealed, write_sealed
from matsmith.models.predictors.stability.interaction_network import InteractionNetwork, amounts, shapes

if TYPE_CHECKING:
    import torch

_KEEP_EVERY_S = 60.0
_FORMAT = "matsmith-network-training"
_MOMENTS = ("exp_avg", "exp_avg_sq")
"""What AdamW keeps of each array."""


@dataclass(frozen=True, kw_only=True)
class NetworkSettings:
    """How wide, how deep and how long."""

    width: int = 64
    layers: int = 2
    epochs: int = 24
    batch: int = 512
    learning_rate: float = 3e-3
    weight_decay: float = 0.02
    dropout: float = 0.1
    average: float = 0.998
    bend: float = 0.3
    """Where the loss of a value turns from square to absolute, in standard deviations."""
    seed: int = 20


@dataclass(frozen=True)
class Tasks:
    """`targets` (n, tasks), not a number where a formula is not in a task's table; `classes` says which tasks are yes or no.

    `floored` tasks have a least value of 0, below which a prediction of it is no error. `by_row` lets every known value count alike;
    else every task does, however few know it.
    """

    names: tuple[str, ...]
    classes: tuple[bool, ...]
    weights: tuple[float, ...]
    targets: FloatArray
    floored: tuple[bool, ...] = ()
    by_row: bool = False


@dataclass(frozen=True)
class Extra:
    """What a network may be given beside the formulas.

    Standardised descriptors `columns` (n, descriptors), the `order` in which rows are taken over all epochs, and what the `embedding`
    (elements, width) starts from.
    """

    columns: NDArray[np.float32]
    order: IntArray
    embedding: NDArray[np.float32]


def train_network(
    compositions: Compositions,
    tasks: Tasks,
    *,
    settings: NetworkSettings,
    work: Path,
    device: str = "cpu",
    minutes: float | None = None,
    say: Callable[[str], None] | None = None,
    extra: Extra | None = None,
) -> tuple[InteractionNetwork, float]:
    """Fit to all rows given; what is to be left out must not be among them. Goes on from the checkpoint in `work` of the same data.

    Returns the network as averaged, and the share of the steps that are done: below 1 where the `minutes` ended before.
    """
    import torch

    say = say or _say
    random = np.random.default_rng(settings.seed)
    torch.manual_seed(settings.seed)
    scale = _scales(tasks)
    targets = (tasks.targets - scale[0]) / scale[1]
    model = _Network(settings, tasks=len(tasks.names), extra=extra).to(device)
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    average = {name: value.detach().clone() for name, value in model.named_arrays().items()}
    held = _placed(compositions, targets, device=device)
    if extra is not None:
        held["columns"] = torch.as_tensor(extra.columns, device=device)
        order = extra.order
    else:
        order = np.concatenate([random.permutation(len(compositions)) for _ in range(settings.epochs)])
    steps = max(1, -(-len(order) // settings.batch))
    path = work / f"network-{_digest(compositions, targets, settings, tasks=tasks, extra=extra)}.safetensors"
    step = _resumed(path, model, optimiser, average, device=device)
    floor = (0.0 - scale[0]) / scale[1]
    started = kept = time.monotonic()
    losses: list[float] = []
    first = step
    while step < steps and (minutes is None or time.monotonic() - started < 60.0 * minutes):
        chosen = order[step * settings.batch : (step + 1) * settings.batch]
        rows = torch.as_tensor(chosen, device=device)
        for settings_of in optimiser.param_groups:
            settings_of["lr"] = settings.learning_rate * _schedule(step / steps)
        loss = model.loss(held, rows, tasks=tasks, floor=floor)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        step += 1
        mix = min(settings.average, step / (step + 10))
        with torch.no_grad():
            for name, value in model.named_arrays().items():
                average[name].mul_(mix).add_(value, alpha=1 - mix)
        losses.append(float(loss.detach()))
        if time.monotonic() - kept > _KEEP_EVERY_S or step == steps:
            kept = time.monotonic()
            _keep(path, model, optimiser, average, step=step)
            rate = (step - first) * settings.batch / (kept - started)
            say(
                f"  network step {step} of {steps}, loss {np.mean(losses[-200:]):.4f}, {rate:.0f} formulas/s, "
                f"{(steps - step) * settings.batch / max(rate, 1e-9):.0f} s left"
            )
    if first < step < steps:
        _keep(path, model, optimiser, average, step=step)
    arrays = {name: value.cpu().numpy().astype(np.float32) for name, value in average.items()}
    arrays["out"] = arrays["out"] * scale[1].astype(np.float32)
    arrays["out_bias"] = arrays["out_bias"] * scale[1].astype(np.float32) + scale[0].astype(np.float32)
    return InteractionNetwork(arrays=arrays, tasks=tasks.names, layers=settings.layers), step / steps


def _scales(tasks: Tasks) -> tuple[FloatArray, FloatArray]:
    """Mean and deviation of each task that is a value; 0 and 1 of those that are yes or no; both (tasks,)."""
    classes = np.array(tasks.classes)
    mean, deviation = np.nanmean(tasks.targets, axis=0), np.nanstd(tasks.targets, axis=0)
    return np.where(classes, 0.0, mean), np.where(classes, 1.0, np.maximum(deviation, 1e-9))


def _schedule(done: float) -> float:
    """Share of the learning rate: a short rise, then half a cosine."""
    return min(1.0, done / 0.03) * (0.5 * (1 + np.cos(np.pi * done)) + 0.003)


def _placed(compositions: Compositions, targets: FloatArray, *, device: str) -> dict[str, torch.Tensor]:
    import torch

    x = compositions.fractions.astype(np.float32)
    there = compositions.elements > 0
    known = np.isfinite(targets)
    arrays: dict[str, NDArray[Any]] = {
        "elements": compositions.elements,
        "x": x * there,
        "log_x": np.where(there, np.log(np.maximum(x, 1e-6)), -1e9).astype(np.float32),
        "amounts": amounts(x).astype(np.float32),
        "there": there,
        "known": known.astype(np.float32),
        "targets": np.where(known, targets, 0.0).astype(np.float32),
    }
    return {name: torch.as_tensor(value, device=device) for name, value in arrays.items()}


class _Network:
    """The network of `interaction_network` with gradients."""

    def __init__(self, settings: NetworkSettings, *, tasks: int, extra: Extra | None) -> None:
        import torch

        self.settings = settings
        self._arrays: dict[str, torch.Tensor] = {}
        descriptors = 0 if extra is None else extra.columns.shape[1]
        for name, shape in shapes(
            width=settings.width, layers=settings.layers, tasks=tasks, descriptors=descriptors
        ).items():
            value = torch.zeros(shape)
            if name == "embedding":
                value = torch.randn(shape)
            elif len(shape) == 2 and not name.endswith(("mix", "narrow")):
                value = torch.randn(shape) / shape[0] ** 0.5
            elif len(shape) == 2:
                value = 0.3 * torch.randn(shape) / shape[0] ** 0.5
            elif name.endswith("listen"):
                value = torch.randn(shape) / shape[0] ** 0.5
            self._arrays[name] = value.requires_grad_(True)
        if extra is not None:
            self._arrays["embedding"] = torch.as_tensor(extra.embedding).clone().requires_grad_(True)

    def to(self, device: str) -> _Network:
        self._arrays = {
            name: value.detach().to(device).requires_grad_(True) for name, value in self._arrays.items()
        }
        return self

    def parameters(self) -> list[torch.Tensor]:
        return list(self._arrays.values())

    def named_arrays(self) -> dict[str, torch.Tensor]:
        return self._arrays

    def loss(
        self, held: dict[str, torch.Tensor], rows: torch.Tensor, *, tasks: Tasks, floor: FloatArray
    ) -> torch.Tensor:
        import torch
        from torch.nn import functional

        batch = {name: value[rows] for name, value in held.items()}
        width = int(batch["there"].sum(dim=1).max())
        for name in ("elements", "x", "log_x", "amounts", "there"):
            batch[name] = batch[name][:, :width]
        out = self._forward(batch)
        target, known = batch["targets"], batch["known"]
        yes_or_no = torch.tensor(tasks.classes, device=out.device)
        found = out
        if tasks.floored:
            # Below the least value nothing is wrong with a prediction where that value is the truth.
            least = torch.as_tensor(floor, dtype=out.dtype, device=out.device)
            at_floor = torch.tensor(tasks.floored, device=out.device) & (target <= least + 1e-6)
            found = torch.where(at_floor, torch.maximum(out, least), out)
        each = torch.where(
            yes_or_no,
            functional.binary_cross_entropy_with_logits(out, target, reduction="none"),
            functional.smooth_l1_loss(found, target, reduction="none", beta=self.settings.bend),
        )
        counted = len(rows) if tasks.by_row else known.sum(dim=0).clamp(min=1.0)
        weights = torch.tensor(tasks.weights, device=out.device)
        return (weights * (each * known).sum(dim=0) / counted).sum()

    def _forward(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        import torch
        from torch.nn import functional

        own = self._arrays
        h = own["embedding"][batch["elements"]] + batch["amounts"] @ own["amount"]
        for layer in range(self.settings.layers):
            n = _unit(h)
            pair = functional.silu(
                (n @ own[f"{layer}.from"])[:, :, None, :]
                + (n @ own[f"{layer}.to"] + own[f"{layer}.bias"])[:, None, :, :]
            )
            weight = torch.softmax(pair @ own[f"{layer}.listen"] + batch["log_x"][:, None, :], dim=2)
            h = h + torch.einsum("nij,nijd->nid", weight, pair) @ own[f"{layer}.mix"]
            h = (
                h
                + functional.silu(_unit(h) @ own[f"{layer}.wide"] + own[f"{layer}.wide_bias"])
                @ own[f"{layer}.narrow"]
            )
        n = _unit(h)
        mean = torch.einsum("ni,nid->nd", batch["x"], n)
        top = n.masked_fill(~batch["there"][:, :, None], -1e9).amax(dim=1)
        pooled = [mean, top]
        if "columns" in batch:
            pooled.append(functional.silu(batch["columns"] @ own["whole"] + own["whole_bias"]))
        hidden = functional.silu(torch.cat(pooled, dim=1) @ own["head"] + own["head_bias"])
        hidden = functional.dropout(hidden, self.settings.dropout)
        return hidden @ own["out"] + own["out_bias"]


def _unit(h: torch.Tensor) -> torch.Tensor:
    return h * (h.square().mean(dim=-1, keepdim=True) + 1e-5).rsqrt()


def _digest(
    compositions: Compositions,
    targets: FloatArray,
    settings: NetworkSettings,
    *,
    tasks: Tasks,
    extra: Extra | None,
) -> str:
    digest = hashlib.sha256(repr((asdict(settings), tasks.weights, tasks.floored, tasks.by_row)).encode())
    arrays = [compositions.elements, compositions.fractions, targets]
    if extra is not None:
        arrays += [extra.columns, extra.order, extra.embedding]
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:12]


def _keep(
    path: Path,
    model: _Network,
    optimiser: torch.optim.Optimizer,
    average: dict[str, torch.Tensor],
    *,
    step: int,
) -> None:
    """Write everything that training goes on from, as plain arrays with their hash."""
    arrays: dict[str, NDArray[Any]] = {"step": np.array([step])}
    for name, value in model.named_arrays().items():
        state = optimiser.state[value]
        parts = {"model": value.detach(), "average": average[name], **{key: state[key] for key in _MOMENTS}}
        arrays |= {f"{part}.{name}": array.cpu().numpy() for part, array in parts.items()}
    write_sealed(path, arrays, header={"format": _FORMAT})


def _resumed(
    path: Path,
    model: _Network,
    optimiser: torch.optim.Optimizer,
    average: dict[str, torch.Tensor],
    *,
    device: str,
) -> int:
    """Take the checkpoint up, if there is a sound one; the step to go on from."""
    import torch

    try:
        arrays, header = read_sealed(path, what="a network in training", hint="")
        check_seal(path, arrays, header=header, hint="")
        step = int(arrays["step"][0])
        kept = {
            part: {name: torch.as_tensor(array, device=device) for name, array in group(arrays, part).items()}
            for part in ("model", "average", *_MOMENTS)
        }
        with torch.no_grad():
            for name, value in model.named_arrays().items():
                value.copy_(kept["model"][name])
                average[name].copy_(kept["average"][name])
                optimiser.state[value] = {
                    "step": torch.tensor(float(step)),
                    **{key: kept[key][name].clone() for key in _MOMENTS},
                }
    except (DataError, KeyError):
        return 0  # none yet, or half written: it is trained from the start
    return step


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
