"""Cells as LAMMPS holds them: the restricted frame (a along x, b in the xy plane), data files, supercells and oriented crystals.

Lengths in Å, velocities in Å/ps in files and in ASE's units on atoms, masses in g/mol.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from matsmith.tools.lammps.failures import DynamicsError

if TYPE_CHECKING:
    from ase import Atoms

FloatArray = NDArray[np.float64]
Prototype = Literal["fcc", "bcc", "hcp", "diamond"]
PROTOTYPES: tuple[Prototype, ...] = ("fcc", "bcc", "hcp", "diamond")
_ORTHOGONAL_DEGREES = 0.5
_MOST_ATOMS = 300_000
# ASE's unit of velocity is Å/(Å sqrt(amu/eV)); a picosecond has this many of its units of time.
ASE_TIME_PER_PS = 98.22694788464062


def restricted(atoms: Atoms) -> tuple[Atoms, FloatArray]:
    """The same crystal in LAMMPS' frame, and the rotation: a vector v of the given frame is `rotation @ v` there.

    The third vector of a left-handed cell is turned round, and tilts beyond half an edge are folded back: the lattice stays the same.
    Raises `DynamicsError` for a cell without volume.
    """
    cell = cell_of(atoms)
    volume = float(np.linalg.det(cell))
    if not math.isfinite(volume) or abs(volume) < 1e-6:
        raise DynamicsError(
            "bad_cell", "The cell has no volume.", hint="Give three lattice vectors that span one."
        )
    if volume < 0:
        cell[2] = -cell[2]
    # b and c less whole multiples of what stands before them, until no tilt is beyond half an edge
    lower, rotation = _lower(cell)
    c_shift = round(lower[2, 1] / lower[1, 1])
    cell[2] -= c_shift * cell[1]
    lower, _ = _lower(cell)
    cell[2] -= round(lower[2, 0] / lower[0, 0]) * cell[0]
    cell[1] -= round(lower[1, 0] / lower[0, 0]) * cell[0]
    lower, rotation = _lower(cell)
    positions: FloatArray = np.array(atoms.get_positions(), dtype=np.float64) @ rotation.T
    made = atoms.copy()
    made.calc = None
    made.set_cell(lower, scale_atoms=False)
    made.set_positions(positions)
    if made.has("momenta"):
        made.set_momenta(np.asarray(atoms.get_momenta()) @ rotation.T)
    return made, rotation


def cell_of(atoms: Atoms) -> FloatArray:
    """Lattice vectors of a cell as rows, a copy."""
    return np.array(cast("Any", atoms.cell).array, dtype=np.float64)


def symbols_of(atoms: Atoms) -> list[str]:
    """The element of each atom."""
    return list(cast("Any", atoms).get_chemical_symbols())


def _lower(cell: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The lower triangular form of a right-handed cell (rows are vectors) and the rotation that leads to it."""
    first = cell[0] / np.linalg.norm(cell[0])
    third = np.cross(cell[0], cell[1])
    third /= np.linalg.norm(third)
    rotation = np.array([first, np.cross(third, first), third])
    lower: FloatArray = cell @ rotation.T
    lower[np.triu_indices(3, 1)] = 0.0
    return lower, rotation


def is_restricted(atoms: Atoms) -> bool:
    """Whether a cell stands in LAMMPS' frame already."""
    cell = cell_of(atoms)
    return bool(np.all(np.abs(cell[np.triu_indices(3, 1)]) < 1e-9) and np.all(np.diag(cell) > 0))


