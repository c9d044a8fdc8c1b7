"""Gibbs energies of measured substances at temperature: gases, solids and liquids.

All stand on one scale: the enthalpy of an element in its reference state at 298.15 K is zero, entropies are absolute, so that
G(T) = H(T) - T S(T) of any substances may be subtracted from each other.

NASA's coefficients a1 to a7, b1, b2 (McBride, Zehe and Gordon 2002, NASA/TP-2002-211556) give

    Cp/R   = a1 T^-2 + a2 T^-1 + a3 + a4 T + a5 T^2 + a6 T^3 + a7 T^4
    H/(RT) = -a1 T^-2 + a2 ln(T)/T + a3 + a4 T/2 + a5 T^2/3 + a6 T^3/4 + a7 T^4/5 + b1/T
    S/R    = -a1 T^-2/2 - a2 T^-1 + a3 ln(T) + a4 T + a5 T^2/2 + a6 T^3/3 + a7 T^4/4 + b2

Solids that this table lacks have enthalpy, entropy and heat capacity at 298.15 K (`solids.json`), continued to higher
temperatures with Cp = a + c/T^2, where a is the limit of Dulong and Petit with a tenth for expansion and anharmonicity.
"""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib import resources
from typing import Any, Literal, cast

from matsmith.core.elements import parse_formula
from matsmith.core.errors import DataError
from matsmith.knowledge.formulas import reduced_key

Phase = Literal["solid", "liquid", "gas"]

GAS_CONSTANT = 8.31446261815324e-3
"""kJ/(mol K), exact since 2019."""
KJ_PER_MOL_IN_EV = 96.48533212331
"""kJ/mol of 1 eV per particle."""
ROOM_K = 298.15
_SOLID_LIMIT_K = 2000.0
_GAS_LOWEST_K = 200.0
# Heat capacity per atom of a solid far above its Debye temperature: 3R, and a tenth for expansion and anharmonicity.
_HOT_HEAT_CAPACITY = 3.3 * GAS_CONSTANT
# Share of 3R that solids of no tabulated heat capacity have at room temperature: the median of those tabulated here.
_ROOM_SHARE = 0.85
_SAME_K = 3.0


@dataclass(frozen=True, kw_only=True)
class Interval:
    """NASA coefficients (a1 .. a7, b1, b2) over a range of temperature in K."""

    low_k: float
    high_k: float
    coefficients: tuple[float, float, float, float, float, float, float, float, float]

    def heat_capacity(self, temperature_k: float) -> float:
        """Cp in kJ/(mol K)."""
        a1, a2, a3, a4, a5, a6, a7, _, _ = self.coefficients
        t = temperature_k
        return GAS_CONSTANT * (a1 / t**2 + a2 / t + a3 + a4 * t + a5 * t**2 + a6 * t**3 + a7 * t**4)

    def enthalpy(self, temperature_k: float) -> float:
        """H in kJ/mol, against the elements at 298.15 K."""
        a1, a2, a3, a4, a5, a6, a7, b1, _ = self.coefficients
        t = temperature_k
        series = -a1 / t**2 + a2 * math.log(t) / t + a3 + a4 * t / 2 + a5 * t**2 / 3 + a6 * t**3 / 4
        return GAS_CONSTANT * t * (series + a7 * t**4 / 5 + b1 / t)

    def entropy(self, temperature_k: float) -> float:
        """S in kJ/(mol K)."""
        a1, a2, a3, a4, a5, a6, a7, _, b2 = self.coefficients
        t = temperature_k
        series = -a1 / t**2 / 2 - a2 / t + a3 * math.log(t) + a4 * t + a5 * t**2 / 2 + a6 * t**3 / 3
        return GAS_CONSTANT * (series + a7 * t**4 / 4 + b2)


