"""Structure prediction for the formulas of a table: each gets as many samples as asked, written in the same format.

    python -m matsmith.models.diffusion.prediction --weights run/weights.safetensors --data perov5.npz \
        --split test --per-crystal 20 --out samples.npz

With --consensus 20 each of them is the one of 20 that most of the others are like, which lies nearer than one alone (see `consensus`).
In the result the property `reference` is the row of the table that a sample answers, and `attempt` its number from 0.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from matsmith.core.errors import MatsmithError, UsageError
from matsmith.models.diffusion.batches import column_of
from matsmith.models.diffusion.consensus import agreed
from matsmith.models.diffusion.data_format import SPLITS, CrystalTable, load_table, save_table
from matsmith.models.diffusion.requests import CrystalRequest
from matsmith.models.diffusion.sampling import SamplingSettings, generate
from matsmith.models.diffusion.trainer import choose_device
from matsmith.models.diffusion.weights import DiffusionModel, load_weights

_HALF = 0.5


def rows_of(table: CrystalTable, *, split: str, only: str = "") -> NDArray[np.int64]:
    """Return the rows of a split, all or those whose property `only` is 1 (`lowest_polymorph`). Raises `DataError` for unknown names."""
    rows = table.in_split(split)
    return rows[column_of(table, only)[rows] > _HALF] if only else rows


def _pair(word: str) -> tuple[str, float]:
    name, _, value = word.partition("=")
    try:
        return name.strip(), float(value)
    except ValueError as error:
        raise UsageError(f"{word!r} is no NAME=NUMBER.", hint="Such as density_g_cm3=5.") from error


def predict_structures(
    model: DiffusionModel,
    table: CrystalTable,
    *,
    rows: NDArray[np.int64],
    per_crystal: int,
    conditions: Sequence[str] = (),
    given: Mapping[str, float] | None = None,
    settings: SamplingSettings = SamplingSettings(),  # noqa: B008
    consensus: int = 1,
    seed: int = 0,
    quiet: bool = True,
) -> CrystalTable:
    """Sample the formulas of the given rows.

    A condition named in `conditions` takes the row's own value where that is known; those in `given` have one value for all. Each crystal is the one
    that so many samples agree on (`consensus`).
    """
    missing = [name for name in conditions if name not in table.properties]
    if missing:
        raise UsageError(
            f"The table has no property {missing[0]}.",
            hint=f"It has {', '.join(table.properties) or 'none'}.",
        )
    requests: list[CrystalRequest] = []
    for row in rows.tolist():
        values = {name: float(table.properties[name][row]) for name in conditions}
        request = CrystalRequest(
            numbers=tuple(table.atoms_of(row)[0].tolist()),
            conditions={
                **(given or {}),
                **{name: value for name, value in values.items() if np.isfinite(value)},
            },
        )
        requests += [request] * (per_crystal * consensus)
    begun = time.perf_counter()

    def tell(done: int, total: int) -> None:
        print(f"{done} of {total} crystals, {done / (time.perf_counter() - begun):.1f} a second", flush=True)

    made = generate(model, requests, settings=settings, seed=seed, report=None if quiet else tell)
    if consensus > 1:
        made = agreed(made, of=consensus)
    made.properties["reference"] = np.repeat(rows, per_crystal).astype(np.float32)
    made.properties["attempt"] = np.tile(np.arange(per_crystal), len(rows)).astype(np.float32)
    return made


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m matsmith.models.diffusion.prediction",
        description="Predict structures. Example: --weights run/weights.safetensors --data perov5.npz --out samples.npz",
    )
    add = parser.add_argument
    add("--weights", type=Path, required=True)
    add("--data", type=Path, required=True, help="table whose formulas are predicted")
    add("--split", choices=SPLITS, default="test")
    add("--per-crystal", type=int, default=20)
    add("--consensus", type=int, default=1, metavar="K", help="answer with the likeliest of K samples each")
    add("--only", default="", metavar="NAME", help="only rows whose property of this name is 1")
    add("--first", type=int, default=0, help="only so many rows; 0: all")
    add("--conditions", default="", help="properties of the rows to condition on")
    add("--given", default="", metavar="NAME=X,...", help="conditions of one value for all rows")
    add("--guidance", type=float, default=1.0, help="strength of all conditions")
    add("--steps", type=int, default=100)
    add("--corrector-steps", type=int, default=1)
    add("--corrector-size", type=float, default=0.05, help="in units of the noise's variance")
    add("--sharpness", type=float, default=1.0, help="above 1: nearer to the likeliest places, less varied")
    add("--lattice-noise", type=float, default=1.0, help="below 1: likelier cells, less varied")
    add("--batch", type=int, default=0, help="crystals at a time; 0: 4096 on a GPU, 128 on a CPU")
    add("--device", default="auto")
    add("--threads", type=int, default=0)
    add("--seed", type=int, default=0)
    add("--out", type=Path, required=True)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    given = _arguments(argv)
    try:
        if given.per_crystal < 1 or given.consensus < 1 or given.batch < 0:
            raise UsageError("--per-crystal and --consensus must be above zero.", hint="20 is usual.")
        if given.threads > 0:
            torch.set_num_threads(given.threads)
        device = choose_device(given.device)
        model, table = load_weights(given.weights, device=device), load_table(given.data)
        rows = rows_of(table, split=given.split, only=given.only)
        told = dict(_pair(word) for word in given.given.split(",") if word.strip())
        names = tuple(name.strip() for name in given.conditions.split(",") if name.strip())
        samples = predict_structures(
            model,
            table,
            rows=rows[: given.first] if given.first else rows,
            per_crystal=given.per_crystal,
            conditions=names,
            given=told,
            settings=SamplingSettings(
                steps=given.steps,
                corrector_steps=given.corrector_steps,
                corrector_size=given.corrector_size,
                sharpness=given.sharpness,
                lattice_noise=given.lattice_noise,
                batch=given.batch or (4096 if device.type == "cuda" else 128),
                guidance={name: float(given.guidance) for name in (*names, *told)},
            ),
            consensus=given.consensus,
            seed=given.seed,
            quiet=False,
        )
        save_table(samples, given.out)
    except MatsmithError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print(f"{len(samples)} crystals in {given.out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
