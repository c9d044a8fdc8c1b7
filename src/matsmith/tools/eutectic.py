"""The eutectic of two elements that mix ideally in the melt and not at all as solids, from what was measured of each alone.

An element is in equilibrium with a melt in which it has the share x where

    ln x = -(H/R) (1/T - 1/T_m)        (Schröder 1893, van Laar 1908),

with its melting point T_m and its enthalpy of fusion H; at the eutectic the two shares add up to one. Where the melt attracts or repels, or
the solids dissolve each other, the truth is elsewhere: that is what the error is for.
"""

from __future__ import annotations

import json
import math
from functools import lru_cache
from importlib.resources import files
from typing import Any

from pydantic import Field

from matsmith.core.quantity import Quantity, Truth
from matsmith.core.record import Method, Outcome
from matsmith.knowledge.thermochemistry.species import GAS_CONSTANT
from matsmith.tools.base import Args, Deps, tool

# Assumed: what real melts and solid solutions move a eutectic by, as a share of the depression below the lower melting point.
_MODEL_ERROR = 0.5
_HALVINGS = 60


class EutecticArgs(Args):
    """Which two elements."""

    elements: tuple[str, str] = Field(description='symbols of two elements, such as ["Al", "Si"]')


@lru_cache(maxsize=1)
def fusion() -> dict[str, Any]:
    """Melting points in K and enthalpies of fusion in kJ/mol by element, with their source."""
    return json.loads(files("matsmith.knowledge").joinpath("fusion.json").read_text(encoding="utf-8"))


def share_in_melt(temperature_k: float, *, melting_point_k: float, enthalpy_kj_per_mol: float) -> float:
    """Share of an element in the ideal melt that is in equilibrium with its solid; 1 at its melting point.

    >>> share_in_melt(933.47, melting_point_k=933.47, enthalpy_kj_per_mol=10.71)
    1.0
    """
    return math.exp(-enthalpy_kj_per_mol / GAS_CONSTANT * (1 / temperature_k - 1 / melting_point_k))


def ideal_eutectic(one: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    """Temperature in K and the share of the first, from melting point (K) and enthalpy of fusion (kJ/mol) of each."""

    def shares(temperature_k: float) -> tuple[float, float]:
        first, second = (
            share_in_melt(temperature_k, melting_point_k=point, enthalpy_kj_per_mol=heat)
            for point, heat in (one, other)
        )
        return first, second

    low, high = 1.0, min(one[0], other[0])
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if sum(shares(middle)) < 1:
            low = middle
        else:
            high = middle
    return high, shares(high)[0]


@tool(name="ideal_eutectic", title="Eutectic of two elements, ideal melt", cost_s=0.001)
def run(args: EutecticArgs, *, deps: Deps) -> Outcome:
    """Estimate the eutectic of two elements from their measured melting points and enthalpies of fusion.

    Quantities: eutectic temperature in K, share of the first element. An ideal melt over solids that do not mix: a first guess.

    Example: `matsmith tool ideal_eutectic elements='["Bi", "Cd"]'`
    """
    del deps
    known: dict[str, list[float]] = fusion()["elements"]
    first, second = args.elements
    lacking = [symbol for symbol in args.elements if symbol not in known]
    if lacking or first == second:
        return Outcome.failed(
            "no_fusion_data",
            f"No enthalpy of fusion of {' and '.join(lacking)} is at hand."
            if lacking
            else "Two different elements are needed.",
            hint=f"There are: {', '.join(sorted(known))}.",
        )
    (point, heat), (other_point, other_heat) = known[first], known[second]
    temperature, share = ideal_eutectic((point, heat), (other_point, other_heat))
    depression = min(point, other_point) - temperature
    sigma = _MODEL_ERROR * depression
    # What the same change of temperature does to the first element's liquidus.
    share_sigma = share * heat / GAS_CONSTANT / temperature**2 * sigma
    return Outcome(
        quantities={
            "eutectic_temperature": Quantity(
                value=temperature, unit="K", sigma=sigma, truth=Truth.EXPERIMENT_AT_CONDITIONS
            ),
            f"eutectic_share_of_{first.lower()}": Quantity(
                value=share, unit="", sigma=min(share_sigma, 0.5), truth=Truth.EXPERIMENT_AT_CONDITIONS
            ),
        },
        facts={
            "melting_points_k": {first: point, second: other_point},
            "enthalpies_of_fusion_kj_per_mol": {first: heat, second: other_heat},
        },
        method=Method(
            name="ideal melt over pure solids (Schröder and van Laar)", reference=str(fusion()["source"])
        ),
        warnings=(
            "an ideal melt over solids that dissolve nothing of each other: compounds and solid solutions are not seen; a database for "
            "phase_equilibrium knows better",
        ),
    )


TOOL = run