@dataclass(frozen=True, kw_only=True)
class Species:
    """A substance in one phase. `amounts` are atoms per formula as its name writes it."""

    name: str
    amounts: Mapping[str, float]
    phase: Phase
    intervals: tuple[Interval, ...]
    source: str

    @cached_property
    def formula(self) -> str:
        """Reduced formula."""
        return reduced_key(dict(self.amounts))

    @cached_property
    def atoms(self) -> float:
        """Atoms per formula."""
        return sum(self.amounts.values())

    @property
    def low_k(self) -> float:
        """The lowest temperature that was tabulated."""
        return self.intervals[0].low_k

    @property
    def high_k(self) -> float:
        """The highest temperature that was tabulated."""
        return self.intervals[-1].high_k

    def covers(self, temperature_k: float) -> bool:
        """Whether the table holds this phase at a temperature."""
        return self.low_k - _SAME_K <= temperature_k <= self.high_k + _SAME_K

    def enthalpy(self, temperature_k: float) -> float:
        """H(T) in kJ/mol; beyond the table with the heat capacity of its edge."""
        interval, edge = self._at(temperature_k)
        return interval.enthalpy(edge) + interval.heat_capacity(edge) * (temperature_k - edge)

    def entropy(self, temperature_k: float) -> float:
        """S(T) in kJ/(mol K) at 1 bar; beyond the table with the heat capacity of its edge."""
        interval, edge = self._at(temperature_k)
        return interval.entropy(edge) + interval.heat_capacity(edge) * math.log(temperature_k / edge)

    def gibbs(self, temperature_k: float, *, pressure_bar: float = 1.0) -> float:
        """G(T, p) in kJ/mol; the pressure counts for gases alone, as partial pressure of an ideal gas."""
        standard = self.enthalpy(temperature_k) - temperature_k * self.entropy(temperature_k)
        if self.phase != "gas" or pressure_bar == 1.0:
            return standard
        return standard + GAS_CONSTANT * temperature_k * math.log(pressure_bar)

    def _at(self, temperature_k: float) -> tuple[Interval, float]:
        """The interval that serves a temperature, and the nearest temperature inside it."""
        if not temperature_k > 0:
            raise DataError(
                f"There is no Gibbs energy at {temperature_k:g} K.", hint="Give a temperature above 0 K."
            )
        for interval in self.intervals:
            if temperature_k <= interval.high_k:
                return interval, max(temperature_k, interval.low_k)
        last = self.intervals[-1]
        return last, last.high_k


@lru_cache(maxsize=1)
def all_species() -> tuple[Species, ...]:
    """Every tabulated substance. Raises `DataError` when a table is missing or damaged."""
    try:
        folder = resources.files("matsmith.knowledge.thermochemistry")
        nasa: Any = json.loads(gzip.decompress(folder.joinpath("species.json.gz").read_bytes()))
        plain: Any = json.loads(folder.joinpath("solids.json").read_text(encoding="utf-8"))
        source = str(nasa["source"])
        found = [_from_nasa(entry, source) for entry in nasa["species"]]
        columns: list[str] = plain["columns"]
        for row in plain["solids"]:
            found.append(_from_room(dict(zip(columns, row, strict=True)), plain["sources"]))
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            "The thermochemical tables are missing or damaged.", hint="Reinstall matsmith."
        ) from error
    return tuple(found)


def _from_nasa(entry: dict[str, Any], source: str) -> Species:
    return Species(
        name=entry["name"],
        amounts=entry["amounts"],
        phase=cast("Phase", entry["phase"]),
        intervals=tuple(
            Interval(low_k=low, high_k=high, coefficients=cast("Any", tuple(numbers)))
            for low, high, numbers in entry["intervals"]
        ),
        source=entry["reference"] if "Bartel" in entry["reference"] else f"{source} ({entry['reference']})",
    )


