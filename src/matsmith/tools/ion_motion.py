"""An ion in motion: supercells, trajectories at several temperatures in the same batches, and what each temperature tells.

A temperature at which every element of the host drifts is molten. Groups that turn on their places, as tetrahedra do, move some of
its elements alone and are no melt.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

from matsmith.core.crystal import Crystal, content_hash
from matsmith.core.record import Outcome
from matsmith.core.settings import Settings
from matsmith.models.dynamics import Replica, time_step_fs
from matsmith.models.potentials.interface import FloatArray, IntArray, Refusal
from matsmith.models.trajectories import Trajectory, TrajectorySettings, trajectories
from matsmith.tools.base import Deps
from matsmith.tools.melting import melting_point_k
from matsmith.tools.potential import identity as potential_identity
from matsmith.tools.potential import potential

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from matsmith.models.diffusion_statistics import Diffusion, HostMotion

DRIFTED = 0.35
"""Drift of a host's atoms, over the distance of neighbours in the host, from which they count as gone."""
_IMAGE_DISTANCE_ANGSTROM, _MOST_FARTHER_ANGSTROM = 7.0, 8
_FEWEST_ATOMS = 40
# Ions that stand farther apart pass by sites between them.
_HOP_ANGSTROM = (1.5, 3.0)
# So many atoms times steps are taken when no length is asked for: some ten minutes of two cores.
_ATOM_STEPS = 400_000
_SHORTEST_FS, _LONGEST_FS = 3_000.0, 100_000.0
_EQUILIBRATION_FS = 1_000.0
_TELL_S = 10.0

State = Literal["diffusive", "still", "molten", "failed"]


class Asked(Protocol):
    """What is asked of a motion."""

    @property
    def temperatures_k(self) -> tuple[float, ...]:
        """Temperatures in K, ascending."""
        ...

    @property
    def length_ps(self) -> float | None:
        """Picoseconds sampled at each; None for what the size allows."""
        ...

    @property
    def replicas(self) -> int:
        """Trajectories at each temperature."""
        ...

    @property
    def max_atoms(self) -> int:
        """Largest supercell."""
        ...


@dataclass(frozen=True, kw_only=True)
class Job:
    """A supercell whose ion is to be followed."""

    asked: Asked
    ion: str
    whole: Structure
    settings: TrajectorySettings

    @property
    def host(self) -> list[str]:
        """Elements that are not the ion."""
        return sorted({str(site.specie.symbol) for site in self.whole} - {self.ion})


@dataclass(frozen=True, kw_only=True)
class Point:
    """What came out at one temperature: `state` is diffusive, still, molten or failed."""

    temperature_k: float
    state: State
    diffusion: Diffusion | None = None
    host: tuple[HostMotion, ...] = ()
    mean_temperature_k: float = 0.0
    drift_ev_per_atom_per_ps: float = 0.0
    message: str = ""


def supercell_job(asked: Asked, *, ion: str, cell: Structure) -> Job | Outcome:
    """The supercell of a cell, and how long it is followed; `too_large` where there is none."""
    whole = _whole(cell, max_atoms=asked.max_atoms)
    if whole is None:
        return Outcome.failed(
            "too_large",
            f"A supercell with images {_IMAGE_DISTANCE_ANGSTROM:g} Å apart needs more than {asked.max_atoms} atoms.",
            hint="Raise max_atoms; the time grows with it.",
        )
    numbers: IntArray = np.array(whole.atomic_numbers, dtype=np.int64)
    step = time_step_fs(numbers)
    if asked.length_ps is not None:
        length = 1000.0 * asked.length_ps
    else:
        share = _ATOM_STEPS / (len(whole) * len(asked.temperatures_k) * asked.replicas) * step
        length = min(max(share - _EQUILIBRATION_FS, _SHORTEST_FS), _LONGEST_FS)
    settings = TrajectorySettings(
        time_step_fs=step, equilibration_fs=min(_EQUILIBRATION_FS, length), length_fs=length
    )
    return Job(asked=asked, ion=ion, whole=whole, settings=settings)


def _whole(cell: Structure, *, max_atoms: int) -> Structure | None:
    """The smallest supercell whose images stand far enough apart, and of as many atoms as keep a temperature, where that is allowed."""
    from matsmith.models.supercells import supercell_at_least

    found: Structure | None = None
    for farther in range(_MOST_FARTHER_ANGSTROM):
        larger = supercell_at_least(
            cell, distance_angstrom=_IMAGE_DISTANCE_ANGSTROM + farther, max_atoms=max_atoms
        )
        found = larger or found
        if larger is None or len(larger) >= _FEWEST_ATOMS:
            break
    return found


