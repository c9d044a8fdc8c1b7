"""How far each method is from measurement: a stated correction and a relative one-sigma error, fitted on measured crystals.

Produced by `benchmarks/reference_errors.py`, which prints the table behind it. A correction is one factor, or a law

    ln(measured / computed) = intercept + Σ coefficient · feature

in three features: ln(computed), the mean Pauling electronegativity of the atoms and its spread (metals are too stiff,
polar compounds too soft and too large). Features are held within the range of the fit, so that nothing is extrapolated. A
sigma is chosen by quantile on formulas left out of the fit, since the errors have heavier tails than a normal law. Where a
result is outside what was tested it gets `outside_sigma`, measured on just such results, and no trust beyond that.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Any

from pydantic import BaseModel, ConfigDict

from matsmith.core.errors import DataError

FEATURES = ("ln_computed", "mean_electronegativity", "electronegativity_spread")
PRESSURE_DERIVATIVES = (1.0, 10.0)
"""dK/dP outside these is no solid's: the potential's energies are too rough there, and so is the bulk modulus."""


class Law(BaseModel):
    """An intercept, and for each feature a coefficient and the range it was fitted in."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    intercept: float
    coefficients: dict[str, float]
    ranges: dict[str, tuple[float, float]]

    def factor(self, features: Mapping[str, float]) -> float:
        """Measured over computed."""
        total = self.intercept
        for name, coefficient in self.coefficients.items():
            low, high = self.ranges[name]
            total += coefficient * min(max(features[name], low), high)
        return math.exp(total)


class Calibration(BaseModel):
    """Measured = correction times computed, with a relative one-sigma error after that.

    `factor` is the one factor for every material, `law` the better correction where there is one. `outside_sigma` is the
    relative error of results outside the tested domain, None where no domain is told apart.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    factor: float
    relative_sigma: float
    crystals: int
    source: str
    version: str
    law: Law | None = None
    outside_sigma: float | None = None
    outside_crystals: int = 0

    def correction(self, amounts: Mapping[str, float], *, computed: float) -> float:
        """What to multiply a computed value with: by the law, or by the factor where the law has no features."""
        if self.law is None:
            return self.factor
        features = features_of(amounts, computed=computed)
        return self.factor if features is None else self.law.factor(features)

    def sigma(self, *, inside: bool) -> float:
        """Relative one-sigma error after the correction, inside or outside the tested domain."""
        if inside or self.outside_sigma is None:
            return self.relative_sigma
        return self.outside_sigma


def features_of(amounts: Mapping[str, float], *, computed: float) -> dict[str, float] | None:
    """The features of a law for element amounts and a computed value; None when an element has no electronegativity.

    >>> round(features_of({"Na": 1, "Cl": 1}, computed=25.0)["mean_electronegativity"], 3)
    2.045
    """
    total = sum(amounts.values())
    if not computed > 0 or not total > 0:
        return None
    known = {symbol: electronegativity(symbol) for symbol in amounts}
    shares = [(value, amounts[symbol] / total) for symbol, value in known.items() if value is not None]
    if len(shares) < len(known):
        return None
    mean = sum(value * share for value, share in shares)
    spread = math.sqrt(sum(share * (value - mean) ** 2 for value, share in shares))
    return dict(zip(FEATURES, (math.log(computed), mean, spread), strict=True))


@lru_cache(maxsize=128)
def electronegativity(symbol: str) -> float | None:
    """Pauling electronegativity as pymatgen lists it; None for those that have none (helium, neon, argon)."""
    import warnings

    from pymatgen.core import Element

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        value = float(Element(symbol).X)
    return value if math.isfinite(value) else None


@lru_cache(maxsize=1)
def _all() -> dict[str, Any]:
    try:
        return json.loads(
            files("matsmith.knowledge").joinpath("calibration.json").read_text(encoding="utf-8")
        )
    except (OSError, ValueError) as error:
        raise DataError(
            "The calibration of the methods is missing or damaged.", hint="Reinstall matsmith."
        ) from error


@lru_cache(maxsize=16)
def calibration(name: str) -> Calibration:
    """The calibration of a method's quantity. Raises `DataError` when there is none."""
    entry = _all().get(name)
    if entry is None:
        raise DataError(
            f"There is no calibration of {name}.", hint="Run `python benchmarks/reference_errors.py`."
        )
    return Calibration.model_validate(entry)
