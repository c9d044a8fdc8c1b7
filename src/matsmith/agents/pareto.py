"""Which candidates stay when several open-ended targets pull apart: those that none beats.

One candidate beats another when it is at least as good in every such target and better in one by more than the error of the
difference, sqrt(s1^2 + s2^2): a lead that the errors could have made loses nobody. That is no order of all candidates (it is not even
transitive), but it has no circles, so fronts can be taken off one after the other (non-dominated sorting and crowding: K. Deb
et al., IEEE Trans. Evol. Comput. 6, 182 (2002)). Constraints come first: only candidates that meet them stand on a front.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from matsmith.core.directive import Directive
from matsmith.core.quantity import Quantity, Relation
from matsmith.core.run import Judgement
from matsmith.core.spec import DesignSpec, Target

FloatArray = NDArray[np.float64]

MOST_PARENTS = 12
"""Candidates of the front that the next round draws near; of a longer front the least crowded."""


def open_targets(spec: DesignSpec) -> list[int]:
    """Places of the targets that are only optimised."""
    return [place for place, target in enumerate(spec.targets) if not target.is_constraint]


def goodness(target: Target, quantity: Quantity) -> float:
    """Larger is better: the value, its negative, or how far outside its range it lies, negated."""
    if target.relation in (Relation.ABOVE, Relation.MAXIMISE):
        return quantity.value
    if target.relation in (Relation.BELOW, Relation.MINIMISE):
        return -quantity.value
    return min(0.0, target.margin(quantity))


def beats(values: FloatArray, sigmas: FloatArray) -> NDArray[np.bool_]:
    """Whether candidate i beats candidate j, (n, n), from goodness and one-sigma errors, both (n, targets)."""
    lead = values[:, None, :] - values[None, :, :]
    error = np.sqrt(sigmas[:, None, :] ** 2 + sigmas[None, :, :] ** 2)
    return np.asarray((lead >= 0).all(axis=-1) & (lead > error).any(axis=-1))


def fronts(values: FloatArray, sigmas: FloatArray) -> list[list[int]]:
    """Places (of n) front by front: no one of the first is beaten, no one of the second once the first is gone, and so on.

    >>> fronts(np.array([[1.0, 3.0], [2.0, 2.0], [1.0, 1.0]]), np.zeros((3, 2)))
    [[0, 1], [2]]
    >>> fronts(np.array([[1.0, 3.0], [2.0, 2.0], [1.0, 1.0]]), np.full((3, 2), 2.0))
    [[0, 1, 2]]
    """
    beaten = beats(values, sigmas)
    left = np.arange(len(values))
    found: list[list[int]] = []
    while len(left):
        free = ~beaten[np.ix_(left, left)].any(axis=0)
        found.append(left[free].tolist())
        left = left[~free]
    return found


def crowding(values: FloatArray) -> FloatArray:
    """How alone each of a front's candidates (n, targets) stands, (n,): the ends infinitely, the others by the gap between their neighbours."""
    count = len(values)
    alone = np.zeros(count)
    for column in values.T:
        order = np.argsort(column, kind="stable")
        span = float(column[order[-1]] - column[order[0]])
        alone[order[0]] = alone[order[-1]] = np.inf
        if span > 0 and count > 2:
            alone[order[1:-1]] += (column[order[2:]] - column[order[:-2]]) / span
    return alone


def ranks(spec: DesignSpec, judgements: Iterable[Judgement]) -> dict[str, int]:
    """Number of the front of every candidate that meets the constraints and has a value of each open target, the first being 0.

    Empty with fewer than two open targets: then the score says it all. Judgements that are not in it come after those that are.
    """
    placed = _placed(spec, judgements)
    if placed is None:
        return {}
    names, values, sigmas = placed
    return {names[place]: number for number, front in enumerate(fronts(values, sigmas)) for place in front}


def front(spec: DesignSpec, judgements: Iterable[Judgement]) -> list[str]:
    """Candidates that none beats, the least crowded first; empty with fewer than two open targets."""
    placed = _placed(spec, judgements)
    if placed is None:
        return []
    names, values, sigmas = placed
    first = fronts(values, sigmas)[0]
    alone = crowding(values[first])
    order = sorted(range(len(first)), key=lambda k: (-alone[k], names[first[k]]))
    return [names[first[k]] for k in order]


def near_front(directive: Directive, *, spec: DesignSpec, judgements: Mapping[str, Judgement]) -> Directive:
    """A directive with the front as its first parents, so that no end of it is lost to the other; unchanged where there is no front."""
    kept = front(spec, judgements.values())[:MOST_PARENTS]
    if not kept:
        return directive
    parents = list(dict.fromkeys([*kept, *directive.parents]))[:MOST_PARENTS]
    return directive.model_copy(update={"parents": parents})


def _placed(
    spec: DesignSpec, judgements: Iterable[Judgement]
) -> tuple[list[str], FloatArray, FloatArray] | None:
    """Names, goodness and errors of the candidates that can stand on a front; None when no two targets are open or none can."""
    wanted = open_targets(spec)
    if len(wanted) < 2:
        return None
    rows: dict[str, Sequence[tuple[float, float]]] = {}
    for judgement in judgements:
        if judgement.rejected or not (judgement.meets or not spec.hard_targets):
            continue
        measured = {v.target: v.quantity for v in judgement.verdicts if v.quantity is not None}
        if all(place in measured for place in wanted):
            rows[judgement.candidate] = [
                (goodness(spec.targets[place], measured[place]), measured[place].sigma) for place in wanted
            ]
    if not rows:
        return None
    table = np.array(list(rows.values()), dtype=np.float64)
    return list(rows), table[:, :, 0], table[:, :, 1]
