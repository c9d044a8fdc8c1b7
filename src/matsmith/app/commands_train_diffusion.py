"""`matsmith train diffusion` and `matsmith train adapter`: the crystal diffusion model on one's own crystals, and one more property for it."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from matsmith.app.guard import complain, guarded
from matsmith.core.errors import DataError, UsageError

if TYPE_CHECKING:
    from matsmith.models.diffusion.training import TrainingOutcome

_INTERRUPTED = 5
Table = Annotated[
    Path, typer.Argument(metavar="TABLE", help="crystals (.npz) as `matsmith data crystals` writes them")
]
Out = Annotated[
    Path, typer.Option("--out", metavar="DIR", help="folder for checkpoint, weights and loss curve")
]
Minutes = Annotated[
    float, typer.Option("--minutes", help="stop with a checkpoint after so long; --resume goes on")
]
Steps = Annotated[int, typer.Option("--steps", help="steps in all; 0: as many as fit the minutes")]
Device = Annotated[str, typer.Option("--device", metavar="auto|cpu|cuda", help="where to compute")]
Resume = Annotated[bool, typer.Option("--resume", help="go on where the training in --out stopped")]
Threads = Annotated[int, typer.Option("--threads", help="CPU threads; 0: torch's own choice")]
Batch = Annotated[int, typer.Option("--batch", help="crystals a step, for each process")]
Rate = Annotated[float, typer.Option("--rate", help="highest learning rate")]
Seed = Annotated[int, typer.Option("--seed", help="of all chance")]
AsJson = Annotated[bool, typer.Option("--json", help="machine-readable")]


@guarded
def train_diffusion(
    table: Table,
    out: Out,
    conditions: Annotated[
        str,
        typer.Option(
            "--conditions", metavar="A,B", help="properties of the table to condition on; none by default"
        ),
    ] = "",
    minutes: Minutes = 60.0,
    steps: Steps = 0,
    width: Annotated[int, typer.Option("--width", help="of the network; 128 suits a CPU")] = 256,
    layers: Annotated[int, typer.Option("--layers", help="of the network; 4 suits a CPU")] = 6,
    generation_share: Annotated[
        float,
        typer.Option(
            "--generation-share", help="share of a batch without its formula; 0: structure prediction alone"
        ),
    ] = 0.5,
    process: Annotated[
        str, typer.Option("--process", metavar="score|flow", help="how noise is put on")
    ] = "score",
    start_from: Annotated[
        Path | None,
        typer.Option("--start-from", metavar="FILE", help="weights to begin from", show_default=False),
    ] = None,
    batch: Batch = 256,
    rate: Rate = 1e-3,
    seed: Seed = 0,
    device: Device = "auto",
    threads: Threads = 0,
    resume: Resume = False,
    as_json: AsJson = False,
) -> int:
    r"""Train the crystal diffusion model on a table of crystals.

    The folder gets a checkpoint every two minutes, the weights that are best on held-out formulas, and the loss curve as CSV and SVG. A training that is
    killed goes on with --resume, by its own recipe. On a GPU it computes in bfloat16; several GPUs of a machine share a training under torchrun.

    Exit status: 0, also when the minutes were up before all steps were done; 1 when the table cannot be trained on, 2 for wrong use, 5 when interrupted.

    \b
    Examples:
      matsmith data crystals perov_5_val.csv.gz --out perov5.npz
      matsmith train diffusion perov5.npz --out run --minutes 30 --width 128 --layers 4 --conditions formation_energy_ev_per_atom
      matsmith train diffusion perov5.npz --out run --minutes 30 --resume
      torchrun --no-python --nproc-per-node 4 matsmith train diffusion mp20.npz --out run --minutes 600
      matsmith generate --weights run/weights.safetensors --n 20 --out crystals
    """
    from matsmith.models.diffusion.data_format import load_table
    from matsmith.models.diffusion.noise import NoiseConfig
    from matsmith.models.diffusion.objective import TrainingConfig
    from matsmith.models.diffusion.training import train
    from matsmith.models.diffusion.trainings import go_on, named, sizes

    _check(minutes=minutes, steps=steps, batch=batch, rate=rate, width=width, layers=layers)
    if process not in ("score", "flow"):
        raise UsageError(f"There is no process {process!r}.", hint="Use score or flow.")
    if not 0 <= generation_share <= 1:
        raise UsageError("--generation-share must lie between 0 and 1.", hint="0.5 trains for both uses.")
    call: dict[str, Any] = {"minutes": minutes, "device": device, "report": complain}
    names = [name.strip() for name in conditions.split(",") if name.strip()]

    def work() -> TrainingOutcome:
        if resume:
            return go_on(table, out, **call)
        return train(
            load_table(table),
            out,
            network=sizes(names, width=width, layers=layers),
            noise=NoiseConfig(process=process),
            config=TrainingConfig(
                steps=steps, batch=batch, rate=rate, seed=seed, generation_share=generation_share
            ),
            data=named(table),
            start_from=start_from,
            **call,
        )

    return _run(work, threads=threads, as_json=as_json)


@guarded
def train_adapter(
    table: Table,
    out: Out,
    name: Annotated[
        str, typer.Option("--property", metavar="NAME", help="the property, as the table calls it")
    ] = "",
    base: Annotated[
        Path | None,
        typer.Option(
            "--base",
            metavar="FILE",
            help="weights to add to; the model that ships by default",
            show_default=False,
        ),
    ] = None,
    minutes: Minutes = 20.0,
    steps: Steps = 0,
    batch: Batch = 128,
    rate: Rate = 1e-3,
    seed: Seed = 0,
    device: Device = "auto",
    threads: Threads = 0,
    resume: Resume = False,
    as_json: AsJson = False,
) -> int:
    r"""Teach a trained model one more property without touching what it knows.

    Only the new condition's own weights are trained, on the crystals whose value is known: when the condition is not given, the model computes bit for bit what
    its base does. The weights that come out hold both.

    Exit status: 0, 1 when the table cannot be trained on, 2 for wrong use, 5 when interrupted.

    \b
    Examples:
      matsmith train adapter mine.npz --property hardness_gpa --out hard
      matsmith generate --weights hard/weights.safetensors --condition hardness_gpa=30 --n 20 --out crystals
    """
    from matsmith.models.diffusion.objective import TrainingConfig
    from matsmith.models.diffusion.trainings import go_on, train_adapter
    from matsmith.models.diffusion.weights import SHIPPED

    _check(minutes=minutes, steps=steps, batch=batch, rate=rate)
    start = base or SHIPPED
    call: dict[str, Any] = {"minutes": minutes, "device": device, "report": complain}

    def work() -> TrainingOutcome:
        if resume:
            return go_on(table, out, base=start, **call)
        if not name:
            raise UsageError("Which property?", hint="Give --property NAME, a column of the table.")
        config = TrainingConfig(steps=steps, batch=batch, rate=rate, seed=seed)
        return train_adapter(table, out, base=start, name=name, config=config, **call)

    return _run(work, threads=threads, as_json=as_json)


def _check(**values: float) -> None:
    """Refuse numbers that cannot be trained with."""
    for name, value in values.items():
        if value < 0 or (value == 0 and name != "steps"):
            raise UsageError(f"--{name} must be above zero.", hint="See --help for an example.")


def _run(work: Any, *, threads: int, as_json: bool) -> int:
    """Train, and say where it stands."""
    import torch

    from matsmith.models.diffusion.distributed import leave_team
    from matsmith.models.diffusion.training import CHECKPOINT, WEIGHTS

    if threads > 0:
        torch.set_num_threads(threads)
    try:
        outcome: TrainingOutcome = work()
    except KeyboardInterrupt:
        complain("Stopped; the same command with --resume goes on from the last checkpoint.")
        return _INTERRUPTED
    finally:
        leave_team()
    if os.environ.get("RANK", "0") != "0":  # one of several processes: the first speaks
        return 0
    weights = outcome.folder / WEIGHTS
    if not weights.is_file():
        raise DataError(f"No weights came to lie in {outcome.folder}.", hint="See the lines above.")
    from matsmith.app.console import make_console, write_json

    if as_json:
        write_json(
            {
                "finished": outcome.finished,
                "step": outcome.step,
                "steps": outcome.steps,
                "train_loss": outcome.train_loss,
                "validation_loss": None if math.isnan(outcome.validation_loss) else outcome.validation_loss,
                "crystals_per_second": outcome.crystals_per_second,
                "weights": str(weights),
                "checkpoint": str(outcome.folder / CHECKPOINT),
            }
        )
        return 0
    console = make_console()
    state = "all steps done" if outcome.finished else "the minutes were up; --resume goes on"
    console.print(f"Step {outcome.step} of {outcome.steps}: {state}.")
    console.print(
        f"Loss {outcome.train_loss:.4f}, on held-out formulas {outcome.validation_loss:.4f}; {outcome.crystals_per_second:.0f} crystals/s"
    )
    console.print(f"Weights: {weights}; matsmith generate --weights {weights}", style="quiet")
    return 0
