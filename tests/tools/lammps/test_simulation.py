"""Stages on the real program: physics against known values, resume after a kill, and what is refused or fails."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk  # pyright: ignore[reportUnknownVariableType]
from numpy.typing import NDArray

from matsmith.tools.lammps import simulation
from matsmith.tools.lammps.failures import DynamicsError
from matsmith.tools.lammps.process import Limits, follow
from matsmith.tools.lammps.program import program, usual_cores
from matsmith.tools.lammps.rendering import ScriptError
from matsmith.tools.lammps.simulation import Simulation
from matsmith.tools.lammps.stage import part_folder, thermo_rows
from matsmith.tools.lammps.structures import repeated

Simulate = Callable[..., Simulation]
Copper = Callable[..., Atoms]
FloatArray = NDArray[np.float64]
_HEAT = """velocity all create 600.0 {seed} mom yes rot yes
fix move all nve
run {steps}"""
_SAMPLE = """velocity all create 300.0 {seed}
fix move all nve
compute far all msd
fix mean all ave/time 10 5 100 c_thermo_temp c_far[4] file temps.profile
dump frames all custom 100 frames.dump id type xu yu zu
run {steps}"""


def test_cohesion_and_lattice_of_copper_are_those_of_its_paper(simulate: Simulate, copper: Copper) -> None:
    """Y. Mishin et al., Phys. Rev. B 63, 224106 (2001): 3.54 eV/atom at 3.615 Å."""
    stage = simulate(copper(2)).run_static()
    assert stage.potential_energy_ev / 32 == pytest.approx(-3.54, abs=5e-4)
    assert abs(float(stage.thermo["press"][0])) < 200.0


def test_a_primitive_cell_has_the_energy_and_pressure_of_its_cube(simulate: Simulate) -> None:
    cube = simulate(repeated(bulk("Cu", a=3.5, cubic=True), (2, 2, 2)), folder="cube").run_static()
    primitive = simulate(repeated(bulk("Cu", a=3.5), (3, 3, 3)), folder="primitive").run_static()
    assert primitive.potential_energy_ev / 27 == pytest.approx(cube.potential_energy_ev / 32, abs=1e-8)
    assert float(primitive.thermo["press"][0]) == pytest.approx(float(cube.thermo["press"][0]), rel=1e-6)


def test_energy_is_conserved_and_a_stage_goes_on_from_the_one_before(
    simulate: Simulate, copper: Copper
) -> None:
    heard: list[str] = []
    simulation = simulate(copper(3), note=heard.append)
    first = simulation.stage("first", _HEAT, steps=300, every=10, title="heating")
    total = first.thermo["etotal"]
    assert len(total) == 31
    assert np.ptp(first.thermo["pe"]) > 1.0
    assert np.ptp(total) < 0.01
    second = simulation.stage("second", "fix move all nve\nrun {steps}", steps=100, every=10)
    assert float(second.thermo["etotal"][0]) == pytest.approx(float(total[-1]), abs=1e-6)
    assert float(second.thermo["temp"][0]) == pytest.approx(float(first.thermo["temp"][-1]), rel=1e-9)
    assert any(line.startswith("heating: step") for line in heard)
    assert first.steps_per_second > 1


def test_the_same_seed_gives_the_same_run_and_another_one_another(simulate: Simulate, copper: Copper) -> None:
    runs = [
        simulate(copper(2), folder=f"run{number}", seed=seed).stage("heat", _HEAT, steps=20, every=5)
        for number, seed in enumerate((1, 1, 2))
    ]
    np.testing.assert_array_equal(runs[0].thermo["pe"], runs[1].thermo["pe"])
    assert float(runs[0].thermo["pe"][-1]) != float(runs[2].thermo["pe"][-1])


def test_a_finished_stage_is_read_back_and_another_request_is_not(
    simulate: Simulate, copper: Copper, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = simulate(copper(2)).stage("heat", _HEAT, steps=20, every=5)
    from matsmith.tools.lammps import simulation as module

    def started(*_args: object, **_more: object) -> float:
        raise AssertionError("it ran again")

    monkeypatch.setattr(module, "follow", started)
    again = simulate(copper(2)).stage("heat", _HEAT, steps=20, every=5)
    np.testing.assert_array_equal(again.thermo["pe"], done.thermo["pe"])
    np.testing.assert_array_equal(again.final.get_positions(), done.final.get_positions())
    with pytest.raises(AssertionError):
        simulate(copper(2)).stage("heat", _HEAT, steps=21, every=5)


def test_a_finished_stage_that_lost_a_file_is_run_again(simulate: Simulate, copper: Copper) -> None:
    done = simulate(copper(2)).stage("heat", _HEAT, steps=20, every=5)
    for file in list(done.folder.rglob("final.data")):
        file.unlink()
    again = simulate(copper(2)).stage("heat", _HEAT, steps=20, every=5)
    assert list(again.folder.rglob("final.data"))
    np.testing.assert_allclose(again.thermo["pe"], done.thermo["pe"])


def test_averages_frames_and_columns_are_read(simulate: Simulate, copper: Copper) -> None:
    stage = simulate(copper(2)).stage("sample", _SAMPLE, steps=500, every=50, columns=("c_far[4]",))
    assert stage.profile("temps").shape == (5, 3)
    np.testing.assert_array_equal(stage.profile_steps("temps"), [100, 200, 300, 400, 500])
    frames = stage.dump("frames")
    assert frames.positions.shape == (6, 32, 3)
    np.testing.assert_array_equal(frames.types, 1)
    moved = frames.positions[-1] - frames.positions[0]
    assert float((moved**2).sum(axis=1).mean()) == pytest.approx(
        float(stage.thermo["c_far[4]"][-1]), rel=1e-3
    )
    np.testing.assert_allclose(frames.positions[-1], stage.final.get_positions(), atol=1e-4)
    with pytest.raises(DynamicsError):
        stage.profile("none")


def test_many_cells_in_one_start_have_the_forces_of_their_own_frames(
    simulate: Simulate, copper: Copper
) -> None:
    atoms = copper(2)
    atoms.rattle(0.1, seed=3)
    turned = atoms.copy()
    turned.rotate(40, (1, 2, 3), rotate_cell=True)
    first, second = simulate(atoms).evaluate([atoms, turned])
    assert first.energy_ev == pytest.approx(second.energy_ev, abs=1e-8)
    forces = atoms.copy()
    forces.set_positions(first.forces_ev_per_angstrom)
    forces.rotate(40, (1, 2, 3))
    assert second.forces_ev_per_angstrom is not None
    np.testing.assert_allclose(second.forces_ev_per_angstrom, forces.get_positions(), atol=1e-8)
    step = 1e-4
    shifted = [atoms.copy(), atoms.copy()]
    for sign, image in zip((1, -1), shifted, strict=True):
        image.positions[5, 1] += sign * step
    up, down = (found.energy_ev for found in simulate(atoms, folder="slope").evaluate(shifted))
    assert first.forces_ev_per_angstrom is not None
    assert first.forces_ev_per_angstrom[5, 1] == pytest.approx(-(up - down) / (2 * step), abs=1e-5)


_CHILD = """
import sys
from pathlib import Path
from ase.build import bulk
from matsmith.core.settings import Settings
from matsmith.tools.base import Deps
from matsmith.tools.lammps import scripts
from matsmith.tools.lammps.potentials import choose
from matsmith.tools.lammps.simulation import Simulation
scripts._RESTART_EVERY_S = 0.02
settings = Settings(_env_file=None)
simulation = Simulation(
    atoms=bulk("Cu", a=3.615, cubic=True) * (3, 3, 3), choice=choose(["Cu"], settings=settings), folder=Path(sys.argv[1]),
    deps=Deps(settings=settings), cores=1,
)
simulation.stage("long", Path(sys.argv[2]).read_text(), steps=int(sys.argv[3]), every=50, columns=("c_far[4]",))
"""


def test_a_killed_run_goes_on_from_its_restart_file(
    simulate: Simulate, copper: Copper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from matsmith.tools.lammps import scripts

    simulate(copper(1))  # skips without LAMMPS
    steps = 5000
    template = tmp_path / "template"
    template.write_text(_SAMPLE, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    child = subprocess.Popen(
        [sys.executable, "-c", _CHILD, str(tmp_path / "run"), str(template), str(steps)], env=environment
    )
    part = part_folder(tmp_path / "run" / "long", 1)
    for _ in range(1200):
        if (part / "restart.b").exists() and len(thermo_rows(part / "output.txt", 22)) > 8:
            break
        assert child.poll() is None, "the run ended before it could be killed"
        time.sleep(0.05)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    killed_at = float(thermo_rows(part / "output.txt", 22)[-1, 0])
    assert killed_at < steps
    size = (part / "output.txt").stat().st_size
    time.sleep(0.5)
    assert (part / "output.txt").stat().st_size - size < 2000, "LAMMPS outlived its parent"
    monkeypatch.setattr(scripts, "_RESTART_EVERY_S", 0.02)
    stage = simulate(copper(3)).stage("long", _SAMPLE, steps=steps, every=50, columns=("c_far[4]",))
    assert stage.parts == 2
    second = thermo_rows(part_folder(stage.folder, 2) / "output.txt", 22)
    assert 0 < second[0, 0] <= killed_at + 2000
    np.testing.assert_array_equal(stage.thermo["step"], np.arange(0, steps + 1, 50))
    assert np.ptp(stage.thermo["etotal"]) < 0.02, "the energy jumped where the run went on"
    assert np.all(np.diff(stage.profile_steps("temps")) >= 100)
    np.testing.assert_array_equal(stage.dump("frames").steps, np.arange(0, steps + 1, 100))
    assert float(stage.thermo["c_far[4]"][-1]) < 0.2, "the displacement lost its reference"


def test_a_damaged_restart_file_is_passed_over(
    simulate: Simulate, copper: Copper, monkeypatch: pytest.MonkeyPatch
) -> None:
    from matsmith.tools.lammps import scripts

    monkeypatch.setattr(scripts, "_RESTART_EVERY_S", 0.02)
    done = simulate(copper(3)).stage("heat", _HEAT, steps=1500, every=50)
    state = json.loads((done.folder / "stage.json").read_text())
    (done.folder / "stage.json").write_text(json.dumps({**state, "done": False}))
    part = part_folder(done.folder, 1)
    restarts = sorted(part.glob("restart.*"), key=lambda path: path.stat().st_mtime_ns)
    assert restarts
    restarts[-1].write_bytes(restarts[-1].read_bytes()[:100])
    again = simulate(copper(3)).stage("heat", _HEAT, steps=1500, every=50)
    np.testing.assert_array_equal(again.thermo["step"], np.arange(0, 1501, 50))


def test_attempts_that_came_farther_do_not_count(
    simulate: Simulate, copper: Copper, monkeypatch: pytest.MonkeyPatch
) -> None:
    from matsmith.tools.lammps import scripts

    monkeypatch.setattr(scripts, "_RESTART_EVERY_S", 0.02)

    def ended(attempts: int) -> Path:
        """The stage's state as if the process had been ended after so many attempts."""
        stage = simulate(copper(3)).stage("heat", _HEAT, steps=1500, every=50)
        path = stage.folder / "stage.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "done": False, "attempts": attempts}))
        return stage.folder

    first = ended(1)
    assert ended(20) == first
    assert thermo_rows(part_folder(first, 2) / "output.txt", 21)[0, 0] > 0
    # The second part began farther on than the first: its twenty attempts are forgotten.
    again = simulate(copper(3)).stage("heat", _HEAT, steps=1500, every=50)
    np.testing.assert_array_equal(again.thermo["step"], np.arange(0, 1501, 50))
    state = json.loads((first / "stage.json").read_text())
    assert state["attempts"] == 1
    # The third began where the second did, so that attempts count again.
    (first / "stage.json").write_text(json.dumps({**state, "done": False, "attempts": 20}))
    with pytest.raises(DynamicsError) as refusal:
        simulate(copper(3)).stage("heat", _HEAT, steps=1500, every=50)
    assert refusal.value.code == "no_progress"