def followed(job: Job, *, deps: Deps) -> list[Point]:
    """Move all replicas together, and judge each temperature."""
    asked = job.asked
    temperatures = [t for t in asked.temperatures_k for _ in range(asked.replicas)]
    replicas = [
        Replica.at_temperature(job.whole, temperature_k=t, seed=_seed(deps.seed, number))
        for number, t in enumerate(temperatures)
    ]
    key = _key(job, deps=deps)
    began = last = time.monotonic()
    first: list[int] = []

    def tell(done: int, total: int) -> None:
        nonlocal last
        first.append(done)
        now = time.monotonic()
        if now - last < _TELL_S and done < total:
            return
        last = now
        pace = (now - began) / max(done - first[0], 1) if len(first) > 1 else 0.0
        left = f", about {pace * (total - done) / 60:.1f} min left" if pace and done < total else ""
        deps.note(
            f"{job.whole.composition.reduced_formula}: {done * job.settings.time_step_fs / 1000:.1f} of "
            f"{total * job.settings.time_step_fs / 1000:.1f} ps at {len(asked.temperatures_k)} temperatures{left}"
        )

    found = trajectories(
        replicas,
        potential=potential(deps.settings),
        settings=job.settings,
        checkpoint=_checkpoint(deps.settings, key),
        fingerprint=key,
        tell=tell,
    )
    return [
        _point(job, found[place * asked.replicas : (place + 1) * asked.replicas], temperature_k=t)
        for place, t in enumerate(asked.temperatures_k)
    ]


def _seed(seed: int, number: int) -> int:
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0])


def _key(job: Job, *, deps: Deps) -> str:
    """Names the run that a checkpoint belongs to: everything that its numbers depend on."""
    asked = job.asked
    return content_hash(
        [
            list(asked.temperatures_k),
            asked.replicas,
            job.settings.sampling_steps,
            Crystal.from_pymatgen(job.whole).canonical_hash,
            potential_identity(deps.settings),
            deps.seed,
        ]
    )


def _checkpoint(settings: Settings, key: str) -> Path:
    return settings.cache_dir / "dynamics" / f"{key[:32]}.npz"


def _point(job: Job, found: Sequence[Trajectory | Refusal], *, temperature_k: float) -> Point:
    from matsmith.models.diffusion_statistics import diffusion, displacement, pooled

    done = [each for each in found if isinstance(each, Trajectory)]
    refusals = [each for each in found if isinstance(each, Refusal)]
    if not done:
        return Point(temperature_k=temperature_k, state="failed", message=refusals[0].message)
    point = melting_point_k(job.ion) if not job.host else None
    looked = [_looked_at(job, each) for each in done]
    worst = max((motion for _, motion in looked), key=_least_drift)
    moved = pooled([displacement(positions, frame_fs=done[0].frame_fs) for positions, _ in looked])
    measured = diffusion(
        moved,
        ions=len(looked) * looked[0][0].shape[1],
        hop_angstrom=_hop_angstrom(job),
        temperature_k=temperature_k,
    )
    molten = _least_drift(worst) > DRIFTED or (point is not None and temperature_k > point)
    return Point(
        temperature_k=temperature_k,
        state="molten" if molten else "diffusive" if measured.resolved else "still",
        diffusion=measured,
        host=worst,
        mean_temperature_k=float(np.mean([each.mean_temperature_k for each in done])),
        drift_ev_per_atom_per_ps=max(abs(each.drift_ev_per_atom_per_ps) for each in done),
        message=f"{len(refusals)} of {len(found)} trajectories failed" if refusals else "",
    )


def _looked_at(job: Job, trajectory: Trajectory) -> tuple[FloatArray, tuple[HostMotion, ...]]:
    """Positions (frames, ions, 3) of the ions against the host's centre, and how the host's elements move."""
    from ase.data import atomic_numbers

    from matsmith.models.diffusion_statistics import host_motion, relative_positions

    is_ion = trajectory.numbers == atomic_numbers[job.ion]
    positions = relative_positions(trajectory, np.flatnonzero(~is_ion))
    motion = host_motion(
        positions,
        numbers=trajectory.numbers,
        lattice_angstrom=trajectory.lattice_angstrom,
        host=job.host,
    )
    return positions[:, is_ion], tuple(motion)


def _least_drift(motion: Sequence[HostMotion]) -> float:
    """Drift of the element of the host that drifts least: groups that turn on their places are no melt."""
    return min((each.drift for each in motion), default=0.0)


def _hop_angstrom(job: Job) -> float:
    """Mean distance from an ion to the nearest other one, within the lengths that hops have."""
    from matsmith.models.diffusion_statistics import nearest_distances_angstrom

    own = [place for place, site in enumerate(job.whole) if str(site.specie.symbol) == job.ion]
    positions: FloatArray = np.array(job.whole.cart_coords, dtype=np.float64)[own]
    nearest = nearest_distances_angstrom(positions, np.array(job.whole.lattice.matrix, dtype=np.float64))
    return float(np.clip(nearest.mean(), *_HOP_ANGSTROM))
