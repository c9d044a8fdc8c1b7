"""Which screened decorations are worth relaxing: those near the hull of their own system."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from matsmith.tools.reference_plan import Decoration, bonding_class, relaxations_planned

# A metal pair whose small ordered cells all lie this far above the elements is not searched further.
HOPELESS_EV_PER_ATOM = 0.10
ABOVE_TASTED_HULL_EV_PER_ATOM = 0.25
_ABOVE_STATIC_HULL_EV_PER_ATOM = 0.50
_TASTED_PER_KEPT = 1.8
_TASTED_OF_HOPELESS = 2
# A further polymorph waits behind another formula that lies up to this much higher.
_POLYMORPH_PENALTY_EV_PER_ATOM = 0.02
_POLYMORPHS_MAX = 6
# The commonest types get this much of a start before anything is relaxed: a guessed volume costs as much.
_FAMILIAR_BONUS_EV_PER_ATOM = 0.08
_FAMILIAR_TYPES = frozenset({"B1", "B2", "B3", "B4", "B8_1", "B_h", "C1", "C4", "C15", "D5_1", "L1_2"})
_SAME_ENERGY_EV_PER_ATOM = 3e-4
_SAME_VOLUME = 2e-3


@dataclass(frozen=True, slots=True)
class Screened:
    """A decoration with its static energy."""

    decoration: Decoration
    energy_ev_per_atom: float


def formation(screened: Screened, elements: dict[str, float]) -> float:
    """Energy against the elements in eV/atom, on the potential's own scale."""
    amounts = screened.decoration.amounts
    total = sum(amounts.values())
    return screened.energy_ev_per_atom - sum(n * elements.get(s, 0.0) for s, n in amounts.items()) / total


def without_copies(
    tasted: Sequence[tuple[Screened, dict[str, Any]]],
) -> list[tuple[Screened, dict[str, Any]]]:
    """Drop what has run into the same minimum as another: equal formula, energy within 0.3 meV/atom, volume within 0.2 %."""
    kept: dict[tuple[tuple[tuple[str, int], ...], float, float], tuple[Screened, dict[str, Any]]] = {}
    seen: list[tuple[tuple[tuple[str, int], ...], float, float]] = []
    for s, r in sorted(tasted, key=lambda pair: len(pair[1]["species"])):
        formula = tuple(sorted(s.decoration.amounts.items()))
        volume = abs(float(np.linalg.det(r["lattice"]))) / len(r["species"])
        key = (formula, r["energy_ev_per_atom"], volume)
        if not any(
            f == formula and abs(e - key[1]) < _SAME_ENERGY_EV_PER_ATOM and abs(v / volume - 1) < _SAME_VOLUME
            for f, e, v in seen
        ):
            seen.append(key)
            kept[key] = (s, r)
    return list(kept.values())


def choose(
    system: tuple[str, str], screened: Sequence[Screened], *, elements: dict[str, float]
) -> list[Screened]:
    """Decorations worth a taste of relaxation: nearest to the static hull first, and every measured compound."""
    count = round(relaxations_planned(system) * _TASTED_PER_KEPT)
    near = by_hull(system, screened, elements=elements, count=count, familiar=True)
    near += [s for s in screened if s.decoration.is_own_compound and s not in near]
    if bonding_class(system[1]) == "metallic":
        lowest = min((formation(s, elements) for s in screened), default=0.0)
        return near[: _TASTED_OF_HOPELESS if lowest > HOPELESS_EV_PER_ATOM else len(near)]
    return near


def by_hull(
    system: tuple[str, str],
    screened: Sequence[Screened],
    *,
    elements: dict[str, float],
    count: int,
    window: float = _ABOVE_STATIC_HULL_EV_PER_ATOM,
    familiar: bool = False,
) -> list[Screened]:
    """The given decorations by their height above their own hull; the best of each formula come before second ones."""
    points = [(fraction(s, system[1]), formation(s, elements), s) for s in screened]
    hull = lower_hull([(x, e) for x, e, _ in points] + [(0.0, 0.0), (1.0, 0.0)])
    seen: dict[float, int] = {}
    ranked: list[tuple[float, Screened]] = []
    for x, energy, s in sorted(
        points, key=lambda p: (p[1], p[2].decoration.prototype.name, p[2].decoration.symbols)
    ):
        rank = seen.get(round(x, 6), 0)
        seen[round(x, 6)] = rank + 1
        above = energy - hull_level(hull, x)
        if rank < _POLYMORPHS_MAX and above < window:
            bonus = _FAMILIAR_BONUS_EV_PER_ATOM if familiar and is_familiar(s) else 0.0
            ranked.append((above + _POLYMORPH_PENALTY_EV_PER_ATOM * rank - bonus, s))
    return [s for _, s in sorted(ranked, key=lambda r: r[0])[:count]]


def is_familiar(screened: Screened) -> bool:
    """True for the commonest structure types."""
    return screened.decoration.prototype.strukturbericht in _FAMILIAR_TYPES


def lower_hull(points: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """Lower convex hull of points (x, y), by x.

    >>> lower_hull([(0, 0), (1, 0), (0.5, -1), (0.25, 0.3)])
    [(0, 0), (0.5, -1), (1, 0)]
    """
    lowest: dict[float, float] = {}
    for x, y in points:
        lowest[x] = min(y, lowest.get(x, y))
    hull: list[tuple[float, float]] = []
    for x, y in sorted(lowest.items()):
        while len(hull) > 1 and (hull[-1][0] - hull[-2][0]) * (y - hull[-2][1]) <= (
            hull[-1][1] - hull[-2][1]
        ) * (x - hull[-2][0]):
            hull.pop()
        hull.append((x, y))
    return hull


def hull_level(hull: Sequence[tuple[float, float]], x: float) -> float:
    """Height of a lower hull at x, by linear interpolation.

    >>> hull_level([(0, 0), (0.5, -1), (1, 0)], 0.75)
    -0.5
    """
    return float(np.interp(x, [point[0] for point in hull], [point[1] for point in hull]))


def fraction(screened: Screened, symbol: str) -> float:
    """Share of an element among the atoms."""
    amounts = screened.decoration.amounts
    return amounts[symbol] / sum(amounts.values())
