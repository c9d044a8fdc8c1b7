"""What one stage of a run left behind: the rows of its thermo output, averages, frames, and the final atoms.

A stage that was killed and went on has several parts, each with its own output; rows of a part that lie beyond the restart file from which
the next one began are dropped, as those steps were done again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from matsmith.tools.lammps.failures import DynamicsError
from matsmith.tools.lammps.process import OUTPUT
from matsmith.tools.lammps.structures import from_data

if TYPE_CHECKING:
    from ase import Atoms

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
COLUMNS = [
    "step",
    "time",
    "temp",
    "pe",
    "ke",
    "etotal",
    "press",
    "pxx",
    "pyy",
    "pzz",
    "pxy",
    "pxz",
    "pyz",
    "vol",
    "lx",
    "ly",
    "lz",
    "xy",
    "xz",
    "yz",
    "density",
]
"""The thermo columns that every stage has: step, ps, K, eV, bar, Å³, Å, g/cm³."""
FINAL = "final.data"


@dataclass(frozen=True, slots=True)
class Frames:
    """Frames of a dump, atoms in the order of their numbers.

    `steps` (f,), `types` (f, n) from 1 in the order of the simulation's elements, `positions` (f, n, 3) in Å, not folded into the
    box, `cells` (f, 3, 3) in Å, `columns` whatever else was asked for, (f, n) each.
    """

    steps: IntArray
    types: IntArray
    positions: FloatArray
    cells: FloatArray
    columns: dict[str, FloatArray]


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A finished stage. Pressures in bar, energies in eV, lengths in Å, times in ps."""

    name: str
    folder: Path
    elements: tuple[str, ...]
    initial: Atoms
    columns: tuple[str, ...]
    parts: int
    wall_s: float
    periodic: tuple[bool, bool, bool] = (True, True, True)
    warnings: tuple[str, ...] = field(default=())

    @property
    def _folders(self) -> list[Path]:
        return [part_folder(self.folder, number) for number in range(1, self.parts + 1)]

    @cached_property
    def thermo(self) -> dict[str, FloatArray]:
        """Each column of the thermo output by its name, (rows,)."""
        names = (*COLUMNS, *self.columns)
        tables = [thermo_rows(folder / OUTPUT, len(names)) for folder in self._folders]
        table = np.concatenate(_without_overlap(tables)) if tables else np.empty((0, len(names)))
        if not len(table):
            raise DynamicsError(
                "bad_output", f"The stage {self.name} wrote no thermo output.", retryable=True
            )
        return {name: table[:, place] for place, name in enumerate(names)}

    @cached_property
    def final(self) -> Atoms:
        """The atoms at the end, in LAMMPS' frame, with velocities, in the order of their numbers, not folded into the box."""
        text = (self._folders[-1] / FINAL).read_text(encoding="ascii")
        return from_data(text, self.elements, periodic=self.periodic)

    @property
    def potential_energy_ev(self) -> float:
        """Potential energy of the last row, of the whole cell."""
        return float(self.thermo["pe"][-1])

    @property
    def steps_per_second(self) -> float:
        """Steps done a second of wall time, start-up included."""
        steps = self.thermo["step"]
        return float(steps[-1] - steps[0]) / max(self.wall_s, 1e-9)

    def profile(self, name: str) -> FloatArray:
        """What `fix ave/...` wrote to NAME.profile: (rows, columns) with the step first, or (blocks, rows, columns) with row numbers first."""
        return self._profile(name)[1]

    def profile_steps(self, name: str) -> IntArray:
        """The steps of the blocks or rows of a profile."""
        return self._profile(name)[0]

    def _profile(self, name: str) -> tuple[IntArray, FloatArray]:
        steps: list[int] = []
        blocks: list[FloatArray] = []
        for folder, last in zip(self._folders, self._ends(), strict=True):
            path = folder / f"{name}.profile"
            if not path.exists():
                raise DynamicsError(
                    "bad_output", f"The stage {self.name} wrote no {name}.profile.", retryable=True
                )
            for step, block in _profile_blocks(path):
                if step <= last and (not steps or step > steps[-1]):
                    steps.append(step)
                    blocks.append(block)
        if not blocks:
            raise DynamicsError(
                "too_short",
                f"The stage {self.name} is too short for one average of {name}.",
                hint="Ask for more steps.",
            )
        return np.array(steps), np.array(blocks)

    def _ends(self) -> list[float]:
        """The last step that counts of each part: that from which the next one went on."""
        begins = [
            first_step(folder / OUTPUT, len(COLUMNS) + len(self.columns)) for folder in self._folders[1:]
        ]
        return [*begins, float("inf")]

    def dump(self, name: str) -> Frames:
        """The frames of NAME.dump."""
        steps: list[int] = []
        cells: list[FloatArray] = []
        tables: list[FloatArray] = []
        header: list[str] = []
        for folder, last in zip(self._folders, self._ends(), strict=True):
            for step, cell, header, table in dump_frames(folder / f"{name}.dump"):
                if step <= last and (not steps or step > steps[-1]):
                    steps.append(step)
                    cells.append(cell)
                    tables.append(table[np.argsort(table[:, header.index("id")])])
        if not tables:
            raise DynamicsError(
                "too_short", f"The stage {self.name} wrote no frame of {name}.", hint="Ask for more steps."
            )
        stacked = np.array(tables)
        axes = [header.index(each) for each in ("xu", "yu", "zu")] if "xu" in header else []
        return Frames(
            steps=np.array(steps),
            types=stacked[:, :, header.index("type")].astype(np.int64)
            if "type" in header
            else np.empty((0, 0), np.int64),
            positions=stacked[:, :, axes] if axes else np.empty((len(steps), 0, 3)),
            cells=np.array(cells),
            columns={
                each: stacked[:, :, place]
                for place, each in enumerate(header)
                if each not in ("id", "type", "xu", "yu", "zu")
            },
        )

    def frames(self, name: str) -> FloatArray:
        """Positions (n_frames, n, 3) of NAME.dump in Å, not folded."""
        return self.dump(name).positions


