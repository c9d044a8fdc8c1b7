"""Random crystals of promising formulas: structures that no library of prototypes holds.

A formula that is fixed, those of the best candidates so far, and the best of the formulas near what is known get a handful of random
crystals each, in space groups drawn at random, at about the volume that the formula's decorated prototypes would have. Most of them relax to
nothing; the few that do not may be forms that nobody put in.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from matsmith.core.candidate import Candidate, Lineage
from matsmith.core.settings import Settings
from matsmith.knowledge.formulas import key_amounts
from matsmith.knowledge.prototypes import prototypes
from matsmith.tools.strategies.assignment import by_stoichiometry, placements
from matsmith.tools.strategies.chemistry_filter import conforms
from matsmith.tools.strategies.drawn_formulas import (
    MOST_FORMULAS,
    DrawnFormula,
    formulas_in_hand,
    formulas_of_pool,
)
from matsmith.tools.strategies.interface import StrategyRequest

if TYPE_CHECKING:
    from matsmith.models.random_structures import RandomCrystal

# One formula gets so many crystals before the next has its turn: a search with less finds nothing.
_A_TURN = 6
_TRIALS_A_TURN = 150
_LONGEST_S = 8.0
_VOLUMES_ASKED = 5


@dataclass(frozen=True, kw_only=True)
class _RandomCrystals:
    """The strategy; it keeps nothing between calls."""

    name: str = "random"
    title: str = "random crystals with symmetry"

    def missing(self, settings: Settings) -> str | None:
        """Nothing."""
        del settings
        return None

    def propose(self, request: StrategyRequest, *, settings: Settings) -> Iterator[Candidate]:
        """Yield random crystals of one formula after the other, a handful each, round and round; none where a structure type is wanted."""
        from matsmith.models.random_structures import random_crystals

        spec = request.spec
        if spec.structure.prototype is not None:
            return
        yielded = set(request.seen)
        deadline = time.monotonic() + _LONGEST_S
        # The pool takes seconds to work out: it is asked only when the formulas in hand have had their turns.
        for batch in (formulas_in_hand, formulas_of_pool):
            streams = [
                (
                    formula,
                    random_crystals(
                        key_amounts(formula.key),
                        volume_angstrom3=formula_volume(formula.key),
                        atoms_min=spec.structure.atoms_min,
                        atoms_max=spec.structure.atoms_max,
                        space_groups=tuple(spec.structure.space_groups),
                        seed=(request.seed, request.round, zlib.crc32(formula.key.encode())),
                        trials=_TRIALS_A_TURN * (MOST_FORMULAS if spec.chemistry.formula else 2),
                        deadline=deadline,
                    ),
                )
                for formula in batch(request, settings=settings)
            ]
            while streams and time.monotonic() < deadline:
                for formula, stream in list(streams):
                    drawn = list(islice(stream, _A_TURN))
                    if len(drawn) < _A_TURN:
                        streams.remove((formula, stream))
                    for made in drawn:
                        if conforms(spec, made.crystal, space_group=made.space_group) is not None:
                            continue
                        candidate = _candidate(made, formula=formula, request=request)
                        if candidate.id not in yielded:
                            yielded.add(candidate.id)
                            yield candidate


STRATEGY = _RandomCrystals()


def _candidate(made: RandomCrystal, *, formula: DrawnFormula, request: StrategyRequest) -> Candidate:
    units = f"{made.formula_units} formula unit{'' if made.formula_units == 1 else 's'}"
    lineage = Lineage(
        strategy=STRATEGY.name,
        parents=formula.parents,
        seed=request.seed,
        round=request.round,
        note=f"random structure, space group {made.space_group}, {units}, seed {'-'.join(map(str, made.seed))}",
    )
    return Candidate.of(made.crystal, lineage=lineage, score=formula.score)


@lru_cache(maxsize=4096)
def formula_volume(key: str) -> float:
    """Volume in Å³ expected of a reduced formula: the median over its most plausible prototypes, or by density where none has its ratio."""
    amounts = key_amounts(key)
    by_ratio = by_stoichiometry(prototypes(atoms_max=40))
    likely = placements(amounts, by_ratio.get(tuple(sorted(amounts.values())), ()))[:_VOLUMES_ASKED]
    if likely:
        atoms = sum(amounts.values())
        each = [place.crystal() for place in likely]
        return median(crystal.volume_angstrom3 / len(crystal.species) for crystal in each) * atoms
    from pymatgen.core import Composition

    from matsmith.tools.strategies.similarity import INDEX
    from matsmith.tools.strategies.wishes import estimated_density_g_per_cm3

    elements = np.array([[INDEX[symbol] for symbol in amounts]], dtype=np.int64)
    counts = np.array(list(amounts.values()), dtype=np.float64)
    density = float(estimated_density_g_per_cm3(elements, amounts=counts)[0])
    return float(Composition(amounts).weight) * 1.66053906660 / density
