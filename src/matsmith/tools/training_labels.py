"""What a crystal of the training set is labelled with: energy above the hull of known phases, formation energy, bulk modulus.

Energies are the default potential's, put on the references' basis by the fitted offsets (knowledge/offsets.py); the references are the table of DFT
formation energies where it is at hand, else the phases that ship. The bulk modulus is the curvature of static energies under uniform strain with the
atoms held in place, corrected by the law that was fitted for the equation of state; where there are none, the composition model's prediction.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from matsmith.core.errors import DataError, SpecError
from matsmith.knowledge.calibration import PRESSURE_DERIVATIVES, calibration
from matsmith.knowledge.references import ReferenceSet, references_for, table_stamp
from matsmith.tools.equation_of_state import VOLUME_FACTORS, fit_birch_murnaghan

if TYPE_CHECKING:
    from matsmith.models.potentials.interface import ArrayPotential, CrystalArrays

_LARGEST_RESIDUAL_EV_PER_ATOM = 0.02
_BULK_GPA = (0.5, 600.0)


class Hulls:
    """Hulls of many chemical systems, each built once; `tiers` counts the labels by the source of their references."""

    def __init__(self, *, data_dir: Path | None, cache_dir: Path | None) -> None:
        self._data_dir, self._cache_dir = data_dir, cache_dir
        self._held: dict[frozenset[str], ReferenceSet | None] = {}
        self.tiers: Counter[str] = Counter()

    @property
    def stamp(self) -> str:
        """The references that labels rest on at this moment: the tier that is asked first, and the age of its table."""
        time_ns = table_stamp(self._data_dir)
        return f"dft_table:{time_ns};" if time_ns else "shipped;"

    def references(self, elements: Iterable[str]) -> ReferenceSet | None:
        """The competing phases of a system at hand on this machine, or None where no source covers it."""
        system = frozenset(elements)
        if system not in self._held:
            self._held[system] = self._found(system)
        return self._held[system]

    def _found(self, system: frozenset[str]) -> ReferenceSet | None:
        for tier in ("dft_table", "shipped"):
            try:
                return references_for(system, data_dir=self._data_dir, cache_dir=self._cache_dir, only=tier)
            except DataError:
                continue  # the next source, and in the end no label: what is missing stays unknown
        return None

    def labels(self, amounts: Mapping[str, int], energy_ev_per_atom: float) -> dict[str, float]:
        """Formation energy and energy above hull in eV/atom by their names in the table; empty where no references are at hand."""
        references = self.references(amounts)
        if references is None:
            self.tiers["none"] += 1
            return {}
        self.tiers[references.tier] += 1
        formation = references.formation_energy(
            {s: float(n) for s, n in amounts.items()}, energy_ev_per_atom
        )[0]
        return {
            "formation_energy_ev_per_atom": formation,
            "energy_above_hull_ev_per_atom": references.energy_above_hull(amounts, formation),
        }


def composition_moduli(formulas: Sequence[str]) -> list[float]:
    """Bulk modulus (GPa) of each formula by the composition model that ships; NaN outside of its domain."""
    from matsmith.models.predictors.compositions import gather, read_formula
    from matsmith.models.predictors.library import check_covered, predict_arrays, shipped

    if "bulk_modulus" not in shipped():
        return [math.nan] * len(formulas)
    found = [math.nan] * len(formulas)
    places: list[int] = []
    fractions: list[Mapping[str, float]] = []
    for place, formula in enumerate(formulas):
        try:
            one = read_formula(formula)
            check_covered(one)
        except SpecError:
            continue  # an element that the model does not know: the value stays unknown
        places.append(place)
        fractions.append(one)
    if fractions:
        predictions = predict_arrays(("bulk_modulus",), gather(fractions))["bulk_modulus"]
        for row, place in enumerate(places):
            if predictions.in_domain[row]:
                found[place] = float(predictions.value[row])
    return found


def static_moduli(crystals: Sequence[CrystalArrays], *, potential: ArrayPotential) -> list[float]:
    """Bulk modulus (GPa) of each relaxed crystal from energies at seven volumes, atoms held; NaN where the curve is no solid's."""
    from matsmith.models.potentials.interface import Evaluation

    answers = potential.evaluate_arrays(
        (_scaled(crystal, factor) for crystal in crystals for factor in VOLUME_FACTORS),
        forces=False,
        stress=False,
    )
    found: list[float] = []
    for crystal in crystals:
        energies = [
            answer.energy_ev if isinstance(answer, Evaluation) else math.nan
            for answer in (next(answers) for _ in VOLUME_FACTORS)
        ]
        found.append(_bulk_modulus(crystal, np.array(energies) / crystal.n_atoms))
    return found


def _scaled(crystal: CrystalArrays, factor: float) -> CrystalArrays:
    from dataclasses import replace

    return replace(crystal, lattice_angstrom=crystal.lattice_angstrom * factor ** (1 / 3))


def _bulk_modulus(crystal: CrystalArrays, energies_ev_per_atom: NDArray[np.float64]) -> float:
    from matsmith.core.elements import SYMBOLS

    if not np.isfinite(energies_ev_per_atom).all():
        return math.nan
    volumes = crystal.volume_angstrom3 / crystal.n_atoms * np.array(VOLUME_FACTORS)
    fit = fit_birch_murnaghan(volumes, energies_ev_per_atom)
    low, high = PRESSURE_DERIVATIVES
    if (
        fit is None
        or fit.residual_ev > _LARGEST_RESIDUAL_EV_PER_ATOM
        or not low <= fit.pressure_derivative <= high
    ):
        return math.nan
    amounts: dict[str, float] = {}
    numbers: list[int] = crystal.numbers.tolist()
    for number in numbers:
        amounts[SYMBOLS[number - 1]] = amounts.get(SYMBOLS[number - 1], 0.0) + 1.0
    if fit.bulk_modulus_gpa <= 0:
        return math.nan
    value = (
        calibration("bulk_modulus").correction(amounts, computed=fit.bulk_modulus_gpa) * fit.bulk_modulus_gpa
    )
    return value if _BULK_GPA[0] <= value <= _BULK_GPA[1] else math.nan
