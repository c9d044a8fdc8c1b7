"""Prototypes decorated with other elements, near what is known to be stable.

Formulas one substitution away from stable known ones (or from good candidates of earlier rounds) are scored by their
distance to the known (data-mined ionic substitutions, Hautier et al. 2011), by what their neighbours say about the targets, and
by charge balance; each is put into its most plausible prototypes. Every fourth proposal is drawn wide.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from math import inf, log

import numpy as np
from numpy.typing import NDArray

from matsmith.core.candidate import Candidate, Lineage
from matsmith.core.settings import Settings
from matsmith.knowledge.formulas import reduced_key
from matsmith.knowledge.prototypes import MODEL_ALLOYS, Prototype
from matsmith.tools.strategies.assignment import Placement, by_stoichiometry, placements, pool
from matsmith.tools.strategies.charge import charge_score
from matsmith.tools.strategies.chemistry_filter import conforms
from matsmith.tools.strategies.formula_pool import Scored, formula_pool
from matsmith.tools.strategies.interface import StrategyRequest

FloatArray = NDArray[np.float64]

_PER_FORMULA = 3
_SECOND_GUESS, _PER_PENALTY, _CHARGE_WEIGHT = 0.8, 0.3, 2.0
_EXPLOIT_NOISE, _EXPLORE_NOISE = 0.1, 0.5
# Half of the proposals follow the critic, one in four goes on as if there were none, one in four is drawn wide: a critic who
# has seen little must not lead everything astray.
_TURNS = ("guided", "plain", "guided", "wide")
# One chemical system must not fill a round: each candidate of a system costs the next one this much.
_CROWDING = 0.5
# What a prototype gains that a good candidate of an earlier round has.
_PARENT_PROTOTYPE = 2.5


@dataclass(frozen=True, kw_only=True)
class _Decoration:
    """The strategy; it keeps nothing between calls."""

    name: str = "decoration"
    title: str = "prototypes decorated by likely substitutions"

    def missing(self, settings: Settings) -> str | None:
        """Nothing: without tables it draws near the prototypes' own compounds and the measured crystals."""
        del settings
        return None

    def propose(self, request: StrategyRequest, *, settings: Settings) -> Iterator[Candidate]:
        """Yield decorated prototypes that conform to the spec, best first, with every fourth one drawn wide."""
        found = [p for p in pool(request.spec) if p.name not in MODEL_ALLOYS]
        weights = {p.name: prototype_weight(p, request=request) for p in found}
        by_ratio = by_stoichiometry([p for p in found if weights[p.name] > -inf])
        formulas = formula_pool(request, settings=settings, ratios=list(by_ratio))
        random = np.random.default_rng([request.seed, request.round, 1871])
        shared = _Shared(by_ratio=by_ratio, weights=weights, yielded=set(request.seen))
        streams = {
            name: _Stream(
                formulas, noise=noise * random.gumbel(size=len(formulas)), pulled=pulled, shared=shared
            )
            for name, noise, pulled in (
                ("guided", _EXPLOIT_NOISE, True),
                ("plain", _EXPLOIT_NOISE, False),
                ("wide", _EXPLORE_NOISE, False),
            )
        }
        # Without anything to follow the guided stream and the plain one would be the same.
        told = request.directive
        following = bool(request.parents or told.elements or told.prototypes or told.formulas)
        turns = _TURNS if following else tuple("plain" if turn == "guided" else turn for turn in _TURNS)
        for turn in cycle(turns):
            order = (turn, *(name for name in streams if name != turn))
            candidate = next(filter(None, (streams[name].next(request) for name in order)), None)
            if candidate is None:
                return
            yield candidate


STRATEGY = _Decoration()


def prototype_weight(prototype: Prototype, *, request: StrategyRequest) -> float:
    """Return the log-weight of a prototype: the directive's multiplier by any of its names, and a gain where a parent has it."""
    multipliers = request.directive.prototypes
    named = [multipliers[name] for name in (prototype.name, *prototype.common_names) if name in multipliers]
    if named and min(named) <= 0:
        return -inf
    gain = 0.0
    for rank, parent in enumerate(request.parents):
        if parent.lineage.prototype == prototype.name:
            gain = _PARENT_PROTOTYPE / (1.0 + 0.3 * rank)
            break
    return gain + (log(max(named)) if named else 0.0)


