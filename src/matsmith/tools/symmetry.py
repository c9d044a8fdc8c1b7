"""Space group of a structure (spglib: Togo and Tanaka, arXiv:1808.01590)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import Field

from matsmith.core.crystal import Crystal
from matsmith.core.elements import SYMBOLS
from matsmith.core.record import Method, Outcome
from matsmith.core.space_group import crystal_system, spglib_or_none
from matsmith.tools.base import Args, Deps, StructureRef, tool


class SymmetryArgs(Args):
    """Which structure, and how far an atom may stand from its symmetric place."""

    structure: StructureRef
    tolerance_angstrom: float = Field(default=0.05, gt=0, le=0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Symmetry:
    """A space group by number and symbol, and how many atoms the primitive cell holds."""

    space_group: int
    symbol: str
    atoms_in_primitive_cell: int


@tool(name="symmetry", title="Space group", cost_s=0.005)
def run(args: SymmetryArgs, *, deps: Deps) -> Outcome:
    """Find the space group. Facts: number, symbol, crystal system, atoms in the primitive cell, the tolerance."""
    import spglib

    found = symmetry_of(deps.crystal(args.structure), tolerance_angstrom=args.tolerance_angstrom)
    if found is None:
        return Outcome.failed(
            "no_symmetry",
            "spglib finds no symmetry: atoms overlap within the tolerance.",
            hint="Use a smaller tolerance.",
        )
    return Outcome(
        facts={
            "space_group_number": found.space_group,
            "space_group_symbol": found.symbol,
            "crystal_system": crystal_system(found.space_group),
            "atoms_in_primitive_cell": found.atoms_in_primitive_cell,
            "tolerance_angstrom": args.tolerance_angstrom,
        },
        method=Method(name=f"spglib {spglib.__version__}"),
    )


def symmetry_of(crystal: Crystal, *, tolerance_angstrom: float) -> Symmetry | None:
    """Space group and primitive cell of a crystal; None where atoms overlap within the tolerance."""
    import numpy as np

    numbers = [SYMBOLS.index(symbol) + 1 for symbol in crystal.species]
    cell: Any = (np.array(crystal.lattice), np.array(crystal.positions), numbers)
    dataset: Any = spglib_or_none("get_symmetry_dataset", cell, tolerance_angstrom=tolerance_angstrom)
    primitive: Any = spglib_or_none("find_primitive", cell, tolerance_angstrom=tolerance_angstrom)
    if dataset is None or primitive is None:
        return None
    return Symmetry(
        space_group=int(dataset.number),
        symbol=str(dataset.international),
        atoms_in_primitive_cell=len(primitive[2]),
    )


TOOL = run