def test_a_crystal_that_flies_apart_is_a_typed_failure(simulate: Simulate, copper: Copper) -> None:
    template = "velocity all create 5000000.0 {seed}\nfix move all nve\nrun {steps}"
    with pytest.raises(DynamicsError) as caught:
        simulate(copper(2)).stage("hot", template, steps=2000, every=1)
    assert caught.value.code in ("diverged", "lost_atoms", "out_of_range")
    assert caught.value.hint


def test_a_run_beyond_its_time_is_ended(simulate: Simulate, copper: Copper) -> None:
    with pytest.raises(DynamicsError) as caught:
        simulate(copper(3), limits=Limits(wall_s=1.0)).stage("long", _HEAT, steps=10**6)
    assert caught.value.code == "time_limit"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"limits": Limits(most_atoms=10)}, "too_large"),
        ({"limits": Limits(most_estimated_s=0.001)}, "too_long"),
    ],
)
def test_too_much_work_is_refused_with_its_cost(
    simulate: Simulate, copper: Copper, change: dict[str, Limits], code: str, tmp_path: Path
) -> None:
    with pytest.raises(DynamicsError) as caught:
        simulate(copper(2), **change).stage("heat", _HEAT, steps=10**6)
    assert caught.value.code == code
    assert "GB" in caught.value.message
    assert not (tmp_path / "run" / "heat").exists()


