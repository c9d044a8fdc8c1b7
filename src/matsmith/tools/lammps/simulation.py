"""Runs of one protocol in one folder: stage after stage, each run once, followed, resumed after a kill, and read back when it is done.

A stage is a template's body between a header and a footer that are always the same (units metal, periodic box, the potential, thermo
output). What identifies it is its script, its start and its potential: a folder that holds the same stage, finished, is
read and not run again; one that was killed goes on from its last restart file when its template allows it.
"""

from __future__ import annotations

import hashlib
import math
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matsmith.models.potentials.interface import Evaluation
from matsmith.tools.base import Deps
from matsmith.tools.lammps import sanity
from matsmith.tools.lammps.failures import CALMER, DynamicsError
from matsmith.tools.lammps.potentials import Choice
from matsmith.tools.lammps.process import OUTPUT, Limits, follow, launched
from matsmith.tools.lammps.program import idle_cores, program, styles, usual_cores, version
from matsmith.tools.lammps.rendering import Value
from matsmith.tools.lammps.scripts import Plan, plan_of, script_of
from matsmith.tools.lammps.stage import (
    COLUMNS,
    FINAL,
    Stage,
    files_of,
    first_step,
    part_folder,
    read_state,
    row_of,
    whole,
    write_state,
)
from matsmith.tools.lammps.structures import elements_of, from_data, restricted, to_data

if TYPE_CHECKING:
    from ase import Atoms

_SAY_EVERY_S = 1.0
_ATOMS_PER_CORE = 1000
"""Fewer atoms than this are not worth a core of their own."""
_HOTTEST_K = 200_000.0
_MOST_ATTEMPTS = 20