def _from_room(row: dict[str, Any], sources: Mapping[str, str]) -> Species:
    amounts = parse_formula(row["formula"])
    atoms = sum(amounts.values())
    hot = _HOT_HEAT_CAPACITY * atoms
    tabulated = row["heat_capacity"]
    room = 3 * GAS_CONSTANT * _ROOM_SHARE * atoms if tabulated is None else tabulated / 1000.0
    hot = max(hot, room)
    a1, a3 = (room - hot) * ROOM_K**2 / GAS_CONSTANT, hot / GAS_CONSTANT
    unset = Interval(
        low_k=ROOM_K, high_k=_SOLID_LIMIT_K, coefficients=(a1, 0.0, a3, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    )
    b1 = (row["enthalpy"] - unset.enthalpy(ROOM_K)) / GAS_CONSTANT
    b2 = (row["entropy"] / 1000.0 - unset.entropy(ROOM_K)) / GAS_CONSTANT
    form = f"({row['form']})" if row["form"] else "(cr)"
    return Species(
        name=f"{row['formula']}{form}",
        amounts=amounts,
        phase="solid",
        intervals=(
            Interval(
                low_k=ROOM_K,
                high_k=_SOLID_LIMIT_K,
                coefficients=(a1, 0.0, a3, 0.0, 0.0, 0.0, 0.0, b1, b2),
            ),
        ),
        source=f"{sources[row['source']]}, continued from 298.15 K",
    )


@lru_cache(maxsize=1)
def _by_formula() -> dict[str, tuple[Species, ...]]:
    found: dict[str, list[Species]] = {}
    for species in all_species():
        found.setdefault(species.formula, []).append(species)
    return {formula: tuple(members) for formula, members in found.items()}


def species_of(
    formula: str | Mapping[str, float], *, phases: Collection[Phase] = ("solid",)
) -> tuple[Species, ...]:
    """The tabulated phases of a reduced formula, of the kinds named; empty when there is none.

    >>> [species.name for species in species_of("SiO2")]
    ['SiO2(a-qz)', 'SiO2(b-qz)', 'SiO2(b-crt)']
    """
    return tuple(one for one in _by_formula().get(reduced_key(formula), ()) if one.phase in phases)


def gas(formula: str) -> Species:
    """The gas of a molecular formula as written (O2, H2O, CO2). Raises `DataError` for one that is not tabulated.

    >>> round(gas("O2").entropy(298.15) * 1000, 1)
    205.1
    """
    wanted = formula.replace("(g)", "").strip()
    for species in all_species():
        if species.phase == "gas" and species.name == wanted:
            return species
    raise DataError(
        f"There is no gas {formula!r} in the tables.",
        hint="Write the molecule: O2, N2, H2, H2O, CO2, CO, SO2, Cl2.",
    )


def best_solid(formula: str | Mapping[str, float], temperature_k: float) -> Species | None:
    """The solid of a formula of lowest Gibbs energy per atom at a temperature; None when no solid is tabulated.

    Forms tabulated at that temperature come first; where there is none, the nearest one is continued.
    """
    solids = species_of(formula)
    inside = [one for one in solids if one.covers(temperature_k)]
    if inside:
        return min(inside, key=lambda one: one.gibbs(temperature_k) / one.atoms)
    return min(
        solids,
        key=lambda one: min(abs(temperature_k - one.low_k), abs(temperature_k - one.high_k)),
        default=None,
    )


def last_temperature(elements: Collection[str]) -> float:
    """Up to where the tables hold every one of the elements itself, in K; 0 when one is not tabulated at all."""
    reach = dict.fromkeys(elements, 0.0)
    for one in all_species():
        if len(one.amounts) == 1:
            (symbol,) = one.amounts
            if symbol in reach:
                reach[symbol] = max(reach[symbol], one.high_k)
    return min(reach.values(), default=0.0)


def within(elements: Collection[str], *, phases: Collection[Phase]) -> list[Species]:
    """Every tabulated substance of these phases whose elements all lie among the given ones."""
    wanted = frozenset(elements)
    return [one for one in all_species() if one.phase in phases and wanted.issuperset(one.amounts)]
