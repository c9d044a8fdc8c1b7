"""Independent values of a crystal's properties, the best source first; shares no code with the package.

Sources, best first: a measured value (formula and structure matched), a DFT table (all rows of the formula), stock CHGNet on the
crystal's CIF. Energies above the hull are taken from the completed hull of `independent_hull.py`; where a formula stands in no table,
a crystal is also held against its lower polymorphs, measured or among the met candidates of its run, by the same potential.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from statistics import median
from typing import Any

from independent_facts import Facts, Key, Measured, formula_key
from independent_hull import CompletedTables, HullPoint
from independent_potential import Calibration, StockPotential
from pymatgen.core import Composition, Structure

# One-sigma errors of the independent sources.
MEASURED, DFT_MODULUS, POTENTIAL_MODULUS = 0.03, 0.10, 0.15
DFT_ENERGY_EV, POTENTIAL_ENERGY_EV, OBSERVED_STABLE_EV = 0.02, 0.06, 0.01
DFT_GAP_EV, DFT_INDEX, CELL_DENSITY = 0.1, 0.05, 0.04
BOUND = "lowest row of the formula"
_TABLED = {
    "measured_band_gap": ("expt_band_gap", "measured"),
    "computed_band_gap": ("mp_band_gap", "DFT table"),
    "refractive_index": ("mp_refractive_index", "DFT table"),
    "shear_modulus": ("mp_log10_shear_modulus", "DFT table"),
}


@dataclass(frozen=True, kw_only=True)
class Found:
    """An independent value as the range of what its source holds, its one-sigma error and what it is based on.

    A `bound` is the lowest value of the formula: it can exclude a structure of it, not vouch for one.
    """

    low: float
    high: float
    middle: float
    sigma: float
    basis: str
    note: str = ""
    bound: bool = False


@dataclass
class Crystal:
    """One ranked candidate of a report, with its structure from the CIF, or from the report when there is no CIF.

    `polymorphs` are the other candidates of its run that meet the objective with the same formula.
    """

    report: dict[str, Any]
    structure: Structure
    facts: Facts
    polymorphs: list[Crystal] = field(default_factory=list["Crystal"])

    @cached_property
    def key(self) -> Key | None:
        """Reduced formula of the structure."""
        return formula_key(self.structure.composition.reduced_formula)

    @cached_property
    def measured(self) -> Measured | None:
        """The measured crystal that it is, if any."""
        return self.facts.match(self.structure, self.key)


class Sources:
    """Independent values by property."""

    def __init__(self, *, tables: CompletedTables, facts: Facts, potential: StockPotential | None) -> None:
        self.tables, self.facts, self.potential = tables, facts, potential

    @cached_property
    def calibration(self) -> Calibration | None:
        """Factors of the potential, fitted when first needed."""
        return self.potential.calibration(self.facts) if self.potential else None

    def values(self, name: str, crystal: Crystal) -> Iterator[Found]:
        """Independent values of a property, the best source first."""
        if crystal.key is None:
            return
        match name:
            case "bulk_modulus":
                yield from self._bulk_modulus(crystal)
            case "energy_above_hull" | "formation_energy":
                yield from self._energy(crystal, above_hull=name == "energy_above_hull")
            case "density" | "volume_per_atom":
                yield from self._density(crystal, volume=name == "volume_per_atom")
            case "price":
                price = self.facts.price_usd_per_kg(crystal.key)
                if price:
                    yield _ranged(price, sigma=0.0, basis="facts file")
            case _ if name in _TABLED:
                yield from self._tabled(name, crystal.key)
            case _:
                return

    def _bulk_modulus(self, crystal: Crystal) -> Iterator[Found]:
        held = crystal.measured.bulk_modulus_gpa if crystal.measured else None
        if held is not None:
            yield _ranged([held], sigma=MEASURED * held, basis="measured")
        rows = [10.0**row for row in self.tables.rows("mp_log10_bulk_modulus", crystal.key)]
        if rows:
            yield _ranged(rows, sigma=DFT_MODULUS * median(rows), basis="DFT table")
        if held is None and self.potential is not None and self.calibration is not None:
            found = self.potential.bulk_modulus_gpa(crystal.structure)
            if found is not None:
                value = self.calibration.modulus_factor * found
                yield _ranged([value], sigma=POTENTIAL_MODULUS * value, basis="potential")

    def _energy(self, crystal: Crystal, *, above_hull: bool) -> Iterator[Found]:
        key = crystal.key
        if key is None:
            return
        observed = above_hull and crystal.measured is not None and bool(crystal.measured.stable)
        if observed:
            yield _ranged([0.0], sigma=OBSERVED_STABLE_EV, basis="measured")
        bound = self._distance_bound(key) if above_hull else self._energy_bound(key)
        if bound is not None:
            yield bound
        if observed or self.potential is None or not self.tables.table("mp_formation_energy"):
            return
        energy = self.potential.formation_energy(crystal.structure)
        rows = self.tables.rows("mp_formation_energy", key)
        energy = max(energy, rows[0]) if rows else energy
        if above_hull:
            yield self._distance(crystal, key, energy, potential=self.potential)
        else:
            yield _ranged([energy], sigma=POTENTIAL_ENERGY_EV, basis="potential", note="this very structure")

    def _energy_bound(self, key: Key) -> Found | None:
        """Lowest formation energy of a formula by table or measurement."""
        rows = self.tables.rows("mp_formation_energy", key)
        if rows:
            return _ranged(rows[:1], sigma=DFT_ENERGY_EV, basis="DFT table", note=BOUND, bound=True)
        phase = self.tables.measured_phases.get(key)
        if phase is None:
            return None
        return _ranged(
            [phase.energy_ev_per_atom],
            sigma=phase.sigma_ev_per_atom,
            basis="measured enthalpy",
            note=f"{BOUND}, {phase.source}",
            bound=True,
        )

    def _distance_bound(self, key: Key) -> Found | None:
        """Least distance of a formula from the hull: as tabled, else from its lowest formation energy."""
        tabled = self.tables.rows("mp_energy_above_hull", key)[:1]
        if tabled:
            return _ranged(tabled, sigma=DFT_ENERGY_EV, basis="DFT table", note=BOUND, bound=True)
        lowest = self._energy_bound(key)
        if lowest is None:
            return None
        point = self.tables.hull(key)
        return _ranged(
            [max(0.0, lowest.middle - point.energy_ev_per_atom)],
            sigma=math.hypot(lowest.sigma, point.sigma_ev_per_atom),
            basis=lowest.basis,
            note=lowest.note + _spanned(point),
            bound=True,
        )

    def _distance(self, crystal: Crystal, key: Key, energy: float, *, potential: StockPotential) -> Found:
        """Distance of a crystal from the hull by the potential, and from lower polymorphs where no row of the formula stands."""
        point = self.tables.hull(key)
        value = energy - point.energy_ev_per_atom
        sigma = math.hypot(POTENTIAL_ENERGY_EV, point.sigma_ev_per_atom)
        note = "this very structure" + _spanned(point)
        if self.tables.rows("mp_formation_energy", key):
            return _ranged([value], sigma=sigma, basis="potential", note=note)
        for one in (one for one in self.facts.crystals(key) if one.stable):
            # What is seen to be stable lies on the hull, so its distance by the same potential needs no offset.
            against = max(0.0, energy - potential.formation_energy(one.structure))
            return _ranged(
                [against],
                sigma=POTENTIAL_ENERGY_EV,
                basis="potential",
                note=f"against the measured {one.name}",
            )
        for one in crystal.polymorphs:
            against = energy - potential.formation_energy(one.structure)
            if against > max(0.0, value):
                value, sigma = against, POTENTIAL_ENERGY_EV
                note = f"against the lower form of the run, #{one.report['rank']}"
        return _ranged([value], sigma=sigma, basis="potential", note=note)

    def _density(self, crystal: Crystal, *, volume: bool) -> Iterator[Found]:
        grams = float(Composition(crystal.structure.composition).weight) * 1.66053907
        atoms = len(crystal.structure)
        if crystal.measured:
            value = crystal.measured.density_g_per_cm3
            value = grams / atoms / value if volume else value
            yield _ranged([value], sigma=MEASURED * value, basis="measured")
            return
        factor = 1.0
        if crystal.report["crystal_record"] and self.calibration is not None:
            factor = self.calibration.volume_factor
        cell = factor * crystal.structure.volume
        value = cell / atoms if volume else grams / cell
        yield _ranged([value], sigma=CELL_DENSITY * value, basis="cell", note=f"volume times {factor:.3f}")

    def _tabled(self, name: str, key: Key) -> Iterator[Found]:
        table, basis = _TABLED[name]
        rows = self.tables.rows(table, key)
        if not rows:
            return
        rows = [10.0**row for row in rows] if name == "shear_modulus" else rows
        middle = median(rows)
        sigmas = {
            "measured_band_gap": MEASURED * middle,
            "computed_band_gap": DFT_GAP_EV,
            "refractive_index": DFT_INDEX * middle,
            "shear_modulus": DFT_MODULUS * middle,
        }
        yield _ranged(rows, sigma=sigmas[name], basis=basis)


def _ranged(rows: Sequence[float], *, sigma: float, basis: str, note: str = "", bound: bool = False) -> Found:
    return Found(
        low=min(rows), high=max(rows), middle=median(rows), sigma=sigma, basis=basis, note=note, bound=bound
    )


def _spanned(point: HullPoint) -> str:
    return f", hull over measured {', '.join(point.measured)}" if point.measured else ""