def to_data(atoms: Atoms, elements: Sequence[str], *, triclinic: bool = False) -> str:
    """A data file of atoms in the restricted frame; their types are the places of their elements in `elements`.

    `triclinic` writes a right-angled cell as one whose angles can change.
    """
    cell = cell_of(atoms)
    symbols = symbols_of(atoms)
    types = [elements.index(symbol) + 1 for symbol in symbols]
    positions: FloatArray = np.array(atoms.get_positions(), dtype=np.float64)
    lines = ["matsmith", "", f"{len(types)} atoms", f"{len(elements)} atom types", ""]
    for axis, letter in enumerate("xyz"):
        lines.append(f"0.0 {cell[axis, axis]:.16g} {letter}lo {letter}hi")
    tilts = (cell[1, 0], cell[2, 0], cell[2, 1])
    if triclinic or max(abs(tilt) for tilt in tilts) > 1e-12:
        lines.append(" ".join(f"{tilt + 0.0:.16g}" for tilt in tilts) + " xy xz yz")
    lines += ["", "Masses", ""]
    lines += [f"{number} {mass_of(symbol):.10g}" for number, symbol in enumerate(elements, start=1)]
    lines += ["", "Atoms # atomic", ""]
    lines += [
        f"{index} {kind} {x:.16g} {y:.16g} {z:.16g}"
        for index, (kind, (x, y, z)) in enumerate(zip(types, positions.tolist(), strict=True), start=1)
    ]
    if atoms.has("momenta"):
        velocities: FloatArray = np.array(atoms.get_velocities(), dtype=np.float64) * ASE_TIME_PER_PS
        lines += ["", "Velocities", ""]
        lines += [
            f"{index} {x:.16g} {y:.16g} {z:.16g}"
            for index, (x, y, z) in enumerate(velocities.tolist(), start=1)
        ]
    return "\n".join(lines) + "\n"


def from_data(
    text: str, elements: Sequence[str], *, periodic: tuple[bool, bool, bool] = (True, True, True)
) -> Atoms:
    """Atoms of a data file that LAMMPS wrote, in the order of their numbers, with velocities, and not folded into the box."""
    from ase import Atoms

    lines = text.splitlines()
    bounds: dict[str, tuple[float, float]] = {}
    tilts = (0.0, 0.0, 0.0)
    sections: dict[str, list[list[str]]] = {}
    current = ""
    for line in lines[1:]:
        words = line.split("#")[0].split()
        if not words:
            continue
        if words[0] in ("Masses", "Atoms", "Velocities", "Bonds") or words[0].isalpha():
            current = words[0]
            sections[current] = []
        elif current:
            sections[current].append(words)
        elif words[-1] in ("xhi", "yhi", "zhi"):
            bounds[words[-1][0]] = (float(words[0]), float(words[1]))
        elif words[-1] == "yz":
            tilts = (float(words[0]), float(words[1]), float(words[2]))
    if len(bounds) != 3 or not sections.get("Atoms"):
        raise DynamicsError(
            "bad_output", "LAMMPS wrote no complete data file.", hint="Run it again.", retryable=True
        )
    lengths = [bounds[letter][1] - bounds[letter][0] for letter in "xyz"]
    cell = np.array(
        [[lengths[0], 0, 0], [tilts[0], lengths[1], 0], [tilts[1], tilts[2], lengths[2]]], dtype=np.float64
    )
    rows = np.array([[float(word) for word in row] for row in sections["Atoms"]])
    order = np.argsort(rows[:, 0])
    rows = rows[order]
    positions = rows[:, 2:5] - np.array([bounds[letter][0] for letter in "xyz"])
    if rows.shape[1] >= 8:
        positions = positions + rows[:, 5:8] @ cell
    symbols = [elements[int(kind) - 1] for kind in rows[:, 1]]
    made = Atoms(symbols, positions=positions, cell=cell, pbc=periodic)
    if sections.get("Velocities"):
        speeds = np.array([[float(word) for word in row] for row in sections["Velocities"]])
        made.set_velocities(speeds[np.argsort(speeds[:, 0]), 1:4] / ASE_TIME_PER_PS)
    return made


def mass_of(symbol: str) -> float:
    """Standard atomic weight in g/mol."""
    from ase.data import atomic_masses, atomic_numbers

    return float(cast("Any", atomic_masses)[atomic_numbers[symbol]])


def elements_of(atoms: Atoms) -> tuple[str, ...]:
    """Elements of a cell, by their symbols' alphabet."""
    return tuple(sorted(set(symbols_of(atoms))))


