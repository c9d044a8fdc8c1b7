"""The speed of molecular dynamics: a protocol's stage beside plain `lmp` on the same script, and the learned potential beside ASE.

    python benchmarks/dynamics_speed.py                          copper on one core and on two, the learned potential on one
    python benchmarks/dynamics_speed.py --turns 5 --steps 6000   more turns of longer runs
    python benchmarks/dynamics_speed.py --learned                the learned potential alone

Whether the stage or plain `lmp` goes first changes from turn to turn, and the two are compared within a turn: what else the machine
does drifts by more than what is looked for. Beside the ratio stands what the stage takes outside LAMMPS' own loop, which drifts less.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from matsmith.core.errors import MatsmithError
from matsmith.core.settings import Settings, load_settings

_BODY = "velocity all create 300.0 {seed} mom yes rot no dist gaussian\nfix move all nve\nrun {steps}\n"


@dataclass(frozen=True, slots=True)
class Timed:
    """One run by the clock: the whole call and LAMMPS' own loop in it, in seconds."""

    whole_s: float
    loop_s: float

    @property
    def outside_s(self) -> float:
        """What is not the loop: start, setup, output."""
        return self.whole_s - self.loop_s


def plain(script: Path, *, threads: int) -> Timed:
    """`lmp` by hand on a script, in the script's folder."""
    from matsmith.tools.lammps.program import program

    found = program()
    options = ["-sf", "omp", "-pk", "omp", str(threads)] if threads > 1 else []
    environment = {**os.environ, **found.environment(threads=threads)}
    begun = time.perf_counter()
    done = subprocess.run(
        [str(found.executable), "-in", script.name, "-log", "none", *options],
        cwd=script.parent, env=environment, capture_output=True, text=True, check=False, timeout=3600,
    )  # fmt: skip
    whole_s = time.perf_counter() - begun
    if done.returncode != 0:
        raise MatsmithError(f"lmp failed: {done.stdout[-300:]}{done.stderr[-300:]}")
    return Timed(whole_s, loop_seconds(done.stdout)[0])


def by_stage(atoms: Any, folder: Path, settings: Settings, *, steps: int, cores: int) -> tuple[Timed, Path]:
    """The same by a stage of a simulation, with all that it does: checks, files, limits, following, reading; and its script."""
    from matsmith.tools.base import Deps
    from matsmith.tools.lammps.potentials import choose
    from matsmith.tools.lammps.simulation import Simulation

    begun = time.perf_counter()
    simulation = Simulation(
        atoms=atoms, choice=choose(["Cu"], named="cu_mishin1", settings=settings), folder=folder,
        deps=Deps(settings=settings, seed=1), cores=cores,
    )  # fmt: skip
    stage = simulation.stage("run", _BODY, steps=steps)
    if len(stage.final) != len(atoms) or not len(stage.thermo["step"]):
        raise MatsmithError("The stage lost atoms or its output.")
    whole_s = time.perf_counter() - begun
    return Timed(whole_s, loop_seconds(output_of(stage.folder))[0]), next(stage.folder.rglob("script.in"))


def copper(work: Path, settings: Settings, *, each: Sequence[int], steps: int, turns: int) -> None:
    """Steps a second of 4,000 copper atoms by a stage and by plain lmp on the same script, and what the stage adds, on so many cores each."""
    from ase import build

    made: Any = build
    atoms: Any = made.bulk("Cu", "fcc", a=3.615, cubic=True).repeat((10, 10, 10))
    print(f"4,000 Cu atoms, cu_mishin1, {steps} steps a core, {turns} turns, medians:")
    for cores in each:
        _, script = by_stage(atoms, work / f"first-{cores}", settings, steps=200, cores=cores)
        pairs: list[tuple[Timed, Timed]] = []
        for turn in range(turns):
            folder = work / f"copper-{cores}-{turn}"
            if turn % 2 and pairs:
                theirs = plain(script, threads=cores)
                mine, script = by_stage(atoms, folder, settings, steps=steps * cores, cores=cores)
            else:
                mine, script = by_stage(atoms, folder, settings, steps=steps * cores, cores=cores)
                theirs = plain(script, threads=cores)
            pairs.append((mine, theirs))
            print(f"    {cores} core(s), turn {turn + 1}: stage {mine.whole_s:.2f} s (loop {mine.loop_s:.2f}), "
                  f"lmp {theirs.whole_s:.2f} s (loop {theirs.loop_s:.2f})", flush=True)  # fmt: skip
        ratios = sorted(100 * (mine.whole_s / theirs.whole_s - 1) for mine, theirs in pairs)
        added = [mine.outside_s - theirs.outside_s for mine, theirs in pairs]
        rates = [
            statistics.median(steps * cores / one.loop_s for one in side) for side in zip(*pairs, strict=True)
        ]
        walls = [statistics.median(one.whole_s for one in side) for side in zip(*pairs, strict=True)]
        print(
            f"  {cores} core(s): {rates[0]:.1f} steps/s, lmp {rates[1]:.1f}; whole {walls[0]:.1f} s, lmp {walls[1]:.1f} s; "
            f"overhead {statistics.median(ratios):+.1f} % ({ratios[0]:+.1f} to {ratios[-1]:+.1f}); outside the loop "
            f"{statistics.median(added):+.2f} s, {100 * statistics.median(added) / walls[1]:+.2f} %",
            flush=True,
        )