def whole(folder: Path, state: Mapping[str, Any]) -> bool:
    """Whether the files of a stage are still there: what it starts from and, when it is done, all that it left. A cleaner of caches may have been."""
    if not (folder / "start.data").exists():
        return False
    return not state.get("done") or all((folder / name).exists() for name in state.get("files", ()))


def files_of(folder: Path) -> list[str]:
    """The files of a stage, by their names within its folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def part_folder(folder: Path, number: int) -> Path:
    """Where a part of a stage runs, counted from 1."""
    return folder / f"part-{number}"


def row_of(line: str, n_columns: int) -> list[float] | None:
    """The numbers of a line of thermo output; None for any other line."""
    words = line.split()
    if len(words) != n_columns or not words[0].isdigit():
        return None
    try:
        return [float(word) for word in words]
    except ValueError:
        return None


def thermo_rows(output: Path, n_columns: int) -> FloatArray:
    """The thermo rows (rows, n_columns) of an output; of runs that follow each other the step between stands once."""
    rows: list[list[float]] = []
    with output.open(encoding="ascii", errors="replace") as lines:
        for line in lines:
            row = row_of(line, n_columns)
            if row is None:
                continue
            if rows and row[0] <= rows[-1][0]:
                rows[-1] = row
                continue
            rows.append(row)
    return np.array(rows, dtype=np.float64).reshape(-1, n_columns)


def first_step(output: Path, n_columns: int) -> float:
    """The step of the first thermo row of an output; infinite when it has none."""
    rows = thermo_rows(output, n_columns)
    return float(rows[0, 0]) if len(rows) else float("inf")


def _without_overlap(tables: Sequence[FloatArray]) -> list[FloatArray]:
    kept: list[FloatArray] = []
    for number, table in enumerate(tables):
        later = next((each for each in tables[number + 1 :] if len(each)), None)
        kept.append(table if later is None else table[table[:, 0] < later[0, 0]])
    return kept


def _profile_blocks(path: Path) -> Iterator[tuple[int, FloatArray]]:
    """Rows of a scalar average, or blocks `step number-of-rows ...` followed by their rows; an unfinished end is left out."""
    lines = [line.split() for line in path.read_text(encoding="ascii", errors="replace").splitlines()]
    header = [line for line in path.open(encoding="ascii", errors="replace") if line.startswith("#")]
    rows = [words for words in lines if words and not words[0].startswith("#")]
    if not any("Number-of" in line for line in header):
        width = max((len(row) for row in rows), default=0)
        for row in rows:
            if len(row) == width:
                yield int(float(row[0])), np.array([float(word) for word in row])
        return
    place = 0
    while place < len(rows):
        step, count = int(float(rows[place][0])), int(float(rows[place][1]))
        block = rows[place + 1 : place + 1 + count]
        if len(block) < count:
            return
        yield step, np.array([[float(word) for word in row] for row in block])
        place += 1 + count


def dump_frames(path: Path) -> Iterator[tuple[int, FloatArray, list[str], FloatArray]]:
    """Step, cell, names of columns and table of each whole frame of a dump."""
    if not path.exists():
        return
    with path.open(encoding="ascii", errors="replace") as source:
        while line := source.readline():
            if not line.startswith("ITEM: TIMESTEP"):
                continue
            try:
                step = int(source.readline())
                source.readline()
                count = int(source.readline())
                kind = source.readline()
                bounds = np.array([[float(word) for word in source.readline().split()] for _ in range(3)])
                header = source.readline().split()[2:]
                table = np.loadtxt([source.readline() for _ in range(count)], ndmin=2)
            except (ValueError, IndexError):
                return  # the process was killed while it wrote this frame
            if table.shape != (count, len(header)):
                return
            yield step, _dump_cell(bounds, tilted="xy xz yz" in kind), header, table


def _dump_cell(bounds: FloatArray, *, tilted: bool) -> FloatArray:
    if not tilted:
        return np.diag(bounds[:, 1] - bounds[:, 0])
    xy, xz, yz = bounds[:, 2]
    low, high = bounds[:, 0].copy(), bounds[:, 1].copy()
    low[0] -= min(0.0, xy, xz, xy + xz)
    high[0] -= max(0.0, xy, xz, xy + xz)
    low[1] -= min(0.0, yz)
    high[1] -= max(0.0, yz)
    lengths = high - low
    return np.array([[lengths[0], 0, 0], [xy, lengths[1], 0], [xz, yz, lengths[2]]])


def read_state(folder: Path) -> dict[str, Any]:
    """What is known of a stage in a folder; empty when there is none, or what is there is damaged."""
    try:
        found = json.loads((folder / "stage.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return dict(found) if isinstance(found, dict) else {}  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]


def write_state(folder: Path, state: dict[str, Any]) -> None:
    """Keep what is known of a stage, whole or not at all."""
    temporary = folder / "stage.json.part"
    temporary.write_text(json.dumps(state, indent=1, sort_keys=True), encoding="utf-8")
    temporary.replace(folder / "stage.json")
