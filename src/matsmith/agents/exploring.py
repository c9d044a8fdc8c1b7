"""The share of every round that stays for exploration, whatever a directive says.

What a run has measured is what it draws near; without a floor, the parents of its first rounds decide where it looks for ever. One candidate of
four explores: half would give up as much as following gains, and a tenth of a round of forty relaxations is four, too few to tell luck from a
lead. Decoration draws half of its candidates unguided anyway, so for a round of the built-in rules the floor seldom adds anything; it binds where
a plan asks for variations of the best alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from matsmith.agents.work import Work
from matsmith.core.candidate import Candidate
from matsmith.core.directive import Directive
from matsmith.tools.strategies.registry import KNOWN, PROPOSED

EXPLORING_SHARE = 0.25
"""Of the candidates of a round, and of its relaxations."""
_EPSILON = 1e-9


def explores(candidate: Candidate) -> bool:
    """Whether a candidate stands by itself: near no parent, in no list, and not asked for by name."""
    return not candidate.lineage.parents and candidate.lineage.strategy not in (KNOWN, PROPOSED)


def lacking(candidates: Sequence[Candidate]) -> int:
    """How many exploring candidates must join these so that they are the stated share of all; rounds of one or two are left alone."""
    have = sum(map(explores, candidates))
    need = (EXPLORING_SHARE * len(candidates) - have) / (1.0 - EXPLORING_SHARE)
    return max(0, int(need + _EPSILON))


def bans_of(directive: Directive) -> Directive:
    """What a directive forbids, and nothing of what it favours: what failed often is not explored again.

    >>> bans_of(Directive(elements={"Mg": 3.0, "K": 0.0}, parents=["a"], reason="near a")).model_dump(exclude_defaults=True)
    {'elements': {'K': 0.0}, 'reason': 'exploring'}
    """
    return Directive(
        elements={name: weight for name, weight in directive.elements.items() if weight <= 0},
        prototypes={name: weight for name, weight in directive.prototypes.items() if weight <= 0},
        elements_per_formula={
            name: weight for name, weight in directive.elements_per_formula.items() if weight <= 0
        },
        reason="exploring",
    )


def with_explorers(ranked: Sequence[Work], *, places: int) -> list[Work]:
    """The first ones of a ranking, in its order, in which the best exploring ones hold their share of the places."""
    held = int(EXPLORING_SHARE * places + _EPSILON)
    reserved = [work for work in ranked if explores(work.candidate)][:held]
    kept = {work.candidate.id for work in reserved}
    others = [work for work in ranked if work.candidate.id not in kept]
    kept |= {work.candidate.id for work in others[: places - len(reserved)]}
    return [work for work in ranked if work.candidate.id in kept]
