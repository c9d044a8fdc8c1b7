"""A cell of an alloy from its composition in words: special quasi-random or random, on the lattice that its elements call for."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from matsmith.core.errors import SpecError, ToolError
from matsmith.core.quantity import Quantity, Truth
from matsmith.core.record import Method, Outcome
from matsmith.knowledge.thermochemistry.species import GAS_CONSTANT
from matsmith.tools.base import Args, Deps, tool
from matsmith.tools.lammps.alloys import alloy_cell, lattice_of, read_alloy

# Beyond this the cell is another alloy than the one asked for.
_LARGEST_DEVIATION = 0.02


class AlloyCellArgs(Args):
    """Which alloy, on which lattice, in how large a cell."""

    formula: str = Field(
        min_length=1,
        max_length=120,
        description="such as Fe0.5Ni0.3Cr0.2, CoCrNi, or with per cent Al-4Cu wt.%, Cu 70 Zn 30 at.%",
    )
    basis: Literal["at", "wt"] | None = Field(
        default=None,
        description="whether per cent are of the atoms or of the weight, where the text does not say",
    )
    lattice: Literal["fcc", "bcc", "hcp"] | None = Field(
        default=None, description="by default what the elements call for, with the reason"
    )
    atoms: int = Field(default=64, ge=2, le=400, description="atoms aimed at")
    kind: Literal["special", "random"] = Field(
        default="special", description="special quasi-random, or drawn at random with the seed"
    )


@tool(name="alloy_cell", title="Random cell of an alloy", cost_s=1.0)
def run(args: AlloyCellArgs, *, deps: Deps) -> Outcome:
    """Make a cell of a random alloy: an ordered list of atoms that stands for a solid solution, for other tools to take.

    Facts: the composition reached, the lattice with its reason, and Warren-Cowley parameters (0 is random) of the first three shells.
    A solid solution beyond its limit of solubility is metastable: `md_mixing_energy` holds it against its elements.

    Example: `matsmith tool alloy_cell formula="Al-4Cu wt.%" atoms=64 --cif alcu.cif`
    """
    try:
        alloy = read_alloy(args.formula, basis=args.basis)
        choice = lattice_of(alloy)
        cell = alloy_cell(
            alloy, lattice=args.lattice or choice.lattice, atoms=args.atoms, kind=args.kind, seed=deps.seed
        )
    except (SpecError, ToolError) as error:
        return Outcome.failed("no_alloy", error.message, hint=error.hint)
    warnings = [
        "a random solid solution: beyond its limit of solubility it is metastable, and it orders or decomposes"
    ]
    if cell.deviation > _LARGEST_DEVIATION:
        warnings.append(f"the cell is {cell.found.describe()}, not {alloy.describe()}: ask for more atoms")
    return Outcome(
        quantities={
            "configurational_entropy": Quantity(
                value=1000 * GAS_CONSTANT * cell.found.mixing_entropy,
                unit="J/(mol*K)",
                sigma=0.0,
                truth=Truth.EXACT,
            )
        },
        facts={
            "asked_for": alloy.describe(),
            "cell": cell.found.describe(),
            "largest_change_of_a_fraction": round(cell.deviation, 5),
            "lattice": cell.lattice,
            "lattice_reason": "as asked for" if args.lattice else choice.reason,
            "kind_of_cell": cell.kind,
            "warren_cowley": {pair: list(row) for pair, row in cell.order.items()},
        },
        crystal=cell.crystal,
        method=Method(
            name="special quasi-random cell: Warren-Cowley parameters of three shells made small by swaps"
            if cell.kind == "special"
            else "elements drawn at random on the sites",
            reference="volume by Vegard's rule on atomic volumes of the elements",
        ),
        warnings=tuple(warnings),
    )


TOOL = run
