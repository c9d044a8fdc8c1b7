"""Train a structure predictor on a person's table, with what physics says of the value in the loss; formulas of one fold are left out.

    loss = smooth |y - y_known| + p sum over bounds of (how far y is beyond)^2 + p sum over monotonic conditions c of max(0, -sign dy/dc)^2

Half of the formulas left out set the intervals, the other half measures error and coverage. A checkpoint is written every half minute and the same call
goes on from it.
"""

from __future__ import annotations

import hashlib
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from matsmith.core.errors import DataError, UsageError
from matsmith.models.predictors.calibration import NINETY, ONE_SIGMA, conformal_quantile
from matsmith.models.predictors.compositions import FloatArray, IntArray
from matsmith.models.predictors.domain import BORDER_QUANTILE, held_rows
from matsmith.models.predictors.model import grown
from matsmith.models.predictors.sealed import check_seal, group, read_sealed, write_sealed
from matsmith.models.predictors.structure.model import StructureModel, save_structure_model
from matsmith.models.predictors.structure.network import (
    Graphs,
    StructureNetwork,
    StructureSettings,
    graphs_of,
    tensors_of,
)
from matsmith.models.predictors.structure.table import StructureTable, key_of

LEFT_OUT = 0
"""The fold that is not trained on."""
_KEPT = 600
_KEEP_EVERY_S = 30.0
_FORMAT = "matsmith-structure-training"
_PENALTY = 10.0


@dataclass(frozen=True, kw_only=True)
class Physics:
    """What is known of the value beforehand: bounds in its unit, and conditions with which it only rises (1) or falls (-1)."""

    low: float | None = None
    high: float | None = None
    monotonic: tuple[tuple[str, int], ...] = ()

    def check(self, table: StructureTable) -> None:
        """Raise `UsageError` for what contradicts the table."""
        for name, _ in self.monotonic:
            if name not in table.condition_names:
                raise UsageError(
                    f"{name} is no condition of the table.",
                    hint=f"Its conditions are {', '.join(table.condition_names) or 'none'}; name them with --condition.",
                )
        low, high = (-np.inf if self.low is None else self.low), (np.inf if self.high is None else self.high)
        beyond = int(((table.values < low) | (table.values > high)).sum())
        if low >= high or beyond:
            raise UsageError(
                f"{beyond} values of the table lie beyond {low:g} to {high:g}.",
                hint="Set other bounds, or none.",
            )


def train_structures(
    table: StructureTable,
    *,
    path: Path,
    work: Path,
    facts: dict[str, Any],
    settings: StructureSettings | None = None,
    physics: Physics | None = None,
) -> StructureModel:
    """Train on all folds but one, calibrate and measure on that one, write weights and card to `path`.

    `facts` go into the card: property, title, unit, of, table, citation. Raises `DataError` when too few formulas are left out.
    """
    physics = physics or Physics()
    physics.check(table)
    settings = replace(settings or StructureSettings(), conditions=len(table.condition_names))
    inside, outside = np.flatnonzero(table.folds != LEFT_OUT), np.flatnonzero(table.folds == LEFT_OUT)
    if len(outside) < 10:
        raise DataError(
            f"Only {len(outside)} crystals are of formulas that are left out.", hint="Give more rows."
        )
    graphs = graphs_of(table.crystals, cutoff_angstrom=settings.cutoff_angstrom)
    mean, spread = float(table.values[inside].mean()), float(table.values[inside].std()) or 1.0
    scale = _condition_scale(table.conditions[inside])
    network = _fitted(
        graphs, table, rows=inside, scale=(mean, spread), conditions=scale, settings=settings, physics=physics, work=work
    )  # fmt: skip
    counts = np.bincount(np.concatenate([np.unique(table.crystals[row].numbers) for row in inside.tolist()]), minlength=120)  # fmt: skip
    draft = StructureModel(
        network=network, mean=mean, spread=spread, condition_scale=scale, quantiles=(0.0, 0.0),
        known=np.zeros((1, settings.width), dtype=np.float32), counts=counts, border=1.0, card={"conditions": []},
    )  # fmt: skip
    values, seen = draft.outputs(graphs, table.conditions)
    held = inside[held_rows(len(inside), kept=_KEPT, seed=settings.seed)]
    draft = replace(draft, known=seen[held])
    border = max(float(np.quantile(draft.distance(seen[outside]), BORDER_QUANTILE)), 1e-6)
    draft = replace(draft, border=border)
    error = np.abs(values - table.values)[outside]
    score = error / grown(np.ones(len(outside)), draft.distance(seen[outside]))
    odd = np.arange(len(outside)) % 2 == 1
    quantiles = tuple(conformal_quantile(score, level) for level in (ONE_SIGMA, NINETY))
    median = float(np.median(table.values[inside]))
    card: dict[str, Any] = {
        **facts,
        "rows": len(table),
        "formulas": len({key_of(crystal) for crystal in table.crystals}),
        "trained_on": len(inside),
        "skipped": table.skipped,
        "conditions": list(table.condition_names),
        "bounds": [physics.low, physics.high],
        "monotonic": [list(one) for one in physics.monotonic],
        "error": float(error.mean()),
        "error_on_training": float(np.abs(values - table.values)[inside].mean()),
        "error_of_the_median": float(np.abs(table.values[outside] - median).mean()),
        "coverage": {
            f"{level:g}": float(np.mean([(score[part] <= conformal_quantile(score[~part], level)).mean() for part in (odd, ~odd)]))
            for level in (ONE_SIGMA, NINETY)
        },
    }  # fmt: skip
    model = replace(draft, quantiles=(quantiles[0], quantiles[1]), card=card)
    model = replace(model, sha256=save_structure_model(model, path))
    path.with_suffix(".md").write_text(card_text({**card, "settings": asdict(settings)}), encoding="utf-8")
    return model


