"""Crystals with partly occupied sites as ranked ordered cells, with the entropy of the disorder kept.

The smallest supercell that shows the occupancies is filled in every way, or in the ways that a search finds; those of lowest
electrostatic energy are looked at by the potential, the best of them relaxed and ranked by its energies. Nothing else here takes a partly occupied site.
The entropy is that of ideal mixing on the sites, S = -k Σ x ln x, vacancies counted: an upper bound where atoms order locally.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field, JsonValue

from matsmith.core.crystal import Crystal
from matsmith.core.errors import StructureError
from matsmith.core.quantity import Quantity, Truth
from matsmith.core.record import Outcome
from matsmith.knowledge.redox import balanced, ordering_charges
from matsmith.tools.base import Args, Deps, FileRef, tool
from matsmith.tools.potential import identity, is_default, potential
from matsmith.tools.relax import ENERGY_SIGMA_EV_PER_ATOM
from matsmith.tools.results import hint_for, method_of
from matsmith.tools.structure_files import UnreadableStructure, read_disordered

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from matsmith.models.disorder import DisorderedCell
    from matsmith.models.relaxation import Relaxed
    from matsmith.models.site_orderings import Ordering, Orderings

BOLTZMANN_EV_PER_K = 8.617333262e-5
GAS_CONSTANT_J_PER_MOL_K = 8.314462618
_UNTESTED_ENERGY_SIGMA_EV_PER_ATOM = 0.05
_COARSEST = 0.13
_SCREENED = 100


class OrderingsArgs(Args):
    """Which file, how large the ordered cells may be, how many are relaxed, and which of them is returned."""

    file: FileRef
    max_atoms: int = Field(default=48, ge=2, le=400, description="sites of the largest supercell")
    most: int = Field(default=8, ge=1, le=50, description="arrangements relaxed")
    rank: int = Field(
        default=0, ge=0, le=49, description="which one to return as the structure: 0 is the lowest"
    )
    relax: bool = Field(default=True, description="False ranks by the electrostatic energy alone")


@dataclass(frozen=True, kw_only=True)
class _Row:
    """One arrangement, how many its cell has in all, and its relaxation once there is one."""

    ordering: Ordering
    total: int
    static_ev_per_atom: float = math.inf
    relaxed: Relaxed | None = None

    @property
    def structure(self) -> Structure:
        """Relaxed where it was relaxed."""
        return self.ordering.structure if self.relaxed is None else self.relaxed.structure

    @property
    def ewald_ev_per_atom(self) -> float:
        """Electrostatic energy, to compare arrangements of one composition."""
        return self.ordering.ewald_ev / len(self.ordering.structure)

    @property
    def energy_ev_per_atom(self) -> float:
        """Relaxed energy; infinite without one."""
        return math.inf if self.relaxed is None else self.relaxed.energy_ev_per_atom


@tool(
    name="orderings",
    title="Ordered cells of a disordered crystal",
    version="2",
    cost_s=10.0,
    needs_worker=True,
    identity=identity,
)
def run(args: OrderingsArgs, *, deps: Deps) -> Outcome:
    """Turn a file with partly occupied sites into ordered cells, ranked; the structure returned is the lowest, or that of `rank`.

    Quantities: its `energy` (eV/atom) and the `configurational_entropy` of the disordered crystal (J/(mol K), per mole of atoms).
    Facts: the ranking, how many arrangements there are, how far the occupancies had to be rounded, and an estimate of the
    temperature above which disorder wins. Typed failures: those of reading a file, occupancies_too_fine, crowded, no_such_rank,
    and those of the relaxation.
    """
    from matsmith.models.disorder import supercells
    from matsmith.models.site_orderings import orderings

    try:
        disordered = read_disordered(Path(args.file))
    except UnreadableStructure as error:
        return Outcome.failed(error.code, error.message, hint=error.hint)
    cells = supercells(disordered, max_atoms=args.max_atoms)
    if not cells or cells[0].deviation > _COARSEST:
        return Outcome.failed(
            "occupancies_too_fine",
            f"No cell of at most {args.max_atoms} sites shows the occupancies of {args.file} to within {_COARSEST:.0%}.",
            hint="Raise max_atoms.",
        )
    amounts: dict[str, float] = {
        str(k): float(v) for k, v in disordered.composition.get_el_amt_dict().items()
    }
    used = ordering_charges(amounts)
    try:
        found = [
            orderings(cell.frame, cell.sublattices, charges=used, most=_SCREENED, seed=deps.seed)
            for cell in cells
        ]
    except StructureError as error:
        return Outcome.failed("crowded", error.message, hint=error.hint)
    return _ranked(args, disordered, cells, found, ionic=balanced(amounts) is True, deps=deps)


def _ranked(
    args: OrderingsArgs,
    disordered: Structure,
    cells: Sequence[DisorderedCell],
    found: Sequence[Orderings],
    *,
    ionic: bool,
    deps: Deps,
) -> Outcome:
    from matsmith.models.relaxation import RelaxationFailure, relax
    from matsmith.tools.duplicates import merge

    looked_at = _distinct([_Row(ordering=each, total=one.total) for one in found for each in one.found])
    rows: list[_Row] = sorted(looked_at, key=lambda row: row.ewald_ev_per_atom)[: args.most]
    failure: RelaxationFailure | None = None
    if args.relax:
        looked_at = _static(looked_at, deps=deps)
        chosen = _promising(looked_at, most=args.most)
        rows = []
        for place, result in relax(
            (row.ordering.structure for row in chosen), potential=potential(deps.settings)
        ):
            if isinstance(result, RelaxationFailure):
                failure = result
            else:
                rows.append(replace(chosen[place], relaxed=result))
        if not rows:
            assert failure is not None
            return Outcome.failed(
                failure.code, f"The ordered cells: {failure.message}", hint=hint_for(failure.code)
            )
        rows.sort(key=lambda row: row.energy_ev_per_atom)
        groups = merge([Crystal.from_pymatgen(row.structure) for row in rows])
        rows = [row for place, row in enumerate(rows) if groups[place] not in groups[:place]]
    if args.rank >= len(rows):
        return Outcome.failed(
            "no_such_rank",
            f"There are {len(rows)} distinct arrangements.",
            hint=f"Give a rank of 0 to {len(rows) - 1}.",
        )
    return _told(args, disordered, cells, found, rows, looked_at=looked_at, ionic=ionic, deps=deps)


def _distinct(rows: Sequence[_Row]) -> list[_Row]:
    """Without those that cells of other shapes show again: equal energy of the charges and equal cell."""
    kept: dict[tuple[float, str], _Row] = {}
    for row in rows:
        key = (round(row.ewald_ev_per_atom, 4), Crystal.from_pymatgen(row.ordering.structure).canonical_hash)
        kept.setdefault(key, row)
    return list(kept.values())


def _static(rows: Sequence[_Row], *, deps: Deps) -> list[_Row]:
    """With their static energies by the potential, infinite where it refuses."""
    from matsmith.models.potentials.interface import Refusal

    structures = [row.ordering.structure for row in rows]
    answers = potential(deps.settings).evaluate_each(structures, forces=False, stress=False)
    return [
        replace(
            row,
            static_ev_per_atom=math.inf if isinstance(answer, Refusal) else answer.energy_ev / len(structure),
        )
        for row, answer, structure in zip(rows, answers, structures, strict=True)
    ]


def _promising(rows: Sequence[_Row], *, most: int) -> list[_Row]:
    """Those to relax: of lowest static energy, and the one of lowest electrostatic energy."""
    order = sorted(rows, key=lambda row: row.static_ev_per_atom)[:most]
    first = min(rows, key=lambda row: row.ewald_ev_per_atom)
    return order if first in order else [first, *order[: most - 1]]


def _told(
    args: OrderingsArgs,
    disordered: Structure,
    cells: Sequence[DisorderedCell],
    found: Sequence[Orderings],
    rows: Sequence[_Row],
    *,
    looked_at: Sequence[_Row],
    ionic: bool,
    deps: Deps,
) -> Outcome:
    chosen = rows[args.rank]
    from matsmith.models.disorder import mixing_entropy_per_atom

    entropy = mixing_entropy_per_atom(disordered)
    deviation = cells[0].deviation
    warnings: list[str] = []
    if deviation > 1e-3:
        warnings.append(
            f"the cell shows the occupancies to within {deviation:.1%}: it is "
            f"{chosen.structure.composition.reduced_formula}, not {disordered.composition.reduced_formula} (max_atoms)"
        )
    if not all(each.counted for each in found):
        warnings.append(
            "too many arrangements to look at each: a search found these, and a lower one may be missing"
        )
    if not ionic and len(looked_at) > 1:
        warnings.append(
            "no oxidation states fit: arrangements were sorted by electronegativity before the potential saw them"
        )
    quantities = {
        "configurational_entropy": Quantity(
            value=GAS_CONSTANT_J_PER_MOL_K * entropy, unit="J/(mol*K)", sigma=0.0, truth=Truth.EXACT
        )
    }
    if chosen.relaxed is not None:
        quantities["energy"] = Quantity(
            value=chosen.energy_ev_per_atom,
            unit="eV/atom",
            sigma=ENERGY_SIGMA_EV_PER_ATOM
            if is_default(deps.settings)
            else _UNTESTED_ENERGY_SIGMA_EV_PER_ATOM,
        )
    return Outcome(
        quantities=quantities,
        facts={
            "formula_of_the_file": str(disordered.composition.reduced_formula),
            "formula_of_the_cell": str(chosen.structure.composition.reduced_formula),
            "cells": [{"sites": len(cell.frame), "arrangements": min(cell.ways, 10**15)} for cell in cells],
            "every_arrangement_looked_at": all(each.counted for each in found),
            "excluded_as_too_close": sum(each.excluded for each in found),
            "distinct_looked_at": len(looked_at),
            "relaxed": len(rows) if args.relax else 0,
            "ranking": _ranking(rows),
            "largest_change_of_an_occupancy": round(deviation, 4),
            "configurational_entropy_k_per_atom": round(entropy, 5),
            **_disorder(looked_at, entropy=entropy),
        },
        crystal=Crystal.from_pymatgen(chosen.structure),
        method=method_of(
            deps.settings,
            name="arrangements by electrostatic energy" + (", then static and relaxed" if args.relax else ""),
            reference="ideal entropy of mixing on the sites",
        ),
        warnings=tuple(warnings),
    )


def _ranking(rows: Sequence[_Row]) -> list[JsonValue]:
    """Of each: height above the lowest (None without relaxation), copies in its cell, atoms, space group."""
    listed: list[JsonValue] = []
    for row in rows:
        above = None if row.relaxed is None else 1000 * (row.energy_ev_per_atom - rows[0].energy_ev_per_atom)
        try:
            group = str(row.structure.get_space_group_info(symprec=0.05)[0])
        except TypeError:  # spglib finds none
            group = "not found"
        listed.append(
            {
                "above_lowest_mev_per_atom": None if above is None else round(above, 2),
                "copies": row.ordering.copies,
                "atoms": len(row.structure),
                "space_group": group,
            }
        )
    return listed


def _disorder(looked_at: Sequence[_Row], *, entropy: float) -> dict[str, JsonValue]:
    """Where k T S reaches the mean energy of all arrangements of the richest cell above the lowest, atoms in place.

    Nothing where not every arrangement of that cell was looked at, since those that were are the low ones.
    """
    richest = max((row.total for row in looked_at), default=1)
    rows = [row for row in looked_at if row.total == richest and math.isfinite(row.static_ev_per_atom)]
    if entropy <= 0 or len(rows) < 2 or sum(row.ordering.copies for row in rows) < 0.99 * richest:
        return {}
    lowest = min(row.static_ev_per_atom for row in looked_at)
    mean = sum(row.static_ev_per_atom * row.ordering.copies for row in rows) / sum(
        row.ordering.copies for row in rows
    )
    return {
        "random_above_lowest_mev_per_atom": round(1000 * (mean - lowest), 2),
        "ideal_entropy_outweighs_it_above_k": round((mean - lowest) / (BOLTZMANN_EV_PER_K * entropy)),
    }


TOOL = run
