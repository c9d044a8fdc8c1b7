"""What a solid turns into at a temperature in an atmosphere: the smallest Gibbs energy of everything tabulated.

A linear programme over the amounts of all substances of the elements at hand, at fixed composition of the solid: condensed
phases and evolved gases (at their own pressure) in amounts of zero or more, gases of the atmosphere at their chemical potential,
taken up or given off. The excess is the solid's Gibbs energy above that minimum without itself: positive, it decomposes.
The excess is a convex function of the chemical potential of each gas, so over a range its maximum lies at an end.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from matsmith.core.errors import UsageError
from matsmith.knowledge.formulas import reduced_key
from matsmith.knowledge.thermochemistry.atmosphere import Atmosphere
from matsmith.knowledge.thermochemistry.species import KJ_PER_MOL_IN_EV, Species, within

_TRACE_MOL = 1e-7
_UNBOUNDED = 3


class UnbalancedAtmosphere(UsageError):
    """The gases of an atmosphere react with each other, so that no equilibrium with all of them is possible."""


@dataclass(frozen=True, kw_only=True)
class Decomposition:
    """The state of lowest Gibbs energy that a solid can turn into.

    `excess_kj_per_mol` is per formula as given, `excess_ev_per_atom` per atom of the solid. `products` are moles of condensed
    phases and evolved gases per formula; `exchanged` moles of the atmosphere's gases given off (negative: taken up).
    """

    excess_kj_per_mol: float
    excess_ev_per_atom: float
    products: tuple[tuple[Species, float], ...]
    exchanged: tuple[tuple[str, float], ...]

    @property
    def melts(self) -> bool:
        """Whether the product is one liquid and no gas is exchanged."""
        return len(self.products) == 1 and self.products[0][0].phase == "liquid" and not self.exchanged

    def equation(self, formula: str) -> str:
        """Write the reaction of one formula unit."""
        left, right = [formula], [_term(count, _written(one)) for one, count in self.products]
        for name, count in self.exchanged:
            (right if count > 0 else left).append(_term(abs(count), f"{name}(g)"))
        return f"{' + '.join(left)} -> {' + '.join(right)}"


def _written(species: Species) -> str:
    return f"{species.name}(g)" if species.phase == "gas" else species.name


def _term(count: float, name: str) -> str:
    return name if abs(count - 1.0) < 1e-6 else f"{count:.4g} {name}"


@lru_cache(maxsize=256)
def _candidates(elements: frozenset[str]) -> tuple[Species, ...]:
    return tuple(within(elements, phases=("solid", "liquid", "gas")))


def decomposition(
    amounts: Mapping[str, float],
    *,
    gibbs_kj_per_mol: float,
    atmosphere: Atmosphere,
    without: Collection[str] = (),
    extra: Sequence[tuple[Mapping[str, float], str, float]] = (),
) -> Decomposition:
    """Find what a solid of this composition and Gibbs energy (kJ per mol of `amounts`) turns into.

    Its own formula as a solid, and the formulas in `without`, do not take part; its own melt does. `extra` are further
    competitors: amounts, name and Gibbs energy in kJ/mol. Raises `UnbalancedAtmosphere` when the gases react among each
    other and `UsageError` when the tables hold nothing that it could turn into.
    """
    temperature = atmosphere.temperature_k
    held = set(atmosphere.pressures_bar)
    elements = sorted(set(amounts) | atmosphere.elements)
    own = reduced_key(dict(amounts))
    barred = {own, *(reduced_key(formula) for formula in without)}
    chosen: list[Species] = []
    free: list[Species] = []
    for one in _candidates(frozenset(elements)):
        if one.phase == "gas":
            (free if one.name in held else chosen).append(one)
        elif one.covers(temperature) and not (one.phase == "solid" and one.formula in barred):
            chosen.append(one)
    added = [_added(given, name) for given, name, _ in extra if reduced_key(dict(given)) not in barred]
    added_gibbs = [value for given, _, value in extra if reduced_key(dict(given)) not in barred]
    columns = [*chosen, *added, *free]
    costs = [
        *(atmosphere.potential(one) if one.phase == "gas" else one.gibbs(temperature) for one in chosen),
        *added_gibbs,
        *(atmosphere.potential(one) for one in free),
    ]
    matrix = np.array([[float(one.amounts.get(symbol, 0.0)) for one in columns] for symbol in elements])
    total = np.array([float(amounts.get(symbol, 0.0)) for symbol in elements])
    bounds = [(0.0, None)] * (len(chosen) + len(added)) + [(None, None)] * len(free)
    status, least, solution = minimum(costs, matrix, total, bounds)
    if status == _UNBOUNDED:
        raise UnbalancedAtmosphere(
            f"The gases of this atmosphere react with each other: {atmosphere.describe()}.",
            hint="Give gases that can be held at once: O2 or a mixture of H2 and H2O, not all three.",
        )
    if status != 0:
        raise UsageError(
            f"The tables hold nothing that {own} could turn into at {temperature:g} K.",
            hint="Its elements are not covered there: judge it against a hull of computed phases.",
        )
    excess = gibbs_kj_per_mol - least
    count = sum(amounts.values())
    pairs = list(zip(columns, solution, strict=True))
    fixed = len(chosen) + len(added)
    return Decomposition(
        excess_kj_per_mol=excess,
        excess_ev_per_atom=excess / KJ_PER_MOL_IN_EV / count,
        products=tuple((one, x) for one, x in pairs[:fixed] if x > _TRACE_MOL),
        exchanged=tuple((one.name, x) for one, x in pairs[fixed:] if abs(x) > _TRACE_MOL),
    )


def minimum(
    costs: Sequence[float],
    matrix: NDArray[np.float64],
    total: NDArray[np.float64],
    bounds: Sequence[tuple[float | None, float | None]],
) -> tuple[int, float, list[float]]:
    """Status of the solver (0 solved, 3 unbounded), the least sum and the amounts."""
    from scipy.optimize import linprog  # pyright: ignore[reportUnknownVariableType]

    solver: Any = cast("Any", linprog)
    answer = solver(costs, A_eq=matrix, b_eq=total, bounds=bounds, method="highs")
    if int(answer.status) != 0:
        return int(answer.status), 0.0, []
    return 0, float(answer.fun), [float(x) for x in answer.x]


def _added(amounts: Mapping[str, float], name: str) -> Species:
    return Species(name=name, amounts=dict(amounts), phase="solid", intervals=(), source="given")