def usual_lattice(symbol: str) -> tuple[Prototype, float, float | None]:
    """Structure of an element at room temperature (argon: 4 K) with a and, for hcp, c in Å, as ASE's reference states have it.

    Raises `DynamicsError` (`no_simple_lattice`) for elements that are neither fcc, bcc, hcp nor diamond.
    """
    from ase.data import atomic_numbers, reference_states

    state: Any = reference_states[atomic_numbers[symbol]]
    kind = None if state is None else state.get("symmetry")
    if kind not in PROTOTYPES:
        raise DynamicsError(
            "no_simple_lattice",
            f"{symbol} has no fcc, bcc, hcp or diamond crystal to build from its name.",
            hint="Give its crystal as a structure (--structure FILE).",
        )
    known = cast("dict[str, Any]", state)
    a = float(known["a"])
    return kind, a, a * float(known["c/a"]) if kind == "hcp" else None


def lattice_cell(prototype: Prototype, symbol: str, a: float, *, c: float | None = None) -> Atoms:
    """The conventional cell: cubic of fcc (4 atoms), bcc (2), diamond (8); orthogonal of hcp (4: a, a sqrt(3), c)."""
    from ase.build import bulk  # pyright: ignore[reportUnknownVariableType]

    if not (math.isfinite(a) and 1.0 < a < 30.0):
        raise DynamicsError(
            "bad_cell", f"A lattice parameter of {a:g} Å is none of a crystal.", hint="Give Å."
        )
    if prototype == "hcp":
        return bulk(symbol, "hcp", a=a, c=c if c is not None else a * math.sqrt(8 / 3), orthorhombic=True)
    return bulk(symbol, prototype, a=a, cubic=True)


def oriented_cell(
    prototype: Prototype,
    symbol: str,
    *,
    a: float,
    directions: Sequence[Sequence[int]] = ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    repeat: tuple[int, int, int] = (1, 1, 1),
    c: float | None = None,
) -> Atoms:
    """An orthogonal cell of a cubic crystal with its axes along three lattice directions at right angles, x first; of hcp the orthogonal one.

    The cell is the shortest period along each direction, repeated. Raises `DynamicsError` when the directions are not at right angles.
    """
    if prototype == "hcp":
        return repeated(lattice_cell("hcp", symbol, a, c=c), repeat)
    axes = np.array(directions, dtype=np.int64)
    if (
        axes.shape != (3, 3)
        or np.linalg.det(axes) <= 0
        or np.any(np.abs(axes @ axes.T - np.diag(np.diag(axes @ axes.T))))
    ):
        raise DynamicsError(
            "bad_directions",
            f"The directions {[list(axis) for axis in directions]} are not at right angles, or left-handed.",
            hint="Give three at right angles, such as [1,-1,0], [1,1,-2], [1,1,1].",
        )
    periods = np.array([_shortest(prototype, axis) for axis in axes]) * a
    unit = lattice_cell(prototype, symbol, a)
    return repeated(_cut(unit, periods), repeat)


def _shortest(prototype: Prototype, axis: NDArray[np.int64]) -> FloatArray:
    """The shortest lattice vector along a direction, in units of the cubic edge."""
    reduced = axis // np.gcd.reduce(axis)
    half = reduced / 2.0
    odd = np.abs(reduced) % 2
    if prototype == "bcc":
        return half if bool(np.all(odd == 1)) else reduced.astype(np.float64)
    return half if int(odd.sum()) == 2 else reduced.astype(np.float64)


def _cut(unit: Atoms, cell: FloatArray) -> Atoms:
    """The atoms of a crystal within another cell of the same lattice, turned into LAMMPS' frame."""
    from ase.build import make_supercell  # pyright: ignore[reportUnknownVariableType]

    primitive = _primitive(unit)
    matrix = np.rint(cell @ np.linalg.inv(cell_of(primitive))).astype(int)
    made = make_supercell(primitive, matrix, wrap=True)
    if not np.allclose(cell_of(made), cell, atol=1e-6 * float(np.abs(cell).max())):
        raise DynamicsError(
            "bad_directions", "The directions are none of this lattice.", hint="Give whole numbers."
        )
    turned, _ = restricted(made)
    turned.wrap(eps=1e-9)
    return turned


