"""Which formulas strategies that make structures from nothing try: the one wanted, those of the best so far, the best near what is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import log

import numpy as np

from matsmith.core.settings import Settings
from matsmith.knowledge.formulas import key_amounts, reduced_key
from matsmith.tools.strategies.assignment import by_stoichiometry, pool
from matsmith.tools.strategies.charge import charge_score
from matsmith.tools.strategies.chemistry_filter import conforms_chemistry
from matsmith.tools.strategies.formula_pool import formula_pool
from matsmith.tools.strategies.interface import StrategyRequest
from matsmith.tools.strategies.sources import known_keys

MOST_FORMULAS, _FROM_PARENTS = 24, 3
_CHARGE_WEIGHT, _NOISE = 2.0, 0.3


@dataclass(frozen=True, kw_only=True)
class DrawnFormula:
    """A reduced formula to make crystals of, how promising it is, and the candidates that it comes from."""

    key: str
    score: float
    parents: tuple[str, ...] = ()


def formulas_in_hand(request: StrategyRequest, *, settings: Settings) -> list[DrawnFormula]:
    """The one formula that is wanted, or those of the best candidates so far."""
    wanted = request.spec.chemistry.formula
    if wanted is not None:
        key = reduced_key(wanted)
        return [DrawnFormula(key=key, score=0.0)] if can_be_drawn(key, request=request) else []
    known = known_keys(settings) if request.spec.new_only else frozenset[str]()
    chosen: dict[str, DrawnFormula] = {}
    for parent in request.parents:
        key = reduced_key(parent.crystal.amounts)
        if len(chosen) < _FROM_PARENTS and key not in known and can_be_drawn(key, request=request):
            chosen.setdefault(key, DrawnFormula(key=key, score=0.0, parents=(parent.id,)))
    return list(chosen.values())


def formulas_of_pool(request: StrategyRequest, *, settings: Settings) -> list[DrawnFormula]:
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
    chosen: list[DrawnFormula] = []
    for one, _ in order[: 4 * MOST_FORMULAS]:
        balance = _CHARGE_WEIGHT * log(0.05 + charge_score(dict(one.amounts)))
        if balance > -_CHARGE_WEIGHT and can_be_drawn(one.key, request=request):
            chosen.append(DrawnFormula(key=one.key, score=one.score + balance))
    return chosen[:MOST_FORMULAS]


def can_be_drawn(key: str, *, request: StrategyRequest) -> bool:
    """Whether whole formula units fit the cell that is wanted, and the formula the specification and the directive."""
    amounts: Mapping[str, int] = key_amounts(key)
    told, wish = request.directive, request.spec.structure
    atoms = sum(amounts.values())
    forbidden = any(told.elements.get(symbol, 1.0) <= 0 for symbol in amounts)
    forbidden |= told.elements_per_formula.get(str(len(amounts)), 1.0) <= 0
    fits = wish.atoms_max // atoms * atoms >= max(wish.atoms_min, 1)
    return fits and not forbidden and conforms_chemistry(request.spec, amounts) is None
