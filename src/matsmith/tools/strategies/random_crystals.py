"""Random crystals of promising formulas: structures that no library of prototypes holds.

A formula that is fixed, those of the best candidates so far, and the best of the formulas near what is known get a handful of random
crystals each, in space groups drawn at random, at about the volume that the formula's decorated prototypes would have. Most of them relax to
nothing; the few that do not may be forms that nobody put in.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from math import log
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from matsmith.core.candidate import Candidate, Lineage
from matsmith.core.settings import Settings
from matsmith.knowledge.formulas import key_amounts, reduced_key
from matsmith.knowledge.prototypes import prototypes
from matsmith.tools.strategies.assignment import by_stoichiometry, placements, pool
from matsmith.tools.strategies.charge import charge_score
from matsmith.tools.strategies.chemistry_filter import conforms, conforms_chemistry
from matsmith.tools.strategies.formula_pool import formula_pool
from matsmith.tools.strategies.interface import StrategyRequest
from matsmith.tools.strategies.sources import known_keys

if TYPE_CHECKING:
    from matsmith.models.random_structures import RandomCrystal

# One formula gets so many crystals before the next has its turn: a search with less finds nothing.
_A_TURN = 6
_FORMULAS, _FROM_PARENTS = 24, 3
_TRIALS_A_TURN = 150
_LONGEST_S = 8.0
_CHARGE_WEIGHT, _NOISE = 2.0, 0.3
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
        for batch in (_in_hand, _of_pool):
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
                        trials=_TRIALS_A_TURN * (_FORMULAS if spec.chemistry.formula else 2),
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


@dataclass(frozen=True, kw_only=True)
class _Formula:
    key: str
    score: float
    parents: tuple[str, ...] = ()


def _candidate(made: RandomCrystal, *, formula: _Formula, request: StrategyRequest) -> Candidate:
    units = f"{made.formula_units} formula unit{'' if made.formula_units == 1 else 's'}"
    lineage = Lineage(
        strategy=STRATEGY.name,
        parents=formula.parents,
        seed=request.seed,
        round=request.round,
        note=f"random structure, space group {made.space_group}, {units}, seed {'-'.join(map(str, made.seed))}",
    )
    return Candidate.of(made.crystal, lineage=lineage, score=formula.score)


def _in_hand(request: StrategyRequest, *, settings: Settings) -> list[_Formula]:
    """The one formula that is wanted, or those of the best candidates so far."""
    wanted = request.spec.chemistry.formula
    if wanted is not None:
        key = reduced_key(wanted)
        return [_Formula(key=key, score=0.0)] if _can_be_drawn(key, request=request) else []
    known = known_keys(settings) if request.spec.new_only else frozenset[str]()
    chosen: dict[str, _Formula] = {}
    for parent in request.parents:
        key = reduced_key(parent.crystal.amounts)
        if len(chosen) < _FROM_PARENTS and key not in known and _can_be_drawn(key, request=request):
            chosen.setdefault(key, _Formula(key=key, score=0.0, parents=(parent.id,)))
    return list(chosen.values())


def _of_pool(request: StrategyRequest, *, settings: Settings) -> list[_Formula]:
    """The best of the formulas near what is known, with some luck."""
    if request.spec.chemistry.formula is not None:
        return []
    ratios = list(by_stoichiometry(pool(request.spec)))
    random = np.random.default_rng([request.seed, request.round, 1911])
    scored = formula_pool(request, settings=settings, ratios=ratios)
    order = sorted(
        zip(scored, random.gumbel(size=len(scored)).tolist(), strict=True),
        key=lambda pair: (-(pair[0].score + pair[0].pull + _NOISE * pair[1]), pair[0].key),
    )
    chosen: list[_Formula] = []
    for one, _ in order[: 4 * _FORMULAS]:
        balance = _CHARGE_WEIGHT * log(0.05 + charge_score(dict(one.amounts)))
        if balance > -_CHARGE_WEIGHT and _can_be_drawn(one.key, request=request):
            chosen.append(_Formula(key=one.key, score=one.score + balance))
    return chosen[:_FORMULAS]


def _can_be_drawn(key: str, *, request: StrategyRequest) -> bool:
    """Whether whole formula units fit the cell that is wanted, and the formula the specification and the directive."""
    amounts: Mapping[str, int] = key_amounts(key)
    told, wish = request.directive, request.spec.structure
    atoms = sum(amounts.values())
    forbidden = any(told.elements.get(symbol, 1.0) <= 0 for symbol in amounts)
    forbidden |= told.elements_per_formula.get(str(len(amounts)), 1.0) <= 0
    fits = wish.atoms_max // atoms * atoms >= max(wish.atoms_min, 1)
    return fits and not forbidden and conforms_chemistry(request.spec, amounts) is None


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