def _condition_scale(conditions: FloatArray) -> FloatArray:
    """Means and spreads of the conditions that are known, (2, c)."""
    scale = np.stack([np.zeros(conditions.shape[1]), np.ones(conditions.shape[1])])
    for place in range(conditions.shape[1]):
        known = conditions[np.isfinite(conditions[:, place]), place]
        if len(known) and known.std() > 0:
            scale[:, place] = known.mean(), known.std()
    return scale


def _fitted(
    graphs: Graphs,
    table: StructureTable,
    *,
    rows: IntArray,
    scale: tuple[float, float],
    conditions: FloatArray,
    settings: StructureSettings,
    physics: Physics,
    work: Path,
) -> StructureNetwork:
    torch.manual_seed(settings.seed)
    network = StructureNetwork(settings)
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    average = {name: value.detach().clone() for name, value in network.named_parameters()}
    given = ((table.conditions - conditions[0]) / conditions[1]).astype(np.float32)
    known = ((table.values - scale[0]) / scale[1]).astype(np.float32)
    path = work / f"network-{_digest(graphs, table, rows, settings=settings, physics=physics)}.safetensors"
    step = _resumed(path, network, optimiser, average)
    started = told = time.monotonic()
    while step < settings.steps:
        random = np.random.default_rng(settings.seed * 1_000_003 + step)
        chosen: list[int] = random.choice(rows, size=min(settings.batch, len(rows)), replace=False).tolist()
        for held in optimiser.param_groups:
            held["lr"] = settings.learning_rate * min(1.0, (step + 1) / 20) * (0.5 + 0.5 * np.cos(np.pi * step / settings.steps))  # fmt: skip
        loss = _loss(
            network, graphs, chosen, known=known, given=given, scale=scale, physics=physics, names=table.condition_names
        )  # fmt: skip
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        step += 1
        mix = min(settings.average, step / (step + 10))
        with torch.no_grad():
            for name, value in network.named_parameters():
                average[name].mul_(mix).add_(value, alpha=1 - mix)
        if time.monotonic() - told > _KEEP_EVERY_S or step == settings.steps:
            told = time.monotonic()
            _keep(path, network, optimiser, average, step=step)
            _say(
                f"  step {step} of {settings.steps}, loss {float(loss.detach()):.4f}, {told - started:.0f} s"
            )
    network.load_state_dict({**network.state_dict(), **average})
    return network.eval()


def _loss(
    network: StructureNetwork,
    graphs: Graphs,
    chosen: list[int],
    *,
    known: NDArray[np.float32],
    given: NDArray[np.float32],
    scale: tuple[float, float],
    physics: Physics,
    names: tuple[str, ...],
) -> torch.Tensor:
    conditions = torch.from_numpy(given[chosen]).requires_grad_(bool(physics.monotonic))
    value, _ = network(tensors_of(graphs, chosen), conditions)
    loss = functional.smooth_l1_loss(value, torch.from_numpy(known[chosen]), beta=0.2)
    for bound, sign in ((physics.low, -1.0), (physics.high, 1.0)):
        if bound is not None:
            beyond = torch.relu(sign * (value - (bound - scale[0]) / scale[1]))
            loss = loss + _PENALTY * beyond.square().mean()
    if physics.monotonic:
        (slope,) = torch.autograd.grad(value.sum(), conditions, create_graph=True)
        for name, sign in physics.monotonic:
            at = names.index(name)
            wrong = torch.relu(-sign * slope[:, at])[torch.isfinite(conditions[:, at])]
            loss = loss + _PENALTY * wrong.square().sum() / len(chosen)
    return loss


