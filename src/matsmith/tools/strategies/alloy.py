"""Random alloys: special quasi-random cells of the wanted elements at several compositions, where the specification asks for an alloy.

Each stands for a solid solution, which is metastable beyond its limit of solubility: what it may turn into is judged like that of any
other candidate.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from matsmith.core.candidate import Candidate, Lineage
from matsmith.core.errors import SpecError, ToolError
from matsmith.core.settings import Settings
from matsmith.core.spec import ALLOY
from matsmith.tools.lammps.alloys import Alloy, alloy_cell, alloy_of, lattice_of
from matsmith.tools.strategies.chemistry_filter import conforms, permitted_elements
from matsmith.tools.strategies.interface import StrategyRequest

# Atoms of a cell: 16 sites of fcc and bcc are a compact cell, and 1 of them is 6 % of the atoms.
_SITES = 16
# Shares of the other elements, in sixteenths, in the order in which they are tried: a small, a middling and a large one come first.
_SIXTEENTHS = (2, 4, 1, 8, 3, 6, 5, 7)
_MOST_SYSTEMS = 12
_MOST_COMPONENTS = 5


@dataclass(frozen=True, kw_only=True)
class _Alloys:
    """The strategy; it keeps nothing between calls."""

    name: str = "alloy"
    title: str = "random alloys on simple lattices"

    def missing(self, settings: Settings) -> str | None:
        """Nothing."""
        del settings
        return None

    def propose(self, request: StrategyRequest, *, settings: Settings) -> Iterator[Candidate]:
        """Yield cells of each system at its compositions, those near good candidates first; nothing where no alloy is asked for."""
        del settings
        if request.spec.structure.motif != ALLOY:
            return
        systems = list(_systems(request))
        liked = [parent.crystal.amounts for parent in request.parents]
        tried: list[tuple[float, int, Alloy]] = []
        for order, system in enumerate(systems):
            for place, alloy in enumerate(_compositions(system)):
                near = min((_distance(alloy, amounts) for amounts in liked), default=0.0)
                tried.append((near, place * len(systems) + order, alloy))
        seen = set(request.seen)
        for _, _, alloy in sorted(tried, key=lambda one: one[:2]):
            candidate = _made(alloy, request=request)
            if candidate is not None and candidate.id not in seen:
                seen.add(candidate.id)
                yield candidate


STRATEGY = _Alloys()


def _systems(request: StrategyRequest) -> Iterator[tuple[str, ...]]:
    """Sets of elements to alloy: those required, else pairs of what may occur, elements that the directive favours first."""
    chemistry = request.spec.chemistry
    weights = request.directive.elements
    free = [one for one in sorted(permitted_elements(request.spec)) if weights.get(one, 1.0) > 0]
    free.sort(key=lambda one: -weights.get(one, 1.0))
    required = tuple(chemistry.required)
    fewest = max(2, chemistry.elements_min)
    if len(required) >= fewest:
        yield required[:_MOST_COMPONENTS]
        return
    others = [one for one in free if one not in required]
    for count, more in enumerate(combinations(others, fewest - len(required))):
        if count == _MOST_SYSTEMS:
            return
        yield (*required, *more)


def _compositions(system: tuple[str, ...]) -> Iterator[Alloy]:
    """Each element in turn as the base with equal shares of the others, and equal shares of all."""
    others = len(system) - 1
    for sixteenths in _SIXTEENTHS:
        for base in system:
            rest = sixteenths / _SITES
            if sixteenths >= others and rest <= others / len(system):
                yield alloy_of({one: 1 - rest if one == base else rest / others for one in system})
    yield alloy_of(dict.fromkeys(system, 1.0))


def _distance(alloy: Alloy, amounts: dict[str, int]) -> float:
    """Half the sum of differences of the atomic fractions: 0 for the same composition, 1 for no common element."""
    total = sum(amounts.values())
    elements = {*alloy.fractions, *amounts}
    return 0.5 * sum(abs(alloy.fractions.get(one, 0.0) - amounts.get(one, 0) / total) for one in elements)


def _made(alloy: Alloy, *, request: StrategyRequest) -> Candidate | None:
    """The candidate, or None where an element has no simple lattice, the cell cannot hold it, or it does not conform."""
    try:
        choice = lattice_of(alloy)
        cell = alloy_cell(
            alloy,
            lattice=choice.lattice,
            atoms=min(_SITES, request.spec.structure.atoms_max),
            seed=request.seed,
        )
    except (ToolError, SpecError):
        return None
    if conforms(request.spec, cell.crystal, space_group=None) is not None:
        return None
    lineage = Lineage(
        strategy=STRATEGY.name,
        prototype=f"random {cell.lattice} alloy",
        seed=request.seed,
        round=request.round,
        note=f"{cell.found.describe()}; {choice.reason}",
    )
    return Candidate.of(cell.crystal, lineage=lineage)
