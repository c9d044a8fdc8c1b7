"""The formulas worth decorating: one substitution from what is known to be stable, or near good candidates, with a score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log

import numpy as np
from numpy.typing import NDArray

from matsmith.core.candidate import Candidate
from matsmith.core.elements import SYMBOLS
from matsmith.core.settings import Settings
from matsmith.core.spec import DesignSpec
from matsmith.knowledge.formulas import reduced_key
from matsmith.tools.strategies.chemistry_filter import permitted_elements
from matsmith.tools.strategies.interface import StrategyRequest
from matsmith.tools.strategies.neighbours import (
    Stoichiometry,
    families,
    nearest_distances,
    role_distances,
    roles,
)
from matsmith.tools.strategies.similarity import COVERED, INDEX, electronegativity, element_distances
from matsmith.tools.strategies.sources import (
    compound_keys,
    known_keys,
    measured_keys,
    shipped_keys,
    tables_of,
)
from matsmith.tools.strategies.wishes import target_scores

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_STABLE_EV_PER_ATOM = 0.02
# Elements farther apart than this do not replace each other, save next to a candidate that did well.
_REACH, _REACH_NEAR_PARENTS = 0.8, 1.5
_FEW_PARENTS = 20
_LARGEST_FAMILY = 5000
_PER_DISTANCE = 0.8
# What is gained next to the best candidate of earlier rounds, and the distance over which it fades.
_NEAR_PARENT, _PARENT_RANGE = 4.0, 0.6
_LARGEST_PARENTS = 12
# Only the best parents are followed two substitutions far.
_TWO_STEPS = 2
_PER_DECADE = 0.5
# A new formula is worth more: what is known is offered by its own strategy, with a real crystal.
_NEW = 1.0
_SEEN_FORMULA = 0.7


@dataclass(frozen=True, kw_only=True, order=True)
class Scored:
    """A formula with its score, higher first, and what the critic's directive and the parents add to it; no physical meaning."""

    score: float
    pull: float
    key: str
    amounts: tuple[tuple[str, int], ...]


def formula_pool(
    request: StrategyRequest, *, settings: Settings, ratios: Sequence[Stoichiometry]
) -> list[Scored]:
    """Return the formulas of these stoichiometries that the spec's chemistry allows, in no order that matters but a fixed one."""
    spec, known, found = request.spec, known_keys(settings), list[Scored]()
    permitted = np.array(sorted(INDEX[s] for s in permitted_elements(spec) if s in INDEX), dtype=np.int64)
    random = np.random.default_rng([request.seed, request.round, 1789])
    near = parents_by_ratio(request.parents)
    for ratio in sorted(ratios):
        count = len(ratio)
        if not spec.chemistry.elements_min <= count <= spec.chemistry.elements_max or count < 2:
            continue
        if request.directive.elements_per_formula.get(str(count), 1.0) <= 0:
            continue
        stable = stable_formulas(ratio, settings=settings)
        good = near.get(ratio, np.empty((0, count), dtype=np.int64))
        elements = _candidates(ratio, stable=stable, good=good, permitted=permitted, spec=spec)
        weights = _element_weights(elements, request=request)
        elements, weights = elements[weights > -np.inf], weights[weights > -np.inf]
        if not len(elements):
            continue
        distance = _nearest(elements, stable, ratio=ratio)
        # Stoichiometries that many stable compounds take are likelier to hold one more.
        score = _PER_DECADE * np.log10(1.0 + len(stable)) - _PER_DISTANCE * distance
        pull = weights + _closeness(elements, good, ratio=ratio)
        if len(elements) > _LARGEST_FAMILY:
            drawn = score + pull + random.gumbel(size=len(score))
            order = np.sort(np.argsort(-drawn, kind="stable")[:_LARGEST_FAMILY])
            elements, score, pull = elements[order], score[order], pull[order]
        score = score + target_scores(spec, elements, stoichiometry=ratio, tables=tables_of(settings))
        rows: list[list[int]] = elements.tolist()
        for row, value, extra in zip(rows, score.tolist(), pull.tolist(), strict=True):
            amounts = tuple((SYMBOLS[index], amount) for index, amount in zip(row, ratio, strict=True))
            key = "".join(s if n == 1 else f"{s}{n}" for s, n in sorted(amounts))
            if spec.new_only and key in known:
                continue
            value += _NEW * (key not in known) - _SEEN_FORMULA * request.seen_formulas.get(key, 0)
            extra += log(request.directive.formulas.get(key, 1.0))
            found.append(Scored(score=value, pull=extra, key=key, amounts=amounts))
    return found


def parents_by_ratio(parents: Sequence[Candidate]) -> dict[Stoichiometry, IntArray]:
    """Return the formulas of the best parents, best first, as elements (n, k) in their roles, by stoichiometry."""
    grouped: dict[Stoichiometry, list[tuple[int, ...]]] = {}
    for candidate in parents[:_LARGEST_PARENTS]:
        role = roles(reduced_key(candidate.crystal.amounts))
        if role is not None and role[1] not in grouped.setdefault(role[0], []):
            grouped[role[0]].append(role[1])
    return {ratio: np.array(rows, dtype=np.int64) for ratio, rows in grouped.items()}


