"""The independent check's own convex hull: the table of DFT formation energies, its missing binaries filled with measured enthalpies.

A hull from a table that lacks a phase is too high and confirms too much. Where the table has no row of a binary, its measured
enthalpy of formation at 298 K (`formation_enthalpies.yaml`, with sources) stands in, put on the table's scale by an offset per atom
of the anion. The offset is the median of (lowest row - measured) per anion over the formulas that both hold, which takes the
correction of the anion, the heat content up to 298 K and the zero-point energy together. One sigma of such a phase is what 68 % of
those formulas are missed by, per atom, when each is left out of the fit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from independent_facts import Key, Tables, formula_key
from numpy.typing import NDArray
from pymatgen.core import Composition

ENTHALPIES = Path(__file__).resolve().with_name("formation_enthalpies.yaml")
KJ_PER_MOL_PER_EV = 96.48533
FEWEST_FORMULAS = 8  # an offset fitted on fewer is not used


@dataclass(frozen=True, kw_only=True)
class Offset:
    """Table minus measurement per atom of the anion (eV), its scatter (eV per atom of the compound), and on how many formulas."""

    ev_per_anion: float
    sigma_ev_per_atom: float
    formulas: int


@dataclass(frozen=True, kw_only=True)
class MeasuredPhase:
    """A binary that the table lacks: formation energy on the table's scale with one sigma (eV/atom), and who measured."""

    formula: str
    energy_ev_per_atom: float
    sigma_ev_per_atom: float
    source: str


@dataclass(frozen=True, kw_only=True)
class HullPoint:
    """The hull at one composition: energy and one sigma from measured phases (eV/atom), and which of them span it there."""

    energy_ev_per_atom: float
    sigma_ev_per_atom: float
    measured: tuple[str, ...]


class CompletedTables(Tables):
    """The tables with measured binaries in the place of those that the formation energies lack."""

    @cached_property
    def _enthalpies(self) -> dict[str, list[dict[str, Any]]]:
        return yaml.safe_load(ENTHALPIES.read_text(encoding="utf-8"))["anions"]

    @cached_property
    def offsets(self) -> dict[str, Offset]:
        """Offset by anion; without those fitted on too few formulas."""
        fitted: dict[str, Offset] = {}
        for anion, rows in self._enthalpies.items():
            gaps: list[float] = []
            shares: list[float] = []
            for row in rows:
                found = self.rows("mp_formation_energy", formula_key(row["formula"]))
                if found:
                    gaps.append(found[0] - _ev_per_atom(row))
                    shares.append(float(Composition(row["formula"]).get_atomic_fraction(anion)))
            if len(gaps) >= FEWEST_FORMULAS:
                fitted[anion] = _fitted(np.array(gaps), np.array(shares))
        return fitted

    @cached_property
    def measured_phases(self) -> dict[Key, MeasuredPhase]:
        """Measured binaries that have no row in the table of formation energies."""
        found: dict[Key, MeasuredPhase] = {}
        for anion, offset in self.offsets.items():
            for row in self._enthalpies[anion]:
                key = formula_key(row["formula"])
                if key is None or self.rows("mp_formation_energy", key):
                    continue
                share = float(Composition(row["formula"]).get_atomic_fraction(anion))
                found[key] = MeasuredPhase(
                    formula=row["formula"],
                    energy_ev_per_atom=_ev_per_atom(row) + offset.ev_per_anion * share,
                    sigma_ev_per_atom=offset.sigma_ev_per_atom,
                    source=row["source"],
                )
        return found

    def formation_energies(self, elements: frozenset[str]) -> dict[Key, float]:
        """Lowest formation energy of every compound of these elements, eV/atom: rows of the table, else the measurement."""
        filled = {
            key: phase.energy_ev_per_atom
            for key, phase in self.measured_phases.items()
            if all(symbol in elements for symbol, _ in key)
        }
        return filled | super().formation_energies(elements)

    def hull(self, key: Key) -> HullPoint:
        """The completed hull at the composition of a formula."""
        diagram = self.diagram(frozenset(symbol for symbol, _ in key))
        energy, variance, measured = 0.0, 0.0, list[str]()
        for entry, share in diagram.get_decomposition(Composition(dict(key))).items():
            energy += float(share) * float(entry.energy_per_atom)
            phase = self.measured_phases.get(formula_key(entry.composition.reduced_formula) or ())
            if phase is not None and float(share) > 1e-6:
                variance += (float(share) * phase.sigma_ev_per_atom) ** 2
                measured.append(phase.formula)
        return HullPoint(
            energy_ev_per_atom=energy, sigma_ev_per_atom=math.sqrt(variance), measured=tuple(sorted(measured))
        )


def _fitted(gaps: NDArray[np.float64], shares: NDArray[np.float64]) -> Offset:
    """Median of gap over share of the anion; each gap is left out once to see how far it would have been missed."""
    ratios = gaps / shares
    others = [float(np.median(np.delete(ratios, place))) for place in range(len(ratios))]
    missed = np.abs(gaps - np.array(others) * shares)
    return Offset(
        ev_per_anion=float(np.median(ratios)),
        sigma_ev_per_atom=float(np.percentile(missed, 68.3)),
        formulas=len(ratios),
    )


def _ev_per_atom(row: dict[str, Any]) -> float:
    return float(row["value"]) / KJ_PER_MOL_PER_EV / float(Composition(row["formula"]).num_atoms)
