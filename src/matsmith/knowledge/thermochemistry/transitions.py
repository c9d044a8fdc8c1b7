"""Where a solid stops being stable: the temperature in its own gases or in an atmosphere, and the window of a gas."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from matsmith.core.errors import SpecError
from matsmith.knowledge.thermochemistry.atmosphere import Atmosphere
from matsmith.knowledge.thermochemistry.equilibrium import Decomposition, decomposition
from matsmith.knowledge.thermochemistry.formation import SolidGibbs

_STEP_K = 25.0
# The table's melt begins at the melting point that was measured: such points agree within about a hundredth (assumed).
_MELTING_SHARE = 0.01
_HALVINGS = 12
# Chemical potentials of oxygen below this belong to no metal: yttrium, the least noble, reduces near 1e-90 bar at 500 K.
_LOWEST_LOG10_BAR, _HIGHEST_LOG10_BAR = -95.0, 3.0
_LOG_STEP = 2.0


@dataclass(frozen=True, kw_only=True)
class DecompositionTemperature:
    """Where the excess Gibbs energy of a solid passes zero on heating, with the reaction there and one sigma in K.

    `stable_from_k` is where it becomes stable first: above the lowest temperature asked for where it takes up gas below.
    """

    temperature_k: float
    sigma_k: float
    state: Decomposition
    stable_from_k: float


@dataclass(frozen=True, kw_only=True)
class NeverStable:
    """The solid is stable at no temperature of the range: the least excess, where it is, and what it turns into there."""

    temperature_k: float
    state: Decomposition


@dataclass(frozen=True, kw_only=True)
class Window:
    """Partial pressures of a gas, log10 of bar, between which a solid is stable; None where no limit was found."""

    low: float | None
    high: float | None
    sigma: float
    below: Decomposition | None
    above: Decomposition | None


def state_at(solid: SolidGibbs, atmosphere: Atmosphere) -> Decomposition:
    """What the solid turns into in an atmosphere."""
    return decomposition(
        solid.amounts,
        gibbs_kj_per_mol=solid.gibbs_kj_per_mol(atmosphere.temperature_k),
        atmosphere=atmosphere,
    )


def decomposition_temperature(
    solid: SolidGibbs, *, pressures_bar: Mapping[str, float], low_k: float = 300.0, high_k: float = 2000.0
) -> DecompositionTemperature | NeverStable | None:
    """The upper end of the first range of temperature in which the solid is stable; None when it lasts to `high_k`.

    Without pressures its own gases leave at 1 bar each.
    """

    def state(temperature_k: float) -> Decomposition:
        return state_at(solid, Atmosphere(temperature_k=temperature_k, pressures_bar=pressures_bar))

    count = max(1, math.ceil((high_k - low_k) / _STEP_K))
    grid = [low_k + (high_k - low_k) * index / count for index in range(count + 1)]
    began: float | None = None
    least: tuple[float, float, Decomposition] | None = None
    for place, here in enumerate(grid):
        found = state(here)
        excess = found.excess_kj_per_mol
        if least is None or excess < least[0]:
            least = (excess, here, found)
        if excess <= 0 and began is None:
            began = here if place == 0 else _crossing(state, stable=here, unstable=grid[place - 1])
        elif excess > 0 and began is not None:
            end = _crossing(state, stable=grid[place - 1], unstable=here)
            return DecompositionTemperature(
                temperature_k=end,
                sigma_k=_sigma_k(solid, state, end),
                state=state(end + 0.01),
                stable_from_k=began,
            )
    if began is None and least is not None:
        return NeverStable(temperature_k=least[1], state=least[2])
    return None


def _crossing(state: Callable[[float], Decomposition], *, stable: float, unstable: float) -> float:
    """The temperature between a stable and an unstable one at which the excess passes zero."""
    for _ in range(_HALVINGS):
        middle = 0.5 * (stable + unstable)
        if state(middle).excess_kj_per_mol > 0:
            unstable = middle
        else:
            stable = middle
    return stable


def _sigma_k(solid: SolidGibbs, state: Callable[[float], Decomposition], temperature_k: float) -> float:
    """Error of the temperature: that of the reaction's Gibbs energy over the slope of the excess, a share of it for melting."""
    if state(temperature_k + 0.01).melts:
        return _MELTING_SHARE * temperature_k
    step = 10.0
    atoms = sum(solid.amounts.values())
    low, high = max(300.0, temperature_k - step), temperature_k + step
    try:
        slope = (state(high).excess_ev_per_atom - state(low).excess_ev_per_atom) / (high - low)
    except SpecError:  # the descriptor ends here
        slope = (state(temperature_k).excess_ev_per_atom - state(low).excess_ev_per_atom) / (
            temperature_k - low
        )
    sigma = reaction_sigma(solid, state(temperature_k), temperature_k) / atoms
    return sigma / max(abs(slope), 1e-6)


