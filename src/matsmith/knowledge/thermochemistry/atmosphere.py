"""Gases around a crystal: which, at what partial pressure, at what temperature."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from matsmith.core.errors import UsageError
from matsmith.knowledge.thermochemistry.species import Species, gas

NAMED: Mapping[str, Mapping[str, float]] = {
    "air": {"O2": 0.21, "N2": 0.78, "CO2": 4.2e-4, "H2O": 0.01},
    "dry air": {"O2": 0.21, "N2": 0.78, "CO2": 4.2e-4},
    "oxygen": {"O2": 1.0},
    "nitrogen": {"N2": 1.0, "O2": 1e-6},
    "argon": {"O2": 1e-6},
    "vacuum": {"O2": 1e-9},
    "carbon dioxide": {"CO2": 1.0},
    "steam": {"H2O": 1.0},
    "hydrogen": {"H2": 1.0, "H2O": 1e-5},
    "forming gas": {"H2": 0.05, "N2": 0.95, "H2O": 1e-5},
}
"""Partial pressures in bar. Traces of oxygen and water in gases from a bottle are usual ones (1 ppm O2, 10 ppm H2O)."""
LOWEST_BAR, HIGHEST_BAR = 1e-100, 1e3
"""Below, a pressure only stands for a chemical potential; above, gases are no longer ideal."""


@dataclass(frozen=True, kw_only=True)
class Atmosphere:
    """Gases held at a partial pressure in bar, at one temperature in K; each may be taken up and given off.

    Other gases may evolve, and leave at `evolved_bar` each.
    """

    temperature_k: float
    pressures_bar: Mapping[str, float]
    evolved_bar: float = 1.0

    def __post_init__(self) -> None:
        if not 200.0 <= self.temperature_k <= 4000.0:
            raise UsageError(
                f"Equilibria with gases are tabulated from 200 to 4000 K, not at {self.temperature_k:g} K.",
                hint="Give a temperature inside.",
            )
        for name, pressure in (*self.pressures_bar.items(), ("evolved gases", self.evolved_bar)):
            if not (math.isfinite(pressure) and LOWEST_BAR <= pressure <= HIGHEST_BAR):
                raise UsageError(
                    f"A partial pressure of {pressure:g} bar of {name} cannot be held.",
                    hint=f"Give {LOWEST_BAR:g} to {HIGHEST_BAR:g} bar.",
                )
        for name in self.pressures_bar:
            gas(name)

    @property
    def elements(self) -> frozenset[str]:
        """Elements that its gases hold."""
        return frozenset(symbol for name in self.pressures_bar for symbol in gas(name).amounts)

    def potential(self, species: Species) -> float:
        """Chemical potential in kJ/mol of one of its gases, or of a gas that evolves."""
        pressure = self.pressures_bar.get(species.name, self.evolved_bar)
        return species.gibbs(self.temperature_k, pressure_bar=pressure)

    def with_pressure(self, name: str, pressure_bar: float) -> Atmosphere:
        """The same with another partial pressure of one gas."""
        return replace(self, pressures_bar={**self.pressures_bar, name: pressure_bar})

    def describe(self) -> str:
        """Write it in a few words.

        >>> Atmosphere(temperature_k=1200, pressures_bar={"O2": 1e-15}).describe()
        '1200 K, 1e-15 bar O2'
        """
        gases = [f"{pressure:.2g} bar {name}" for name, pressure in self.pressures_bar.items()]
        return ", ".join([f"{self.temperature_k:g} K", *(gases or ["own gases at 1 bar"])])


def named(name: str, *, temperature_k: float) -> Atmosphere:
    """An atmosphere by its name in plain words. Raises `UsageError` with the names there are."""
    known = NAMED.get(name.strip().lower())
    if known is None:
        raise UsageError(
            f"There is no atmosphere {name!r}.",
            hint=f"Named are {', '.join(NAMED)}; or give partial pressures.",
        )
    return Atmosphere(temperature_k=temperature_k, pressures_bar=known)
