"""Crystals measured at ambient conditions: lattice, atoms, density, bulk modulus, each with its citations.

These are textbook values: what a potential or a tool is held against, and what retrieval can offer without a database.
Bulk moduli are room-temperature values; their sigma covers the spread between published measurements (isothermal and
adiabatic values differ by about 1 %), and is None for handbook values without a stated one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from matsmith.core.errors import DataError

if TYPE_CHECKING:
    from pymatgen.core import Structure

FloatArray = NDArray[np.float64]

SITE_TOLERANCE = 1e-3
"""Atoms of one orbit closer than this in fractional coordinates are one atom (a special position)."""


@dataclass(frozen=True, kw_only=True)
class Citation:
    """A published source; the DOI is None for books and where it is not known for sure."""

    text: str
    doi: str | None


@dataclass(frozen=True, kw_only=True)
class Site:
    """One orbit: its element and the fractional coordinates of one of its atoms, in the standard setting."""

    element: str
    x: float
    y: float
    z: float


@dataclass(frozen=True, kw_only=True)
class MeasuredCrystal:
    """One crystal as measured near 298 K and 1 bar.

    `lattice` is (a, b, c) in angstrom and (alpha, beta, gamma) in degrees of the conventional cell. `stable_at_ambient` is
    False for a form known to be metastable and None where experiments disagree.
    """

    formula: str
    name: str
    prototype: str
    space_group: int
    lattice: tuple[float, float, float, float, float, float]
    sites: tuple[Site, ...]
    stable_at_ambient: bool | None
    bulk_modulus_gpa: float | None
    bulk_modulus_sigma_gpa: float | None
    density_g_per_cm3: float
    citations: tuple[Citation, ...]
    note: str = ""

    def structure(self) -> Structure:
        """The conventional cell as a pymatgen Structure, the orbits expanded by the operations of the space group."""
        from pymatgen.core import Lattice, Structure

        elements: list[str] = []
        positions: list[tuple[float, float, float]] = []
        for site in self.sites:
            orbit = _orbit((site.x, site.y, site.z), space_group=self.space_group)
            elements.extend([site.element] * len(orbit))
            positions.extend(orbit)
        return Structure(Lattice.from_parameters(*self.lattice), elements, positions)


@lru_cache(maxsize=1)
def measured_crystals() -> tuple[MeasuredCrystal, ...]:
    """Every crystal of the table, in its order: elements, then compounds by prototype."""
    text = resources.files("matsmith.knowledge").joinpath("crystals.json").read_text(encoding="utf-8")
    data = cast("dict[str, Any]", json.loads(text))
    citations = {key: Citation(**value) for key, value in data["citations"].items()}
    try:
        return tuple(_crystal(row, citations) for row in data["crystals"])
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"The table of measured crystals is damaged: {error!r}.", hint="Reinstall matsmith."
        ) from error


def find(reduced_formula: str) -> tuple[MeasuredCrystal, ...]:
    """The measured forms of a compound, the stable one first; empty when there is none.

    Any way to write the formula will do; DataError when it cannot be read.

    >>> [crystal.name for crystal in find("SiO2")][0]
    'alpha-quartz'
    """
    wanted = _reduced(reduced_formula)
    found = [crystal for crystal in measured_crystals() if _reduced(crystal.formula) == wanted]
    return tuple(
        sorted(found, key=lambda crystal: (not crystal.stable_at_ambient, crystal.stable_at_ambient is False))
    )


@lru_cache(maxsize=4096)
def _reduced(formula: str) -> str:
    from pymatgen.core import Composition

    try:
        composition = Composition(formula)
    except ValueError as error:
        raise DataError(f"{formula!r} is no chemical formula.", hint="Write it as Al2O3.") from error
    if not composition or not composition.valid:
        raise DataError(f"{formula!r} is no chemical formula.", hint="Write it as Al2O3.")
    return composition.get_reduced_formula_and_factor(iupac_ordering=False)[0]


def _crystal(row: dict[str, Any], citations: dict[str, Citation]) -> MeasuredCrystal:
    lattice = tuple(float(value) for value in row["lattice"])
    if len(lattice) != 6:
        raise ValueError(f"{row['formula']}: a lattice has six parameters, not {len(lattice)}")
    a, b, c, alpha, beta, gamma = lattice
    return MeasuredCrystal(
        formula=row["formula"],
        name=row["name"],
        prototype=row["prototype"],
        space_group=row["space_group"],
        lattice=(a, b, c, alpha, beta, gamma),
        sites=tuple(Site(element=e, x=x, y=y, z=z) for e, x, y, z in row["sites"]),
        stable_at_ambient=row["stable_at_ambient"],
        bulk_modulus_gpa=row["bulk_modulus_gpa"],
        bulk_modulus_sigma_gpa=row["bulk_modulus_sigma_gpa"],
        density_g_per_cm3=row["density_g_per_cm3"],
        citations=tuple(citations[key] for key in row["citations"]),
        note=row.get("note", ""),
    )


def _orbit(point: tuple[float, float, float], *, space_group: int) -> list[tuple[float, float, float]]:
    """All positions equivalent to a fractional point, each in [0, 1), by the operations of the standard setting."""
    rotations, translations = _operations(space_group)
    images = np.round(rotations @ np.array(point) + translations, 9) % 1.0
    apart = np.abs(images[:, None] - images[None, :])
    same = np.all(np.minimum(apart, 1.0 - apart) < SITE_TOLERANCE, axis=2)
    firsts = [row for row in range(len(images)) if not same[row, :row].any()]
    return [(float(x), float(y), float(z)) for x, y, z in images[firsts]]


@lru_cache(maxsize=230)
def _operations(space_group: int) -> tuple[FloatArray, FloatArray]:
    """Rotations (n, 3, 3) and translations (n, 3) of a space group: origin choice 2, hexagonal axes, unique axis b.

    pymatgen takes origin choice 1 when it is given a number, so the operations come from spglib's database.
    """
    import spglib

    library: Any = spglib
    chosen = _hall_numbers().get(space_group)
    if chosen is None:
        raise DataError(f"There is no space group {space_group}.", hint="Numbers run from 1 to 230.")
    symmetry: Any = library.get_symmetry_from_database(chosen)
    return np.array(symmetry["rotations"], np.float64), np.array(symmetry["translations"], np.float64)


@lru_cache(maxsize=1)
def _hall_numbers() -> dict[int, int]:
    """Space group -> number in Hall's list of the setting used here: the first listed, or the one with choice 2 or H."""
    import spglib

    library: Any = spglib
    chosen: dict[int, int] = {}
    for hall_number in range(1, 531):
        kind = library.get_spacegroup_type(hall_number)
        if int(kind.number) not in chosen or str(kind.choice) in {"2", "H"}:
            chosen[int(kind.number)] = hall_number
    return chosen
