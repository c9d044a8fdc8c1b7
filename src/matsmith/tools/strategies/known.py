"""What is already known first: the labelled baseline, ordered by what tables and neighbours say about the targets.

Its crystals are measured ones, the prototypes' own compounds, and formulas of the tables, or of the literature that the directive names, in
the most plausible prototypes of their stoichiometry (at most two a formula). Many users' best answer exists already.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from matsmith.core.candidate import Candidate, Lineage, Novelty, NoveltyLabel
from matsmith.core.crystal import Crystal
from matsmith.core.settings import Settings
from matsmith.knowledge.formulas import key_amounts
from matsmith.knowledge.prototypes import Prototype
from matsmith.knowledge.table_sources import BY_PROPERTY
from matsmith.tools.strategies.assignment import Placement, by_stoichiometry, placements, pool
from matsmith.tools.strategies.chemistry_filter import conforms, conforms_chemistry, permitted_elements
from matsmith.tools.strategies.interface import StrategyRequest
from matsmith.tools.strategies.neighbours import Stoichiometry, roles
from matsmith.tools.strategies.sources import (
    MEASURED,
    KnownStructure,
    compound_keys,
    measured_keys,
    shipped_keys,
    structures_of,
    tables_of,
)
from matsmith.tools.strategies.wishes import facts_scores, target_scores

_PER_FORMULA = 2
# A crystal at hand is worth more than a decoration that may not be the real structure, and a second guess less still.
_NOT_AT_HAND, _SECOND_GUESS, _PER_PENALTY = 0.5, 0.7, 0.15
# What a formula loses when a target's value is guessed, and the score from which guesses can compete with facts.
_GUESSED, _GUESS_BELOW = 0.7, -1.5
# What a formula counts that the literature reports to meet a target and of which no table knows every value: a guess better than most.
_REPORTED = -0.9
_BROAD = ("formation_energy", "energy_above_hull")


@dataclass(frozen=True, kw_only=True)
class _Known:
    """The strategy; it keeps nothing between calls."""

    name: str = "known"
    title: str = "what is already known"

    def missing(self, settings: Settings) -> str | None:
        """Nothing: without tables it draws on what ships."""
        del settings
        return None

    def propose(self, request: StrategyRequest, *, settings: Settings) -> Iterator[Candidate]:
        """Yield known materials that conform to the spec, the most promising first; nothing when only new ones are wanted."""
        if request.spec.new_only:
            return
        yielded = set(request.seen)
        for score, item in _ordered(request, settings=settings):
            crystal = item.crystal if isinstance(item, KnownStructure) else item.crystal()
            number = item.space_group if isinstance(item, KnownStructure) else item.prototype.space_group
            measured = isinstance(item, KnownStructure) and item.origin.startswith(MEASURED)
            if conforms(request.spec, crystal, space_group=number, known=measured) is not None:
                continue
            candidate = _candidate(crystal, item, score=score, request=request)
            if candidate.id not in yielded:
                yielded.add(candidate.id)
                yield candidate


STRATEGY = _Known()


def _candidate(
    crystal: Crystal, item: KnownStructure | Placement, *, score: float, request: StrategyRequest
) -> Candidate:
    at_hand = isinstance(item, KnownStructure)
    prototype = item.prototype if isinstance(item, KnownStructure) else item.prototype.name
    note = (
        item.origin
        if isinstance(item, KnownStructure)
        else f"known formula, guessed as {item.prototype.label}"
    )
    return Candidate.of(
        crystal,
        lineage=Lineage(
            strategy=STRATEGY.name, prototype=prototype, seed=request.seed, round=request.round, note=note
        ),
        novelty=NoveltyLabel(
            label=Novelty.KNOWN, match=note if at_hand else "formula; structure not compared"
        ),
        score=score,
    )


def _ordered(
    request: StrategyRequest, *, settings: Settings
) -> Iterator[tuple[float, KnownStructure | Placement]]:
    """Yield crystals with their score, best first; placements are worked out only when their formula's turn comes.

    Formulas of which every target's value is known come into play first; the guesses for the others take longer and are made
    when a formula that misses a target would be next.
    """
    by_ratio = by_stoichiometry(pool(request.spec))
    formulas = _formulas(request, settings=settings, ratios=set(by_ratio))
    tables = tables_of(settings)
    scores = facts_scores(request.spec, list(formulas), tables=tables)
    reported = (key for key, weight in request.directive.formulas.items() if weight > 1 and key in formulas)
    scores |= {key: _REPORTED for key in reported if key not in scores}
    heap: list[tuple[float, str, int, KnownStructure | Placement | None]] = []
    for key, score in scores.items():
        heapq.heappush(heap, (-score - formulas[key], key, 0, None))
    guessing = len(scores) < len(formulas)
    while heap or guessing:
        if guessing and (not heap or -heap[0][0] < _GUESS_BELOW):
            guessing = False
            rest = [key for key in formulas if key not in scores]
            for key, score in _guessed_scores(request, rest, settings=settings).items():
                heapq.heappush(heap, (-score - formulas[key], key, 0, None))
            continue
        negative, key, rank, item = heapq.heappop(heap)
        if item is not None:
            yield -negative, item
            continue
        for rank, (loss, choice) in enumerate(_choices(key, by_ratio), start=1):
            heapq.heappush(heap, (negative + loss, key, rank, choice))


def _choices(
    key: str, by_ratio: Mapping[tuple[int, ...], Sequence[Prototype]]
) -> Iterator[tuple[float, KnownStructure | Placement]]:
    """Yield the crystals of a formula, those at hand first, each with what it loses against the first."""
    # One crystal a structure type: the measured one goes before the same type from elsewhere.
    by_type: dict[str, KnownStructure] = {}
    for structure in structures_of(key):
        by_type.setdefault(structure.prototype, structure)
    at_hand = list(by_type.values())
    for rank, structure in enumerate(at_hand):
        yield _SECOND_GUESS * rank, structure
    amounts = key_amounts(key)
    taken = {structure.prototype for structure in at_hand}
    guesses = placements(amounts, by_ratio.get(tuple(sorted(amounts.values())), ()))
    apart = [placement for placement in guesses if placement.prototype.name not in taken][:_PER_FORMULA]
    for rank, placement in enumerate(apart, start=len(at_hand)):
        yield _NOT_AT_HAND + _PER_PENALTY * placement.penalty + _SECOND_GUESS * rank, placement


def _formulas(
    request: StrategyRequest, *, settings: Settings, ratios: set[tuple[int, ...]]
) -> dict[str, float]:
    """Return every known formula that the spec allows and that a crystal can be made for, with the directive's weight."""
    spec, tables = request.spec, tables_of(settings)
    permitted = permitted_elements(spec)
    at_hand = {*measured_keys(), *compound_keys(), *shipped_keys()}
    # What the literature reports to meet a target is known too, whether a table lists it or not.
    keys = at_hand | {key for key, weight in request.directive.formulas.items() if weight > 1}
    for name in {*_BROAD, *(target.property for target in spec.targets)}:
        source = BY_PROPERTY.get(name)
        if source is not None and tables.has(source.name):
            table = tables.table(source.name)
            within: list[int] = table.within(permitted).tolist()
            keys.update(table.keys[index] for index in within)
    found: dict[str, float] = {}
    required = set(spec.chemistry.required)
    for key in sorted(keys):
        amounts = key_amounts(key)
        if not required.issubset(amounts) or (
            key not in at_hand and tuple(sorted(amounts.values())) not in ratios
        ):
            continue
        if conforms_chemistry(spec, amounts, permitted=permitted) is None:
            weight = formula_weight(key, request=request)
            weight -= _SECOND_GUESS * request.seen_formulas.get(key, 0)
            if weight > -np.inf:
                found[key] = weight
    return found