def learned(work: Path, settings: Settings, *, steps: int = 40, turns: int) -> None:
    """Milliseconds a step of the learned potential for 64 atoms: in LAMMPS, the potential alone, and ASE's velocity Verlet with the package.

    What LAMMPS adds to the potential alone is the most that other dynamics with the same potential could save. Processor time on one
    thread, which is what an idle core takes on the clock and does not depend on what else runs.
    """
    import torch
    from ase import build, units
    from ase.md import velocitydistribution
    from ase.md.verlet import VelocityVerlet
    from chgnet.model.dynamics import CHGNetCalculator

    from matsmith.tools.base import Deps
    from matsmith.tools.lammps.potentials import choose
    from matsmith.tools.lammps.simulation import Simulation

    torch.set_num_threads(1)
    made: Any = build
    start: Any = velocitydistribution
    atoms: Any = made.bulk("MgO", "rocksalt", a=4.21, cubic=True).repeat((2, 2, 2))
    inside: list[float] = []
    alone: list[float] = []
    ase: list[float] = []
    for turn in range(turns):
        simulation = Simulation(
            atoms=atoms, choice=choose(["Mg", "O"], named="learned", settings=settings), folder=work / f"learned-{time.time_ns()}",
            deps=Deps(settings=settings, seed=turn), cores=1,
        )  # fmt: skip
        stage = simulation.stage("run", _BODY, steps=steps, every=steps)
        # The loop alone, as LAMMPS tells it: without the start of the process and the loading of the potential.
        clock, share = loop_seconds(output_of(stage.folder))
        inside.append(1000 * clock * share / steps)
        alone.append(potential_alone_ms(atoms, settings, steps=steps))
        moving: Any = atoms.copy()
        moving.calc = CHGNetCalculator(use_device="cpu")
        start.MaxwellBoltzmannDistribution(moving, temperature_K=300)
        dynamics = VelocityVerlet(moving, timestep=units.fs)
        dynamics.run(5)
        begun = time.process_time()
        dynamics.run(steps)
        ase.append(1000 * (time.process_time() - begun) / steps)
    print(
        f"learned potential, 64 atoms, {turns} turns of {steps} steps, processor time, median: {statistics.median(inside):.1f} ms/step in LAMMPS, "
        f"{statistics.median(alone):.1f} the potential alone, {statistics.median(ase):.1f} in ASE with the CHGNet package"
    )


def output_of(folder: Path) -> str:
    """What LAMMPS said in a stage."""
    return next(folder.rglob("output.txt")).read_text(encoding="ascii", errors="replace")


def loop_seconds(output: str) -> tuple[float, float]:
    """The clock time of the loop that LAMMPS tells, and the share of it that it had a core."""
    clock = re.search(r"^Loop time of ([\d.e+-]+)", output, re.MULTILINE)
    share = re.search(r"^([\d.]+)% CPU use", output, re.MULTILINE)
    if not clock or not share:
        raise MatsmithError("The output holds no loop time.")
    return float(clock[1]), float(share[1]) / 100


def potential_alone_ms(atoms: Any, settings: Settings, *, steps: int) -> float:
    """Milliseconds of one call of the learned potential on atoms that move on a little from call to call, its neighbour list kept as long as it is good."""
    import numpy as np

    from matsmith.models.potentials.interface import CrystalArrays
    from matsmith.tools.potential import potential

    model = potential(settings)
    cell = np.asarray(atoms.cell, dtype=np.float64)
    rng = np.random.default_rng(1)
    velocity = rng.normal(scale=0.004, size=(len(atoms), 3))  # Å a femtosecond or so at 300 K

    def at(step: int) -> CrystalArrays:
        moved = atoms.get_positions() + velocity * (step % 40)
        return CrystalArrays(
            numbers=atoms.numbers.astype(np.int64),
            frac_coords=moved @ np.linalg.inv(cell),
            lattice_angstrom=cell,
        )

    state = model.new_state(at(0))
    for step in range(5):
        model.evaluate_states([at(step)], [state])
    begun = time.process_time()
    for step in range(steps):
        model.evaluate_states([at(step)], [state])
    return 1000 * (time.process_time() - begun) / steps


def main() -> int:
    """Print both comparisons."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=4000, help="steps of the copper runs, times the cores")
    parser.add_argument("--cores", type=int, nargs="+", default=[1, 2], help="cores of the copper runs")
    parser.add_argument("--turns", type=int, default=5, help="how often each run is done")
    parser.add_argument("--learned", action="store_true", help="the learned potential alone")
    parser.add_argument("--copper", action="store_true", help="copper alone")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        settings = load_settings().model_copy(update={"cache_dir": work / "cache"})
        if not given.learned:
            copper(work, settings, each=given.cores, steps=given.steps, turns=given.turns)
        if not given.copper:
            learned(work, settings, turns=min(given.turns, 3))
    return 0


if __name__ == "__main__":
    sys.exit(main())
