"""How far the moduli of the elastic tensor are from measurement: two laws and the errors that they leave.

Produced by `benchmarks/elastic_errors.py`, which prints the table behind it. The potential is far too soft in shear, and not by
one factor, so its shear modulus enters together with its bulk modulus:

    ln(measured / computed) = intercept + sum of coefficient · feature,

for the bulk modulus with ln(K) and the electronegativities, for the shear modulus with ln(K) and the logarithm of Voigt's shear
modulus with the atoms held (letting them follow the strain makes the error larger). Features are held within the range of the
fit. Sigmas are chosen by quantile on formulas left out of the fit; of a derived property they are measured on that property.
They are about twice as large for crystals that the potential holds softly: whose weakest stiffness is a small part of the bulk
modulus. So there are two sets of them, firm and soft.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from matsmith.core.errors import DataError
from matsmith.knowledge.calibration import Law, features_of

FloatArray = NDArray[np.float64]
_SMALLEST_SHEAR_GPA = 1.0
FIRM_PART = 0.5
"""A crystal is firm when its weakest stiffness is at least this part of its bulk modulus, both as the potential has them."""


class Error(BaseModel):
    """One-sigma error: a relative and an absolute part, added in squares; on how many crystals it rests."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    relative: float = 0.0
    absolute: float = 0.0
    crystals: int

    def of(self, value: float) -> float:
        """Sigma of a value, in its unit.

        >>> Error(relative=0.3, absolute=4.0, crystals=10).of(10.0)
        5.0
        """
        return math.hypot(self.relative * value, self.absolute)


class ElasticErrors(BaseModel):
    """The laws, the errors by property, and how often the potential calls a stable crystal unstable."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bulk: Law
    shear: Law
    firm: dict[str, Error]
    soft: dict[str, Error]
    unstable_of_stable: tuple[int, int]
    component_ratio: dict[str, tuple[float, float, float]]
    source: str
    version: str

    def bulk_modulus_gpa(self, computed_gpa: float, amounts: Mapping[str, float]) -> float:
        """Bulk modulus against experiment from Hill's average of the relaxed-ion tensor."""
        features = features_of(amounts, computed=computed_gpa)
        return computed_gpa if features is None else computed_gpa * self.bulk.factor(features)

    def shear_modulus_gpa(self, clamped_voigt_gpa: float, *, bulk_gpa: float) -> float:
        """Shear modulus against experiment from Voigt's average with the atoms held and the computed bulk modulus."""
        held = max(clamped_voigt_gpa, _SMALLEST_SHEAR_GPA)
        return held * self.shear.factor({"ln_bulk": math.log(bulk_gpa), "ln_shear": math.log(held)})


def is_firm(relaxed_gpa: FloatArray) -> bool:
    """Whether the potential's relaxed-ion tensor (6, 6; Voigt, GPa) is that of a firm crystal.

    >>> cubic = np.diag([300.0, 300.0, 300.0, 150.0, 150.0, 150.0])
    >>> cubic[:3, :3] += 90.0 * (1 - np.eye(3))
    >>> is_firm(cubic), is_firm(np.diag([100.0, 100.0, 100.0, 1.0, 1.0, 1.0]))
    (True, False)
    """
    root = math.sqrt(2.0)
    weights = np.array([1.0, 1.0, 1.0, root, root, root])
    weakest = float(np.linalg.eigvalsh(relaxed_gpa * np.outer(weights, weights))[0])
    compliance = np.linalg.inv(relaxed_gpa)[:3, :3]
    bulk = (float(relaxed_gpa[:3, :3].sum()) / 9 + 1 / float(compliance.sum())) / 2
    return weakest >= FIRM_PART * bulk > 0


@lru_cache(maxsize=1)
def elastic_errors() -> ElasticErrors:
    """The errors that ship. Raises `DataError` when the file is missing or damaged."""
    try:
        text = files("matsmith.knowledge").joinpath("elastic_errors.json").read_text(encoding="utf-8")
        return ElasticErrors.model_validate(json.loads(text))
    except (OSError, ValueError) as error:
        raise DataError(
            "The errors of the elastic moduli are missing or damaged.", hint="Reinstall matsmith."
        ) from error