def _guessed_scores(request: StrategyRequest, keys: Sequence[str], *, settings: Settings) -> dict[str, float]:
    grouped: dict[Stoichiometry, list[tuple[str, tuple[int, ...]]]] = {}
    for key in keys:
        role = roles(key)
        if role is not None:
            grouped.setdefault(role[0], []).append((key, role[1]))
    scores: dict[str, float] = {}
    for stoichiometry, members in grouped.items():
        elements = np.array([member for _, member in members], dtype=np.int64)
        values = target_scores(
            request.spec, elements, stoichiometry=stoichiometry, tables=tables_of(settings)
        )
        for (key, _), value in zip(members, values, strict=True):
            scores[key] = float(value) - _GUESSED
    return scores


def formula_weight(key: str, *, request: StrategyRequest) -> float:
    """Return the directive's log-weight of a formula by itself and by its elements; minus infinity when forbidden."""
    weight = element_weight(key_amounts(key), request=request)
    return weight + float(np.log(request.directive.formulas.get(key, 1.0)))


def element_weight(symbols: Collection[str], *, request: StrategyRequest) -> float:
    """Return the directive's log-weight of a formula by its elements and their number; minus infinity when forbidden."""
    directive = request.directive
    if not directive.elements and not directive.elements_per_formula:
        return 0.0
    factors = [directive.elements.get(symbol, 1.0) for symbol in symbols]
    factors.append(directive.elements_per_formula.get(str(len(symbols)), 1.0))
    return -np.inf if min(factors) <= 0 else float(np.log(factors).sum())
