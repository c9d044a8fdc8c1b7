"""Powder lines of a crystal: spacing, intensity with multiplicity and Lorentz-polarisation factor, indices.

Kinematic intensities by pymatgen's calculator; no anomalous scattering, no texture, no absorption. Measured crystals
are damped by the thermal motion that is usual at room temperature.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from matsmith.core.errors import StructureError, UsageError

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from matsmith.core.crystal import Crystal

Floats = NDArray[np.float64]
# Kα1 and Kα2 wavelengths in Å with their weights (Hölzer et al. 1997, Phys. Rev. A 56, 4554, for Cu to Co; Bearden 1967,
# Rev. Mod. Phys. 39, 78, for the others).
LINES: dict[str, tuple[tuple[float, float], ...]] = {
    "CuKa": ((1.540593, 2 / 3), (1.544427, 1 / 3)),
    "CuKa1": ((1.540593, 1.0),),
    "CoKa": ((1.788996, 2 / 3), (1.792835, 1 / 3)),
    "CoKa1": ((1.788996, 1.0),),
    "FeKa": ((1.936041, 2 / 3), (1.939973, 1 / 3)),
    "CrKa": ((2.289726, 2 / 3), (2.293651, 1 / 3)),
    "MoKa": ((0.709300, 2 / 3), (0.713590, 1 / 3)),
    "MoKa1": ((0.709300, 1.0),),
    "AgKa": ((0.559422, 2 / 3), (0.563813, 1 / 3)),
}
_LARGEST_CELL_ATOMS = 400
_SAME_LENGTH = 1e-3
# Debye-Waller factor B of atoms in inorganic solids at room temperature, Å²: 0.2 for diamond-like, 1 for soft halides.
_ROOM_THERMAL_ANGSTROM2 = 0.5


@dataclass(frozen=True, kw_only=True)
class Sticks:
    """Lines of one phase. `d_angstrom` and `intensity` have one entry a line, strongest not first but by angle.

    `axis_response` (lines, axes) says by how much of a strain of each independent cell edge a spacing grows; rows sum to one.
    `mass_factor` is cell mass times cell volume (u Å³): weight fractions go as scale factor times it (Hill and Howard
    1987, J. Appl. Cryst. 20, 467).
    """

    name: str
    formula: str
    d_angstrom: Floats
    intensity: Floats
    indices: tuple[tuple[int, ...], ...]
    axis_response: Floats
    mass_factor: float

    def two_theta(self, wavelength_angstrom: float, *, strain: float | Floats = 0.0) -> Floats:
        """Angles 2θ in degrees at a wavelength; NaN beyond the sphere.

        A strain stretches all spacings alike, strains of the independent edges (axes,) each by its response.
        """
        stretch = (
            self.axis_response @ strain if isinstance(strain, np.ndarray) and strain.ndim == 1 else strain
        )
        ratio = wavelength_angstrom / (2.0 * self.d_angstrom * (1.0 + stretch))
        with np.errstate(invalid="ignore"):
            return 2.0 * np.degrees(np.arcsin(np.where(ratio <= 1.0, ratio, np.nan)))


def radiation(name: str) -> tuple[tuple[float, float], ...]:
    """Wavelengths in Å and weights of a radiation by name, or of a wavelength written as a number.

    >>> radiation("0.4")
    ((0.4, 1.0),)
    """
    known = {key.lower(): lines for key, lines in LINES.items()}.get(name.strip().lower().replace("α", "a"))
    if known is not None:
        return known
    try:
        wavelength = float(name)
    except ValueError:
        wavelength = 0.0
    if not 0.05 <= wavelength <= 5.0:
        raise UsageError(
            f"There is no radiation {name!r}.",
            hint=f"Name one of {', '.join(LINES)}, or a wavelength of 0.05 to 5 Å.",
        )
    return ((wavelength, 1.0),)


def sticks_of(
    structure: Structure,
    *,
    name: str,
    lines: tuple[tuple[float, float], ...],
    two_theta_deg: tuple[float, float],
    thermal_angstrom2: float = 0.0,
) -> Sticks:
    """Lines of a structure in a range of angles, damped by one Debye-Waller factor B in Å² for all atoms. Raises `StructureError` for a cell that is too large or gives no line."""
    from pymatgen.analysis.diffraction.xrd import XRDCalculator

    if len(structure) > _LARGEST_CELL_ATOMS:
        raise StructureError(
            f"A pattern of {len(structure)} atoms in the cell is not computed.",
            hint=f"Give a primitive cell of at most {_LARGEST_CELL_ATOMS} atoms.",
        )
    mean = sum(wavelength * weight for wavelength, weight in lines)
    calculator: Any = XRDCalculator(wavelength=mean)  # pyright: ignore[reportArgumentType]
    # A little more than the range, for lines that strain moves into it.
    low, high = max(1.0, two_theta_deg[0] - 2.0), min(178.0, two_theta_deg[1] + 2.0)
    try:
        pattern: Any = calculator.get_pattern(structure, scaled=False, two_theta_range=(low, high))
    except ValueError:  # no reciprocal point in the range, or an element without a scattering factor
        pattern = None
    if pattern is None or len(pattern.x) == 0:
        raise StructureError(
            f"{name} has no line between {low:g} and {high:g} degrees.",
            hint="Widen the range, or take a shorter wavelength.",
        )
    spacings = np.asarray(pattern.d_hkls, dtype=float)
    indices = tuple(tuple(int(i) for i in family[0]["hkl"]) for family in pattern.hkls)
    return Sticks(
        name=name,
        formula=structure.composition.reduced_formula,
        d_angstrom=spacings,
        intensity=np.asarray(pattern.y, dtype=float) * np.exp(-thermal_angstrom2 / (2.0 * spacings**2)),
        indices=indices,
        axis_response=_axis_response(structure, indices),
        mass_factor=float(structure.composition.weight) * float(structure.volume),
    )


def _axis_response(structure: Structure, indices: tuple[tuple[int, ...], ...]) -> Floats:
    """Logarithmic derivative of each spacing by each independent edge (lines, axes); edges of one length are one axis."""
    lattice = structure.lattice
    lengths = [float(length) for length in lattice.abc]
    groups: list[list[int]] = []
    for axis, length in enumerate(lengths):
        same = next((group for group in groups if abs(lengths[group[0]] / length - 1) < _SAME_LENGTH), None)
        if same is None:
            groups.append([axis])
        else:
            same.append(axis)
    # Four indices of a hexagonal cell: the third follows from the first two.
    hkl = np.array([(family[0], family[1], family[-1]) for family in indices], dtype=float)
    cell = np.asarray(lattice.matrix, dtype=float)

    def spacings(rows: Floats) -> Floats:
        return 1.0 / np.linalg.norm(hkl @ np.linalg.inv(rows).T, axis=1)

    small = 1e-4
    columns: list[Floats] = []
    for group in groups:
        stretched = cell.copy()
        stretched[group] *= 1.0 + small
        columns.append(np.log(spacings(stretched) / spacings(cell)) / np.log(1.0 + small))
    return np.column_stack(columns)


@lru_cache(maxsize=1024)
def measured_sticks(
    place: int, lines: tuple[tuple[float, float], ...], two_theta_deg: tuple[float, float]
) -> Sticks:
    """Lines of a measured crystal by its place in the table, at room temperature."""
    from matsmith.knowledge.crystals import measured_crystals

    crystal = measured_crystals()[place]
    return sticks_of(
        crystal.structure(),
        name=f"{crystal.formula} ({crystal.name})",
        lines=lines,
        two_theta_deg=two_theta_deg,
        thermal_angstrom2=_ROOM_THERMAL_ANGSTROM2,
    )


def crystal_sticks(
    crystal: Crystal, *, name: str, lines: tuple[tuple[float, float], ...], two_theta_deg: tuple[float, float]
) -> Sticks:
    """Lines of a crystal of ours."""
    return sticks_of(crystal.to_pymatgen(), name=name, lines=lines, two_theta_deg=two_theta_deg)
