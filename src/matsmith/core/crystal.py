"""A periodic structure as plain data, and the canonical form that gives it an id."""

from __future__ import annotations

import hashlib
import json
from functools import cached_property
from math import gcd
from typing import TYPE_CHECKING, Any, cast

from pydantic import BaseModel, ConfigDict, Field, model_validator

from matsmith.core.elements import SYMBOLS, is_element
from matsmith.core.space_group import spglib_or_none

if TYPE_CHECKING:
    from pymatgen.core import Structure

Vector = tuple[float, float, float]
# Two structures share an id when lengths agree to 0.01 Å, cosines of angles and fractional coordinates to 0.001.
_SYMMETRY_PRECISION_ANGSTROM = 1e-3


class Crystal(BaseModel):
    """Lattice vectors in Å (rows), one element symbol and one fractional position a site; fully occupied, ordered."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, ignored_types=(cached_property,)
    )

    lattice: tuple[Vector, Vector, Vector]
    species: tuple[str, ...] = Field(min_length=1)
    positions: tuple[Vector, ...]

    @model_validator(mode="after")
    def _consistent(self) -> Crystal:
        if len(self.species) != len(self.positions):
            raise ValueError(f"{len(self.species)} species for {len(self.positions)} positions")
        unknown = [symbol for symbol in self.species if not is_element(symbol)]
        if unknown:
            raise ValueError(f"there is no element {unknown[0]!r}")
        if abs(self.volume_angstrom3) < 1e-3:
            raise ValueError("the lattice vectors span no volume")
        return self

    @property
    def volume_angstrom3(self) -> float:
        """Volume of the cell."""
        a, b, c = self.lattice
        return abs(
            a[0] * (b[1] * c[2] - b[2] * c[1])
            - a[1] * (b[0] * c[2] - b[2] * c[0])
            + a[2] * (b[0] * c[1] - b[1] * c[0])
        )

    @property
    def amounts(self) -> dict[str, int]:
        """Atoms of each element in the cell."""
        counted: dict[str, int] = {}
        for symbol in self.species:
            counted[symbol] = counted.get(symbol, 0) + 1
        return counted

    @property
    def elements(self) -> tuple[str, ...]:
        """Element symbols, by atomic number."""
        return tuple(sorted(set(self.species), key=SYMBOLS.index))

    @cached_property
    def formula(self) -> str:
        """Reduced formula, electropositive elements first, as pymatgen writes it (`MgO`, `Al2O3`)."""
        from pymatgen.core import Composition

        return Composition(self.amounts).reduced_formula

    @classmethod
    def from_pymatgen(cls, structure: Structure) -> Crystal:
        """Take an ordered pymatgen structure; oxidation states are dropped. Raises `StructureError` when disordered."""
        from matsmith.core.errors import StructureError

        if not structure.is_ordered:
            raise StructureError(
                f"{structure.composition.reduced_formula} has partially occupied sites.",
                hint="Order it first: the potentials need whole atoms.",
            )
        sites: list[Any] = list(structure)
        return cls(
            lattice=_rows(structure.lattice.matrix),
            species=tuple(str(site.specie.symbol) for site in sites),
            positions=_rows(structure.frac_coords),
        )

    def to_pymatgen(self) -> Structure:
        """Return a pymatgen structure."""
        from pymatgen.core import Lattice, Structure

        return Structure(Lattice(self.lattice), list(self.species), list(self.positions))

    def to_cif(self, *, symmetry_precision_angstrom: float | None = None) -> str:
        """Write the crystal as CIF, in P1 unless a precision for finding its symmetry is given."""
        from pymatgen.io.cif import CifWriter

        return str(CifWriter(self.to_pymatgen(), symprec=symmetry_precision_angstrom))

    @cached_property
    def canonical_hash(self) -> str:
        """Hash of the standardised primitive cell: the same for another order of atoms, a rotation or a supercell.

        The standard form is spglib's (Togo and Tanaka, arXiv:1808.01590). Two descriptions of one crystal that differ by
        an allowed change of origin may still get two ids; duplicates are merged by matching structures, not by id.
        """
        import numpy as np

        numbers = [SYMBOLS.index(symbol) + 1 for symbol in self.species]
        cell: Any = (np.array(self.lattice), np.array(self.positions), numbers)
        standard: Any = spglib_or_none(
            "standardize_cell",
            cell,
            to_primitive=True,
            no_idealize=False,
            tolerance_angstrom=_SYMMETRY_PRECISION_ANGSTROM,
        )
        lattice, positions, kinds = standard if standard is not None else cell
        lengths = np.linalg.norm(lattice, axis=1)
        cosines = [
            float(np.dot(lattice[i], lattice[j]) / (lengths[i] * lengths[j]))
            for i, j in ((1, 2), (0, 2), (0, 1))
        ]
        wrapped = cast("list[list[float]]", (np.round(np.mod(positions, 1.0), 3) % 1.0).tolist())
        sites = sorted((int(kind), *row) for kind, row in zip(kinds, wrapped, strict=True))
        form = {
            "lengths": [round(float(length), 2) for length in lengths],
            "cosines": [round(cosine, 3) + 0.0 for cosine in cosines],
            "sites": sites,
        }
        return content_hash(form)


def _rows(array: Any) -> Any:
    """Turn an (n, 3) array into rounded plain tuples (1e-10 keeps every digit that physics can use)."""
    return tuple((round(float(x), 10), round(float(y), 10), round(float(z), 10)) for x, y, z in array)


def content_hash(content: Any, *, digits: int = 16) -> str:
    """SHA-256 of the content as canonical JSON (sorted keys, no spaces), cut to `digits` hexadecimal digits."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:digits]


def anonymised(amounts: dict[str, int]) -> tuple[int, ...]:
    """Reduced stoichiometry without the elements, sorted: perovskite is (1, 1, 3).

    >>> anonymised({"Al": 4, "O": 6})
    (2, 3)
    """
    divisor = gcd(*amounts.values())
    return tuple(sorted(amount // divisor for amount in amounts.values()))