def _digest(
    graphs: Graphs, table: StructureTable, rows: IntArray, *, settings: StructureSettings, physics: Physics
) -> str:
    digest = hashlib.sha256(repr((asdict(settings), asdict(physics))).encode())
    for array in (table.values, table.conditions, rows, *graphs.length, *graphs.numbers):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:12]


_MOMENTS = ("exp_avg", "exp_avg_sq")


def _keep(
    path: Path,
    network: StructureNetwork,
    optimiser: torch.optim.Optimizer,
    average: dict[str, torch.Tensor],
    *,
    step: int,
) -> None:
    arrays: dict[str, NDArray[Any]] = {"step": np.array([step])}
    for name, value in network.named_parameters():
        parts = {"network": value.detach(), "average": average[name]}
        parts |= {key: optimiser.state[value][key] for key in _MOMENTS if value in optimiser.state}
        arrays |= {f"{part}.{name}": array.numpy() for part, array in parts.items()}
    write_sealed(path, arrays, header={"format": _FORMAT})


def _resumed(
    path: Path, network: StructureNetwork, optimiser: torch.optim.Optimizer, average: dict[str, torch.Tensor]
) -> int:
    """Take the checkpoint up, if there is a sound one; the step to go on from."""
    try:
        arrays, header = read_sealed(path, what="a network in training", hint="")
        check_seal(path, arrays, header=header, hint="")
        parts = {
            part: {name: torch.from_numpy(array) for name, array in group(arrays, part).items()}
            for part in ("network", "average", *_MOMENTS)
        }
        step = int(arrays["step"][0])
        with torch.no_grad():
            for name, value in network.named_parameters():
                value.copy_(parts["network"][name])
                average[name].copy_(parts["average"][name])
                if name in parts["exp_avg"]:
                    optimiser.state[value] = {
                        "step": torch.tensor(float(step)), **{key: parts[key][name].clone() for key in _MOMENTS}
                    }  # fmt: skip
    except (DataError, KeyError):
        return 0  # none yet, or half written: it is trained from the start
    return step


def card_text(card: dict[str, Any]) -> str:
    """The model card; every figure is of formulas left out."""
    unit = f" {card['unit']}" if card["unit"] else ""
    skipped = ", ".join(f"{count} {why}" for why, count in card["skipped"].items()) or "none"
    low, high = card["bounds"]
    physics = [
        *([f"at least {low:g}"] if low is not None else []),
        *([f"at most {high:g}"] if high is not None else []),
        *(f"{'rises' if sign > 0 else 'falls'} with {name}" for name, sign in card["monotonic"]),
    ]
    lines = [
        f"# {card['title'][0].upper()}{card['title'][1:]}, from the structure",
        "",
        f"- What the number is of: {card['of']}.",
        f"- Data: {card['citation']}; {card['rows']} crystals of {card['formulas']} formulas, {card['trained_on']} of them trained on; left out as unusable: {skipped}.",
        f"- Conditions: {', '.join(card['conditions']) or 'none'}.",
        f"- In the loss beside the data: {', '.join(physics) or 'nothing'}.",
        f"- Method: graph network over bonds within {card['settings']['cutoff_angstrom']:g} Å, {card['settings']['layers']} layers of width {card['settings']['width']}.",
        "- Split: one of 5 folds by hash of the composition is left out; half of it sets the intervals, the other half tests them, in turn.",
        "",
        "| left out | |",
        "| --- | --- |",
        f"| mean absolute error | {card['error']:.4g}{unit} |",
        f"| always saying the median | {card['error_of_the_median']:.4g}{unit} |",
        f"| what it was trained on | {card['error_on_training']:.4g}{unit} |",
        *(f"| inside the {100 * float(level):.0f} % interval | {share:.3f} |" for level, share in card["coverage"].items()),
        "",
    ]  # fmt: skip
    return "\n".join(lines)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
