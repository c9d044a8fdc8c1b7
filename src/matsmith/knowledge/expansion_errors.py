"""How far two ways to the thermal expansion are from measurement: Grueneisen's rule with a fitted law, and quasi-harmonics.

Produced by `benchmarks/expansion_errors.py`, which prints the tables behind it. The law is for the Grueneisen parameter,

    ln(gamma) = intercept + sum of coefficient · feature,

in the openness of the structure (1 with four neighbours or fewer, else 0) and the mean and spread of the electronegativities, held
within the range of the fit. The quasi-harmonic expansion of the potential is off by a factor of two in the median and
does not exist for many crystals: it gets one factor and its own, larger error. Errors are those on formulas left out of the fit.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Literal

from pydantic import BaseModel, ConfigDict

from matsmith.core.errors import DataError
from matsmith.knowledge.calibration import Law, features_of

FEATURES = ("open", "mean_electronegativity", "electronegativity_spread")


class GrueneisenErrors(BaseModel):
    """The law of the Grueneisen parameter and the relative one-sigma error of the expansion; cells of how many atoms were tested."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    law: Law
    relative_sigma: float
    crystals: int
    largest_cell: int

    def parameter(self, amounts: Mapping[str, float], *, is_open: bool) -> float | None:
        """The Grueneisen parameter; None when an element has no electronegativity."""
        found = features_of(amounts, computed=1.0)
        return None if found is None else self.law.factor({**found, "open": float(is_open)})


class QuasiHarmonicErrors(BaseModel):
    """Which of the two quasi-harmonic estimates is given out, its factor, and its error, relative and in 1/K; of how many it exists."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    of: Literal["minimised", "with_modulus"]
    factor: float
    relative: float
    absolute_per_k: float
    crystals: int
    tried: int

    def sigma_per_k(self, value_per_k: float) -> float:
        """One-sigma error of a corrected linear expansion, in 1/K.

        >>> made = QuasiHarmonicErrors(of="minimised", factor=1.0, relative=0.3, absolute_per_k=4e-6, crystals=1, tried=2)
        >>> round(1e6 * made.sigma_per_k(1e-5), 3)
        5.0
        """
        return math.hypot(self.relative * value_per_k, self.absolute_per_k)


class ExpansionErrors(BaseModel):
    """The errors of both ways."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    grueneisen: GrueneisenErrors
    quasi_harmonic: QuasiHarmonicErrors
    source: str
    version: str


@lru_cache(maxsize=1)
def expansion_errors() -> ExpansionErrors:
    """The errors that ship. Raises `DataError` when the file is missing or damaged."""
    try:
        text = files("matsmith.knowledge").joinpath("expansion_errors.json").read_text(encoding="utf-8")
        return ExpansionErrors.model_validate(json.loads(text))
    except (OSError, ValueError) as error:
        raise DataError(
            "The errors of the thermal expansion are missing or damaged.", hint="Reinstall matsmith."
        ) from error