def test_what_cannot_be_a_crystal_is_refused(simulate: Simulate, copper: Copper) -> None:
    near = copper(1)
    near.positions[1] = near.positions[0] + 0.1
    with pytest.raises(DynamicsError) as caught:
        simulate(near)
    assert caught.value.code == "overlap"
    with pytest.raises(DynamicsError) as caught:
        simulate(copper(1, a=0.5))
    assert caught.value.code == "bad_cell"


def test_a_step_too_long_for_its_atoms_is_refused(simulate: Simulate, copper: Copper) -> None:
    with pytest.raises(DynamicsError) as caught:
        simulate(copper(1)).stage("heat", _HEAT, steps=10, timestep_ps=0.05)
    assert caught.value.code == "bad_timestep"
    with pytest.raises(ScriptError):
        simulate(copper(1)).stage("heat", "fix move all nve")


@pytest.fixture
def iron_chromium() -> Atoms:
    """2,000 atoms of ordered FeCr, whose pair style has no threads."""
    return repeated(bulk("FeCr", "cesiumchloride", a=2.87, cubic=True), (10, 10, 10))


def test_ranks_give_what_one_core_gives_and_are_taken_where_cores_stand_idle(
    simulate: Simulate, iron_chromium: Atoms, monkeypatch: pytest.MonkeyPatch
) -> None:
    if program().mpiexec is None or usual_cores() < 2:
        pytest.skip("one core, or no mpiexec")
    alone = simulate(iron_chromium, named="fecr_cd", folder="alone").stage("heat", _HEAT, steps=10)
    started: list[list[str]] = []

    def followed(command: list[str], **given: Any) -> float:
        started.append(command)
        return follow(command, **given)

    monkeypatch.setattr(simulation, "follow", followed)
    for idle, folder in ((2.0, "both"), (1.0, "busy")):
        monkeypatch.setattr(simulation, "idle_cores", lambda idle=idle: idle)
        made = simulate(iron_chromium, named="fecr_cd", folder=folder, cores=2).stage("heat", _HEAT, steps=10)
        assert np.allclose(made.thermo["etotal"], alone.thermo["etotal"], rtol=1e-10)
        assert np.allclose(made.final.positions, alone.final.positions, atol=1e-6)
    assert started[0][0] == str(program().mpiexec)
    assert "mpiexec" not in started[1][0]