def stable_formulas(ratio: Stoichiometry, *, settings: Settings) -> IntArray:
    """Return the known formulas (n, k) of a stoichiometry to draw near: within 0.02 eV/atom of the hull, or with a crystal at hand."""
    rows: set[tuple[int, ...]] = set()
    for key in (*compound_keys(), *measured_keys(), *shipped_keys()):
        role = roles(key)
        if role is not None and role[0] == ratio:
            rows.add(role[1])
    family = families("energy_above_hull", tables=tables_of(settings)).get(ratio)
    if family is not None:
        chosen = family.elements[family.values <= _STABLE_EV_PER_ATOM]
        rows.update(tuple(row) for row in chosen.tolist())
    return np.array(sorted(rows), dtype=np.int64).reshape(len(rows), len(ratio))


def _candidates(
    ratio: Stoichiometry, *, stable: IntArray, good: IntArray, permitted: IntArray, spec: DesignSpec
) -> IntArray:
    """Return distinct formulas (m, k) that fit: the known ones and those one substitution away (two, where few are known)."""
    allowed = np.zeros(COVERED, dtype=bool)
    allowed[permitted] = True
    if spec.chemistry.formula is not None:
        role = roles(reduced_key(spec.chemistry.formula))
        fits = role is not None and role[0] == ratio
        return (
            np.array([role[1]], dtype=np.int64)
            if role is not None and fits
            else np.empty((0, len(ratio)), np.int64)
        )
    once = substituted(stable, ratio=ratio, permitted=permitted, reach=_REACH)
    parts = [stable, once]
    if len(stable) < _FEW_PARENTS:
        inside = once[allowed[once].sum(axis=1) >= len(ratio) - 1]
        parts.append(substituted(inside, ratio=ratio, permitted=permitted, reach=_REACH))
    if len(good):
        near = substituted(good, ratio=ratio, permitted=permitted, reach=_REACH_NEAR_PARENTS)
        best = substituted(good[:_TWO_STEPS], ratio=ratio, permitted=permitted, reach=_REACH_NEAR_PARENTS)
        parts.extend([good, near, substituted(best, ratio=ratio, permitted=permitted, reach=_REACH)])
    every = _distinct(np.concatenate(parts))
    every = every[allowed[every].all(axis=1)]
    for symbol in spec.chemistry.required:
        every = every[(every == INDEX.get(symbol, -1)).any(axis=1)]
    for group in spec.chemistry.any_of:
        every = every[np.isin(every, [INDEX[s] for s in group if s in INDEX]).any(axis=1)]
    return every


def substituted(formulas: IntArray, *, ratio: Stoichiometry, permitted: IntArray, reach: float) -> IntArray:
    """Return the formulas (m, k) got by replacing one element of one formula (n, k) by a permitted one within reach."""
    between = element_distances()
    found: list[IntArray] = [np.empty((0, len(ratio)), dtype=np.int64)]
    for role in range(len(ratio)):
        row, column = np.nonzero(between[formulas[:, role]][:, permitted] <= reach)
        changed = formulas[row].copy()
        changed[:, role] = permitted[column]
        ordered = np.sort(changed, axis=1)
        found.append(changed[(ordered[:, 1:] != ordered[:, :-1]).all(axis=1)])
    return _distinct(_in_roles(np.concatenate(found), ratio=ratio))


def _in_roles(elements: IntArray, *, ratio: Stoichiometry) -> IntArray:
    """Order roles of equal amount by electronegativity again, as `neighbours.roles` does."""
    values = np.array([electronegativity(symbol) for symbol in SYMBOLS[:COVERED]])
    ordered = elements.copy()
    for amount in set(ratio):
        same = [role for role, other in enumerate(ratio) if other == amount]
        if len(same) > 1:
            part = elements[:, same]
            # Ties in electronegativity stand in alphabetical order of the symbol, as the keys list them.
            rank = np.lexsort((_alphabetical()[part], values[part]), axis=1)
            ordered[:, same] = np.take_along_axis(part, rank, axis=1)
    return ordered


def _alphabetical() -> IntArray:
    return np.argsort(np.argsort(np.array(SYMBOLS[:COVERED]))).astype(np.int64)


def _distinct(elements: IntArray) -> IntArray:
    place: IntArray = COVERED ** np.arange(elements.shape[1], dtype=np.int64)[::-1]
    codes: IntArray = (elements * place).sum(axis=1)
    return elements[np.unique(codes, return_index=True)[1]]


def _element_weights(elements: IntArray, *, request: StrategyRequest) -> FloatArray:
    """Return the directive's log-weight (m,) of each formula; minus infinity for a forbidden one."""
    factors = np.array([request.directive.elements.get(symbol, 1.0) for symbol in SYMBOLS[:COVERED]])
    number = request.directive.elements_per_formula.get(str(elements.shape[1]), 1.0)
    with np.errstate(divide="ignore"):
        return np.log(np.maximum(factors, 0.0))[elements].sum(axis=1) + np.log(max(number, 1e-300))


def _nearest(elements: IntArray, known: IntArray, *, ratio: Stoichiometry) -> FloatArray:
    """Return the distance (m,) to the nearest known stable formula; a constant where none is known."""
    if not len(known):
        return np.full(len(elements), 2.0)
    return nearest_distances(elements, known, stoichiometry=ratio).astype(np.float64)


def _closeness(elements: IntArray, good: IntArray, *, ratio: Stoichiometry) -> FloatArray:
    """Return what each formula (m,) gains by standing near a good candidate, the best one counting most."""
    if not len(good):
        return np.zeros(len(elements))
    rank = 1.0 / (1.0 + 0.3 * np.arange(len(good)))
    near = np.exp(-role_distances(elements, good, stoichiometry=ratio) / _PARENT_RANGE) * rank
    return _NEAR_PARENT * near.max(axis=1).astype(np.float64)
