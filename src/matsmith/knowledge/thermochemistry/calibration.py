"""Measured errors of the thermochemistry: tables against tables, descriptor against tables, enthalpies against tables."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Mapping
from functools import lru_cache
from importlib import resources

from pydantic import BaseModel, ConfigDict, ValidationError

from matsmith.core.errors import DataError


class EnthalpyFit(BaseModel):
    """References of the elements that bring DFT formation energies onto measured enthalpies, and what is left."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    references_ev_per_atom: dict[str, float]
    left_out_sigma_ev_per_atom: float
    unfitted_sigma_ev_per_atom: float
    compounds: int
    source: str


class Errors(BaseModel):
    """What `benchmarks/thermochemistry.py` measured. Temperatures in K, errors one sigma in eV/atom."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tables_sigma_ev_per_atom: float
    descriptor: tuple[tuple[float, float, float], ...]
    descriptor_compounds: int
    enthalpy: EnthalpyFit
    source: str

    def descriptor_bias(self, temperature_k: float) -> float:
        """Mean of descriptor minus table."""
        return self._between(temperature_k, 1)

    def descriptor_sigma(self, temperature_k: float) -> float:
        """Spread of descriptor minus table after the mean is taken off."""
        return self._between(temperature_k, 2)

    def enthalpy_of(
        self, amounts: Mapping[str, float], formation_energy_ev_per_atom: float
    ) -> tuple[float, float]:
        """Enthalpy of formation at 298 K from a DFT formation energy of the table's scale, and one sigma; eV/atom."""
        total = sum(amounts.values())
        fit = self.enthalpy
        shift, sigma = 0.0, fit.left_out_sigma_ev_per_atom
        for symbol, amount in amounts.items():
            reference = fit.references_ev_per_atom.get(symbol)
            if reference is None:
                sigma = fit.unfitted_sigma_ev_per_atom
            else:
                shift += reference * amount / total
        return formation_energy_ev_per_atom + shift, sigma

    def _between(self, temperature_k: float, column: int) -> float:
        rows = self.descriptor
        if temperature_k <= rows[0][0]:
            return rows[0][column]
        for first, second in itertools.pairwise(rows):
            if temperature_k <= second[0]:
                share = (temperature_k - first[0]) / (second[0] - first[0])
                return math.fsum(((1 - share) * first[column], share * second[column]))
        return rows[-1][column]


@lru_cache(maxsize=1)
def thermochemical_errors() -> Errors:
    """The measured errors. Raises `DataError` when the file is missing or damaged."""
    try:
        text = (
            resources.files("matsmith.knowledge.thermochemistry")
            .joinpath("errors.json")
            .read_text(encoding="utf-8")
        )
        return Errors.model_validate(json.loads(text))
    except (OSError, ValueError, ValidationError) as error:
        raise DataError(
            "The measured errors of the thermochemistry are missing or damaged.",
            hint="Run `python benchmarks/thermochemistry.py`.",
        ) from error