def _primitive(unit: Atoms) -> Atoms:
    """The primitive cell of a conventional cubic one, in the same orientation."""
    from ase.build import bulk  # pyright: ignore[reportUnknownVariableType]

    symbol = symbols_of(unit)[0]
    prototype = {4: "fcc", 2: "bcc", 8: "diamond"}[len(unit)]
    return bulk(symbol, prototype, a=float(cell_of(unit)[0, 0]))


def supercell_near(atoms: Atoms, *, atoms_aimed: int, least_width_angstrom: float = 0.0) -> Atoms:
    """A supercell of about so many atoms, as near to equal widths as repeats of the cell allow.

    No width is below `least_width_angstrom`, even if that takes more atoms.
    """
    if atoms_aimed > _MOST_ATOMS:
        raise DynamicsError(
            "too_large",
            f"{atoms_aimed:,} atoms need about {atoms_aimed * 4e-6:.1f} GB of memory, and hours for every picosecond.",
            hint="Ask for fewer atoms (size).",
        )
    widths = cell_widths(atoms)
    n = len(atoms)
    best: tuple[float, tuple[int, int, int]] | None = None
    edge = (float(atoms.get_volume()) * max(1.0, atoms_aimed / n)) ** (1 / 3)
    ranges = [
        sorted({max(1, math.ceil(least_width_angstrom / w - 1e-9), round(edge / w) + d) for d in (-1, 0, 1)})
        for w in widths
    ]
    for i in ranges[0]:
        for j in ranges[1]:
            for k in ranges[2]:
                if min(i * widths[0], j * widths[1], k * widths[2]) < least_width_angstrom - 1e-6:
                    continue
                size = abs(math.log(i * j * k * n / max(n, atoms_aimed)))
                logs = np.log([i * widths[0], j * widths[1], k * widths[2]])
                cost = size + 1.5 * float(logs.max() - logs.min())
                if best is None or cost < best[0]:
                    best = (cost, (i, j, k))
    if best is None:  # every range holds the least repeat, so this is unreachable for finite cells
        raise DynamicsError("bad_cell", "No supercell fits.", hint="Check the lattice vectors.")
    return repeated(atoms, best[1])


def repeated(atoms: Atoms, times: tuple[int, int, int]) -> Atoms:
    """The cell repeated along its vectors."""
    return cast("Any", atoms) * times


def cell_widths(atoms: Atoms) -> FloatArray:
    """Distances between opposite faces of a cell in Å, (3,)."""
    cell = cell_of(atoms)
    inverse = np.linalg.inv(cell)
    return 1.0 / np.linalg.norm(inverse, axis=0)


def conventional(atoms: Atoms) -> Atoms:
    """The conventional cell of a crystal when it is orthogonal and the given one is not; otherwise the cell as given."""
    if _is_orthogonal(atoms):
        return atoms
    from matsmith.core.space_group import spglib_or_none

    cell: Any = (cell_of(atoms), atoms.get_scaled_positions(), atoms.get_atomic_numbers())
    found: Any = spglib_or_none(
        "standardize_cell", cell, to_primitive=False, no_idealize=True, tolerance_angstrom=1e-3
    )
    if found is None or len(found[2]) > 8 * len(atoms):
        return atoms
    from ase import Atoms as Made

    made = Made(numbers=found[2], cell=found[0], scaled_positions=found[1], pbc=True)
    if _is_orthogonal(made):
        return made
    return atoms


def _is_orthogonal(atoms: Atoms) -> bool:
    angles: FloatArray = np.array(cast("Any", atoms.cell).angles(), dtype=np.float64)
    return bool(np.all(np.abs(angles - 90.0) < _ORTHOGONAL_DEGREES))
