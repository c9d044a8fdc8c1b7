"""Many cells of the same atoms evaluated in one start of LAMMPS: written as frames, read again by `rerun`, with their forces."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from matsmith.models.potentials.interface import Evaluation
from matsmith.tools.lammps.failures import DynamicsError
from matsmith.tools.lammps.process import OUTPUT
from matsmith.tools.lammps.stage import COLUMNS, dump_frames, thermo_rows
from matsmith.tools.lammps.structures import cell_of, symbols_of

if TYPE_CHECKING:
    from ase import Atoms

FloatArray = NDArray[np.float64]
EV_PER_ANGSTROM3_IN_BAR = 1.602176634e6


def write_images(path: Path, images: Sequence[Atoms], *, elements: Sequence[str]) -> None:
    """Write cells in the restricted frame as frames of a dump, atoms folded into their cells."""
    lines: list[str] = []
    for number, atoms in enumerate(images):
        cell = cell_of(atoms)
        positions: FloatArray = np.array(atoms.get_positions(wrap=True), dtype=np.float64)
        symbols = symbols_of(atoms)
        xy, xz, yz = cell[1, 0], cell[2, 0], cell[2, 1]
        low = (min(0.0, xy, xz, xy + xz), min(0.0, yz), 0.0)
        high = (cell[0, 0] + max(0.0, xy, xz, xy + xz), cell[1, 1] + max(0.0, yz), cell[2, 2])
        lines += ["ITEM: TIMESTEP", str(number), "ITEM: NUMBER OF ATOMS", str(len(symbols))]
        lines.append("ITEM: BOX BOUNDS xy xz yz pp pp pp")
        lines += [
            f"{a:.16g} {b:.16g} {tilt:.16g}" for a, b, tilt in zip(low, high, (xy, xz, yz), strict=True)
        ]
        lines.append("ITEM: ATOMS id type x y z")
        lines += [
            f"{index} {elements.index(symbol) + 1} {x:.16g} {y:.16g} {z:.16g}"
            for index, (symbol, (x, y, z)) in enumerate(
                zip(symbols, positions.tolist(), strict=True), start=1
            )
        ]
    path.write_text("\n".join(lines) + "\n", encoding="ascii")


def evaluations(part: Path, *, n_images: int, rotations: Sequence[FloatArray]) -> list[Evaluation]:
    """What a rerun left in a folder, turned back into the frames of the given cells."""
    rows = thermo_rows(part / OUTPUT, len(COLUMNS))
    frames = list(dump_frames(part / "forces.dump"))
    if len(rows) != n_images or len(frames) != n_images:
        raise DynamicsError(
            "bad_output",
            f"LAMMPS evaluated {len(frames)} of {n_images} cells.",
            hint="Run it again.",
            retryable=True,
        )
    found: list[Evaluation] = []
    for row, (_, _, _, table), rotation in zip(rows, frames, rotations, strict=True):
        xx, yy, zz, xy, xz, yz = (
            float(row[COLUMNS.index(name)]) for name in ("pxx", "pyy", "pzz", "pxy", "pxz", "pyz")
        )
        stress = -np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]]) / EV_PER_ANGSTROM3_IN_BAR
        forces = table[np.argsort(table[:, 0]), 1:4]
        found.append(
            Evaluation(
                energy_ev=float(row[COLUMNS.index("pe")]),
                forces_ev_per_angstrom=forces @ rotation,
                stress_ev_per_angstrom3=rotation.T @ stress @ rotation,
            )
        )
    return found