def reaction_sigma(solid: SolidGibbs, found: Decomposition, temperature_k: float) -> float:
    """One sigma of the excess in eV per formula: the solid's own error and those of what it turns into."""
    from matsmith.knowledge.thermochemistry.calibration import thermochemical_errors

    tables = thermochemical_errors().tables_sigma_ev_per_atom
    own = solid.sigma_ev_per_atom(temperature_k) * sum(solid.amounts.values())
    products = (
        tables * one.atoms * count
        for one, count in found.products
        if one.phase != "gas" and len(one.amounts) > 1
    )
    return math.hypot(own, *products)


def window(solid: SolidGibbs, atmosphere: Atmosphere, *, gas: str = "O2") -> Window | None:
    """Partial pressures of one gas between which the solid is stable, all else held; None when it is so nowhere."""

    def state(log10_bar: float) -> Decomposition:
        return state_at(solid, atmosphere.with_pressure(gas, 10.0**log10_bar))

    count = round((_HIGHEST_LOG10_BAR - _LOWEST_LOG10_BAR) / _LOG_STEP)
    grid = [_LOWEST_LOG10_BAR + _LOG_STEP * index for index in range(count + 1)]
    excess = [state(place).excess_kj_per_mol for place in grid]
    best = min(range(len(grid)), key=lambda index: excess[index])
    if excess[best] > 0:
        # Convex between the grid's points: the least excess may lie beside the best of them.
        low, high = grid[max(0, best - 1)], grid[min(len(grid) - 1, best + 1)]
        bottom = _lowest(lambda place: state(place).excess_kj_per_mol, low, high)
        if state(bottom).excess_kj_per_mol > 0:
            return None
        inside = bottom
    else:
        inside = grid[best]
    low_end = _edge(state, inside, _LOWEST_LOG10_BAR)
    high_end = _edge(state, inside, _HIGHEST_LOG10_BAR)
    below = None if low_end is None else state(low_end - 1e-3)
    above = None if high_end is None else state(high_end + 1e-3)
    slopes = [abs(dict(found.exchanged).get(gas, 0.0)) for found in (below, above) if found is not None]
    sigma_kj = reaction_sigma(solid, below or above or state(inside), atmosphere.temperature_k) * 96.485
    per_decade = (
        math.log(10) * 8.314462618e-3 * atmosphere.temperature_k * max(min(slopes, default=1.0), 1e-3)
    )
    return Window(low=low_end, high=high_end, sigma=sigma_kj / per_decade, below=below, above=above)


def _edge(state: Callable[[float], Decomposition], inside: float, end: float) -> float | None:
    if state(end).excess_kj_per_mol <= 0:
        return None
    good, bad = inside, end
    for _ in range(30):
        middle = 0.5 * (good + bad)
        if state(middle).excess_kj_per_mol > 0:
            bad = middle
        else:
            good = middle
    return good


def _lowest(function: Callable[[float], float], low: float, high: float) -> float:
    """Minimum of a convex function by thirds."""
    for _ in range(30):
        third = (high - low) / 3
        if function(low + third) < function(high - third):
            high -= third
        else:
            low += third
    return 0.5 * (low + high)
