"""Trajectories of several replicas: equilibration, sampling, frames, and a checkpoint from which a killed run goes on.

What is computed does not depend on where a run was interrupted: what the potential keeps between steps is dropped at every place
where a checkpoint may be written, so that the run that went on and the one that never stopped are the same, bit for bit.
"""

from __future__ import annotations

import json
import math
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from matsmith.models.dynamics import Dynamics, Replica, Scheme
from matsmith.models.potentials.interface import ArrayPotential, FloatArray, IntArray, Refusal

_CHUNK_STEPS = 100
_EQUILIBRATION_FS = 200.0
"""Langevin's relaxation time while the crystal warms up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrajectorySettings:
    """How long, in which steps, and how often a frame is kept; times in fs."""

    time_step_fs: float
    equilibration_fs: float
    length_fs: float
    frame_fs: float = 20.0
    relaxation_time_fs: float = 200.0

    @property
    def equilibration_steps(self) -> int:
        """Steps before the first frame, a whole number of chunks."""
        return _chunks(self.equilibration_fs, self.time_step_fs) * _CHUNK_STEPS

    @property
    def sampling_steps(self) -> int:
        """Steps after it."""
        return max(1, _chunks(self.length_fs, self.time_step_fs)) * _CHUNK_STEPS

    @property
    def steps_per_frame(self) -> int:
        """Steps from a frame to the next; divides the steps between checkpoints."""
        wanted = max(1, round(self.frame_fs / self.time_step_fs))
        return max(n for n in (1, 2, 4, 5, 10, 20, 25, 50, 100) if n <= wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trajectory:
    """Frames of one replica: positions (frames, n, 3) in Å, not folded, `frame_fs` apart.

    `temperature_k` is what was asked for, `mean_temperature_k` what it had; `drift_ev_per_atom_per_ps` how far the conserved energy
    went, by a straight line.
    """

    numbers: IntArray
    lattice_angstrom: FloatArray
    positions_angstrom: FloatArray
    frame_fs: float
    temperature_k: float
    mean_temperature_k: float
    drift_ev_per_atom_per_ps: float


@dataclass(slots=True, eq=False)
class _Kept:
    """What one replica leaves behind while it samples."""

    frames: list[Any] = field(default_factory=list[Any])
    temperatures: list[float] = field(default_factory=list[float])
    conserved: list[float] = field(default_factory=list[float])


def _chunks(time_fs: float, step_fs: float) -> int:
    return math.ceil(time_fs / step_fs / _CHUNK_STEPS - 1e-9)


def trajectories(
    replicas: Sequence[Replica],
    *,
    potential: ArrayPotential,
    settings: TrajectorySettings,
    checkpoint: Path | None = None,
    fingerprint: str = "",
    tell: Callable[[int, int], None] | None = None,
) -> list[Trajectory | Refusal]:
    """Equilibrate by Langevin's thermostat, sample by stochastic rescaling, and return what each replica did, in order.

    `checkpoint` is a file to go on from when it holds the run of the same `fingerprint`, and that answers at once when the run was
    finished; with a damaged one, or one of another run, all begins anew. `tell` is called with the steps done and all steps, every 100 steps.
    """
    going = list(replicas)
    kept = [_Kept() for _ in going]
    done = _restore(checkpoint, fingerprint, going, kept) if checkpoint is not None else 0
    total = settings.equilibration_steps + settings.sampling_steps
    scheme = Scheme(
        time_step_fs=settings.time_step_fs, thermostat="langevin", relaxation_time_fs=_EQUILIBRATION_FS
    )
    dynamics = Dynamics(going, potential=potential, scheme=scheme)
    while done < total and dynamics.alive:
        dynamics.forget()
        if done < settings.equilibration_steps:
            dynamics.advance(_CHUNK_STEPS)
        else:
            dynamics.scheme = replace(
                scheme, thermostat="rescaling", relaxation_time_fs=settings.relaxation_time_fs
            )
            for _ in range(_CHUNK_STEPS // settings.steps_per_frame):
                dynamics.advance(settings.steps_per_frame)
                for place in dynamics.alive:
                    _keep(kept[place], going[place])
        done += _CHUNK_STEPS
        if checkpoint is not None:
            _write(checkpoint, fingerprint, going, kept, done=done)
        if tell is not None:
            tell(done, total)
    frame_fs = settings.steps_per_frame * settings.time_step_fs
    return [
        _finished(replica, each, frame_fs=frame_fs) if replica.refusal is None else replica.refusal
        for replica, each in zip(going, kept, strict=True)
    ]


def _keep(kept: _Kept, replica: Replica) -> None:
    kept.frames.append(replica.positions_angstrom.astype(np.float32))
    kept.temperatures.append(replica.measured_temperature_k)
    kept.conserved.append(replica.conserved_ev)


def _finished(replica: Replica, kept: _Kept, *, frame_fs: float) -> Trajectory:
    times_ps = np.arange(len(kept.conserved)) * frame_fs / 1000.0
    slope = float(np.polyfit(times_ps, np.array(kept.conserved), 1)[0]) if len(times_ps) > 1 else 0.0
    return Trajectory(
        numbers=replica.numbers,
        lattice_angstrom=replica.lattice_angstrom,
        positions_angstrom=np.array(kept.frames, dtype=np.float64),
        frame_fs=frame_fs,
        temperature_k=replica.temperature_k,
        mean_temperature_k=float(np.mean(kept.temperatures)),
        drift_ev_per_atom_per_ps=slope / len(replica.numbers),
    )


def _write(
    path: Path, fingerprint: str, going: Sequence[Replica], kept: Sequence[_Kept], *, done: int
) -> None:
    """Write everything that the rest depends on, in one move, so that a kill leaves the old file or the new one."""
    arrays: dict[str, Any] = {}
    notes: list[dict[str, Any]] = []
    for number, (replica, each) in enumerate(zip(going, kept, strict=True)):
        arrays[f"positions_{number}"] = replica.positions_angstrom
        arrays[f"velocities_{number}"] = replica.velocities_angstrom_per_fs
        if replica.forces_ev_per_angstrom is not None:
            arrays[f"forces_{number}"] = replica.forces_ev_per_angstrom
        frames = np.array(each.frames, dtype=np.float32)
        arrays[f"frames_{number}"] = frames.reshape(-1, len(replica.numbers), 3)
        arrays[f"temperatures_{number}"] = np.array(each.temperatures)
        arrays[f"conserved_{number}"] = np.array(each.conserved)
        refusal = replica.refusal
        notes.append(
            {
                "generator": replica.generator.bit_generator.state,
                "steps": replica.steps,
                "energy_ev": replica.energy_ev,
                "heat_ev": replica.heat_ev,
                "refusal": None if refusal is None else [refusal.code, refusal.message],
            }
        )
    arrays["notes"] = np.array(json.dumps({"fingerprint": fingerprint, "done": done, "replicas": notes}))
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".part")
    with temporary.open("wb") as stream:
        np.savez(stream, **arrays)
    temporary.replace(path)


def _restore(path: Path, fingerprint: str, going: list[Replica], kept: list[_Kept]) -> int:
    """Bring replicas and frames to where the file left them and return the steps done; 0 when it does not serve."""
    try:
        with np.load(path, allow_pickle=False) as held:
            notes: dict[str, Any] = json.loads(str(held["notes"]))
            if notes["fingerprint"] != fingerprint or len(notes["replicas"]) != len(going):
                return 0
            made = [_restored(held, number, going[number], notes) for number in range(len(going))]
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
        return 0  # no file, or a damaged one: the run begins anew
    for number, (replica, each) in enumerate(made):
        going[number], kept[number] = replica, each
    return int(notes["done"])


def _restored(held: Any, number: int, start: Replica, notes: dict[str, Any]) -> tuple[Replica, _Kept]:
    note = notes["replicas"][number]
    positions: FloatArray = held[f"positions_{number}"]
    if positions.shape != start.positions_angstrom.shape:
        raise ValueError("another number of atoms")
    generator = np.random.default_rng()
    generator.bit_generator.state = note["generator"]
    replica = Replica(
        numbers=start.numbers,
        lattice_angstrom=start.lattice_angstrom,
        positions_angstrom=positions,
        velocities_angstrom_per_fs=held[f"velocities_{number}"],
        temperature_k=start.temperature_k,
        generator=generator,
        steps=int(note["steps"]),
        energy_ev=float(note["energy_ev"]),
        heat_ev=float(note["heat_ev"]),
        forces_ev_per_angstrom=held.get(f"forces_{number}"),
        refusal=None if note["refusal"] is None else Refusal(*note["refusal"]),
    )
    frames = _Kept(
        frames=list(held[f"frames_{number}"]),
        temperatures=[float(value) for value in held[f"temperatures_{number}"]],
        conserved=[float(value) for value in held[f"conserved_{number}"]],
    )
    return replica, frames