@dataclass(kw_only=True)
class _Shared:
    """What both streams of one call draw on, and what they have given already."""

    by_ratio: dict[tuple[int, ...], list[Prototype]]
    weights: dict[str, float]
    yielded: set[str]
    placed: set[tuple[str, tuple[str, ...]]] = field(default_factory=set[tuple[str, tuple[str, ...]]])
    chosen: dict[tuple[str, bool], list[tuple[float, Placement]]] = field(
        default_factory=dict[tuple[str, bool], list[tuple[float, Placement]]]
    )
    systems: Counter[frozenset[str]] = field(default_factory=Counter[frozenset[str]])

    def choices(self, scored: Scored, *, pulled: bool) -> list[tuple[float, Placement]]:
        """Return the best prototypes for a formula, each with what it adds to the formula's score."""
        entry = (scored.key, pulled)
        if entry not in self.chosen:
            amounts = dict(scored.amounts)
            found: list[tuple[float, Placement]] = []
            for placement in placements(amounts, self.by_ratio[tuple(sorted(amounts.values()))]):
                weight = self.weights[placement.prototype.name] if pulled else 0.0
                found.append((weight - _PER_PENALTY * placement.penalty, placement))
            found.sort(key=lambda pair: -pair[0])
            best = enumerate(found[:_PER_FORMULA])
            self.chosen[entry] = [(gain - _SECOND_GUESS * rank, choice) for rank, (gain, choice) in best]
        return self.chosen[entry]


class _Stream:
    """Formulas in the order of score plus noise; a formula's prototypes are worked out when its turn comes."""

    def __init__(
        self, formulas: Sequence[Scored], *, noise: FloatArray, pulled: bool, shared: _Shared
    ) -> None:
        self._shared = shared
        self._pulled = pulled
        self._order = 0
        # Score (negative, for the heap), order of entry, formula, prototype once chosen, crowding counted in the score
        # (-1 before the charge is).
        self._heap: list[tuple[float, int, Scored, Placement | None, int]] = []
        self._noise = dict(zip((scored.key for scored in formulas), noise.tolist(), strict=True))
        for scored, extra in zip(formulas, noise.tolist(), strict=True):
            self._order += 1
            pull = scored.pull if pulled else 0.0
            self._heap.append((-scored.score - pull - extra, self._order, scored, None, -1))
        heapq.heapify(self._heap)

    def _push(self, score: float, scored: Scored, placement: Placement | None, crowd: int) -> None:
        self._order += 1
        heapq.heappush(self._heap, (-score, self._order, scored, placement, crowd))

    def next(self, request: StrategyRequest) -> Candidate | None:
        """Return the next candidate that neither stream has given, or None when there is none left."""
        shared = self._shared
        while self._heap:
            negative, _, scored, placement, counted = heapq.heappop(self._heap)
            if placement is None and counted < 0:
                # The charge is worked out when a formula's turn comes: there are too many formulas to do it for all.
                balance = _CHARGE_WEIGHT * log(0.05 + charge_score(dict(scored.amounts)))
                self._push(balance - negative, scored, None, 0)
                continue
            if placement is None:
                for gain, choice in shared.choices(scored, pulled=self._pulled):
                    self._push(gain - negative, scored, choice, 0)
                continue
            system = frozenset(placement.symbols)
            crowd = shared.systems[system]
            if crowd > counted:
                self._push(-negative - _CROWDING * (crowd - counted), scored, placement, crowd)
                continue
            entry = (placement.prototype.name, placement.symbols)
            if entry in shared.placed:
                continue
            shared.placed.add(entry)
            candidate = _candidate(placement, score=-negative - self._noise[scored.key], request=request)
            if candidate is not None and candidate.id not in shared.yielded:
                shared.yielded.add(candidate.id)
                shared.systems[system] += 1
                return candidate
        return None


def _candidate(placement: Placement, *, score: float, request: StrategyRequest) -> Candidate | None:
    """Return the candidate, or None when its crystal does not conform to the spec."""
    crystal = placement.crystal()
    if conforms(request.spec, crystal, space_group=placement.prototype.space_group) is not None:
        return None
    key = reduced_key(crystal.amounts)
    parents = tuple(p.id for p in request.parents if _is_near(p, placement, key=key))[:3]
    lineage = Lineage(
        strategy=STRATEGY.name,
        prototype=placement.prototype.name,
        parents=parents,
        seed=request.seed,
        round=request.round,
        note=placement.prototype.label,
    )
    return Candidate.of(crystal, lineage=lineage, score=score)


def _is_near(parent: Candidate, placement: Placement, *, key: str) -> bool:
    """Say whether a candidate differs from a parent by its prototype alone, or by one element of the same prototype."""
    if reduced_key(parent.crystal.amounts) == key:
        return True
    same = parent.lineage.prototype == placement.prototype.name
    return same and len(set(placement.symbols) - set(parent.crystal.elements)) == 1
