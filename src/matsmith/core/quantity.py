"""A number that says what it is: value, unit, one-sigma uncertainty and the truth that the uncertainty is against."""

from __future__ import annotations

import math
from enum import StrEnum
from html import escape
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

# Below this, zeros are not counted any more: powers of ten are written.
_SMALL = 1e-4
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


class Relation(StrEnum):
    """How a target compares a property with its value."""

    ABOVE = "above"
    BELOW = "below"
    BETWEEN = "between"
    AROUND = "around"
    MAXIMISE = "maximise"
    MINIMISE = "minimise"


class Truth(StrEnum):
    """What an uncertainty is measured against."""

    DFT_0K = "DFT (PBE, 0 K)"
    EXPERIMENT_300K = "experiment, 300 K"
    EXPERIMENT_AT_CONDITIONS = "experiment, at the conditions named"
    EXACT = "exact for this structure"
    UPPER_BOUND = "upper bound of DFT (PBE, 0 K): the true value lies between zero and this"


class Quantity(BaseModel):
    """A value with its unit and its one-sigma uncertainty; sigma 0 means exact (a count, a density of a given cell)."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    value: float
    unit: str
    sigma: float = Field(ge=0)
    truth: Truth = Truth.DFT_0K

    def probability(self, *, low: float = -math.inf, high: float = math.inf) -> float:
        """Probability that the true value lies in [low, high], for a normal error.

        >>> round(Quantity(value=110, unit="GPa", sigma=10).probability(low=100), 3)
        0.841
        """
        if self.sigma == 0:
            return 1.0 if low <= self.value <= high else 0.0
        return max(0.0, self._cumulative(high) - self._cumulative(low))

    def _cumulative(self, threshold: float) -> float:
        if math.isinf(threshold):
            return 1.0 if threshold > 0 else 0.0
        return 0.5 * (1.0 + math.erf((threshold - self.value) / (self.sigma * math.sqrt(2.0))))

    def __str__(self) -> str:
        return format_value(self.value, sigma=self.sigma, unit=self.unit)

    def _repr_html_(self) -> str:
        """The value as a notebook shows it; on hovering, what its sigma is measured against."""
        return f'<span title="{escape(str(self.truth))}">{escape(str(self))}</span>'


class Interval(BaseModel):
    """A closed range; an open side is infinite."""

    model_config = ConfigDict(frozen=True)

    low: float = -math.inf
    high: float = math.inf

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"the lower end {self.low} lies above the upper end {self.high}")
        return self


def format_value(value: float, *, sigma: float, unit: str) -> str:
    """Write a value with as many digits as its sigma deserves (two significant digits of sigma).

    >>> format_value(153.217, sigma=9.71, unit="GPa")
    '153.2 ± 9.7 GPa'
    >>> format_value(9.51e-6, sigma=2.83e-6, unit="1/K")
    '(9.5 ± 2.8)·10⁻⁶ 1/K'
    """
    largest = max(abs(value), sigma)
    if sigma > 0 and largest < _SMALL:
        power = math.floor(math.log10(largest))
        scaled = format_value(value / 10.0**power, sigma=sigma / 10.0**power, unit="")
        text = f"({scaled})·10{str(power).translate(_SUPERSCRIPTS)}"
    elif sigma > 0:
        digits = max(0, 1 - math.floor(math.log10(sigma)))
        text = f"{value:.{digits}f} ± {sigma:.{digits}f}"
    else:
        text = f"{value:.4g}" if abs(value) < 1e4 else f"{value:.0f}"
    return f"{text} {unit}".strip()