class Simulation:
    """Stages of one protocol on one set of elements with one potential, each in a sub-folder of `folder`.

    `cores` None: one core for a few hundred atoms, all that there are beyond. `timestep_ps` None: the usual one of the lightest atom.
    Raises `DynamicsError` for what is refused before it runs.
    """

    def __init__(
        self,
        *,
        atoms: Atoms,
        choice: Choice,
        folder: Path,
        deps: Deps,
        limits: Limits | None = None,
        cores: int | None = None,
        boundary: str = "p p p",
        timestep_ps: float | None = None,
        elements: Sequence[str] | None = None,
    ) -> None:
        self.choice = choice
        self.folder = folder
        self.deps = deps
        self.limits = limits or Limits()
        self.elements = tuple(elements) if elements is not None else elements_of(atoms)
        self.boundary = boundary
        self.timestep_ps = (
            timestep_ps if timestep_ps is not None else sanity.usual_timestep_ps(self.elements, choice)
        )
        self._cores = cores
        self._atoms = self._framed(atoms)
        self._stages = 0
        self.warnings: list[str] = []
        sanity.check_timestep(self.timestep_ps, self.elements, choice)
        sanity.check_cell(self._atoms, choice, self.limits)

    def _framed(self, atoms: Atoms) -> Atoms:
        return restricted(atoms)[0]

    @property
    def atoms(self) -> Atoms:
        """The atoms that the next stage begins with, in LAMMPS' frame."""
        return self._atoms

    def cores_for(self, atoms: int) -> int:
        """Cores that a run of so many atoms takes."""
        most = self._cores if self._cores is not None else usual_cores()
        return max(1, min(most, usual_cores(), atoms // _ATOMS_PER_CORE))

    def stage(
        self,
        name: str,
        template: str,
        *,
        steps: int = 0,
        atoms: Atoms | None = None,
        values: Mapping[str, Value] | None = None,
        columns: Sequence[str] = (),
        every: int | None = None,
        title: str = "",
        boundary: str | None = None,
        timestep_ps: float | None = None,
    ) -> Stage:
        """Run a template's body, or read back what it left when it ran before; the next stage goes on from its final atoms.

        `columns` are further thermo columns, `every` the steps between thermo rows. Raises `DynamicsError` when it is refused or fails,
        `ScriptError` when template or values make a line that is not allowed.
        """
        if atoms is not None:
            self._atoms = self._framed(atoms)
            sanity.check_cell(self._atoms, self.choice, self.limits)
        self._stages += 1
        plan = self._planned(
            name,
            template,
            steps=steps,
            values=values or {},
            columns=columns,
            every=every,
            title=title,
            boundary=boundary,
            timestep_ps=timestep_ps,
        )
        start = to_data(self._atoms, self.elements, triclinic=plan.shears)
        key = self._key(plan, start)
        folder = self.folder / name
        state = read_state(folder)
        if state.get("key") != key or not whole(folder, state):
            sanity.check_work(plan.atoms, steps, self.choice, cores=plan.cores, limits=self.limits)
            if folder.exists():
                shutil.rmtree(folder)
            folder.mkdir(parents=True)
            (folder / "start.data").write_text(start, encoding="ascii")
            state = {"key": key, "parts": 0, "attempts": 0, "wall_s": 0.0, "done": False}
            write_state(folder, state)
        if not state["done"]:
            self.choice.put_files(self.folder / "potential")
            self._run(plan, folder=folder, state=state)
        stage = Stage(
            name=name,
            folder=folder,
            elements=self.elements,
            initial=from_data(start, self.elements, periodic=plan.periodic),
            columns=plan.columns,
            parts=int(state["parts"]),
            wall_s=float(state["wall_s"]),
            periodic=plan.periodic,
        )
        self._atoms = stage.final
        return stage

    def run_static(self, atoms: Atoms | None = None, *, name: str = "static") -> Stage:
        """Energy, forces and pressure of atoms as they stand."""
        return self.stage(name, "run 0", atoms=atoms, title="static energy")

    def evaluate(self, images: Sequence[Atoms], *, name: str = "images") -> list[Evaluation]:
        """Energy (eV), forces (n, 3 in eV/Å) and stress (3, 3 in eV/Å³, positive under tension) of many cells of the same atoms, as they stand.

        All are read in one start of LAMMPS; forces and stress stand in the frames of the given atoms. Nothing is kept for a resume.
        """
        from matsmith.tools.lammps.images import evaluations, write_images

        framed = [restricted(image) for image in images]
        for atoms, _ in framed:
            sanity.check_cell(atoms, self.choice, self.limits)
        folder = self.folder / name
        part = part_folder(folder, 1)
        if folder.exists():
            shutil.rmtree(folder)
        part.mkdir(parents=True)
        self.choice.put_files(self.folder / "potential")
        start = to_data(framed[0][0], self.elements, triclinic=True)
        (folder / "start.data").write_text(start, encoding="ascii")
        write_images(part / "images.dump", [atoms for atoms, _ in framed], elements=self.elements)
        plan = self._planned(name, "run 0", steps=0, values={})
        script = script_of(plan, choice=self.choice, elements=self.elements).replace(
            "\nrun 0\n",
            "\ndump forces all custom 1 forces.dump id fx fy fz"
            "\ndump_modify forces sort id format float %.16g\nrerun images.dump dump x y z box yes\n",
        )
        (part / "script.in").write_text(script, encoding="ascii")
        self._follow(plan, part)
        return evaluations(part, n_images=len(images), rotations=[rotation for _, rotation in framed])

    def _planned(
        self,
        name: str,
        template: str,
        *,
        steps: int,
        values: Mapping[str, Value],
        columns: Sequence[str] = (),
        every: int | None = None,
        title: str = "",
        boundary: str | None = None,
        timestep_ps: float | None = None,
    ) -> Plan:
        timestep = timestep_ps if timestep_ps is not None else self.timestep_ps
        sanity.check_timestep(timestep, self.elements, self.choice)
        given: dict[str, Value] = {
            "steps": steps,
            "seed": self._seed(name),
            "timestep_ps": timestep,
            "elements": self.elements,
            "damp_t": 100 * timestep,
            "damp_p": 1000 * timestep,
        }
        return plan_of(
            name,
            template,
            steps=steps,
            values={**given, **values},
            columns=columns,
            every=every,
            title=title,
            boundary=boundary or self.boundary,
            timestep_ps=timestep,
            cores=self.cores_for(len(self._atoms)),
            atoms=len(self._atoms),
        )

    def _seed(self, name: str) -> int:
        """A seed of its own for each stage, the same for the same seed of the run: from 1 to 899,999,999."""
        digest = hashlib.sha256(f"{self.deps.seed}:{name}:{self._stages}".encode()).digest()
        return 1 + int.from_bytes(digest[:8], "big") % 899_999_999

    def _key(self, plan: Plan, start: str) -> str:
        text = script_of(plan, choice=self.choice, elements=self.elements)
        # The number of cores changes the rounding alone, and must not throw away a run that is half done.
        return hashlib.sha256(f"{version()}\n{self.choice.hash}\n{text}\n{start}".encode()).hexdigest()

    def _run(self, plan: Plan, *, folder: Path, state: dict[str, Any]) -> None:
        """Run a stage to its end, from its beginning or from its last restart file."""
        parts = int(state["parts"])
        attempts = int(state["attempts"])
        # Only attempts that came no farther than those before count: a long stage may be ended and go on as often as it likes.
        reached = _farthest_begin(folder, parts, len(COLUMNS) + len(plan.columns))
        if reached > float(state.get("reached", 0.0)):
            attempts = 0
            state.update(reached=reached)
        if attempts >= _MOST_ATTEMPTS:
            raise DynamicsError(
                "no_progress",
                f"The stage {plan.name} was begun {attempts} times and never finished.",
                hint=f"Look into {folder}, or remove it to begin anew.",
            )
        while True:
            restarts = self._restarts(folder, parts)
            if not restarts:
                parts = 0
            part = part_folder(folder, parts + 1)
            if part.exists():
                shutil.rmtree(part)
            part.mkdir()
            resumed = None
            if restarts:
                resumed = "begin.restart"
                shutil.copyfile(restarts[0], part / resumed)
            # The attempt is counted before it begins, so that a stage that kills this process cannot do so for ever.
            attempts += 1
            state.update(parts=parts + 1, attempts=attempts)
            write_state(folder, state)
            try:
                wall_s = self._execute(plan, part, resumed=resumed)
            except DynamicsError as error:
                if restarts and error.code in ("lammps_error", "crashed") and not _has_rows(part, plan):
                    restarts[
                        0
                    ].unlink()  # killed while it wrote this one: the other, or the beginning, is whole
                    parts = _parts_left(folder, parts)
                    continue
                raise self._told(error, plan, part) from error
            state.update(done=True, wall_s=float(state["wall_s"]) + wall_s, files=files_of(folder))
            write_state(folder, state)
            return

    def _told(self, error: DynamicsError, plan: Plan, part: Path) -> DynamicsError:
        error.facts.setdefault("stage", plan.name)
        error.facts.setdefault("folder", str(part))
        return error

    def _restarts(self, folder: Path, parts: int) -> list[Path]:
        """Restart files of a stage, newest first; none when it begins anew."""
        found: list[Path] = []
        for number in range(parts, 0, -1):
            part = part_folder(folder, number)
            own = [part / name for name in ("restart.a", "restart.b")]
            found += sorted((p for p in own if p.exists()), key=lambda p: p.stat().st_mtime_ns, reverse=True)
            begun = part / "begin.restart"
            if begun.exists():
                found.append(begun)
        return found

    def _execute(self, plan: Plan, part: Path, *, resumed: str | None) -> float:
        script = script_of(plan, choice=self.choice, elements=self.elements, resumed=resumed)
        (part / "script.in").write_text(script, encoding="ascii")
        return self._follow(plan, part)

    def _follow(self, plan: Plan, part: Path) -> float:
        hear = _Progress(plan, note=self.deps.note)
        if self.choice.learned:
            from matsmith.tools.lammps.learned import run_learned

            return run_learned(
                part,
                settings=self.deps.settings,
                elements=self.elements,
                limits=self.limits,
                cores=plan.cores,
                hear=hear,
            )
        command, threads = self._command(plan)
        wall_s = follow(
            command,
            folder=part,
            environment=program().environment(threads=threads),
            limits=self.limits,
            threads=plan.cores,
            elements=self.elements,
            hear=hear,
        )
        if not (part / FINAL).exists():
            raise DynamicsError("bad_output", "LAMMPS ended without its final atoms.", retryable=True)
        return wall_s

    def _command(self, plan: Plan) -> tuple[list[str], int]:
        """The program with OpenMP threads where the pair style has them, else with MPI ranks; one core takes neither.

        Ranks wait spinning: where others use the cores too, two of them are several times slower than one alone, so that only idle cores are taken.
        """
        found = program()
        plain = [str(found.executable), "-in", "script.in", "-log", "none", "-nocite"]
        if plan.cores == 1:
            return plain, 1
        parts = self.choice.pair_style.split()
        if all(f"{part}/omp" in styles("pair") for part in parts):
            return [*plain, "-sf", "omp", "-pk", "omp", str(plan.cores)], plan.cores
        ranks = 1 if found.mpiexec is None else min(plan.cores, math.floor(idle_cores() + 0.5))
        if ranks < 2:
            return plain, 1
        each = launched(plain, limits=self.limits, threads=1, folder=None, parent=None)
        return [str(found.mpiexec), "-n", str(ranks), *each], 1


def _has_rows(part: Path, plan: Plan) -> bool:
    output = part / OUTPUT
    if not output.exists():
        return False
    count = len(COLUMNS) + len(plan.columns)
    return any(row_of(line, count) is not None for line in output.read_text("ascii", "replace").splitlines())


def _farthest_begin(folder: Path, parts: int, n_columns: int) -> float:
    """The farthest step that a part went on from; 0 when none did."""
    outputs = [part_folder(folder, number) / OUTPUT for number in range(1, parts + 1)]
    begins = [first_step(output, n_columns) for output in outputs if output.exists()]
    return max((step for step in begins if math.isfinite(step)), default=0.0)


def _parts_left(folder: Path, parts: int) -> int:
    """How many parts still hold a restart file; those behind them are begun anew."""
    for number in range(parts, 0, -1):
        part = part_folder(folder, number)
        if any((part / name).exists() for name in ("restart.a", "restart.b", "begin.restart")):
            return number
    return 0


class _Progress:
    """Hears a run's output: tells how far it is about once a second, and ends one whose energy or temperature is no number any more."""

    def __init__(self, plan: Plan, *, note: Callable[[str], None]) -> None:
        self._plan = plan
        self._note = note
        self._begun: tuple[float, float] | None = None
        self._said = 0.0
        self._count = len(COLUMNS) + len(plan.columns)

    def __call__(self, line: str) -> None:
        row = row_of(line, self._count)
        if row is None:
            return
        step, temperature, energy = row[0], row[2], row[3]
        if not (math.isfinite(energy) and math.isfinite(temperature)) or temperature > _HOTTEST_K:
            raise DynamicsError(
                "diverged",
                f"Energy or temperature ran away at step {step:.0f} ({temperature:.3g} K).",
                hint=CALMER,
            )
        now = time.monotonic()
        if self._begun is None:
            self._begun = (step, now)
        if now - self._said < _SAY_EVERY_S:
            return
        self._said = now
        self._note(self._sentence(step, temperature, now))

    def _sentence(self, step: float, temperature: float, now: float) -> str:
        plan = self._plan
        if not plan.steps:
            return f"{plan.title}: step {step:.0f}"
        said = f"{plan.title}: step {step:.0f} of {plan.steps} ({100 * step / plan.steps:.0f} %), {temperature:.0f} K"
        first, at = self._begun or (step, now)
        if step > first and now - at > 0.5:
            rate = (step - first) / (now - at)
            said += f", {rate:.0f} steps/s, {max(0.0, plan.steps - step) / rate:.0f} s left"
        return said
